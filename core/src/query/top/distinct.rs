//! The values with the most distinct users or sessions.
//!
//! No union is larger than all of its sketches together. So values are weighed from the largest such
//! bound down, until no value that is left can be among those that are shown. What is left is added to
//! the rest sketch by sketch, in the order of memory: a union is the same in any order.

use std::cmp::Reverse;

use super::select::Selection;
use crate::bucket::tally::Distinct;
use crate::prefetch::{prefetch, AHEAD};
use crate::sketch::hll::Union;

pub(super) fn weigh(selection: &mut Selection, what: Distinct) {
    let (lines, parts) = (selection.lines, selection.parts);
    let mut order: Vec<(u64, usize)> = most(selection, what).into_iter().zip(0..).collect();
    order.sort_unstable_by_key(|(most, _)| Reverse(*most));
    let mut is_left = vec![true; order.len()];
    let mut row = Vec::new();
    for (most, index) in order {
        if selection.is_beyond(most) {
            break;
        }
        if let (Some(line), Some(is_left)) = (lines.lines.get(index), is_left.get_mut(index)) {
            row.clear();
            row.extend(lines.row(parts, line));
            selection.state.add_all(&row);
            selection.offer(line);
            *is_left = false;
        }
    }
    let left = |index: usize| is_left.get(index).copied().unwrap_or(false);
    for (piece, _, entries) in lines.by_part(parts) {
        for entries in entries.chunks(AHEAD) {
            let left = { entries.iter() }.filter(|entry| left(entry.line()));
            let sketches = left.clone().filter_map(|entry| entry.tally.distinct(what));
            sketches.for_each(|sketch| sketch.prefetch());
            let tallies = left.map(|entry| entry.tally);
            selection.others.state.unite(piece, tallies);
        }
    }
    let mut others = lines
        .lines
        .iter()
        .zip(0..)
        .filter(|(_, index)| left(*index));
    if others.any(|(line, _)| lines.has_events(parts, line)) {
        selection.others.events = selection.others.events.saturating_add(1);
    }
}

/// The upper bound of the distinct count of every line.
fn most(selection: &Selection, what: Distinct) -> Vec<u64> {
    let mut sums = vec![0usize; selection.lines.lines.len()];
    for entries in selection.lines.entries().chunks(AHEAD) {
        if what == Distinct::Sessions {
            let sessions = entries.iter().filter_map(|entry| entry.tally.sessions());
            sessions.for_each(prefetch);
        }
        for entry in entries {
            let sketch = entry.tally.distinct(what);
            // A union may be larger than each of its sketches.
            let known = sketch.map_or(0, |sketch| sketch.entries().unwrap_or(usize::MAX));
            if let Some(sum) = sums.get_mut(entry.line()) {
                *sum = sum.saturating_add(known);
            }
        }
    }
    { sums.into_iter() }
        .map(|entries| Union::most(entries).unwrap_or(u64::MAX))
        .collect()
}
