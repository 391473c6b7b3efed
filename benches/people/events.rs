//! The events of the questions: bursts of a user's events, and users who come again in other weeks.

use testkit::Random;

pub const USERS: u64 = 200_000;
pub const DAYS: i64 = 84;
pub const DAY: i64 = 86_400_000;

/// How many users are at it at a time, and how many events they send together.
const AT_ONCE: u64 = 60;
const OF_A_SPELL: u64 = 500;

pub const KINDS: [&str; 5] = ["view", "cart", "pay", "search", "help"];

pub struct Event {
    pub user: u64,
    pub at: i64,
    /// Of `KINDS`.
    pub kind: u8,
}

/// So many events of the last days before `end`, in the order of time.
pub fn events(count: u64, end: i64) -> impl Iterator<Item = Event> {
    let mut random = Random::new(42);
    let begin = end - DAYS * DAY;
    (0..count).map(move |number| {
        let at = begin + (i128::from(DAYS * DAY) * i128::from(number) / i128::from(count)) as i64;
        let place = number / OF_A_SPELL * AT_ONCE + random.below(AT_ONCE);
        // One in two comes more often than the others.
        let mixed = place.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 20;
        let user = match mixed % 2 {
            0 => mixed / 2 % USERS,
            _ => mixed / 2 % (USERS / 20),
        };
        let kind = [0, 0, 0, 0, 1, 1, 2, 3, 3, 4][random.below(10) as usize];
        Event { user, at, kind }
    })
}
