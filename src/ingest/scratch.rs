//! Memory that is kept from one command to the next, so that an event allocates nothing.

use std::cell::Cell;

use super::arguments::Request;
use super::write::DirectWrite;

#[derive(Default)]
pub struct Scratch<'c> {
    pub request: Request<'c>,
    pub write: DirectWrite<'c>,
}

thread_local! {
    /// None while a command uses it: a command that runs inside of that one makes its own.
    static SCRATCH: Cell<Option<Box<Scratch<'static>>>> = const { Cell::new(None) };
}

/// The memory of a larger call is not kept.
const MOST_EVENTS: usize = 1_024;

impl<'c> Scratch<'c> {
    #[inline]
    pub fn take() -> Box<Scratch<'c>> {
        SCRATCH.take().unwrap_or_default()
    }

    #[inline]
    pub fn give_back(mut self: Box<Self>) {
        if self.request.batch.events.len() > MOST_EVENTS {
            return;
        }
        self.request.clear();
        self.write.clear();
        // SAFETY: only the lifetime changes, and nothing is left that borrows from the command: what
        // is kept are empty vectors.
        let emptied = unsafe { Box::from_raw(Box::into_raw(self).cast::<Scratch<'static>>()) };
        SCRATCH.set(Some(emptied));
    }
}
