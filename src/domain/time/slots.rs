//! The finer steps inside a bucket: the seconds of a minute, the minutes of an hour, the elapsed hours
//! of a day, the local days of a week or month.

use super::local::Local;
use super::{Granularity, Period, Range, HOUR, MINUTE, SECOND};

/// Where the slots of one period begin and end. A caller keeps it beside the period, so that finding
/// an event's slot asks no calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slots {
    start: i64,
    end: i64,
    count: u8,
    edges: Edges,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(clippy::large_enum_variant)] // kept by value, one per granularity and site: no allocation
enum Edges {
    /// Every so many milliseconds; what is left over is a shorter last slot.
    Even(i64),
    /// The start of each local day; `i64::MAX` past the last. A skipped date is an empty slot.
    Days([i64; 31]),
}

impl Slots {
    /// The most slots a period can have.
    pub const MAX: usize = 60;

    pub(super) fn new(period: &Period, local: &mut Local<'_>) -> Slots {
        let edges = match period.granularity {
            Granularity::Minute => Edges::Even(SECOND),
            Granularity::Hour => Edges::Even(MINUTE),
            Granularity::Day => Edges::Even(HOUR),
            Granularity::Week | Granularity::Month => {
                let mut starts = [i64::MAX; 31];
                let days = usize::from(period.slot_count());
                for (start, day) in starts.iter_mut().zip(period.first_day..).take(days) {
                    *start = local.day_start(day);
                }
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

    /// The slot of an instant; the nearest one, for an instant outside of the period.
    #[inline]
    pub fn of(&self, ms: i64) -> u8 {
        let slot = match &self.edges {
            // A division by a constant is a multiplication, and this is done for every event.
            Edges::Even(SECOND) => (ms.max(self.start) - self.start) / SECOND,
            Edges::Even(MINUTE) => (ms.max(self.start) - self.start) / MINUTE,
            Edges::Even(HOUR) => (ms.max(self.start) - self.start) / HOUR,
            Edges::Even(step) => (ms.max(self.start) - self.start) / step,
            Edges::Days(starts) => starts.partition_point(|start| *start <= ms) as i64 - 1,
        };
        slot.clamp(0, i64::from(self.count) - 1) as u8
    }

    /// What a slot holds; empty at the period's end for a slot it does not have.
    pub fn bounds(&self, slot: u8) -> Range {
        Range::new(self.edge(slot), self.edge(slot.saturating_add(1)))
    }

    fn edge(&self, slot: u8) -> i64 {
        let edge = match &self.edges {
            Edges::Even(step) => self.start + i64::from(slot) * step,
            Edges::Days(starts) => starts.get(usize::from(slot)).copied().unwrap_or(self.end),
        };
        edge.min(self.end)
    }
}
