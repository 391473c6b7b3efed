//! Where the events of one command go.
//!
//! ```text
//! events     09:15:07   09:16:40   09:15:31      of each, its way
//! ways       1 4 5 6 7     2 4 5 6 7             of each, a step in every granularity
//! targets    minute 09:15, minute 09:16, ...     buckets, each opened once
//! ```

use crate::domain::time::{Granularities, Granularity, Range, MINUTE};

/// The number of a target, from 1.
pub type Step = u32;

/// In place of a step, where an event does not count.
pub const NOWHERE: Step = 0;

/// The targets of one event, by granularity.
pub type Route = [Step; Granularity::COUNT];

/// Events that go to the same buckets go one way.
#[derive(Debug, Clone, Copy)]
pub struct Way {
    pub route: Route,
    /// One of its events counts.
    pub counts: bool,
}

impl Way {
    /// The step to the finest bucket that its events reach.
    #[inline]
    pub fn finest(&self) -> Option<Step> {
        self.route.iter().copied().find(|step| *step != NOWHERE)
    }

    /// Whether they are those of two minutes in the same coarser buckets.
    #[inline]
    pub fn is_next_to(&self, other: &Way) -> bool {
        let ([own, coarser @ ..], [others, coarser_too @ ..]) = (&self.route, &other.route);
        *own != NOWHERE && *others != NOWHERE && coarser == coarser_too
    }
}

/// No less than an hour has, so that each of its minutes has a place of its own.
const MINUTES: usize = 64;

pub struct Ways {
    /// The number of the command at hand.
    command: u64,
    all: Vec<Way>,
    /// Of every event, the place of its way.
    of_events: Vec<u32>,
    /// The granularities in which they do not all have the same step.
    split: Granularities,
    /// The events of a call that was held back come from all over an hour, and to find their way here
    /// takes less than to find the places of its buckets (`BucketKeys::place`).
    minutes: [Minute; MINUTES],
}

/// What is known of a minute.
#[derive(Clone, Copy, Default)]
struct Minute {
    /// To which command.
    command: u64,
    way: u32,
    /// All events of these times go that way.
    times: Range,
}

impl Ways {
    /// Before the first event of a command, whose number is new.
    pub fn begin(&mut self, command: u64) {
        self.clear();
        self.command = command;
    }

    pub fn clear(&mut self) {
        self.all.clear();
        self.of_events.clear();
        self.split = Granularities::NONE;
    }

    #[inline]
    pub fn command(&self) -> u64 {
        self.command
    }

    /// The next event goes that way. False when none is known for it.
    #[inline]
    pub fn follow(&mut self, time: i64) -> bool {
        let minute = self.minutes.get(index(time));
        let is_it = |it: &&Minute| it.command == self.command && it.times.contains(time);
        match minute.filter(is_it) {
            Some(minute) => {
                self.of_events.push(minute.way);
                true
            }
            None => false,
        }
    }

    /// The next event goes this way, as all events of these times would. `is_new`: no other does.
    pub fn open(&mut self, route: Route, is_new: bool, time: i64, times: Range) {
        let found = match is_new {
            true => None,
            false => self.all.iter().rposition(|way| way.route == route),
        };
        let way = found.unwrap_or_else(|| {
            let first = self.all.first().map_or(route, |way| way.route);
            let steps = Granularity::ALL.into_iter().zip(route.iter().zip(first));
            for (granularity, (step, first)) in steps {
                self.split.add_if(*step != first, granularity);
            }
            let counts = false;
            self.all.push(Way { route, counts });
            self.all.len() - 1
        }) as u32;
        self.of_events.push(way);
        if let Some(minute) = self.minutes.get_mut(index(time)) {
            *minute = Minute {
                command: self.command,
                way,
                times,
            };
        }
    }

    pub fn of_event(&self, number: usize) -> Option<&Way> {
        let way = self.of_events.get(number)?;
        self.all.get(*way as usize)
    }

    #[inline]
    pub fn of_event_mut(&mut self, number: usize) -> Option<&mut Way> {
        let way = self.of_events.get(number)?;
        self.all.get_mut(*way as usize)
    }

    #[inline]
    pub fn all(&self) -> &[Way] {
        &self.all
    }

    pub fn let_all_count(&mut self) {
        self.all.iter_mut().for_each(|way| way.counts = true);
    }

    /// The way of all events, if there is one.
    #[inline]
    pub fn only(&self) -> Option<&Way> {
        match &self.all[..] {
            [only] => Some(only),
            _ => None,
        }
    }

    /// Of every event, the place of its way among them all.
    #[inline]
    pub fn of_events(&self) -> &[u32] {
        &self.of_events
    }

    /// Whether not all events have the same step there.
    pub fn are_split(&self, granularity: Granularity) -> bool {
        self.split.has(granularity)
    }
}

#[inline]
fn index(time: i64) -> usize {
    time.div_euclid(MINUTE) as usize % MINUTES
}

impl Default for Ways {
    fn default() -> Ways {
        Ways {
            command: 0,
            all: Vec::new(),
            of_events: Vec::new(),
            split: Granularities::NONE,
            minutes: [Minute::default(); MINUTES],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 60 * MINUTE;

    fn minute(number: i64) -> Range {
        Range::new(number * MINUTE, (number + 1) * MINUTE)
    }

    fn route(step: Step) -> Route {
        [step, 90, 91, 92, 93]
    }

    #[test]
    fn a_minute_is_found_by_any_of_its_times_and_by_no_other() {
        let mut ways = Ways::default();
        ways.begin(1);
        assert!(!ways.follow(0));
        for (way, number) in (0..).zip([0, 63, -1]) {
            let Range { from, to } = minute(number);
            ways.open(route(way + 1), true, from + 7, minute(number));
            for time in [from, from + 1, to - 1] {
                assert!(ways.follow(time), "{time}");
                assert_eq!(ways.of_events().last(), Some(&way));
            }
            for time in [from - 1, to, from + HOUR, from + 64 * MINUTE] {
                let is_same = ways.follow(time) && ways.of_events().last() == Some(&way);
                assert!(!is_same, "{time}");
            }
        }
    }

    #[test]
    fn the_next_command_and_the_minute_in_the_same_place_begin_anew() {
        let mut ways = Ways::default();
        ways.begin(1);
        ways.open(route(1), true, 3 * MINUTE, minute(3));
        ways.open(route(2), true, 67 * MINUTE, minute(67));
        assert!(!ways.follow(3 * MINUTE));
        assert!(ways.follow(67 * MINUTE));
        assert_eq!(ways.of_events(), [0, 1, 1]);
        ways.begin(2);
        assert!(!ways.follow(67 * MINUTE));
    }

    #[test]
    fn minutes_that_are_not_kept_go_one_way() {
        let mut ways = Ways::default();
        ways.begin(1);
        for number in [3, 5, 4] {
            ways.open(route(NOWHERE), false, number * MINUTE, minute(number));
        }
        assert!(ways.follow(5 * MINUTE));
        assert_eq!(ways.of_events(), [0; 4]);
        assert_eq!(ways.only().and_then(Way::finest), Some(90));
    }

    #[test]
    fn they_are_split_where_one_step_is_another() {
        let mut ways = Ways::default();
        ways.begin(1);
        for route in [[1, 2, 3, 4, 5], [6, 2, 3, 4, 5], [1, 2, 7, 4, 5]] {
            ways.open(route, true, 0, Range::default());
        }
        let split = Granularity::ALL.map(|granularity| ways.are_split(granularity));
        assert_eq!(split, [true, false, true, false, false]);
        let [first, second, third] = ways.all() else {
            panic!("{:?}", ways.all());
        };
        assert!(second.is_next_to(first) && !third.is_next_to(second));
        assert!(ways.only().is_none());
    }
}
