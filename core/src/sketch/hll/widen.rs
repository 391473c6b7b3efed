//! The loops over all 16,384 registers: widen and take the larger, and count the ranks.
//!
//! Written once, in a shape that compilers turn into vector code, and compiled twice: for any
//! processor, and for AVX2, chosen at run time. 6-bit registers and counting need AVX2 by hand.

use super::layout::{Histogram, NIBBLE_BYTES, PACKED_BYTES, REGISTERS};

type Ranks = [u8; REGISTERS];

/// Calls the AVX2 version where the processor has it, the portable one elsewhere.
macro_rules! fastest {
    ($name:ident($($argument:expr),*)) => {{
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") {
            // SAFETY: the processor has AVX2, by the check above.
            return unsafe { avx2::$name($($argument),*) };
        }
        portable::$name($($argument),*)
    }};
}

/// Raises every register to at least its nibble. A full nibble counts as 15.
pub(super) fn max_nibbles(ranks: &mut Ranks, nibbles: &[u8; NIBBLE_BYTES]) {
    fastest!(max_nibbles(ranks, nibbles))
}

/// Raises every register to at least its packed rank.
pub(super) fn max_packed(ranks: &mut Ranks, packed: &[u8; PACKED_BYTES]) {
    fastest!(max_packed(ranks, packed))
}

/// How many registers have each rank. No rank is above 63.
pub(super) fn histogram(ranks: &Ranks) -> Histogram {
    fastest!(histogram(ranks))
}

/// Eight registers out of six bytes: halves move apart, then quarters, then the registers.
#[inline(always)]
pub(super) fn unpack(six: &[u8; 6]) -> [u8; 8] {
    let [a, b, c, d, e, f] = *six;
    let x = u64::from_le_bytes([a, b, c, 0, d, e, f, 0]);
    let x = (x & 0x0000_0fff_0000_0fff) | (x & 0x00ff_f000_00ff_f000) << 4;
    let x = (x & 0x003f_003f_003f_003f) | (x & 0x0fc0_0fc0_0fc0_0fc0) << 2;
    x.to_le_bytes()
}

mod portable {
    use super::*;

    #[inline(always)]
    pub(super) fn max_nibbles(ranks: &mut Ranks, nibbles: &[u8; NIBBLE_BYTES]) {
        let (halves, _) = ranks.as_chunks_mut::<32>();
        let (pairs, _) = halves.as_chunks_mut::<2>();
        let (blocks, _) = nibbles.as_chunks::<32>();
        for ([low, high], block) in pairs.iter_mut().zip(blocks) {
            for (rank, byte) in low.iter_mut().zip(block) {
                *rank = (*rank).max(byte & 0x0f);
            }
            for (rank, byte) in high.iter_mut().zip(block) {
                *rank = (*rank).max(byte >> 4);
            }
        }
    }

    pub(super) fn max_packed(ranks: &mut Ranks, packed: &[u8; PACKED_BYTES]) {
        let (eights, _) = ranks.as_chunks_mut::<8>();
        let (sixes, _) = packed.as_chunks::<6>();
        for (eight, six) in eights.iter_mut().zip(sixes) {
            for (rank, other) in eight.iter_mut().zip(unpack(six)) {
                *rank = other.max(*rank);
            }
        }
    }

    /// Compares and counts, rank by rank: the ranks of a sketch are close to each other.
    #[inline(always)]
    pub(super) fn histogram(ranks: &Ranks) -> Histogram {
        let (lowest, highest) = range(ranks);
        let mut histogram = [0; 64];
        for (rank, number) in (0..=highest).zip(&mut histogram) {
            if rank >= lowest {
                *number = count(ranks, rank);
            }
        }
        histogram
    }

    #[inline(always)]
    pub(super) fn range(ranks: &Ranks) -> (u8, u8) {
        let lowest = ranks.iter().fold(u8::MAX, |low, rank| low.min(*rank));
        let highest = ranks.iter().fold(0, |high, rank| high.max(*rank));
        (lowest, highest)
    }

    #[inline(always)]
    fn count(ranks: &Ranks, wanted: u8) -> u32 {
        // 128 rows of 128 columns: no column counts past 255.
        let mut columns = [0u8; 128];
        let (rows, _) = ranks.as_chunks::<128>();
        for row in rows {
            for (column, rank) in columns.iter_mut().zip(row) {
                *column += u8::from(*rank == wanted);
            }
        }
        columns.iter().map(|column| u32::from(*column)).sum()
    }
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use super::*;
    use std::arch::x86_64::*;

    #[target_feature(enable = "avx2")]
    pub(super) fn max_nibbles(ranks: &mut Ranks, nibbles: &[u8; NIBBLE_BYTES]) {
        portable::max_nibbles(ranks, nibbles)
    }

    /// Four ranks at a time, from the lowest up: one load for four comparisons. The last few
    /// registers, whose ranks may be anywhere above, are counted one by one.
    #[target_feature(enable = "avx2")]
    pub(super) fn histogram(ranks: &Ranks) -> Histogram {
        const FEW: u32 = 64;
        let (lowest, _) = portable::range(ranks);
        let mut histogram = [0; 64];
        let mut left = REGISTERS as u32;
        let mut first = lowest & !3;
        let (groups, _) = histogram.as_chunks_mut::<4>();
        for group in groups.iter_mut().skip(usize::from(first / 4)) {
            if left <= FEW {
                break;
            }
            *group = count_four(ranks, first);
            left -= group.iter().sum::<u32>();
            first += 4;
        }
        if left > 0 {
            count_above(ranks, first, &mut histogram);
        }
        histogram
    }

    #[target_feature(enable = "avx2")]
    fn count_above(ranks: &Ranks, least: u8, histogram: &mut Histogram) {
        let floor = _mm256_set1_epi8(least as i8);
        let (rows, _) = ranks.as_chunks::<32>();
        for row in rows {
            // SAFETY: the 32 bytes of the row; the load needs no alignment.
            let ranks = unsafe { _mm256_loadu_si256(row.as_ptr().cast()) };
            let reach = _mm256_cmpeq_epi8(_mm256_max_epu8(ranks, floor), ranks);
            let mut positions = _mm256_movemask_epi8(reach) as u32;
            while positions != 0 {
                let rank = row.get(positions.trailing_zeros() as usize).copied();
                if let Some(number) = histogram.get_mut(usize::from(rank.unwrap_or(0))) {
                    *number += 1;
                }
                positions &= positions - 1;
            }
        }
    }

    /// How many registers have the rank `first`, and each of the next three.
    #[target_feature(enable = "avx2")]
    fn count_four(ranks: &Ranks, first: u8) -> [u32; 4] {
        let wanted = [0, 1, 2, 3].map(|n| _mm256_set1_epi8((first + n) as i8));
        let mut counts = [0; 4];
        // Parts of 128 rows of 32 columns: no column counts past 255.
        let (parts, _) = ranks.as_chunks::<4096>();
        for part in parts {
            let mut columns = [_mm256_setzero_si256(); 4];
            let (rows, _) = part.as_chunks::<32>();
            for row in rows {
                // SAFETY: the 32 bytes of the row; the load needs no alignment.
                let row = unsafe { _mm256_loadu_si256(row.as_ptr().cast()) };
                for (columns, wanted) in columns.iter_mut().zip(wanted) {
                    *columns = _mm256_sub_epi8(*columns, _mm256_cmpeq_epi8(row, wanted));
                }
            }
            for (count, columns) in counts.iter_mut().zip(columns) {
                *count += sum(columns);
            }
        }
        counts
    }

    #[target_feature(enable = "avx2")]
    fn sum(columns: __m256i) -> u32 {
        let quarters = _mm256_sad_epu8(columns, _mm256_setzero_si256());
        (_mm256_extract_epi64::<0>(quarters)
            + _mm256_extract_epi64::<1>(quarters)
            + _mm256_extract_epi64::<2>(quarters)
            + _mm256_extract_epi64::<3>(quarters)) as u32
    }

    /// ```text
    /// 24 bytes     0..12 -> low half, 12..24 -> high half; of each half:
    /// shuffle      b0 b1 b2 -  b3 b4 b5 -  ...           a word for every four registers
    /// word         00000000 33333322 22221111 11000000
    /// shift, mask  00333333 00222222 00111111 00000000   by 6, 4, 2 and 0 bits to the left
    /// ```
    #[target_feature(enable = "avx2")]
    pub(super) fn max_packed(ranks: &mut Ranks, packed: &[u8; PACKED_BYTES]) {
        #[rustfmt::skip]
        let spread = _mm256_setr_epi8(
            0, 1, 2, -1, 3, 4, 5, -1, 6, 7, 8, -1, 9, 10, 11, -1,
            // The high half is loaded from byte 8, so as not to read behind the 24.
            4, 5, 6, -1, 7, 8, 9, -1, 10, 11, 12, -1, 13, 14, 15, -1,
        );
        let masks = [0x3f, 0x3f00, 0x3f_0000, 0x3f00_0000].map(|mask| _mm256_set1_epi32(mask));
        let (groups, _) = ranks.as_chunks_mut::<32>();
        let (sources, _) = packed.as_chunks::<24>();
        for (group, source) in groups.iter_mut().zip(sources) {
            let from = source.as_ptr();
            // SAFETY: bytes 0..16 and 8..24 of the 24; the loads need no alignment.
            let (low, high) = unsafe {
                (
                    _mm_loadu_si128(from.cast()),
                    _mm_loadu_si128(from.add(8).cast()),
                )
            };
            let words = _mm256_shuffle_epi8(_mm256_set_m128i(high, low), spread);
            let widened = _mm256_or_si256(
                _mm256_or_si256(
                    _mm256_and_si256(words, masks[0]),
                    _mm256_and_si256(_mm256_slli_epi32::<2>(words), masks[1]),
                ),
                _mm256_or_si256(
                    _mm256_and_si256(_mm256_slli_epi32::<4>(words), masks[2]),
                    _mm256_and_si256(_mm256_slli_epi32::<6>(words), masks[3]),
                ),
            );
            let to: *mut __m256i = group.as_mut_ptr().cast();
            // SAFETY: the 32 bytes of the group; neither load nor store needs alignment.
            unsafe {
                let old = _mm256_loadu_si256(to.cast_const());
                _mm256_storeu_si256(to, _mm256_max_epu8(old, widened));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Every byte value, in an order that depends on the seed.
    fn noise<const N: usize>(seed: u64) -> Box<[u8; N]> {
        let mut bytes = Box::new([0; N]);
        for (i, byte) in bytes.iter_mut().enumerate() {
            *byte = crate::hash::murmur64a(&(i as u64).to_le_bytes(), seed) as u8;
        }
        bytes
    }

    /// Any ranks up to the most, or ranks as rare as they are high.
    fn ranks(seed: u64, most: u8, skewed: bool) -> Box<Ranks> {
        let mut ranks = noise(seed);
        for (i, rank) in ranks.iter_mut().enumerate() {
            *rank = match skewed {
                true => most.min(rank.trailing_zeros() as u8 * 3 + (i % 1000 == 0) as u8 * 20),
                false => *rank % (most + 1),
            };
        }
        ranks
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]

        #[test]
        fn both_versions_do_what_one_register_after_the_other_does(
            seed: u64, most in 0u8..=63, skewed: bool,
        ) {
            let before = ranks(seed, most, skewed);
            let nibbles = noise(seed ^ 1);
            let packed = noise(seed ^ 2);
            let mut by_nibble = before.clone();
            let mut by_six = before.clone();
            let mut counts = [0; 64];
            for i in 0..REGISTERS {
                let nibble = nibbles[i / 64 * 32 + i % 32] >> (i / 32 % 2 * 4) & 15;
                by_nibble[i] = by_nibble[i].max(nibble);
                let bit = |n: usize| packed[n / 8] >> (n % 8) & 1;
                let six = (0..6).map(|n| bit(i * 6 + n) << n).sum::<u8>();
                by_six[i] = by_six[i].max(six);
                counts[usize::from(before[i])] += 1;
            }

            let mut ours = before.clone();
            portable::max_nibbles(&mut ours, &nibbles);
            prop_assert!(ours == by_nibble);
            ours = before.clone();
            portable::max_packed(&mut ours, &packed);
            prop_assert!(ours == by_six);
            prop_assert_eq!(portable::histogram(&before), counts);

            // AVX2 where there is any.
            ours = before.clone();
            max_nibbles(&mut ours, &nibbles);
            prop_assert!(ours == by_nibble);
            ours = before.clone();
            max_packed(&mut ours, &packed);
            prop_assert!(ours == by_six);
            prop_assert_eq!(histogram(&before), counts);
        }
    }

    #[test]
    fn a_column_counts_them_all() {
        let mut counts = [0; 64];
        counts[63] = REGISTERS as u32;
        assert_eq!(histogram(&[63; REGISTERS]), counts);
        assert_eq!(portable::histogram(&[63; REGISTERS]), counts);
    }
}
