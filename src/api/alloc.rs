//! The allocator of Rust inside the server: that of the server, so that `used_memory`, `maxmemory` and
//! eviction include every byte. Outside of a server, in unit tests, that of the system.
//!
//! The functions are cold and never inline: an event allocates nothing, and its code lies close together
//! for the instruction cache.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use redis_module::raw;

use analytics_core::memory::allocated;

pub struct RedisAllocator;

static ALLOCATED: AtomicUsize = AtomicUsize::new(0);

/// The bytes that Rust has allocated in the server.
pub fn allocated_bytes() -> usize {
    ALLOCATED.load(Relaxed)
}

fn count(layout: Layout) {
    ALLOCATED.fetch_add(allocated(padded(layout)), Relaxed);
}

fn uncount(layout: Layout) {
    ALLOCATED.fetch_sub(allocated(padded(layout)), Relaxed);
}

/// jemalloc aligns an allocation whose size is a multiple of the alignment.
fn padded(layout: Layout) -> usize {
    layout.pad_to_align().size()
}

// SAFETY: every method passes the request to the same allocator: Redis's from the first line of
// `RedisModule_OnLoad` on, before which nothing is allocated, or the system's where there is no server.
unsafe impl GlobalAlloc for RedisAllocator {
    #[cold]
    #[inline(never)]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the functions called have the contract of the trait.
        unsafe {
            match raw::RedisModule_Alloc {
                Some(alloc) => {
                    count(layout);
                    alloc(padded(layout)).cast()
                }
                None => System.alloc(layout),
            }
        }
    }

    #[cold]
    #[inline(never)]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as above.
        unsafe {
            match raw::RedisModule_Calloc {
                Some(calloc) => {
                    count(layout);
                    calloc(1, padded(layout)).cast()
                }
                None => System.alloc_zeroed(layout),
            }
        }
    }

    #[cold]
    #[inline(never)]
    unsafe fn realloc(&self, ptr: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: as above; the size is not zero and does not overflow when padded, as the trait
        // promises.
        unsafe {
            match raw::RedisModule_Realloc {
                Some(realloc) => {
                    uncount(layout);
                    let layout = Layout::from_size_align_unchecked(size, layout.align());
                    count(layout);
                    realloc(ptr.cast(), padded(layout)).cast()
                }
                None => System.realloc(ptr, layout, size),
            }
        }
    }

    #[cold]
    #[inline(never)]
    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe {
            match raw::RedisModule_Free {
                Some(free) => {
                    uncount(layout);
                    free(ptr.cast())
                }
                None => System.dealloc(ptr, layout),
            }
        }
    }
}
