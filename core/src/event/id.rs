//! The fingerprint of an event's id: the first 128 bits of its BLAKE3.
//!
//! A fingerprint is stored, replicated and written to logs, so that it has to be the same on every
//! server. A keyless cryptographic hash is, and there is no key that could leak: finding an id with
//! the fingerprint of a given one takes some 2^128 tries, and finding any two ids that share one some
//! 2^64. By chance, two of n ids share one with a probability of n² / 2^129, which is below 1e-26 for
//! a million ids.

/// Never 0, which is left for an empty slot of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fingerprint(u128);

impl Fingerprint {
    /// Not inline: most events have no id, and run through less code.
    #[inline(never)]
    pub fn of(id: &[u8]) -> Fingerprint {
        let hash = blake3::hash(id);
        let bits = hash.as_bytes().first_chunk().copied();
        Fingerprint(u128::from_be_bytes(bits.unwrap_or_default()).max(1))
    }

    /// None for the bits of no id.
    pub fn from_bits(bits: u128) -> Option<Fingerprint> {
        (bits != 0).then_some(Fingerprint(bits))
    }

    pub fn bits(self) -> u128 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash::tests::colliding_texts;
    use crate::hash::{murmur64a, REDIS_SEED};
    use std::collections::HashSet;

    #[test]
    fn it_is_the_beginning_of_the_published_hash() {
        // The first test vector of BLAKE3: no bytes at all.
        let published = 0xaf13_49b9_f5f9_a1a6_a040_4dea_36dc_c949;
        assert_eq!(Fingerprint::of(b"").bits(), published);
    }

    #[test]
    fn ids_that_share_two_murmur_hashes_have_fingerprints_of_their_own() {
        let ids: Vec<Vec<u8>> = colliding_texts(6).collect();
        let murmur = |id: &Vec<u8>| [REDIS_SEED, !REDIS_SEED].map(|seed| murmur64a(id, seed));
        let murmurs: HashSet<[u64; 2]> = ids.iter().map(murmur).collect();
        assert_eq!(murmurs.len(), 1, "they are made to share them");
        let fingerprints: HashSet<u128> = ids.iter().map(|id| Fingerprint::of(id).bits()).collect();
        assert_eq!(fingerprints.len(), ids.len());
    }

    #[test]
    fn a_known_id_cannot_be_replaced_by_another_that_is_made_for_it() {
        // The id of an order, and the bytes that both seeds of MurmurHash64A take for the same.
        let known = b"orders/2024-1002";
        let other = crate::hash::tests::partner(known);
        assert_ne!(known, &other);
        for seed in [0, REDIS_SEED, !REDIS_SEED] {
            assert_eq!(murmur64a(known, seed), murmur64a(&other, seed));
        }
        assert_ne!(Fingerprint::of(known), Fingerprint::of(&other));
    }
}
