//! Few bins far apart: a sorted list.
//!
//! ```text
//!  3 bytes             1, 2, 4 or 8
//! | position + 2^23   | count      |  the next bin ...      little-endian, by position
//! ```
//!
//! A bin takes 4 bytes as long as no count exceeds 255, and four of them no allocation. As with
//! `Counters`, all counts are as wide as the largest of them needs.

use super::super::counters::{Block, Width};

/// The block's mark is how many bins there are.
#[derive(Clone)]
pub struct Bins(Block);

const KEY_BYTES: usize = 3;
const KEY_OFFSET: i32 = 1 << 23;

/// Calls a function with the size of a record as a constant.
macro_rules! by_record {
    ($width:expr, $R:ident => $call:expr) => {
        match $width {
            Width::One => {
                const $R: usize = KEY_BYTES + 1;
                $call
            }
            Width::Two => {
                const $R: usize = KEY_BYTES + 2;
                $call
            }
            Width::Four => {
                const $R: usize = KEY_BYTES + 4;
                $call
            }
            Width::Eight => {
                const $R: usize = KEY_BYTES + 8;
                $call
            }
        }
    };
}

impl Bins {
    pub const fn new() -> Bins {
        Bins(Block::EMPTY)
    }

    pub fn len(&self) -> usize {
        self.0.parts().1 as usize
    }

    pub fn width(&self) -> Width {
        self.0.width()
    }

    /// Counts `n` more, and returns whether the bin is a new one.
    pub fn add(&mut self, position: i32, n: u64) -> bool {
        let (width, len, bytes) = self.0.parts_mut();
        let len = len as usize;
        match by_record!(width, R => find::<R>(bytes, len, position)) {
            Ok(index) => {
                let count = by_record!(width, R => count_at::<R>(bytes, index)).saturating_add(n);
                self.make_room(len, Width::of(count));
                let (width, _, bytes) = self.0.parts_mut();
                by_record!(width, R => put::<R>(bytes, index, position, count));
                false
            }
            Err(index) => {
                self.make_room(len + 1, Width::of(n));
                let (width, _, bytes) = self.0.parts_mut();
                by_record!(width, R => insert::<R>(bytes, index..len + 1, position, n));
                self.0.set_mark((len + 1) as i32);
                true
            }
        }
    }

    /// In the order of their positions.
    pub fn iter(&self) -> impl Iterator<Item = (i32, u64)> + Clone + '_ {
        let (width, len, bytes) = self.0.parts();
        (0..len as usize).filter_map(move |index| by_record!(width, R => at::<R>(bytes, index)))
    }

    /// How many positions there are from the first to the last.
    pub fn span(&self) -> usize {
        let (width, len, bytes) = self.0.parts();
        let position = |index| by_record!(width, R => at::<R>(bytes, index)).map(|bin| bin.0);
        match (position(0), position((len as usize).wrapping_sub(1))) {
            (Some(first), Some(last)) if len > 0 => last.abs_diff(first) as usize + 1,
            _ => 0,
        }
    }

    pub fn heap_bytes(&self) -> usize {
        self.0.heap_bytes()
    }

    /// For `len` bins whose counts may be as wide as `width`.
    fn make_room(&mut self, len: usize, width: Width) {
        let (old_width, old_len, bytes) = self.0.parts();
        let record = |width: Width| KEY_BYTES + width.bytes();
        if width <= old_width && len * record(old_width) <= bytes.len() {
            return;
        }
        let width = width.max(old_width);
        let mut block = Block::zeroed(width, old_len, len * record(width));
        let (_, _, new) = block.parts_mut();
        for (index, (position, count)) in self.iter().enumerate() {
            by_record!(width, R => put::<R>(new, index, position, count));
        }
        self.0 = block;
    }
}

fn record<const R: usize>(position: i32, count: u64) -> [u8; R] {
    let mut record = [0; R];
    let key = (position.wrapping_add(KEY_OFFSET) as u32).to_le_bytes();
    let fields = key.into_iter().take(KEY_BYTES).chain(count.to_le_bytes());
    for (byte, value) in record.iter_mut().zip(fields) {
        *byte = value;
    }
    record
}

#[inline(always)]
fn position<const R: usize>(record: &[u8; R]) -> i32 {
    let mut key = [0; 4];
    for (byte, value) in key.iter_mut().zip(record).take(KEY_BYTES) {
        *byte = *value;
    }
    i32::from_le_bytes(key) - KEY_OFFSET
}

#[inline(always)]
fn count<const R: usize>(record: &[u8; R]) -> u64 {
    let mut count = [0; 8];
    for (byte, value) in count.iter_mut().zip(record.iter().skip(KEY_BYTES)) {
        *byte = *value;
    }
    u64::from_le_bytes(count)
}

fn find<const R: usize>(bytes: &[u8], len: usize, wanted: i32) -> Result<usize, usize> {
    let records = bytes.as_chunks::<R>().0.get(..len).unwrap_or(&[]);
    records.binary_search_by_key(&wanted, position)
}

fn at<const R: usize>(bytes: &[u8], index: usize) -> Option<(i32, u64)> {
    let record = bytes.as_chunks::<R>().0.get(index)?;
    Some((position(record), count(record)))
}

fn count_at<const R: usize>(bytes: &[u8], index: usize) -> u64 {
    bytes.as_chunks::<R>().0.get(index).map_or(0, count)
}

fn put<const R: usize>(bytes: &mut [u8], index: usize, position: i32, count: u64) {
    if let Some(place) = bytes.as_chunks_mut::<R>().0.get_mut(index) {
        *place = record(position, count);
    }
}

/// Puts a record at the start of `places`, of which the last is free, and moves the others by one.
fn insert<const R: usize>(
    bytes: &mut [u8],
    places: std::ops::Range<usize>,
    position: i32,
    count: u64,
) {
    if let Some(places) = bytes.get_mut(places.start * R..places.end * R) {
        places.copy_within(..places.len().saturating_sub(R), R.min(places.len()));
    }
    put::<R>(bytes, places.start, position, count);
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::super::bin;
    use super::*;

    proptest! {
        #[test]
        fn bins_count_like_a_map(adds in prop::collection::vec(
            (
                prop_oneof![-20..20i32, bin::MIN..=bin::MAX],
                prop_oneof![1..3u64, 100..200u64, 1..=u64::MAX],
            ),
            0..60,
        )) {
            let (mut bins, mut map) = (Bins::new(), BTreeMap::<i32, u64>::new());
            for (position, n) in adds {
                let count = map.entry(position).or_default();
                prop_assert_eq!(bins.add(position, n), *count == 0);
                *count = count.saturating_add(n);
                prop_assert_eq!(bins.len(), map.len());
            }
            if let (Some(first), Some(last)) = (map.keys().next(), map.keys().last()) {
                prop_assert_eq!(bins.span() as i32, last - first + 1);
            }
            prop_assert!(bins.iter().eq(map));
        }
    }

    #[test]
    fn four_bins_allocate_nothing_and_more_take_four_bytes() {
        let mut bins = Bins::new();
        assert_eq!(bins.span(), 0);
        for i in 0..4 {
            bins.add(i * 1000, 255);
        }
        assert_eq!(bins.heap_bytes(), 0);
        for i in 4..16 {
            bins.add(i * 1000, 255);
        }
        assert_eq!(bins.heap_bytes(), 64);
    }
}
