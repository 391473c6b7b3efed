//! Memory that goes from one command to the next, so that an event allocates nothing.

use std::cell::Cell;

use super::arguments::Request;
use super::record::Routes;

#[derive(Default)]
pub struct Scratch<'c> {
    pub request: Request<'c>,
    pub routes: Routes<'c>,
}

thread_local! {
    /// Taken out while a command runs: one that runs inside of it begins with none.
    static SCRATCH: Cell<Option<Scratch<'static>>> = const { Cell::new(None) };
}

/// What a larger call needed is not kept.
const MOST_EVENTS: usize = 1_024;

impl<'c> Scratch<'c> {
    pub fn take() -> Scratch<'c> {
        SCRATCH.take().unwrap_or_default()
    }

    pub fn give_back(self) {
        if self.request.batch.events.len() <= MOST_EVENTS {
            SCRATCH.set(Some(Scratch {
                request: self.request.recycle(),
                routes: self.routes.recycle(),
            }));
        }
    }
}
