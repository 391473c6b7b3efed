//! The summaries of a bucket's slots.
//!
//! ```text
//! slots      ...0000 1000 0000 1011    a bit for each slot that measured something
//! summaries  [slot 0, slot 1, slot 3, slot 11]
//! ```
//!
//! A summary is 48 bytes and most slots of most rows have none: only those that have one take room, in
//! the order of their slots. Events are mostly in order of time, so that the last one is searched first.

use super::{Summary, STORED_BYTES};
use crate::codec::{corrupt, Reader, Writer};
use crate::error::Corrupt;
use crate::prefetch::prefetch_slice;

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Summaries {
    slots: u64,
    summaries: Vec<Summary>,
}

impl Summaries {
    /// Slots are 0 to 63; there is none beyond.
    pub const SLOTS: u8 = 64;

    pub const fn new() -> Summaries {
        Summaries {
            slots: 0,
            summaries: Vec::new(),
        }
    }

    #[inline]
    pub fn add(&mut self, slot: u8, x: f64) {
        if let Some(summary) = self.slot_mut(slot) {
            summary.add(x);
        } else if slot < Summaries::SLOTS && !x.is_nan() {
            self.insert(slot, Summary::of(x));
        }
    }

    /// Numbers that were summed up before; nothing, if there are none.
    #[inline(always)]
    pub fn include(&mut self, slot: u8, numbers: &Summary) {
        if let Some(summary) = self.slot_mut(slot) {
            summary.merge(numbers);
        } else if slot < Summaries::SLOTS && !numbers.is_empty() {
            self.insert(slot, numbers.clone());
        }
    }

    pub fn get(&self, slot: u8) -> Option<&Summary> {
        self.has(slot)
            .then(|| self.summaries.get(self.rank(slot)))
            .flatten()
    }

    /// Prefetches the summaries.
    #[inline]
    pub fn prefetch(&self) {
        prefetch_slice(&self.summaries);
    }

    /// All slots together.
    pub fn total(&self) -> Summary {
        folded(&self.summaries)
    }

    /// The slots with `from <= slot < to` together.
    pub fn range(&self, from: u8, to: u8) -> Summary {
        let between = self.summaries.get(self.rank(from)..self.rank(to));
        folded(between.unwrap_or(&[]))
    }

    /// The slots that measured something, in their order.
    pub fn iter(&self) -> impl Iterator<Item = (u8, &Summary)> + Clone {
        (0..Summaries::SLOTS)
            .filter(|slot| self.has(*slot))
            .zip(&self.summaries)
    }

    pub fn merge(&mut self, other: &Summaries) {
        for (slot, summary) in other.iter() {
            self.include(slot, summary);
        }
    }

    pub fn is_empty(&self) -> bool {
        self.summaries.is_empty()
    }

    pub fn heap_bytes(&self) -> usize {
        self.summaries.capacity() * size_of::<Summary>()
    }

    #[inline]
    fn has(&self, slot: u8) -> bool {
        self.slots.unbounded_shr(slot.into()) & 1 == 1
    }

    /// How many slots before this one measured something.
    #[inline]
    fn rank(&self, slot: u8) -> usize {
        let before = !u64::MAX.unbounded_shl(slot.into());
        (self.slots & before).count_ones() as usize
    }

    #[inline]
    fn slot_mut(&mut self, slot: u8) -> Option<&mut Summary> {
        if !self.has(slot) {
            return None;
        }
        if self.slots.unbounded_shr(slot.into()) == 1 {
            return self.summaries.last_mut();
        }
        let rank = self.rank(slot);
        self.summaries.get_mut(rank)
    }

    /// A slot below `SLOTS` that is not there yet.
    #[cold]
    fn insert(&mut self, slot: u8, summary: Summary) {
        let len = self.summaries.len();
        if len == self.summaries.capacity() {
            // Grows by a quarter: by one at a time while there are few.
            self.summaries.reserve_exact((len / 4).max(1));
        }
        let rank = self.rank(slot);
        if rank <= len {
            self.summaries.insert(rank, summary);
            self.slots |= 1u64.unbounded_shl(slot.into());
        }
    }

    // The stored form:
    //
    //   first      u8         the first slot that measured something, 0 when none did
    //   slots      varint     a bit for each slot from there, the lowest first; 0 when none
    //   summaries             one for each bit that is set
    //
    pub fn encode(&self, writer: &mut Writer) {
        let first = match self.slots {
            0 => 0,
            slots => slots.trailing_zeros(),
        };
        writer.u8(first as u8);
        writer.varint(self.slots >> first);
        for summary in &self.summaries {
            summary.encode(writer);
        }
    }

    /// Of slots below `max_slots`, none of which has measured nothing.
    pub fn decode(reader: &mut Reader, max_slots: u8) -> Result<Summaries, Corrupt> {
        let allowed = !u64::MAX.unbounded_shl(max_slots.into());
        let first = reader.u8("first slot")?;
        if first >= max_slots.clamp(1, Summaries::SLOTS) {
            return Err(corrupt("first slot", "out of range"));
        }
        let bits = reader.varint_to("slots", allowed >> first)?;
        if bits & 1 == 0 && (bits, first) != (0, 0) {
            return Err(corrupt("slots", "not in their shortest form"));
        }
        let len = bits.count_ones() as usize;
        if len > reader.remaining() / STORED_BYTES {
            return Err(corrupt("slots", "more items than bytes"));
        }
        let mut summaries = Vec::with_capacity(len);
        for _ in 0..len {
            let summary = Summary::decode(reader)?;
            if summary.is_empty() {
                return Err(corrupt("slots", "a slot without a number"));
            }
            summaries.push(summary);
        }
        Ok(Summaries {
            slots: bits << first,
            summaries,
        })
    }
}

fn folded(summaries: &[Summary]) -> Summary {
    let mut whole = Summary::new();
    for summary in summaries {
        whole.merge(summary);
    }
    whole
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    type Measured = Vec<(u8, f64)>;

    fn measured() -> impl Strategy<Value = Measured> {
        prop::collection::vec((0..64u8, -1e6..1e6f64), 0..100)
    }

    fn summaries(numbers: &[(u8, f64)]) -> Summaries {
        let mut summaries = Summaries::new();
        for (slot, x) in numbers {
            summaries.add(*slot, *x);
        }
        summaries
    }

    fn encoded(summaries: &Summaries) -> Vec<u8> {
        let mut writer = Writer::new();
        summaries.encode(&mut writer);
        writer.into_bytes()
    }

    fn decoded(bytes: &[u8], slots: u8) -> Result<Summaries, Corrupt> {
        let mut reader = Reader::new(bytes);
        let summaries = Summaries::decode(&mut reader, slots)?;
        reader.finish()?;
        Ok(summaries)
    }

    proptest! {
        #[test]
        fn slots_sum_up_like_a_map(numbers in measured(), from in 0..70u8, to in 0..70u8) {
            let mut map: BTreeMap<u8, Summary> = BTreeMap::new();
            let (mut total, mut between) = (Summary::new(), Summary::new());
            for (slot, x) in &numbers {
                map.entry(*slot).or_default().add(*x);
                total.add(*x);
                if (from..to).contains(slot) {
                    between.add(*x);
                }
            }
            let summaries = summaries(&numbers);
            prop_assert!(summaries.iter().eq(map.iter().map(|(slot, summary)| (*slot, summary))));
            for slot in 0..=255 {
                prop_assert_eq!(summaries.get(slot), map.get(&slot));
            }
            prop_assert_eq!(summaries.total(), total);
            prop_assert_eq!(summaries.range(from, to), between);
            prop_assert_eq!(summaries.is_empty(), map.is_empty());
        }

        #[test]
        fn merging_is_adding_both(a in measured(), b in measured(), cut: prop::sample::Index) {
            let mut merged = summaries(&b);
            merged.merge(&summaries(&a));
            prop_assert_eq!(&merged, &summaries(&[a, b].concat()));
            let bytes = encoded(&merged);
            prop_assert_eq!(decoded(&bytes, 64), Ok(merged));
            prop_assert!(decoded(&bytes[..cut.index(bytes.len())], 64).is_err());
        }

        #[test]
        fn any_bytes_are_refused_or_canonical(bytes in prop::collection::vec(0..4u8, 0..40)) {
            if let Ok(summaries) = decoded(&bytes, 60) {
                prop_assert_eq!(encoded(&summaries), bytes);
            }
        }
    }

    #[test]
    fn a_slot_that_does_not_exist_measures_nothing() {
        let mut summaries = Summaries::new();
        summaries.add(64, 1.0);
        summaries.add(255, 1.0);
        summaries.add(3, f64::NAN);
        assert_eq!(summaries, Summaries::new());
        assert_eq!(summaries.heap_bytes(), 0);
    }

    #[test]
    fn a_slot_takes_48_bytes() {
        let few = summaries(&[(59, 1.0), (0, 2.0), (30, 3.0)]);
        assert_eq!(few.heap_bytes(), 3 * 48);
        let all: Measured = (0..60).map(|slot| (slot, 1.0)).collect();
        assert!(summaries(&all).heap_bytes() <= 72 * 48);
    }

    #[test]
    fn stored_slots_are_those_of_the_bucket() {
        let bytes = encoded(&summaries(&[(30, 1.0), (31, 1.0)]));
        assert_eq!(bytes[..2], [30, 3]);
        assert!(decoded(&bytes, 32).is_ok());
        let problem = |bytes: &[u8], slots| decoded(bytes, slots).unwrap_err().problem;
        assert_eq!(problem(&bytes, 31), "out of range");
        assert_eq!(problem(&bytes, 30), "out of range");
        assert_eq!(problem(&[0, 2, 0, 0], 60), "not in their shortest form");
        assert_eq!(problem(&[1, 0], 60), "not in their shortest form");
        assert_eq!(
            problem(&[0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0], 60),
            "a slot without a number"
        );
        assert_eq!(problem(&[0, 3, 0, 0], 60), "more items than bytes");
    }
}
