//! The sizes of the forms of a sketch, and what leaves one form for the next.

/// Redis's precision: 14 bits choose the register.
pub(super) const PRECISION: u32 = 14;
pub(super) const REGISTERS: usize = 1 << PRECISION;
pub(super) const MAX_RANK: u8 = 64 - PRECISION as u8 + 1;

/// The bits of the index of an entry of the sparse form.
pub(super) const INDEX_BITS: u32 = 25;
pub(super) const MAX_INDEX: u32 = (1 << INDEX_BITS) - 1;

/// Registers take less memory than more entries.
pub(super) const MAX_ENTRIES: usize = 2560;

pub(super) const NIBBLE_BYTES: usize = REGISTERS / 2;
/// The rank is this one or a higher one, which is in the exceptions.
pub(super) const FULL_NIBBLE: u8 = 15;

/// Beyond this many, 6 bits for every register take less memory and less time.
pub(super) const MAX_EXCEPTIONS: usize = 512;

pub(super) const PACKED_BYTES: usize = REGISTERS * 6 / 8;

/// How many registers have each rank. As long as 6 bits can count, so that no rank is outside.
pub(super) type Histogram = [u32; 64];

/// More entries than `MAX_ENTRIES`, or more exceptions than `MAX_EXCEPTIONS`; nothing was changed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Full;

/// The slot of an entry in a table of the sparse form.
pub(super) enum Probe {
    Taken(usize),
    Vacant(usize),
    /// No slot is near enough: only a wide table can have the entry.
    Crowded,
}
