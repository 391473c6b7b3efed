//! Prefetching memory that is read soon.
//!
//! A query of many rows mostly waits for memory: the counters of each row are at an address of their
//! own. Prefetched together, many rows take the time of one.

const LINE: usize = 64;

/// So many rows ahead: what they bring still fits the fastest cache, and the memory is kept busy.
pub const AHEAD: usize = 64;

/// The first bytes of it.
#[inline(always)]
pub fn prefetch<T: ?Sized>(it: &T) {
    line(std::ptr::from_ref(it).cast());
}

/// All of it, but no more than half a kilobyte: the processor itself prefetches longer runs.
#[inline(always)]
pub fn prefetch_slice<T>(it: &[T]) {
    lines(it.as_ptr().cast(), size_of_val(it));
}

/// The same of a value at any address, which is not read.
#[inline(always)]
pub fn prefetch_value<T>(at: *const T) {
    lines(at.cast(), size_of::<T>());
}

/// The memory to which the next element is written, where there is room for one.
#[inline(always)]
pub fn prefetch_end<T>(it: &[T]) {
    line(it.as_ptr_range().end.cast());
}

#[inline(always)]
fn lines(start: *const u8, bytes: usize) {
    for offset in (0..bytes.min(8 * LINE)).step_by(LINE) {
        line(start.wrapping_add(offset));
    }
}

#[inline(always)]
fn line(at: *const u8) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_mm_prefetch, _MM_HINT_T0};
        // SAFETY: a hint, which reads nothing and is taken of any address.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(at.cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = at;
}
