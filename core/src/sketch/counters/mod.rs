//! Counters at integer positions, as narrow as the largest of them allows.
//!
//! ```text
//! position   ...  first  first+1  first+2  ...   first+n-1
//! counter      0 |   3  |   0    |   7    | ... |    1    | 0 ...
//! ```
//!
//! One window over the positions that were touched, of 1, 2, 4 or 8 bytes a counter, widened when a
//! counter would overflow. Everything outside is zero, and so may be the window's ends: it has room
//! to grow, which is no part of the content. The slots of a bucket and the bins of a
//! quantile sketch are such counters.
//!
//! The window costs memory for every position between the first and the last: the caller bounds them.

mod block;
mod cells;
pub mod stored;

use std::fmt;

use crate::codec::{Reader, Writer};
use crate::error::Corrupt;
pub use block::{Block, Width};
use cells::by_width;

/// The block's mark is the position of its first counter.
#[derive(Clone)]
pub struct Counters(Block);

impl Counters {
    pub const fn new() -> Counters {
        Counters(Block::EMPTY)
    }

    /// Counts `n` more at `position`, at most `u64::MAX` in all.
    #[inline]
    pub fn add(&mut self, position: i32, n: u64) {
        if !self.add_in_window(position, n) {
            self.grow_and_add(position, n);
        }
    }

    /// Counts one more at each of the positions. Equal positions in a row are counted together.
    #[inline]
    pub fn add_all(&mut self, positions: impl Iterator<Item = i32>) {
        let (mut last, mut n) = (0, 0);
        for position in positions {
            if position != last {
                self.add(last, n);
                (last, n) = (position, 0);
            }
            n += 1;
        }
        self.add(last, n);
    }

    /// Counts only if that changes neither the window nor the width.
    #[inline]
    pub fn add_in_window(&mut self, position: i32, n: u64) -> bool {
        let (width, first, bytes) = self.0.parts_mut();
        let index = position.wrapping_sub(first) as u32 as usize;
        by_width!(width, N => cells::bump::<N>(bytes, index, n))
    }

    #[cold]
    #[inline(never)]
    fn grow_and_add(&mut self, position: i32, n: u64) {
        if n == 0 {
            return;
        }
        let count = self.get(position).saturating_add(n);
        let (from, to) = (i64::from(position), i64::from(position) + 1);
        self.reframe(from, to, Width::of(count));
        self.add_in_window(position, n);
    }

    #[inline]
    pub fn get(&self, position: i32) -> u64 {
        let (width, first, bytes) = self.0.parts();
        let index = position.wrapping_sub(first) as u32 as usize;
        by_width!(width, N => cells::get::<N>(bytes, index))
    }

    /// The sum of all of them, at most `u64::MAX`.
    pub fn total(&self) -> u64 {
        let (width, _, bytes) = self.0.parts();
        by_width!(width, N => cells::total::<N>(bytes))
    }

    /// The sum of those with `from <= position < to`.
    pub fn sum(&self, from: i32, to: i32) -> u64 {
        let (width, _, _) = self.0.parts();
        let bytes = self.bytes_between(i64::from(from), i64::from(to));
        by_width!(width, N => cells::total::<N>(bytes))
    }

    /// The position at which the running total reaches `rank`, which counts from one.
    pub fn at_rank(&self, rank: u64) -> Option<i32> {
        let (width, first, bytes) = self.0.parts();
        let index = by_width!(width, N => cells::at_rank::<N>(bytes, rank))?;
        Some(first.wrapping_add(index as i32))
    }

    pub fn merge(&mut self, other: &Counters) {
        let Some((from, to)) = other.touched() else {
            return;
        };
        self.cover(from, to, other.0.width());
        let theirs = (other.0.width(), other.bytes_between(from, to));
        if !self.can_add(from, theirs) {
            // The sum of two counters always fits into the next width.
            self.reframe(from, to, self.0.width().wider());
        }
        self.add_at(from, theirs);
    }

    /// The counters that are not zero, in the order of their positions.
    pub fn iter(&self) -> impl Iterator<Item = (i32, u64)> + Clone + '_ {
        let (width, first, bytes) = self.0.parts();
        (0..bytes.len() / width.bytes())
            .map(move |index| {
                let count = by_width!(width, N => cells::get::<N>(bytes, index));
                (first.wrapping_add(index as i32), count)
            })
            .filter(|(_, count)| *count != 0)
    }

    /// The first position that is not zero.
    pub fn first(&self) -> Option<i32> {
        self.touched()
            .and_then(|(from, _)| i32::try_from(from).ok())
    }

    /// The last position that is not zero.
    pub fn last(&self) -> Option<i32> {
        self.touched()
            .and_then(|(_, to)| i32::try_from(to - 1).ok())
    }

    /// How many positions there are from the first to the last.
    pub fn span(&self) -> usize {
        self.touched().map_or(0, |(from, to)| (to - from) as usize)
    }

    /// How many of them are not zero.
    pub fn len(&self) -> usize {
        let (width, _, bytes) = self.0.parts();
        by_width!(width, N => cells::occupied::<N>(bytes))
    }

    /// How many bytes each of them takes.
    pub fn width(&self) -> Width {
        self.0.width()
    }

    pub fn is_empty(&self) -> bool {
        self.touched().is_none()
    }

    pub fn heap_bytes(&self) -> usize {
        self.0.heap_bytes()
    }

    pub fn encode(&self, writer: &mut Writer) {
        stored::encode(self.len(), self.iter(), writer);
    }

    /// Positions are between `min` and `max`, both included: they bound what is allocated.
    pub fn decode(reader: &mut Reader, min: i32, max: i32) -> Result<Counters, Corrupt> {
        let mut counters = Counters::new();
        stored::decode(reader, min, max, |position, count| {
            counters.add(position, count);
        })?;
        Ok(counters)
    }

    /// The positions from the first to behind the last that is not zero.
    fn touched(&self) -> Option<(i64, i64)> {
        let (width, first, bytes) = self.0.parts();
        let (front, back) = cells::touched(bytes)?;
        let position = |byte: usize| i64::from(first) + (byte / width.bytes()) as i64;
        Some((position(front), position(back - 1) + 1))
    }

    /// The counters of the window with `from <= position < to`.
    fn bytes_between(&self, from: i64, to: i64) -> &[u8] {
        let (width, first, bytes) = self.0.parts();
        let offset = |position: i64| {
            let index = (position - i64::from(first)).max(0) as usize;
            (index * width.bytes()).min(bytes.len())
        };
        bytes.get(offset(from)..offset(to)).unwrap_or(&[])
    }

    fn bytes_from(&mut self, from: i64) -> &mut [u8] {
        let (width, first, bytes) = self.0.parts_mut();
        let index = (from - i64::from(first)).max(0) as usize;
        bytes.get_mut(index * width.bytes()..).unwrap_or(&mut [])
    }

    /// Whether no counter becomes too large for its width.
    fn can_add(&self, from: i64, (width, theirs): (Width, &[u8])) -> bool {
        let (own, first, bytes) = self.0.parts();
        let index = (from - i64::from(first)).max(0) as usize;
        let ours = bytes.get(index * own.bytes()..).unwrap_or(&[]);
        by_width!(own, N => by_width!(width, M => cells::fits::<N, M>(ours, theirs)))
    }

    fn add_at(&mut self, from: i64, (width, theirs): (Width, &[u8])) {
        let own = self.0.width();
        let ours = self.bytes_from(from);
        by_width!(own, N => by_width!(width, M => cells::add_all::<N, M>(ours, theirs)));
    }

    /// Whether the window contains every position of another one.
    pub fn spans(&self, other: &Counters) -> bool {
        other
            .touched()
            .is_none_or(|(from, to)| self.covers(from, to))
    }

    /// Whether all of `from <= position < to` are in the window.
    fn covers(&self, from: i64, to: i64) -> bool {
        let (width, first, bytes) = self.0.parts();
        let first = i64::from(first);
        first <= from && to <= first + (bytes.len() / width.bytes()) as i64
    }

    fn cover(&mut self, from: i64, to: i64, width: Width) {
        if !self.covers(from, to) || self.0.width() < width {
            self.reframe(from, to, width);
        }
    }

    /// Moves what was counted to a window that holds `from..to` as well, `width` wide at least.
    fn reframe(&mut self, from: i64, to: i64, width: Width) {
        let touched = self.touched();
        let (low, high) = touched.map_or((from, to), |(a, b)| (a.min(from), b.max(to)));
        let width = width.max(self.0.width());

        let positions = (high - low) as usize;
        let room = Block::capacity(positions * width.bytes()) / width.bytes();
        // Events are mostly in order of time: spare room is at the end, and at the front only if the window grew
        // there.
        let grew_at_front = touched.is_some_and(|(first, _)| from < first);
        let before = match grew_at_front {
            true => (room - positions) / 2,
            false => 0,
        };
        // Every position of the window is an i32.
        let highest = i64::from(i32::MAX) + 1 - room as i64;
        let first = (low - before as i64).min(highest).max(i32::MIN.into());

        let framed = Block::zeroed(width, first as i32, positions * width.bytes());
        let old = std::mem::replace(self, Counters(framed));
        if let Some((a, b)) = touched {
            self.add_at(a, (old.0.width(), old.bytes_between(a, b)));
        }
    }
}

impl Default for Counters {
    fn default() -> Counters {
        Counters::new()
    }
}

/// Compares what was counted, not the window's room or width.
impl PartialEq for Counters {
    fn eq(&self, other: &Counters) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Counters {}

impl fmt::Debug for Counters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests;
