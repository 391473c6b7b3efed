//! The buffer for texts of a JSON body whose escapes are resolved. It is kept from one command to the
//! next. Most bodies have no escapes and need no buffer.

use std::cell::Cell;

use analytics_core::event::json::has_escapes;

#[derive(Default)]
pub struct UnescapeBuffer {
    bytes: Vec<u8>,
}

thread_local! {
    /// None while a command uses it: a command that runs inside of that one makes its own.
    static BUFFER: Cell<Option<UnescapeBuffer>> = const { Cell::new(None) };
}

/// The memory of a larger body is not kept.
const LARGEST: usize = 1 << 16;

impl UnescapeBuffer {
    /// Large enough for all texts of this body: an escape is longer than the character it encodes.
    pub fn take(json: &[u8]) -> UnescapeBuffer {
        if !has_escapes(json) {
            return UnescapeBuffer::default();
        }
        let mut buffer = BUFFER.take().unwrap_or_default();
        if buffer.bytes.len() < json.len() {
            buffer.bytes.resize(json.len(), 0);
        }
        buffer
    }

    pub fn bytes(&mut self) -> &mut [u8] {
        &mut self.bytes
    }

    pub fn give_back(self) {
        if (1..=LARGEST).contains(&self.bytes.capacity()) {
            BUFFER.set(Some(self));
        }
    }
}
