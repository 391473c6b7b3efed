//! The finer steps inside a bucket: the seconds of a minute, the minutes of an hour, the elapsed hours
//! of a day, the local days of a week or month.

use super::local::Local;
use super::{Granularity, Period, Range, Zone, DAY, HOUR, MINUTE, SECOND};
use crate::memory::allocated;

/// Where the slots of one period begin and end. A caller keeps it beside the period, so that finding
/// an event's slot needs no calendar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slots {
    start: i64,
    end: i64,
    count: u8,
    edges: Edges,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Edges {
    /// What is left over is a shorter last slot.
    Seconds,
    Minutes,
    Hours,
    /// The start of each local day. A skipped date is an empty slot.
    Days(Box<[i64]>),
}

impl Period {
    /// Where the slots begin and end.
    pub fn slots(&self, zone: &Zone) -> Slots {
        self.slots_in(&mut zone.local())
    }

    pub(super) fn slots_in(&self, local: &mut Local<'_>) -> Slots {
        Slots::new(self, local)
    }
}

impl Slots {
    /// The most slots a period can have.
    pub const MAX: usize = 60;

    pub(super) fn new(period: &Period, local: &mut Local<'_>) -> Slots {
        let edges = match period.granularity {
            Granularity::Minute => Edges::Seconds,
            Granularity::Hour => Edges::Minutes,
            Granularity::Day => Edges::Hours,
            Granularity::Week | Granularity::Month => {
                let days = period.first_day..period.first_day + i32::from(period.slot_count());
                let starts = days.map(|day| local.day_start(day)).collect();
                Edges::Days(starts)
            }
        };
        Slots {
            start: period.start,
            end: period.end,
            count: period.slot_count(),
            edges,
        }
    }

    pub const fn count(&self) -> u8 {
        self.count
    }

    pub fn heap_bytes(&self) -> usize {
        match &self.edges {
            Edges::Days(starts) => allocated(size_of_val(&**starts)),
            _ => 0,
        }
    }

    /// The slot of an instant; the nearest one, for an instant outside of the period.
    #[inline]
    pub fn of(&self, ms: i64) -> u8 {
        let after = ms.max(self.start) - self.start;
        // A division by a constant is a multiplication.
        let slot = match &self.edges {
            Edges::Seconds => after / SECOND,
            Edges::Minutes => after / MINUTE,
            Edges::Hours => after / HOUR,
            Edges::Days(starts) => return self.day(starts, ms),
        };
        slot.min(i64::from(self.count) - 1) as u8
    }

    /// Nearly all days have 24 hours: the day is where it would be if all had, or next to there.
    #[inline]
    fn day(&self, starts: &[i64], ms: i64) -> u8 {
        let begun = |day: usize| starts.get(day).is_some_and(|start| *start <= ms);
        let last = starts.len().saturating_sub(1);
        let mut day = ((ms.max(self.start) - self.start) / DAY).min(last as i64) as usize;
        while day > 0 && !begun(day) {
            day -= 1;
        }
        while begun(day + 1) {
            day += 1;
        }
        day as u8
    }

    /// What a slot holds; empty at the period's end for a slot it does not have.
    #[inline]
    pub fn bounds(&self, slot: u8) -> Range {
        Range::new(self.edge(slot), self.edge(slot.saturating_add(1)))
    }

    #[inline]
    fn edge(&self, slot: u8) -> i64 {
        let after = |step: i64| self.start + i64::from(slot) * step;
        let edge = match &self.edges {
            Edges::Seconds => after(SECOND),
            Edges::Minutes => after(MINUTE),
            Edges::Hours => after(HOUR),
            Edges::Days(starts) => starts.get(usize::from(slot)).copied().unwrap_or(self.end),
        };
        edge.min(self.end)
    }
}
