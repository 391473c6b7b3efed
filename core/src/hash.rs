//! Two hashes. MurmurHash64A, as Redis's own HyperLogLog uses it, so that our registers are Redis's
//! registers. And SipHash-1-3 for tables in memory, under a secret key: clients choose the texts, and it
//! takes no effort to write thousands that MurmurHash64A takes for one, whatever its seed.

use siphasher::sip::SipHasher13;
use std::hash::{BuildHasher, RandomState};
use std::sync::LazyLock;

/// The seed of Redis's `PFADD`.
pub const REDIS_SEED: u64 = 0xadc8_3b19;

const M: u64 = 0xc6a4_a793_5bd1_e995;
const R: u32 = 47;

/// The hash by which users and sessions are known everywhere.
#[inline]
pub fn hash(bytes: &[u8]) -> u64 {
    murmur64a(bytes, REDIS_SEED)
}

#[inline]
pub fn murmur64a(bytes: &[u8], seed: u64) -> u64 {
    let mut h = seed ^ (bytes.len() as u64).wrapping_mul(M);
    let (words, tail) = bytes.as_chunks::<8>();
    for word in words {
        h = (h ^ mix(u64::from_le_bytes(*word))).wrapping_mul(M);
    }
    if !tail.is_empty() {
        h = (h ^ little_endian(tail)).wrapping_mul(M);
    }
    h ^= h >> R;
    h = h.wrapping_mul(M);
    h ^ (h >> R)
}

/// The number that up to seven bytes are, the lowest first. Two words that cover them all agree where
/// they meet.
#[inline]
fn little_endian(bytes: &[u8]) -> u64 {
    let shift = |byte: usize| 8 * byte as u32;
    let last = bytes.len().saturating_sub(1);
    match (bytes.first_chunk(), bytes.last_chunk()) {
        (Some(head), Some(tail)) => {
            let [head, tail] = [head, tail].map(|word| u64::from(u32::from_le_bytes(*word)));
            head | tail << (shift(last) - 24)
        }
        _ => {
            let byte = |place: usize| {
                bytes
                    .get(place)
                    .map_or(0, |byte| u64::from(*byte) << shift(place))
            };
            byte(0) | byte(last / 2) | byte(last)
        }
    }
}

#[inline]
fn mix(word: u64) -> u64 {
    let k = word.wrapping_mul(M);
    (k ^ (k >> R)).wrapping_mul(M)
}

/// Drawn once in every process: it is stored nowhere, and nothing that is stored, replicated or replied
/// depends on it.
static KEYED: LazyLock<SipHasher13> = LazyLock::new(|| {
    let random = RandomState::new();
    SipHasher13::new_with_keys(random.hash_one(0), random.hash_one(1))
});

/// The hash by which names and dimension values are found: SipHash-1-3. Without the key, nobody can
/// choose texts that share a place. Not inline: it would be in many places.
#[inline(never)]
pub fn keyed_hash(bytes: &[u8]) -> u64 {
    KEYED.hash(bytes)
}

/// A secret odd multiplier, drawn once in every process, to spread numbers that are hashes already by
/// multiply-shift: two given numbers share a place with a chance of 2 in the number of places.
#[inline]
pub fn mixing_key() -> u32 {
    static KEY: LazyLock<u32> = LazyLock::new(|| RandomState::new().hash_one(2) as u32 | 1);
    *KEY
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashSet;

    /// Texts that MurmurHash64A takes for one under any seed, 2 to the power of `pairs` of them.
    ///
    /// A difference in the highest bit outlives the multiplication by `M` unchanged, so that the next
    /// word can take it back.
    pub fn colliding_texts(pairs: u32) -> impl Iterator<Item = Vec<u8>> {
        const HIGHEST: u64 = 1 << 63;
        (0..1u32 << pairs).map(move |choice| {
            let word = |pair: u32| {
                let mixed = 0x0123_4567_89ab_cdef ^ (u64::from(choice >> pair & 1) * HIGHEST);
                unmix(mixed).to_le_bytes()
            };
            (0..pairs)
                .flat_map(|pair| [word(pair), word(pair)].concat())
                .collect()
        })
    }

    /// Another text that MurmurHash64A takes for this one under any seed.
    pub fn partner(text: &[u8; 16]) -> [u8; 16] {
        let (words, _) = text.as_chunks::<8>();
        let other = |word: &[u8; 8]| unmix(mix(u64::from_le_bytes(*word)) ^ 1 << 63).to_le_bytes();
        let [a, b] = [&words[0], &words[1]].map(other);
        std::array::from_fn(|at| if at < 8 { a[at] } else { b[at - 8] })
    }

    /// The word that `mix` makes this of.
    fn unmix(mixed: u64) -> u64 {
        let inverse = (0..6).fold(1u64, |x, _| {
            x.wrapping_mul(2u64.wrapping_sub(M.wrapping_mul(x)))
        });
        let k = mixed.wrapping_mul(inverse);
        (k ^ (k >> R)).wrapping_mul(inverse)
    }

    #[test]
    fn texts_made_to_collide_do_not() {
        for seed in [0, 1, REDIS_SEED, !REDIS_SEED] {
            let murmur: HashSet<u64> = colliding_texts(8)
                .map(|text| murmur64a(&text, seed))
                .collect();
            assert_eq!(murmur.len(), 1, "that is what they are made for");
        }
        let keyed: HashSet<u64> = colliding_texts(14).map(|text| keyed_hash(&text)).collect();
        assert_eq!(keyed.len(), 1 << 14);
    }

    proptest! {
        #[test]
        fn a_change_of_one_bit_changes_half_of_the_hash(
            text in prop::collection::vec(any::<u8>(), 1..70),
            bit: usize,
        ) {
            let mut other = text.clone();
            let bit = bit % (8 * text.len());
            other[bit / 8] ^= 1 << (bit % 8);
            let changed = (keyed_hash(&text) ^ keyed_hash(&other)).count_ones();
            prop_assert!((8..=56).contains(&changed), "{}", changed);
        }
    }

    #[test]
    fn every_length_of_the_same_byte_has_a_hash_of_its_own() {
        let text = [7; 600];
        let hashes: HashSet<u64> = (0..600).map(|len| keyed_hash(&text[..len])).collect();
        assert_eq!(hashes.len(), 600);
    }
}
