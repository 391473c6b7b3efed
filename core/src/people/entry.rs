//! What is remembered of a user, in eight bytes.
//!
//! ```text
//! entry, 64 bits, little-endian:  key 36, never 0 | first day 14 | last day 14        0 is an empty slot
//! ```
//!
//! The key is the part of the user's hash below the bits of the partition.

use crate::table;

pub const KEY_BITS: u32 = 36;
pub const DAY_BITS: u32 = 14;
const _: () = assert!(KEY_BITS + 2 * DAY_BITS == u64::BITS);

/// The largest day of an entry.
pub const MOST_DAY: i32 = (1 << DAY_BITS) - 1;

/// The bytes of an entry.
pub const BYTES: usize = size_of::<u64>();

/// A user, and the days since the base of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    pub key: u64,
    pub first: i32,
    pub last: i32,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Shape;

impl table::Shape for Shape {
    const BEHIND: usize = 128;
    const SMALLEST: usize = 64;

    #[inline]
    fn width(&self) -> usize {
        BYTES
    }

    #[inline]
    fn key(entry: &[u8]) -> u64 {
        word(entry) >> (2 * DAY_BITS)
    }

    #[inline]
    fn place(&self, key: u64) -> u64 {
        key << (2 * DAY_BITS)
    }

    fn most(slots: usize) -> usize {
        slots - slots / 32
    }
}

pub type Table = table::Table<Shape>;

impl Entry {
    #[inline]
    pub fn bytes(self) -> [u8; BYTES] {
        let days = (self.first as u64) << DAY_BITS | self.last as u64;
        (self.key << (2 * DAY_BITS) | days).to_le_bytes()
    }

    #[inline]
    pub fn of(bytes: &[u8]) -> Entry {
        let bits = word(bytes);
        let day = |bits: u64| (bits & MOST_DAY as u64) as i32;
        Entry {
            key: bits >> (2 * DAY_BITS),
            first: day(bits >> DAY_BITS),
            last: day(bits),
        }
    }
}

#[inline]
fn word(entry: &[u8]) -> u64 {
    entry
        .first_chunk()
        .map_or(0, |word| u64::from_le_bytes(*word))
}
