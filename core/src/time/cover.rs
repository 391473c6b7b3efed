//! Which buckets answer a window.
//!
//! ```text
//! window            [ 14:17:20 ................................................ 09:42:31 )
//! whole buckets               15:00 .. 24:00 | day | day | week | day | 00:00 .. 09:42
//! slots of others   14:17 .. 15:00 of an hour                                  00 .. 31 s of a minute
//! ```
//!
//! From the coarsest granularity to the finest, each takes the run of its kept periods that are inside
//! what is not covered yet. An end of the window beyond which there are no events is first moved out as
//! far as possible: all of a site's first day is in its month as well. What is left is too short for
//! a whole bucket that is still kept, and is answered from slots of the finest bucket that holds it:
//! widened outwards to the slots' edges at the ends of the window, never overlapping another piece
//! inside of it.
//!
//! Only in a zone whose offset had seconds (before 1972), where minutes are off or gone, does a local
//! midnight fall inside a minute slot of an hour; rather than count such a minute twice, it is left out.

use super::cuts::{has_whole_slots, mark};
use super::local::Local;
use super::{is_supported, Granularity, Period, Piece, Range, Retention, Zone, MAX_TIME, MIN_TIME};
use crate::error::{Error, Result};

/// The most buckets that one window may read.
pub const MAX_PIECES: usize = 100_000;

/// The buckets that a window can be answered from.
#[derive(Debug, Clone, Copy)]
pub struct Sources<'a> {
    pub zone: &'a Zone,
    pub retention: &'a Retention,
    /// Per granularity, from where on its periods are complete: a granularity switched on later lacks
    /// what came before. `i64::MIN` for one that always was on.
    pub since: [i64; Granularity::COUNT],
    pub now: i64,
    /// The first and the last time of an event or import. Buckets beyond them are not listed, for there
    /// are none; and a window that reaches beyond them takes the whole of a bucket
    /// that does: today's, for one, although today is not over.
    pub observed: Option<(i64, i64)>,
}

/// The plan of a query over one window.
#[derive(Debug, Clone, PartialEq)]
pub struct Cover {
    /// In the order of time. No two share an instant.
    pub pieces: Vec<Piece>,
    /// The range of counts. Parts of the window that no bucket holds any more are left out, so
    /// this may be shorter than the window, or empty.
    pub counts: Range,
    /// From the beginning to the end of the buckets that are read: of those at its edges, distinct counts and
    /// percentiles are estimated from a part.
    pub users: Range,
    /// The window itself, inside the calendar.
    pub window: Range,
    /// Whether all of the window is kept, and some of it is measured and not only estimated.
    pub is_comparable: bool,
}

impl Cover {
    /// Whether it lacks no part of the window in which there were events.
    fn holds(&self, window: Range, sources: &Sources<'_>) -> bool {
        let (first, last) = sources.observed.unwrap_or((i64::MIN, i64::MAX));
        let events = window.common(Range::new(first, last.saturating_add(1)));
        events.is_empty() || self.counts.common(events) == events
    }

    /// What was asked for, as far as it is kept.
    pub fn answered(&self) -> Range {
        let answered = self.counts.common(self.window);
        Range::new(answered.from, answered.to.max(answered.from))
    }
}

/// Plans how to answer a window.
pub fn cover(window: Range, sources: &Sources<'_>) -> Result<Cover> {
    let window = Range::new(
        window.from.clamp(MIN_TIME, MAX_TIME + 1),
        window.to.clamp(MIN_TIME, MAX_TIME + 1),
    );
    let requested = window;
    let mut local = sources.zone.local();
    let mut usable = Vec::with_capacity(Granularity::COUNT);
    for granularity in Granularity::ALL.into_iter().rev() {
        if let Some(from) = usable_from(granularity, sources, &mut local) {
            usable.push((granularity, from));
        }
    }
    // A period has its own bucket. What was imported into a week of two months is in no other.
    let has_bucket = usable.iter().any(|(granularity, from)| {
        *from <= requested.from && local.period(*granularity, requested.from).range() == requested
    });
    let window = if has_bucket {
        requested
    } else {
        beyond(requested, sources.observed)
    };
    let mut plan = Plan {
        window,
        local,
        usable,
        uncovered: vec![window],
        stretches: Vec::new(),
    };
    plan.uncovered.retain(|gap| !gap.is_empty());
    for (granularity, from) in plan.usable.clone() {
        plan.take_whole_periods(granularity, from);
    }
    plan.take_slots();
    let mut cover = plan.finish(sources)?;
    cover.is_comparable = has_whole_slots(&cover.pieces) && cover.holds(requested, sources);
    cover.window = requested;
    if requested != window {
        cover.counts = cover.counts.within(requested, window);
        cover.users = cover.users.within(requested, window);
    }
    Ok(cover)
}

/// The window with every end beyond all events moved out as far as possible.
fn beyond(window: Range, observed: Option<(i64, i64)>) -> Range {
    match observed {
        Some((first, last)) if !window.is_empty() => Range::new(
            if window.from <= first {
                MIN_TIME
            } else {
                window.from
            },
            if window.to > last {
                MAX_TIME + 1
            } else {
                window.to
            },
        ),
        _ => window,
    }
}

/// Where the first period begins that is both kept and complete.
pub(super) fn usable_from(
    granularity: Granularity,
    sources: &Sources<'_>,
    local: &mut Local<'_>,
) -> Option<i64> {
    let kept_from = sources
        .retention
        .kept_from(granularity, sources.now, sources.zone)?;
    let since = sources.since.get(granularity.index()).copied()?;
    if since <= kept_from {
        return Some(kept_from);
    }
    is_supported(since).then(|| local.first_start(granularity, since))
}

struct Plan<'a> {
    window: Range,
    local: Local<'a>,
    /// The granularities there are, coarsest first, and from where on each is usable.
    usable: Vec<(Granularity, i64)>,
    /// The gaps that no stretch covers yet, in the order of time.
    uncovered: Vec<Range>,
    stretches: Vec<Stretch>,
}

/// A run of whole periods, or some slots of one.
struct Stretch {
    counts: Range,
    users: Range,
    granularity: Granularity,
    slots: Option<Piece>,
}

impl Plan<'_> {
    fn take_whole_periods(&mut self, granularity: Granularity, usable_from: i64) {
        let mut left = Vec::with_capacity(self.uncovered.len() + 1);
        for gap in std::mem::take(&mut self.uncovered) {
            let from = self.joint(gap, granularity, usable_from);
            let start = self.local.first_start(granularity, from.min(gap.to));
            let end = self.local.period(granularity, gap.to).start;
            if start >= end {
                left.push(gap);
                continue;
            }
            left.extend([Range::new(gap.from, start), Range::new(end, gap.to)]);
            self.stretches.push(Stretch {
                counts: Range::new(start, end),
                users: Range::new(start, end),
                granularity,
                slots: None,
            });
        }
        left.retain(|gap| !gap.is_empty());
        self.uncovered = left;
    }

    /// The start of what a granularity covers of a gap. Where a coarser bucket covers what is before, that is
    /// after the last of its slots, so that both do not overlap.
    fn joint(&mut self, gap: Range, granularity: Granularity, usable_from: i64) -> i64 {
        let mut before = Range::new(gap.from, gap.to.min(usable_from));
        while let Some((period, part)) = self.serving(before, Some(granularity)) {
            if period.granularity() < granularity {
                break;
            }
            if part.to == usable_from {
                let slots = period.slots_in(&mut self.local);
                return slots.bounds(slots.of(usable_from - 1)).to;
            }
            before.from = part.to;
        }
        usable_from.max(gap.from)
    }

    /// The bucket to read first in a gap, and for which part of it: the finest one that holds anything
    /// there, up to its own end or that of the slot in which something finer begins to be usable.
    fn serving(&mut self, gap: Range, except: Option<Granularity>) -> Option<(Period, Range)> {
        let others = self.usable.iter().rev();
        let others = others.filter(|(granularity, _)| Some(*granularity) != except);
        let held_from = others.clone().map(|(_, from)| *from).min()?;
        let from = gap.from.max(held_from);
        if from >= gap.to {
            return None;
        }
        let (finest, _) = others.clone().find(|(_, usable)| *usable <= from)?;
        let period = self.local.period(*finest, from);
        let mut to = period.end().min(gap.to);
        for (_, usable) in others.take_while(|(granularity, _)| granularity < finest) {
            if *usable < to {
                let slots = period.slots_in(&mut self.local);
                to = to.min(slots.bounds(slots.of(usable - 1)).to);
            }
        }
        Some((period, Range::new(from, to)))
    }

    /// Covers what is left, where anything holds it, with slots.
    fn take_slots(&mut self) {
        for mut gap in std::mem::take(&mut self.uncovered) {
            while let Some((period, part)) = self.serving(gap, None) {
                self.take_slots_of(period, part);
                gap.from = part.to;
            }
        }
    }

    fn take_slots_of(&mut self, period: Period, part: Range) {
        let slots = period.slots_in(&mut self.local);
        let (mut first_slot, last_slot) = (slots.of(part.from), slots.of(part.to - 1));
        let mut end_slot = last_slot + 1;
        if slots.bounds(first_slot).from < part.from && part.from != self.window.from {
            first_slot += 1;
        }
        if slots.bounds(last_slot).to > part.to && part.to != self.window.to {
            end_slot -= 1;
        }
        if first_slot >= end_slot {
            return;
        }
        self.stretches.push(Stretch {
            counts: Range::new(slots.bounds(first_slot).from, slots.bounds(end_slot - 1).to),
            users: period.range(),
            granularity: period.granularity(),
            slots: Some(Piece::of_slots(period, first_slot, end_slot)),
        });
    }

    fn finish(mut self, sources: &Sources<'_>) -> Result<Cover> {
        self.stretches.sort_unstable_by_key(|s| s.counts.from);
        let (first, last) = sources.observed.unwrap_or((i64::MIN, i64::MAX));
        let nothing = Range::new(self.window.from, self.window.from);
        let mut cover = Cover {
            pieces: Vec::new(),
            counts: hull(self.stretches.iter().map(|s| s.counts)).unwrap_or(nothing),
            users: hull(self.stretches.iter().map(|s| s.users)).unwrap_or(nothing),
            window: self.window,
            is_comparable: false,
        };
        for stretch in &self.stretches {
            if stretch.users.to <= first || stretch.users.from > last {
                continue;
            }
            if let Some(piece) = stretch.slots {
                push(&mut cover.pieces, piece)?;
                continue;
            }
            let mut at = stretch.counts.from.max(first);
            while at < stretch.counts.to && at <= last {
                let period = self.local.period(stretch.granularity, at);
                push(&mut cover.pieces, Piece::whole(period))?;
                at = period.end();
            }
        }
        let busy = Range::new(first, last.max(sources.now).saturating_add(1));
        mark(&mut cover.pieces, self.window, busy, &mut self.local);
        Ok(cover)
    }
}

fn push(pieces: &mut Vec<Piece>, piece: Piece) -> Result<()> {
    if pieces.len() >= MAX_PIECES {
        return Err(Error::new(format!(
            "window reads more than {MAX_PIECES} buckets: ask for a shorter one"
        )));
    }
    pieces.push(piece);
    Ok(())
}

fn hull(ranges: impl Iterator<Item = Range>) -> Option<Range> {
    ranges.reduce(|a, b| Range::new(a.from.min(b.from), a.to.max(b.to)))
}
