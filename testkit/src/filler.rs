//! Fills a site with many events, a thousand a call, some calls ahead of their replies.

use crate::connection::{encode, Arg, Connection};

const EVENTS_A_CALL: usize = 1_000;
const CALLS_AHEAD: usize = 8;

pub struct Filler<'c> {
    connection: &'c mut Connection,
    command: &'static str,
    key: String,
    /// Of the call at hand: the words behind the key, encoded, how many, and of how many events.
    body: Vec<u8>,
    words: usize,
    events: usize,
    ahead: usize,
}

impl<'c> Filler<'c> {
    /// Events of a site.
    pub fn of_site(connection: &'c mut Connection, site: &str) -> Filler<'c> {
        Filler::new(connection, "ANALYTICS.MTRACK", site)
    }

    /// Members of a native HyperLogLog.
    pub fn of_hll(connection: &'c mut Connection, key: &str) -> Filler<'c> {
        Filler::new(connection, "PFADD", key)
    }

    fn new(connection: &'c mut Connection, command: &'static str, key: &str) -> Filler<'c> {
        Filler {
            connection,
            command,
            key: key.to_owned(),
            body: Vec::new(),
            words: 0,
            events: 0,
            ahead: 0,
        }
    }

    /// One event, from its type on, or one member.
    pub fn add(&mut self, words: &[&dyn Arg]) {
        if self.command == "ANALYTICS.MTRACK" {
            self.word(&"EVENT");
        }
        words.iter().for_each(|word| self.word(*word));
        self.events += 1;
        if self.events == EVENTS_A_CALL {
            self.send();
        }
    }

    fn word(&mut self, word: &dyn Arg) {
        let mut bytes = Vec::with_capacity(16);
        word.append_to(&mut bytes);
        self.body
            .extend_from_slice(format!("${}\r\n", bytes.len()).as_bytes());
        self.body.extend_from_slice(&bytes);
        self.body.extend_from_slice(b"\r\n");
        self.words += 1;
    }

    fn send(&mut self) {
        if self.events == 0 {
            return;
        }
        let mut call = Vec::with_capacity(self.body.len() + 64);
        encode(&mut call, &[&self.command, &self.key]);
        // The head has the number of words.
        let after = call.iter().position(|byte| *byte == b'\n').unwrap_or(0) + 1;
        let mut whole = format!("*{}\r\n", self.words + 2).into_bytes();
        whole.extend_from_slice(&call[after..]);
        whole.append(&mut self.body);
        self.connection
            .send(&whole)
            .expect("the server takes requests");
        self.words = 0;
        self.events = 0;
        self.ahead += 1;
        if self.ahead > CALLS_AHEAD {
            self.receive();
        }
    }

    fn receive(&mut self) {
        let reply = self.connection.receive().expect("the server replies");
        assert!(!reply.is_error(), "{}", reply.error());
        self.ahead -= 1;
    }

    /// Everything was counted on return.
    pub fn finish(mut self) {
        self.send();
        while self.ahead > 0 {
            self.receive();
        }
    }
}
