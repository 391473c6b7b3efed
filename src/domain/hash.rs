//! MurmurHash64A, as Redis's own HyperLogLog uses it, so that our registers are Redis's registers.

/// The seed of Redis's `PFADD`.
pub const REDIS_SEED: u64 = 0xadc8_3b19;

const M: u64 = 0xc6a4_a793_5bd1_e995;
const R: u32 = 47;

/// The hash by which users, sessions, names and dimension values are known everywhere.
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
        let mut last = 0u64;
        for (i, byte) in tail.iter().enumerate() {
            last |= u64::from(*byte) << (8 * i);
        }
        h = (h ^ last).wrapping_mul(M);
    }
    h ^= h >> R;
    h = h.wrapping_mul(M);
    h ^ (h >> R)
}

#[inline]
fn mix(word: u64) -> u64 {
    let k = word.wrapping_mul(M);
    (k ^ (k >> R)).wrapping_mul(M)
}
