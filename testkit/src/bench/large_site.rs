//! A site with a million users and every granularity full, and what a dashboard asks of it.

use crate::bench::Event;
use crate::connection::{Arg, Connection};
use crate::filler::Filler;
use crate::random::Random;

pub const USERS: u64 = 1_000_000;
pub const PAGES: u64 = 1_000;

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

pub const QUESTIONS: [&str; 14] = [
    "UNIQUE site 24h",
    "UNIQUE site 7d",
    "UNIQUE site 365d",
    "UNIQUE site 24h country FR",
    "GET site 24h events users revenue:sum latency:p95 users@country=FR",
    "RANGE site 1h 1s events",
    "RANGE site 24h 1m events",
    "RANGE site 30d 1d users latency:p95",
    "TOP site 1h page",
    "TOP site 24h page",
    "TOP site 24h page BY revenue:sum",
    "TOP site 24h page BY users",
    "COMPARE site today events users",
    "DASHBOARD site",
];

/// A year of days, a week of hours and two hours of minutes, each with enough users for registers, or one
/// out of so many of these events.
pub fn fill(connection: &mut Connection, one_in: u64) {
    let now = connection.now();
    let mut random = Random::new(42);
    let stretches = [
        (366 * DAY, 366 * 8_000, false),
        (8 * DAY, 8 * 24 * 4_000, true),
        (2 * HOUR, 120 * 2_000, true),
    ];
    for (length, count, with_page) in stretches {
        let mut filler = Filler::of_site(connection, "site");
        let count = count / one_in;
        for done in 0..count {
            if done % 100_000 == 0 {
                eprint!(
                    "\rfilling {} d: {:>3} %  ",
                    length / DAY,
                    done * 100 / count
                );
            }
            let at = now - random.below(length as u64) as i64;
            let user = format!("user{}", random.below(USERS));
            let event = Event::random(&mut random);
            let page = format!("/page/{}", random.below(PAGES));
            let mut words: Vec<&dyn Arg> = vec![
                &event.kind,
                &user,
                &"AT",
                &at,
                &"SESSION",
                &user,
                &"DIM",
                &"country",
                &event.country,
                &"VAL",
                &"revenue",
                &event.revenue,
                &"VAL",
                &"latency",
                &event.latency,
            ];
            if with_page {
                words.extend([&"DIM" as &dyn Arg, &"page", &page]);
            }
            filler.add(&words);
        }
        filler.finish();
    }
    eprint!("\r{:40}\r", "");
}
