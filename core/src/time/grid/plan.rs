//! Which buckets fill the cells of a series.
//!
//! ```text
//! day bucket     | 00  01  02  03  04  05 | ...         24 slots
//! cells of 3 h   |     0     |     1      | ...
//! shares           0..3        3..6                     of one bucket, opened once
//! ```

use super::super::cover::MAX_PIECES;
use super::super::local::Local;
use super::super::{Granularity, Period, Piece, Range};
use super::grain::Grain;
use crate::error::{Error, Result};

/// A bucket to open, and its share of each cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Read<'a> {
    pub period: Period,
    shares: &'a [Share],
}

/// Adjacent slots of a bucket that are in one cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Share {
    cell: u32,
    first_slot: u8,
    end_slot: u8,
}

impl<'a> Read<'a> {
    /// The cells that this bucket has a share of, in the order of time, each with its piece.
    pub fn shares(self) -> impl Iterator<Item = (usize, Piece)> + 'a {
        self.shares.iter().map(move |share| {
            let piece = Piece::of_slots(self.period, share.first_slot, share.end_slot);
            (share.cell as usize, piece)
        })
    }
}

/// Buckets of one granularity, with their shares.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// Each with the end of its shares in `shares`.
    buckets: Vec<(Period, usize)>,
    shares: Vec<Share>,
}

impl Plan {
    /// The buckets of a granularity in `span`, unless one of them has a slot, or is one, that crosses
    /// an edge.
    pub fn of(
        granularity: Granularity,
        grain: Grain,
        edges: &[i64],
        span: Range,
        local: &mut Local<'_>,
    ) -> Result<Option<Plan>> {
        let mut plan = Plan::default();
        let (Some(first), Some(last)) = (edges.first(), edges.last()) else {
            return Ok(Some(plan));
        };
        let mut at = span.from.max(*first);
        let end = span.to.min(*last);
        while at < end {
            let period = local.period(granularity, at);
            if plan.buckets.len() >= MAX_PIECES {
                return Err(Error::new(format!(
                    "window reads more than {MAX_PIECES} buckets: ask for a shorter one"
                )));
            }
            let fits = match grain {
                Grain::Slot => plan.share_slots(&period, edges, local),
                Grain::Bucket => plan.share_whole(&period, edges),
            };
            if !fits {
                return Ok(None);
            }
            plan.buckets.push((period, plan.shares.len()));
            at = period.end();
        }
        Ok(Some(plan))
    }

    pub fn reads(&self) -> impl Iterator<Item = Read<'_>> {
        let mut start = 0;
        self.buckets.iter().map(move |(period, end)| Read {
            period: *period,
            shares: self
                .shares
                .get(std::mem::replace(&mut start, *end)..*end)
                .unwrap_or_default(),
        })
    }

    fn share_whole(&mut self, period: &Period, edges: &[i64]) -> bool {
        let cell = cell_of(period.start(), edges, self.last_cell());
        let inside = cell.filter(|(_, cell)| period.end() <= cell.to);
        if let Some((cell, _)) = inside {
            self.push(cell, 0, period.slot_count());
        }
        inside.is_some()
    }

    fn share_slots(&mut self, period: &Period, edges: &[i64], local: &mut Local<'_>) -> bool {
        let slots = period.slots_in(local);
        let first = edges.first().copied().unwrap_or(period.end());
        let mut at = period.start().max(first);
        let mut first_slot = slots.of(at);
        if slots.bounds(first_slot).from != at {
            return false;
        }
        while at < period.end() {
            let Some((cell, bounds)) = cell_of(at, edges, self.last_cell()) else {
                break;
            };
            let end_slot = if bounds.to < period.end() {
                let slot = slots.of(bounds.to);
                if slots.bounds(slot).from != bounds.to {
                    return false;
                }
                slot
            } else {
                slots.count()
            };
            self.push(cell, first_slot, end_slot);
            (at, first_slot) = (bounds.to, end_slot);
        }
        true
    }

    fn last_cell(&self) -> usize {
        self.shares.last().map_or(0, |share| share.cell as usize)
    }

    fn push(&mut self, cell: usize, first_slot: u8, end_slot: u8) {
        self.shares.push(Share {
            cell: cell as u32,
            first_slot,
            end_slot,
        });
    }
}

/// The cell of an instant. Mostly it is `near` or the next one.
fn cell_of(ms: i64, edges: &[i64], near: usize) -> Option<(usize, Range)> {
    let bounds = |cell: usize| Some(Range::new(*edges.get(cell)?, *edges.get(cell + 1)?));
    for cell in [near + 1, near] {
        if let Some(bounds) = bounds(cell).filter(|it| it.contains(ms)) {
            return Some((cell, bounds));
        }
    }
    let cell = edges.partition_point(|edge| *edge <= ms).checked_sub(1)?;
    Some((cell, bounds(cell)?))
}
