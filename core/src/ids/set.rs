//! A set of ids, each as its fingerprint of 128 bits (`event::id`).
//!
//! Kept in shards once there are many, so that growing moves a small part of the set at a time.
//! Inside of a shard, ids are placed by the keyed hash: ids are the user's to choose, and fingerprints a
//! payload's, and many that share a place would make every look-up a long walk. Where an id is placed
//! shows nowhere.
//!
//! ```text
//! stored:  (n | n × 16 bytes)* | 0         ascending, n at most 65,536
//! ```

use crate::codec::{corrupt, Reader, Writer};
use crate::error::Corrupt;
use crate::event::Fingerprint;
use crate::hash::keyed_hash;
use crate::memory::allocated;

const SHARDS: usize = 256;
const IDS_IN_ONE_SHARD: usize = 2_048;
const IDS_IN_A_RUN: usize = 65_536;

#[derive(Debug, Clone, Default)]
pub struct IdSet {
    /// One shard, or `SHARDS` of them by the highest byte.
    shards: Vec<Shard>,
    len: usize,
}

#[derive(Debug, Clone, Default)]
struct Shard {
    /// Fingerprints as (high, low) halves; (0, 0) is empty. At most three quarters are taken.
    slots: Box<[[u64; 2]]>,
    len: usize,
}

impl IdSet {
    pub fn contains(&self, id: PlacedId) -> bool {
        self.shard(id).is_some_and(|shard| shard.contains(id))
    }

    /// Returns whether it was absent.
    pub fn insert(&mut self, id: PlacedId) -> bool {
        if self.shards.len() < SHARDS && self.len >= IDS_IN_ONE_SHARD {
            self.split();
        }
        if self.shards.is_empty() {
            self.shards.push(Shard::default());
        }
        let at = if self.shards.len() < SHARDS {
            0
        } else {
            shard_of(id.id)
        };
        let is_new = self
            .shards
            .get_mut(at)
            .is_some_and(|shard| shard.insert(id));
        self.len += usize::from(is_new);
        is_new
    }

    pub fn len(&self) -> usize {
        self.len
    }

    fn shard(&self, id: PlacedId) -> Option<&Shard> {
        if self.shards.len() < SHARDS {
            self.shards.first()
        } else {
            self.shards.get(shard_of(id.id))
        }
    }

    fn split(&mut self) {
        let mut shards = vec![Shard::default(); SHARDS];
        for id in self.iter() {
            if let Some(shard) = shards.get_mut(shard_of(id)) {
                shard.insert(PlacedId::new(id));
            }
        }
        self.shards = shards;
    }

    fn iter(&self) -> impl Iterator<Item = Fingerprint> + '_ {
        self.shards.iter().flat_map(Shard::iter)
    }

    /// The number of its allocations.
    pub fn parts(&self) -> usize {
        self.shards.len()
    }

    pub fn heap_bytes(&self) -> usize {
        let slots: usize = self
            .shards
            .iter()
            .map(|shard| allocated(size_of_val(&*shard.slots)))
            .sum();
        allocated(self.shards.capacity() * size_of::<Shard>()) + slots
    }

    pub fn encode(&self, writer: &mut Writer) {
        let mut ids: Vec<Fingerprint> = self.iter().collect();
        ids.sort_unstable();
        for run in ids.chunks(IDS_IN_A_RUN) {
            writer.turn_page();
            writer.varint(run.len() as u64);
            for id in run {
                writer.raw(&id.bits().to_be_bytes());
            }
        }
        writer.turn_page();
        writer.varint(0);
    }

    /// At least one id, and at most `most`.
    pub fn decode(reader: &mut Reader, most: usize) -> Result<IdSet, Corrupt> {
        let mut ids = IdSet::default();
        let mut before = None;
        loop {
            reader.turn_page()?;
            let run = reader.count("ids", IDS_IN_A_RUN, 16)?;
            if run == 0 && ids.len == 0 {
                return Err(corrupt("ids", "none"));
            } else if run == 0 {
                return Ok(ids);
            } else if ids.len + run > most {
                return Err(corrupt("ids", "more than a site remembers"));
            } else if ids.len % IDS_IN_A_RUN != 0 {
                return Err(corrupt("ids", "a short run before the last"));
            }
            for _ in 0..run {
                let mut bytes = [0; 16];
                bytes.copy_from_slice(reader.raw("id", 16)?);
                let id = Fingerprint::from_bits(u128::from_be_bytes(bytes));
                let is_next = |id: &Fingerprint| before.is_none_or(|before| before < *id);
                let id = id.filter(is_next);
                let id = id.ok_or_else(|| corrupt("id", "not ascending"))?;
                ids.insert(PlacedId::new(id));
                before = Some(id);
            }
        }
    }
}

impl Shard {
    fn contains(&self, id: PlacedId) -> bool {
        self.find(id).is_some_and(|slot| slot != EMPTY)
    }

    /// What stands in the slot where this id is or would be.
    fn find(&self, id: PlacedId) -> Option<[u64; 2]> {
        let halves = split(id.id);
        let (before, after) = self.slots.split_at_checked(id.place(self.slots.len()))?;
        let mut slots = after.iter().chain(before);
        slots
            .find(|slot| **slot == halves || **slot == EMPTY)
            .copied()
    }

    fn insert(&mut self, id: PlacedId) -> bool {
        if self.len >= self.slots.len() / 4 * 3 {
            self.grow();
        }
        let halves = split(id.id);
        let start = id.place(self.slots.len());
        let Some((before, after)) = self.slots.split_at_mut_checked(start) else {
            return false;
        };
        let mut slots = after.iter_mut().chain(before);
        match slots.find(|slot| **slot == halves || **slot == EMPTY) {
            Some(slot) if *slot == EMPTY => {
                *slot = halves;
                self.len += 1;
                true
            }
            _ => false,
        }
    }

    fn grow(&mut self) {
        let larger = vec![EMPTY; (self.slots.len() * 2).max(4)].into_boxed_slice();
        let full = Shard {
            slots: std::mem::replace(&mut self.slots, larger),
            len: std::mem::take(&mut self.len),
        };
        for id in full.iter() {
            self.insert(PlacedId::new(id));
        }
    }

    fn iter(&self) -> impl Iterator<Item = Fingerprint> + '_ {
        let taken = self.slots.iter().filter(|slot| **slot != EMPTY);
        taken.filter_map(|[high, low]| {
            Fingerprint::from_bits(u128::from(*high) << 64 | u128::from(*low))
        })
    }
}

const EMPTY: [u64; 2] = [0, 0];

fn split(id: Fingerprint) -> [u64; 2] {
    [(id.bits() >> 64) as u64, id.bits() as u64]
}

/// An id with its keyed hash, for several look-ups.
#[derive(Debug, Clone, Copy)]
pub struct PlacedId {
    id: Fingerprint,
    hash: u64,
}

impl PlacedId {
    pub fn new(id: Fingerprint) -> PlacedId {
        PlacedId {
            id,
            hash: keyed_hash(&id.bits().to_le_bytes()),
        }
    }

    fn place(self, slots: usize) -> usize {
        self.hash as usize & slots.wrapping_sub(1)
    }
}

fn shard_of(id: Fingerprint) -> usize {
    (id.bits() >> 120) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashSet;

    /// Over all shards, and quicker than to hash: there are millions.
    fn spread(id: u32) -> PlacedId {
        PlacedId::new(Fingerprint::from_bits(u128::from(id + 1) * (u128::MAX / 6_007)).unwrap())
    }

    proptest! {
        #[test]
        fn it_is_a_set(ids in prop::collection::vec(0u32..6_000, 1..8_000)) {
            let mut set = IdSet::default();
            let mut oracle = HashSet::new();
            for id in &ids {
                let fingerprint = spread(*id);
                prop_assert_eq!(set.contains(fingerprint), oracle.contains(id));
                prop_assert_eq!(set.insert(fingerprint), oracle.insert(id));
            }
            let mut writer = Writer::new();
            set.encode(&mut writer);
            let bytes = writer.into_bytes();
            let mut reader = Reader::new(&bytes);
            let read = IdSet::decode(&mut reader, 10_000).unwrap();
            reader.finish().unwrap();
            prop_assert_eq!(read.len, oracle.len());
            for id in 0..6_000u32 {
                let fingerprint = spread(id);
                prop_assert_eq!(read.contains(fingerprint), oracle.contains(&id));
            }
        }
    }

    #[test]
    fn similar_ids_are_in_different_slots() {
        // All of one shard, and alike in half of their bits.
        for shift in [0, 40, 64] {
            let mut ids = IdSet::default();
            for id in 1..60_000u128 {
                let id = Fingerprint::from_bits(id << shift | 1 << 60).unwrap();
                assert!(ids.insert(PlacedId::new(id)));
            }
            let shard = ids.shards.iter().find(|shard| shard.len > 0).unwrap();
            let longest_run = shard.slots.split(|slot| *slot == EMPTY);
            let longest_run = longest_run.map(<[_]>::len).max().unwrap();
            assert!(longest_run < 1_000, "{longest_run}");
        }
    }

    #[test]
    fn ids_are_stored_once_each_and_in_order() {
        let twice = [vec![2], vec![7; 16], vec![7; 16]].concat();
        assert_eq!(
            IdSet::decode(&mut Reader::new(&twice), 9)
                .unwrap_err()
                .problem,
            "not ascending"
        );
        let zero = [vec![1], vec![0; 16]].concat();
        assert_eq!(
            IdSet::decode(&mut Reader::new(&zero), 9)
                .unwrap_err()
                .problem,
            "not ascending"
        );
        assert_eq!(
            IdSet::decode(&mut Reader::new(&[9, 1]), 9)
                .unwrap_err()
                .problem,
            "more items than bytes"
        );
    }
}
