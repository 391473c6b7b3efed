//! Count, sum, least and greatest of a value in all the rows of all the parts.
//!
//! The sums of a row are four pointers away, and each of those reads waits for memory. So the rows are
//! read in the order of memory, and each pointer is followed for many of them before the next one.

use super::lines::{Entry, Lines};
use crate::bucket::Bucket;
use crate::prefetch::{prefetch, AHEAD};
use crate::query::fold::summary_of;
use crate::sketch::sums::Summary;
use crate::text::Name;
use crate::time::Piece;

/// One for each line. The last part is added first, as for every line by itself: a sum that is a float
/// depends on the order.
pub(super) fn sums<'b>(
    parts: &[(Piece, &'b Bucket)],
    lines: &Lines<'b>,
    value: &Name,
) -> Vec<Summary> {
    let mut sums = vec![Summary::new(); lines.lines.len()];
    let mut found = Vec::with_capacity(AHEAD);
    for (piece, bucket, entries) in lines.by_part(parts) {
        let Some(id) = bucket.value(value.text()) else {
            continue;
        };
        for entries in entries.chunks(AHEAD) {
            // They are in an array beside the values.
            let sessions = entries.iter().filter_map(|entry| entry.tally.sessions());
            sessions.for_each(prefetch);
            found.clear();
            let measured = |entry: &Entry<'b>| Some((entry.line(), entry.tally.measured(id)?));
            found.extend(entries.iter().filter_map(measured));
            found.iter().for_each(|(_, it)| it.slots.prefetch());
            for (line, measured) in &found {
                if let Some(sum) = sums.get_mut(*line) {
                    sum.merge(&summary_of(piece, measured));
                }
            }
        }
    }
    sums
}
