//! The two owners of a value's memory: the server, from the creation of the key to `free`, and at most one
//! handle of this module, its holder. The owner that releases the memory last frees it.
//!
//! The server may release it on another thread; the holder does so on the thread with the server's lock.
//! The same byte has marks about the key, which only the latter thread sets and reads.

#[cfg(loom)]
use loom::sync::atomic::{AtomicU8, Ordering};
#[cfg(not(loom))]
use std::sync::atomic::{AtomicU8, Ordering};

#[derive(Debug)]
pub struct Owners(AtomicU8);

/// The server has not released it.
const SERVER: u8 = 1;
const HOLDER: u8 = 2;
/// It has left its key.
const UNLINKED: u8 = 4;
/// Something else than events of its holder was written into it.
const IMPORTED: u8 = 8;

/// What has happened to a value since its marks were taken last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Since {
    Nothing,
    /// It left its key and returned, or was imported into.
    Changed,
}

impl Owners {
    /// Owned by the server alone.
    pub fn new() -> Owners {
        Owners(AtomicU8::new(SERVER))
    }

    /// Makes the caller the holder. False where there is one.
    pub fn hold(&self) -> bool {
        self.0.fetch_or(HOLDER, Ordering::Relaxed) & HOLDER == 0
    }

    /// Clears the marks, when the holder has found the value under its key again.
    pub fn take_changes(&self) -> Since {
        match self.0.fetch_and(!(UNLINKED | IMPORTED), Ordering::Relaxed) & (UNLINKED | IMPORTED) {
            0 => Since::Nothing,
            _ => Since::Changed,
        }
    }

    pub fn mark_unlinked(&self) {
        self.0.fetch_or(UNLINKED, Ordering::Relaxed);
    }

    pub fn mark_imported(&self) {
        self.0.fetch_or(IMPORTED, Ordering::Relaxed);
    }

    /// For the holder: whether the value is under its key, and only events of the holder were written
    /// into it.
    #[inline]
    pub fn is_undisturbed(&self) -> bool {
        self.0.load(Ordering::Relaxed) == SERVER | HOLDER
    }

    /// For the holder: whether the contents are there and under their key. What is not may be dropped on
    /// another thread.
    #[inline]
    pub fn has_contents(&self) -> bool {
        self.0.load(Ordering::Acquire) & (SERVER | UNLINKED) == SERVER
    }

    pub fn is_held(&self) -> bool {
        self.0.load(Ordering::Relaxed) & HOLDER != 0
    }

    /// Releases the holder's part. True if the caller has to free the memory.
    #[must_use]
    pub fn release(&self) -> bool {
        self.0.fetch_and(!HOLDER, Ordering::AcqRel) & SERVER == 0
    }

    /// Releases the server's part, after the contents are dropped. True if the caller has to free the
    /// memory.
    #[must_use]
    pub fn disown(&self) -> bool {
        self.0.fetch_and(!SERVER, Ordering::AcqRel) & HOLDER == 0
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn one_holds_at_a_time() {
        let owners = Owners::new();
        assert!(owners.hold() && !owners.hold());
        assert!(owners.is_held() && owners.is_undisturbed());
        assert!(!owners.release());
        assert!(owners.hold());
    }

    #[test]
    fn the_last_owner_frees() {
        let owners = Owners::new();
        assert!(owners.disown());
        let owners = Owners::new();
        assert!(owners.hold() && !owners.disown() && !owners.has_contents() && owners.release());
        let owners = Owners::new();
        assert!(owners.hold() && !owners.release() && owners.disown());
    }

    #[test]
    fn what_happened_is_found_once() {
        let owners = Owners::new();
        assert!(owners.hold());
        assert_eq!(owners.take_changes(), Since::Nothing);
        for happen in [Owners::mark_unlinked, Owners::mark_imported] {
            happen(&owners);
            assert!(!owners.is_undisturbed());
            assert_eq!(owners.take_changes(), Since::Changed);
            assert!(owners.is_undisturbed());
        }
    }
}

/// `RUSTFLAGS="--cfg loom" cargo test --release --lib owners`: every order of steps of two threads.
#[cfg(all(test, loom))]
mod interleavings {
    use super::*;
    use loom::cell::UnsafeCell;
    use loom::sync::Arc;
    use loom::thread;

    /// The contents, whether they were dropped, and how often the memory was freed.
    struct Value {
        owners: Owners,
        contents: UnsafeCell<u64>,
        freed: loom::sync::atomic::AtomicU8,
    }

    // SAFETY: loom itself reports a data race on the contents.
    unsafe impl Sync for Value {}

    #[test]
    fn memory_is_freed_once_and_contents_are_not_used_after_they_are_dropped() {
        loom::model(|| {
            let value = Arc::new(Value {
                owners: Owners::new(),
                contents: UnsafeCell::new(1),
                freed: loom::sync::atomic::AtomicU8::new(0),
            });
            assert!(value.owners.hold());
            let server = Arc::clone(&value);
            // The main thread has unlinked it, and passes it to a freeing thread.
            value.owners.mark_unlinked();
            let freeing = thread::spawn(move || {
                // SAFETY: the server owns the contents.
                server
                    .contents
                    .with_mut(|contents| unsafe { *contents = 0 });
                if server.owners.disown() {
                    server.freed.fetch_add(1, Ordering::Relaxed);
                }
            });
            // The holder reads the marks alone, and releases its part.
            assert!(!value.owners.is_undisturbed());
            if value.owners.release() {
                // SAFETY: the last owner has the memory for itself.
                value
                    .contents
                    .with(|contents| unsafe { assert_eq!(*contents, 0) });
                value.freed.fetch_add(1, Ordering::Relaxed);
            }
            freeing.join().unwrap();
            assert_eq!(value.freed.load(Ordering::Relaxed), 1);
        });
    }
}
