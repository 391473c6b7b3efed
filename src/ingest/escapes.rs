//! Where the texts of a JSON body stand once their escapes are resolved: memory that goes from one
//! command to the next. Most bodies have none, and need none of it.

use std::cell::Cell;

use analytics_core::event::json::has_escapes;

#[derive(Default)]
pub struct Escapes {
    buffer: Vec<u8>,
}

thread_local! {
    /// Taken out while a command runs: one that runs inside of it begins with none.
    static ESCAPES: Cell<Option<Escapes>> = const { Cell::new(None) };
}

/// What a larger body needed is not kept.
const LARGEST: usize = 1 << 16;

impl Escapes {
    /// With room for all the texts of this body: an escape is longer than what it stands for.
    pub fn take(json: &[u8]) -> Escapes {
        if !has_escapes(json) {
            return Escapes::default();
        }
        let mut escapes = ESCAPES.take().unwrap_or_default();
        if escapes.buffer.len() < json.len() {
            escapes.buffer.resize(json.len(), 0);
        }
        escapes
    }

    pub fn buffer(&mut self) -> &mut [u8] {
        &mut self.buffer
    }

    pub fn give_back(self) {
        if (1..=LARGEST).contains(&self.buffer.capacity()) {
            ESCAPES.set(Some(self));
        }
    }
}
