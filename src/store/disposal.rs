//! Buckets that go by the thousand. Their keys go at once, as every command sees; what they held is
//! freed on a thread beside the one that executes commands.
//!
//! To free a bucket is to look at some memory that nobody has looked at for long, which takes as long
//! as all that Redis does about its key. Redis hands large values to a thread of its own, one by one;
//! with small ones that costs more than it saves.

use std::cell::RefCell;
use std::hint::black_box;
use std::sync::mpsc::{channel, Sender};
use std::thread::{Builder, JoinHandle};

use super::bucket_value::BucketValue;
use super::warm;

/// Fewer are freed sooner than a thread is there.
const MANY: usize = 512;

/// Freed when it goes, on whichever thread.
#[derive(Default)]
struct Values(Vec<*mut BucketValue>);

// SAFETY: Redis is done with them, and any thread may free a value.
unsafe impl Send for Values {}

impl Drop for Values {
    fn drop(&mut self) {
        for group in self.0.chunks(TOGETHER) {
            // SAFETY: they came from `gathers`, each once, and none is freed before its group is seen.
            unsafe {
                look_at(group.iter().map(|value| &**value));
                group.iter().for_each(|value| BucketValue::free_now(*value));
            }
        }
    }
}

/// So many look-ups of memory a processor has under way.
const TOGETHER: usize = 32;

/// Brings what freeing will read into the cache. One bucket after the other, each step would wait for
/// memory; step by step over many of them, the waits go on side by side.
fn look_at<'v>(values: impl Iterator<Item = &'v BucketValue> + Clone) {
    const ROWS: usize = 4;
    let breakdowns = || values.clone().flat_map(|value| value.breakdowns());
    black_box(
        values
            .clone()
            .map(|value| value.breakdowns().len())
            .sum::<usize>(),
    );
    black_box(breakdowns().map(|it| it.rows().len()).sum::<usize>());
    let rows = breakdowns().flat_map(|it| it.rows().iter().take(ROWS));
    black_box(rows.map(|row| row.value().len()).sum::<usize>());
}

/// What Redis would have freed on this thread by now.
#[derive(Default)]
struct Gathered {
    values: Values,
    /// Set where many are handed over while there are more to come.
    helper: Option<Helper>,
}

struct Helper {
    sender: Sender<Values>,
    thread: JoinHandle<()>,
}

thread_local! {
    static GATHERED: RefCell<Option<Gathered>> = const { RefCell::new(None) };
}

/// Whether this thread only gathers now.
pub fn is_gathering() -> bool {
    GATHERED.with(|gathered| gathered.try_borrow().is_ok_and(|it| it.is_some()))
}

/// Takes a value that is to be freed, while this thread only gathers. False leaves it to the caller.
///
/// # Safety
/// The value was a box, and Redis is done with it.
pub unsafe fn gathers(value: *mut BucketValue) -> bool {
    GATHERED.with(|gathered| {
        let Ok(mut gathered) = gathered.try_borrow_mut() else {
            return false;
        };
        let Some(gathered) = gathered.as_mut() else {
            return false;
        };
        gathered.values.0.push(value);
        if let Some(helper) = &gathered.helper {
            if gathered.values.0.len() >= MANY {
                // What cannot be sent comes back, and goes here.
                let _ = helper.sender.send(std::mem::take(&mut gathered.values));
            }
        }
        true
    })
}

/// What a command deletes is freed after it has replied.
pub fn after<T>(deletes: impl FnOnce() -> T) -> T {
    GATHERED.set(Some(Gathered::default()));
    let done = deletes();
    let values = GATHERED.take().unwrap_or_default().values;
    if values.0.len() >= MANY {
        // Without a thread the values go here, with what should have run there.
        let _ = Builder::new().spawn(move || drop(values));
    }
    done
}

/// A database is about to be emptied. Whoever asked for it may wait for the memory: then two threads free
/// at a time.
pub fn flush_begins(is_awaited: bool) {
    warm::forget_all();
    if is_awaited {
        GATHERED.set(Some(Gathered {
            helper: Helper::start(),
            values: Values::default(),
        }));
    }
}

/// Everything is freed on return.
pub fn flush_ends() {
    if let Some(gathered) = GATHERED.take() {
        drop(gathered.values);
        gathered.helper.into_iter().for_each(Helper::finish);
    }
}

impl Helper {
    fn start() -> Option<Helper> {
        let (sender, receiver) = channel::<Values>();
        let thread = Builder::new().spawn(move || receiver.into_iter().for_each(drop));
        Some(Helper {
            sender,
            thread: thread.ok()?,
        })
    }

    fn finish(self) {
        drop(self.sender);
        let _ = self.thread.join();
    }
}
