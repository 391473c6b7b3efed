//! How far off the users of a window are, at random instants: the table of docs/reference.md.
//!
//! `cargo test -p analytics-core window_accuracy -- --nocapture` prints it.

use super::fold::Fold;
use super::metric::{Measure, Metric};
use super::window_oracle::{Event, World};
use crate::time::{Cover, Piece, Range, Retention, Zone, DAY, HOUR, MINUTE, SECOND};
use std::collections::BTreeSet;

const PAGE: &str = include_str!("../../../docs/reference.md");

/// Numbers that are the same in every run.
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn below(&mut self, n: i64) -> i64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        ((self.0 >> 11) as i64) % n
    }

    pub(super) fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len() as i64) as usize]
    }
}

const START: i64 = 1_733_788_800_000;
const DAYS: i64 = 5;

/// Three times as many visits by day as by night, of 1 to 7 events each, in up to 5 minutes; one in five is
/// of somebody who was there before.
fn visits(random: &mut Random) -> Vec<Event> {
    let (mut events, mut users) = (Vec::new(), 0);
    for minute in 0..DAYS * 24 * 60 {
        let is_day = (7 * 60..23 * 60).contains(&(minute % (24 * 60)));
        if random.below(6) >= if is_day { 3 } else { 1 } {
            continue;
        }
        let user = match users > 0 && random.below(5) == 0 {
            true => random.below(users),
            false => {
                users += 1;
                users
            }
        };
        let begin = START + minute * MINUTE + random.below(MINUTE);
        for _ in 0..1 + random.below(7) {
            let time = begin + random.below(5 * MINUTE);
            events.push(event(time, user));
        }
    }
    events.sort_by_key(|event| event.time);
    events
}

/// The same events, each of a user of its own.
fn once(events: &[Event]) -> Vec<Event> {
    let own = |(event_before, n): (&Event, i64)| event(event_before.time, n);
    events.iter().zip(0..).map(own).collect()
}

fn event(time: i64, user: i64) -> Event {
    Event {
        time,
        user: user as u64,
        session: user as u64,
        value: 1.0,
    }
}

#[derive(Default)]
struct Errors {
    count: f64,
    widened: f64,
    by_time: f64,
    by_events: f64,
}

fn measure(world: &World, window: Range, errors: &mut Errors) {
    let cover = world.cover(window);
    let users = |cover: &Cover| {
        let fold = world.fold(cover, Fold::new(&[Metric::of_site(Measure::Users)]));
        fold.users().map_or((0.0, 0.0), |it| (it.outer, it.count))
    };
    let (outer, count) = users(&cover);
    let events = { world.events.iter() }.filter(|event| cover.counts.contains(event.time));
    let truth = events
        .map(|event| event.user)
        .collect::<BTreeSet<u64>>()
        .len() as f64;
    if truth == 0.0 {
        return;
    }
    // Edge by edge, those of the shortest buckets first.
    let (mut edges, inner): (Vec<Piece>, Vec<Piece>) =
        { cover.pieces.iter().copied() }.partition(Piece::reaches_outside);
    edges.sort_by_key(|edge| (edge.period.granularity(), edge.period.start()));
    let mut so_far = Cover {
        pieces: inner,
        ..cover
    };
    let (mut before, _) = users(&so_far);
    let mut by_time = before;
    for edge in edges {
        so_far.pieces.push(edge);
        let (after, _) = users(&so_far);
        by_time += edge.part_by_time() * (after - before);
        before = after;
    }
    let error = |found: f64| 100.0 * (found.round() - truth).abs() / truth;
    errors.count += 1.0;
    errors.widened += error(outer);
    errors.by_time += error(by_time);
    errors.by_events += error(count);
}

/// The mean errors in percent, by window.
fn table(traffic: &str, events: &[Event], random: &mut Random) -> Vec<String> {
    let mut world = World::new(Zone::UTC, Retention::default());
    let mut left = events.iter().peekable();
    let mut errors: [Errors; 3] = Default::default();
    let mut now = START + 2 * DAY;
    while now < START + DAYS * DAY {
        now += random.below(47 * MINUTE);
        while let Some(event) = left.next_if(|event| event.time <= now) {
            world.add(*event);
        }
        world.now = now;
        let [day, hours, minutes] = &mut errors;
        measure(&world, Range::new(now + 1 - DAY, now + 1), day);
        measure(&world, Range::new(now + 1 - 2 * HOUR, now + 1), hours);
        let ago = now - 90 * MINUTE - random.below(DAY);
        let from = ago - ago.rem_euclid(SECOND);
        measure(&world, Range::new(from, from + 5 * MINUTE), minutes);
    }
    let names = ["`24h`", "`2h`", "5 minutes, a day ago"];
    { names.iter().zip(errors) }
        .map(|(name, errors)| {
            let [widened, time, events] = [errors.widened, errors.by_time, errors.by_events]
                .map(|sum| format!("{:.2} %", sum / errors.count));
            format!("| {name} | {traffic} | {widened} | {time} | {events} |")
        })
        .collect()
}

#[test]
fn the_table_of_the_reference_is_measured() {
    let mut random = Random(42);
    let visits = visits(&mut random);
    let rows = [
        table("one new user with every event", &once(&visits), &mut random),
        table("visits of 1 to 7 events in 5 minutes", &visits, &mut random),
    ];
    rows.concat().iter().for_each(|row| println!("{row}"));
    for row in rows.concat() {
        assert!(
            PAGE.contains(row.as_str()),
            "not in docs/reference.md: {row}"
        );
    }
    // Users that appear once are counted where the events are.
    for row in &rows[0] {
        let by_events = row
            .rsplit('|')
            .nth(1)
            .and_then(|it| it.trim().strip_suffix(" %"));
        assert!(by_events
            .and_then(|it| it.parse().ok())
            .is_some_and(|error: f64| error < 0.5));
    }
}
