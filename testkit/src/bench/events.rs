//! Made-up events, the same in every run, and requests encoded before anything is measured.

use std::sync::atomic::{AtomicI64, Ordering};

use crate::connection::{encode, Arg};
use crate::random::Random;

pub const USERS: u64 = 100_000;
const EVENTS: [&str; 10] = [
    "view", "click", "search", "cart", "purchase", "login", "logout", "share", "signup", "error",
];
const COUNTRIES: [&str; 20] = [
    "FR", "DE", "US", "GB", "IT", "ES", "NL", "BE", "CH", "AT", "PL", "SE", "NO", "DK", "FI", "PT",
    "IE", "CA", "BR", "JP",
];
const DEVICES: [&str; 3] = ["phone", "desktop", "tablet"];
const PLANS: [&str; 4] = ["free", "basic", "pro", "team"];

pub struct Event {
    pub kind: &'static str,
    pub user: String,
    pub country: &'static str,
    pub device: &'static str,
    pub plan: &'static str,
    pub revenue: String,
    pub latency: String,
}

pub fn user(random: &mut Random) -> String {
    format!("user{}", random.below(USERS))
}

impl Event {
    pub fn random(random: &mut Random) -> Event {
        Event {
            kind: random.pick::<&str>(&EVENTS),
            user: user(random),
            country: random.pick::<&str>(&COUNTRIES),
            device: random.pick::<&str>(&DEVICES),
            plan: random.pick::<&str>(&PLANS),
            revenue: format!("{:.2}", random.below(100_000) as f64 / 100.0),
            latency: format!("{:.1}", random.below(10_000) as f64 / 10.0),
        }
    }
}

/// Requests, back to back as they go over the wire, and what they stand for.
#[derive(Default)]
pub struct Requests {
    pub bytes: Vec<u8>,
    pub replies: u64,
    pub events: u64,
    /// Times that go on from pass to pass.
    pub stamps: Option<Stamps>,
}

/// Milliseconds in requests, all of the same number of digits, that every pass moves on.
pub struct Stamps {
    /// Where each stands, and how long after the first one of the pass it is.
    places: Vec<(usize, i64)>,
    next: AtomicI64,
    length: i64,
}

impl Stamps {
    const DIGITS: usize = 13;

    /// Of every number in the bytes that is as long: they are to begin with `first`.
    pub fn of(bytes: &[u8], first: i64, length: i64) -> Stamps {
        let header = format!("${}\r\n", Stamps::DIGITS).into_bytes();
        let mut places = Vec::new();
        for (place, _) in bytes
            .windows(header.len())
            .enumerate()
            .filter(|(_, window)| *window == header)
        {
            let start = place + header.len();
            let digits = std::str::from_utf8(&bytes[start..start + Stamps::DIGITS]);
            if let Some(time) = digits.ok().and_then(|digits| digits.parse::<i64>().ok()) {
                places.push((start, time - first));
            }
        }
        Stamps {
            places,
            next: AtomicI64::new(first),
            length,
        }
    }

    pub fn stamp(&self, bytes: &mut [u8]) {
        let first = self.next.fetch_add(self.length, Ordering::Relaxed);
        for (place, after) in &self.places {
            let mut rest = first + after;
            for digit in bytes[*place..place + Stamps::DIGITS].iter_mut().rev() {
                *digit = b'0' + (rest % 10) as u8;
                rest /= 10;
            }
        }
    }
}

impl Requests {
    /// Each call of `add` appends what one event takes.
    pub fn of(events: u64, mut add: impl FnMut(&mut Requests, u64)) -> Requests {
        let mut requests = Requests::default();
        for n in 0..events {
            add(&mut requests, n);
        }
        requests.events = events;
        requests
    }

    pub fn push(&mut self, args: &[&dyn Arg]) {
        encode(&mut self.bytes, args);
        self.replies += 1;
    }

    pub fn push_words(&mut self, words: &[String]) {
        let args: Vec<&dyn Arg> = words.iter().map(|word| word as &dyn Arg).collect();
        self.push(&args);
    }
}
