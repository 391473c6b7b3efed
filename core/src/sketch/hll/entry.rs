//! What a sketch takes of a hash: a register and a rank, or the finer entry of the sparse form.
//!
//! ```text
//!            63                        25 24         14 13          0
//! hash       | 39 bits                 | 11 bits      | register    |
//!
//! rank       1 + the zeros from bit 14 upwards, 51 when all 50 bits are zero (Redis's hllPatLen)
//!
//!            31 30      25 24                                       0
//! entry      | 0| extra  | index: the low 25 bits of the hash       |
//!
//! extra      rank - 11 where bits 14..25 are all zero, and so do not hold the rank (1 in 2,048
//!            entries, those with index < 16,384); 0 everywhere else
//! ```
//!
//! No entry is 0: an index below 16,384 has an extra of at least 1. Of two entries with one index
//! the one with the larger rank is the larger number.

use super::layout::{FULL_NIBBLE, INDEX_BITS, MAX_INDEX, PRECISION, REGISTERS};

/// The ranks that follow from the index itself.
const RANKS_IN_INDEX: u8 = (INDEX_BITS - PRECISION) as u8;
/// The smallest rank that the extra holds.
pub(super) const MIN_EXTRA_RANK: u8 = RANKS_IN_INDEX + 1;

#[inline]
pub(super) fn register_of_hash(hash: u64) -> u16 {
    hash as u16 & (REGISTERS - 1) as u16
}

#[inline]
pub(super) fn rank_of_hash(hash: u64) -> u8 {
    let rest = (hash >> PRECISION) | 1 << (64 - PRECISION);
    rest.trailing_zeros() as u8 + 1
}

#[inline]
pub(super) fn entry_of_hash(hash: u64) -> u32 {
    let index = hash as u32 & MAX_INDEX;
    if has_extra(index) {
        entry(index, rank_of_hash(hash))
    } else {
        index
    }
}

/// The entry of an index with an extra, whose rank is from `MIN_EXTRA_RANK` to `MAX_RANK`.
#[inline]
pub(super) fn entry(index: u32, rank: u8) -> u32 {
    index | u32::from(rank.saturating_sub(RANKS_IN_INDEX)) << INDEX_BITS
}

#[inline]
pub(super) fn has_extra(index: u32) -> bool {
    index < REGISTERS as u32
}

#[inline]
pub(super) fn index(entry: u32) -> u32 {
    entry & MAX_INDEX
}

#[inline]
pub(super) fn register(entry: u32) -> u16 {
    register_of_hash(u64::from(entry))
}

/// Without a branch: where the bits of the index hold no rank they count as 11, and the extra, which
/// is 0 elsewhere, comes on top.
#[inline]
pub(super) fn rank(entry: u32) -> u8 {
    let extra = (entry >> INDEX_BITS) as u8;
    let rest = (entry >> PRECISION) | 1 << (RANKS_IN_INDEX - 1);
    rest.trailing_zeros() as u8 + 1 + extra
}

/// Entry, register and rank of a hash, computed once for the many sketches of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Member {
    pub(super) entry: u32,
    pub(super) register: u16,
    pub(super) rank: u8,
}

impl Member {
    #[inline]
    pub(super) fn fits_nibble(self) -> bool {
        self.rank < FULL_NIBBLE
    }

    #[inline]
    pub fn of(hash: u64) -> Member {
        Member {
            entry: entry_of_hash(hash),
            register: register_of_hash(hash),
            rank: rank_of_hash(hash),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Redis's loop, line by line.
    fn redis_rank(hash: u64) -> u8 {
        let hash = (hash >> 14) | 1 << 50;
        let (mut bit, mut count) = (1u64, 1);
        while hash & bit == 0 {
            count += 1;
            bit <<= 1;
        }
        count
    }

    fn check(hash: u64) {
        assert_eq!(rank_of_hash(hash), redis_rank(hash));
        let entry = entry_of_hash(hash);
        assert_ne!(entry, 0);
        assert_eq!(u64::from(index(entry)), hash & 0x1ff_ffff);
        assert_eq!(u64::from(register(entry)), hash & 0x3fff);
        assert_eq!(rank(entry), redis_rank(hash));
    }

    #[test]
    fn every_rank_survives_in_an_entry() {
        for register in [0, 1, 0x1234, 0x3fff] {
            check(register);
            for bit in 14..64 {
                check(register | 1 << bit);
                check(register | u64::MAX << bit);
            }
        }
    }

    proptest! {
        #[test]
        fn an_entry_yields_what_redis_would_have(hash: u64, zeros in 0u32..50) {
            check(hash);
            check(hash & !(((1u64 << zeros) - 1) << 14));
        }
    }
}
