//! The fingerprint of an event's id.

use crate::hash::{murmur64a, REDIS_SEED};

/// Stands for an id. Never 0, which marks an empty slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fingerprint(u128);

impl Fingerprint {
    pub fn of(id: &[u8]) -> Fingerprint {
        let high = u128::from(murmur64a(id, REDIS_SEED));
        let low = u128::from(murmur64a(id, !REDIS_SEED));
        Fingerprint((high << 64 | low).max(1))
    }

    /// None for the bits of no id.
    pub fn from_bits(bits: u128) -> Option<Fingerprint> {
        (bits != 0).then_some(Fingerprint(bits))
    }

    pub fn bits(self) -> u128 {
        self.0
    }
}
