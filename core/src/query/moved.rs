//! How many events of a row a full bucket may have moved to `~other`.

use super::fold::events_of;
use crate::bucket::{Breakdown, Bucket, OTHER};
use crate::schema::Selector;
use crate::text::Text;
use crate::time::Piece;

/// The most events of a row in a piece that its own tally does not have.
pub fn moved(piece: &Piece, bucket: &Bucket, row: &Selector) -> u64 {
    let breakdown = bucket.breakdown(row.kind(), row.name());
    breakdown.map_or(0, |breakdown| {
        moved_of(breakdown, row.value(), spilled(piece, breakdown))
    })
}

/// The most events of a row in a piece; None where the bucket does not break down by its dimension.
pub(super) fn most_events(piece: &Piece, bucket: &Bucket, row: &Selector) -> Option<u64> {
    let breakdown = bucket.breakdown(row.kind(), row.name())?;
    let tally = breakdown.tally(row.value());
    let known = tally.map_or(0, |tally| events_of(piece, tally));
    let spilled = spilled(piece, breakdown);
    Some(known.saturating_add(moved_of(breakdown, row.value(), spilled)))
}

fn spilled(piece: &Piece, breakdown: &Breakdown) -> u64 {
    breakdown.other().map_or(0, |other| events_of(piece, other))
}

fn moved_of(breakdown: &Breakdown, value: Text, spilled: u64) -> u64 {
    if value.bytes == OTHER || spilled == 0 {
        return 0;
    }
    let rows = breakdown.rows().iter().zip(0..);
    let mut rows = rows.filter(|(row, _)| row.value() == value.bytes);
    let most = match breakdown.row(value).and_then(|_| rows.next()) {
        Some((_, number)) => breakdown.error(number),
        None => breakdown.floor(),
    };
    most.min(spilled)
}
