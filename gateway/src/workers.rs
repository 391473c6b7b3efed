//! The threads that serve requests. Each has a runtime and connections to Redis of its own: a request,
//! its command and its answer stay on one thread, and none has to wake another.

use std::cell::Cell;
use std::future::Future;
use std::io;
use std::num::NonZeroUsize;
use std::thread;
use tokio::runtime::{Builder, Handle};
use tokio::task::JoinHandle;

thread_local! {
    static PLACE: Cell<Option<usize>> = const { Cell::new(None) };
}

/// One for each worker, and one for all other threads.
pub struct PerWorker<T> {
    own: Vec<T>,
    other: T,
}

impl<T> PerWorker<T> {
    pub fn new(own: Vec<T>, other: T) -> PerWorker<T> {
        PerWorker { own, other }
    }

    /// That of this thread.
    pub fn here(&self) -> &T {
        let own = PLACE.get().and_then(|place| self.own.get(place));
        own.unwrap_or(&self.other)
    }
}

/// Cheap to clone. The threads live as long as the process.
#[derive(Clone, Default)]
pub struct Workers(Vec<Handle>);

impl Workers {
    /// So many; 0 is one for each core.
    pub fn start(count: usize) -> io::Result<Workers> {
        let cores = || thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let count = if count == 0 { cores() } else { count };
        let start = |place| {
            let runtime = Builder::new_current_thread().enable_all().build()?;
            let handle = runtime.handle().clone();
            thread::Builder::new()
                .name(format!("worker-{place}"))
                .spawn(move || {
                    PLACE.set(Some(place));
                    runtime.block_on(std::future::pending::<()>());
                })?;
            Ok(handle)
        };
        (0..count)
            .map(start)
            .collect::<io::Result<_>>()
            .map(Workers)
    }

    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// A task on each of them, in order, with what is given for it.
    pub fn spawn_each<A, T, F>(
        &self,
        given: impl IntoIterator<Item = A>,
        task: impl Fn(A) -> F,
    ) -> Vec<JoinHandle<T>>
    where
        T: Send + 'static,
        F: Future<Output = T> + Send + 'static,
    {
        let each = self.0.iter().zip(given);
        each.map(|(worker, given)| worker.spawn(task(given)))
            .collect()
    }
}
