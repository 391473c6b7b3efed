//! The site `api`: requests to a service that is some weeks old, by endpoint, method and status, and
//! how long each took. For three of every twelve minutes the search is slow, so that an alert fires and
//! resolves.

use crate::calendar::{Calendar, HOUR};
use crate::event::Event;
use crate::random::Random;
use crate::shop::OUTAGE;

pub const SITE: &str = "api";

/// Endpoint, method, weight, milliseconds in the middle, spread.
const ENDPOINTS: [(&str, &str, f64, f64, f64); 8] = [
    ("/v1/products", "GET", 34.0, 24.0, 0.5),
    ("/v1/products/{id}", "GET", 26.0, 12.0, 0.4),
    ("/v1/search", "GET", 14.0, 85.0, 0.7),
    ("/v1/cart", "POST", 9.0, 31.0, 0.5),
    ("/v1/session", "POST", 7.0, 46.0, 0.5),
    ("/v1/checkout", "POST", 4.0, 140.0, 0.6),
    ("/v1/payment", "POST", 2.5, 420.0, 0.7),
    ("/v1/webhooks", "POST", 3.5, 60.0, 0.9),
];

pub struct Api<'c> {
    pub calendar: &'c Calendar,
    pub seed: u64,
    /// Requests of an average day at the end.
    pub requests: f64,
}

/// In days.
const AGE: f64 = 45.0;
/// The weight of each hour of the day: the middle of it has more.
const HOURS: [f64; 24] = [
    1.2, 0.9, 0.8, 0.8, 1.0, 1.6, 2.6, 4.0, 5.6, 6.6, 7.0, 7.0, 6.8, 6.9, 6.9, 6.6, 6.2, 5.6, 4.9,
    4.4, 4.0, 3.4, 2.6, 1.8,
];

impl Api<'_> {
    /// On this day.
    pub fn requests_of(&self, day: u64) -> f64 {
        let mut of_day = Random::of(&[self.seed, 8, day]);
        let week = [1.05, 1.08, 1.1, 1.06, 1.0, 0.62, 0.58];
        let weekday = self.calendar.date(day).weekday().to_monday_zero_offset() as usize;
        let back = (self.calendar.days - 1 - day) as f64;
        let grown = if back < AGE {
            (-back / 30.0).exp()
        } else {
            0.0
        };
        self.requests * grown * week[weekday] * (1.0 + 0.06 * of_day.normal())
    }

    /// The requests of a day that come before an instant.
    pub fn day(&self, day: u64, until: i64) -> Vec<Event> {
        let start = self.calendar.start(day);
        let mut events: Vec<Event> = (0..self.requests_of(day) as u64)
            .map(|number| {
                let mut random = Random::of(&[self.seed, 5, day, number]);
                let hour = random.hour(&HOURS);
                let time = start + hour * HOUR + (random.unit() * HOUR as f64) as i64;
                let down = day == self.calendar.back(OUTAGE) && (13..17).contains(&hour);
                request(time, down, &mut random)
            })
            .filter(|event| event.time < until)
            .collect();
        events.sort_by_key(|event| event.time);
        events
    }

    /// The requests of a minute, at the pace of the last day.
    pub fn minute(&self, minute: i64) -> Vec<Event> {
        let mut count = Random::of(&[self.seed, 6, minute as u64]);
        let requests = self.requests_of(self.calendar.days - 1);
        let hour = self.calendar.hour(minute * 60_000);
        let mut events: Vec<Event> = (0..count.of_minute(requests, &HOURS, hour))
            .map(|number| {
                let mut random = Random::of(&[self.seed, 7, minute as u64, number]);
                request(
                    minute * 60_000 + random.below(60_000) as i64,
                    false,
                    &mut random,
                )
            })
            .collect();
        events.sort_by_key(|event| event.time);
        events
    }
}

fn request(time: i64, down: bool, random: &mut Random) -> Event {
    let (endpoint, method, _, middle, spread) =
        random.pick(&ENDPOINTS.map(|endpoint| (endpoint, endpoint.2)));
    let slow = endpoint == "/v1/search" && (time / 60_000) % 12 < 3;
    let factor = if slow { 9.0 } else { 1.0 };
    let latency = middle * factor * (spread * random.normal()).exp();
    let failing = if down { 0.62 } else { 0.004 };
    let status = match random.chance(failing) {
        true => random.pick(&[("503", 5.0), ("500", 3.0), ("504", 2.0)]),
        false => random.pick(&[
            ("200", 92.0),
            ("201", 4.0),
            ("304", 2.0),
            ("404", 1.4),
            ("401", 0.6),
        ]),
    };
    let name = if status.starts_with('5') {
        "error"
    } else {
        "request"
    };
    let region = random.pick(&[("eu-central", 60.0), ("eu-west", 25.0), ("us-east", 15.0)]);
    Event {
        time,
        name,
        user: format!("client-{}", (random.unit().powi(2) * 420.0) as u64),
        dimensions: vec![
            ("endpoint", String::from(endpoint)),
            ("method", String::from(method)),
            ("status", String::from(status)),
            ("region", String::from(region)),
        ],
        values: vec![("latency", (latency * 10.0).round() / 10.0)],
        passive: false,
    }
}
