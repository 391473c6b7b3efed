//! Rust's allocator inside the server: Redis's own, so that `used_memory`, `maxmemory` and eviction
//! see every byte. Outside a server (benches link the domain code) the system's.
//!
//! Cold, and never inline: an event allocates nothing, and what it runs through is to lie close together
//! for the instruction cache.

use std::alloc::{GlobalAlloc, Layout, System};

use redis_module::raw;

use crate::stats::MEMORY;
use analytics_core::memory::allocated;

pub struct RedisAllocator;

/// jemalloc aligns an allocation whose size is a multiple of the alignment.
fn padded(layout: Layout) -> usize {
    layout.pad_to_align().size()
}

// SAFETY: every method hands the request to one allocator, and always the same one: Redis's from the
// first line of `RedisModule_OnLoad` on, before which nothing is allocated, or the system's where
// there is no server.
unsafe impl GlobalAlloc for RedisAllocator {
    #[cold]
    #[inline(never)]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the contract of the trait is that of the functions called.
        unsafe {
            match raw::RedisModule_Alloc {
                Some(alloc) => {
                    MEMORY.add(allocated(padded(layout)));
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
                    MEMORY.add(allocated(padded(layout)));
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
                    MEMORY.subtract(allocated(padded(layout)));
                    let layout = Layout::from_size_align_unchecked(size, layout.align());
                    MEMORY.add(allocated(padded(layout)));
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
                    MEMORY.subtract(allocated(padded(layout)));
                    free(ptr.cast())
                }
                None => System.dealloc(ptr, layout),
            }
        }
    }
}
