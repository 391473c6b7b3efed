//! Arithmetic on counters in a slice of bytes, `N` bytes each, least significant first.
//!
//! The width is a constant of every function, so that each becomes a loop over plain integers that
//! the compiler vectorizes.

/// Calls a function with the constant of a `Width`.
macro_rules! by_width {
    ($width:expr, $N:ident => $call:expr) => {
        match $width {
            $crate::sketch::counters::block::Width::One => {
                const $N: usize = 1;
                $call
            }
            $crate::sketch::counters::block::Width::Two => {
                const $N: usize = 2;
                $call
            }
            $crate::sketch::counters::block::Width::Four => {
                const $N: usize = 4;
                $call
            }
            $crate::sketch::counters::block::Width::Eight => {
                const $N: usize = 8;
                $call
            }
        }
    };
}
pub(super) use by_width;

const fn max<const N: usize>() -> u64 {
    u64::MAX >> (64 - 8 * N)
}

#[inline(always)]
fn load<const N: usize>(cell: &[u8; N]) -> u64 {
    let mut wide = [0; 8];
    if let Some(low) = wide.first_chunk_mut::<N>() {
        *low = *cell;
    }
    u64::from_le_bytes(wide)
}

#[inline(always)]
fn store<const N: usize>(cell: &mut [u8; N], count: u64) {
    if let Some(low) = count.to_le_bytes().first_chunk::<N>() {
        *cell = *low;
    }
}

/// Adds to one counter, unless it is outside or becomes too large for its width.
#[inline(always)]
pub fn bump<const N: usize>(bytes: &mut [u8], index: usize, n: u64) -> bool {
    let Some(cell) = bytes.as_chunks_mut::<N>().0.get_mut(index) else {
        return false;
    };
    let count = load(cell).saturating_add(n);
    if count > max::<N>() {
        return false;
    }
    store(cell, count);
    true
}

#[inline(always)]
pub fn get<const N: usize>(bytes: &[u8], index: usize) -> u64 {
    bytes.as_chunks::<N>().0.get(index).map_or(0, load)
}

pub fn total<const N: usize>(bytes: &[u8]) -> u64 {
    sum(bytes.as_chunks::<N>().0)
}

#[inline(always)]
fn sum<const N: usize>(cells: &[[u8; N]]) -> u64 {
    if N < 8 {
        // No slice is so long that narrow counters overflow it.
        cells.iter().map(load).fold(0, u64::wrapping_add)
    } else {
        cells.iter().map(load).fold(0, u64::saturating_add)
    }
}

/// How many counters are not zero.
pub fn occupied<const N: usize>(bytes: &[u8]) -> usize {
    let cells = bytes.as_chunks::<N>().0.iter();
    cells.map(|cell| usize::from(*cell != [0; N])).sum()
}

/// Whether `add_all` would keep every counter of `to` within its width.
pub fn fits<const N: usize, const M: usize>(to: &[u8], from: &[u8]) -> bool {
    if N == 8 {
        return true;
    }
    let len = from.len() / M * N;
    let to = to.get(..len).unwrap_or(to);
    // No counter exceeds the bits of all of them, which are found faster than their sums.
    if all_bits::<N>(to) + all_bits::<M>(from) <= max::<N>() {
        return true;
    }
    // Without an early end, and in N bytes each, as a vector compares them: a sum that does not fit
    // comes out smaller than its parts.
    let pairs = to.as_chunks::<N>().0.iter().zip(from.as_chunks::<M>().0);
    !pairs.fold(false, |over, (a, b)| {
        let sum = load(a).wrapping_add(load(b)) & max::<N>();
        over | (sum < load(a))
    })
}

/// The bits that any of the counters has.
fn all_bits<const N: usize>(bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<8>();
    let words = words.iter().map(load).fold(0u64, |all, word| all | word);
    let rest = rest.as_chunks::<N>().0.iter().map(load);
    let words = words.to_le_bytes();
    let words = words.as_chunks::<N>().0.iter().map(load);
    words.chain(rest).fold(0, |all, count| all | count)
}

/// The bytes from the first to behind the last that is not zero.
pub fn touched(bytes: &[u8]) -> Option<(usize, usize)> {
    let words = bytes.as_chunks::<8>().0;
    let front = words.iter().position(|word| load(word) != 0)?;
    let back = words.iter().rposition(|word| load(word) != 0)?;
    let zeros_before = words.get(front).map(load)?.trailing_zeros() / 8;
    let zeros_behind = words.get(back).map(load)?.leading_zeros() / 8;
    Some((
        8 * front + zeros_before as usize,
        8 * (back + 1) - zeros_behind as usize,
    ))
}

/// Adds counter by counter; `to` has room for the sums, or saturates at 64 bits.
pub fn add_all<const N: usize, const M: usize>(to: &mut [u8], from: &[u8]) {
    let from = from.as_chunks::<M>().0;
    for (a, b) in to.as_chunks_mut::<N>().0.iter_mut().zip(from) {
        store(a, load(a).saturating_add(load(b)));
    }
}

/// The counter within which the running total reaches `rank`.
pub fn at_rank<const N: usize>(bytes: &[u8], rank: u64) -> Option<usize> {
    const STRIDE: usize = 32;
    let mut left = rank;
    for (stride, cells) in bytes.as_chunks::<N>().0.chunks(STRIDE).enumerate() {
        let here = sum(cells);
        if here < left {
            left -= here;
            continue;
        }
        for (i, cell) in cells.iter().enumerate() {
            let count = load(cell);
            if count >= left {
                return Some(stride * STRIDE + i);
            }
            left -= count;
        }
    }
    None
}
