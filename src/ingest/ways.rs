//! Where events go: those that go to the same buckets go one way.
//!
//! ```text
//! events    09:15:07   09:16:40   09:15:31      of each, its way
//! ways      1 3 4 5 6     2 3 4 5 6             of each, a step in every granularity
//! stops     minute 09:15, minute 09:16, hour 09, ...
//! ```

use analytics_core::time::{Granularities, Granularity, Range, MINUTE};

/// The number of a stop, which is a bucket, from 1.
pub type Step = u32;

/// In place of a step, where an event does not count.
pub const NOWHERE: Step = 0;

/// The one that a step leads to.
#[inline]
pub fn stop<T>(stops: &[T], step: Step) -> Option<&T> {
    stops.get((step as usize).checked_sub(1)?)
}

#[inline]
pub fn stop_mut<T>(stops: &mut [T], step: Step) -> Option<&mut T> {
    stops.get_mut((step as usize).checked_sub(1)?)
}

/// Of an event, by granularity.
pub type Route = [Step; Granularity::COUNT];

#[derive(Debug, Clone, Copy)]
pub struct Way {
    pub route: Route,
    /// All events of these times go there.
    pub times: Range,
    /// One of its events counts. Of lanes, all do.
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

/// Each once, by their numbers from 0.
#[derive(Default)]
pub struct Ways {
    all: Vec<Way>,
    /// The granularities in which they do not all have the same step.
    split: Granularities,
}

impl Ways {
    pub fn clear(&mut self) {
        self.all.clear();
        self.split = Granularities::NONE;
    }

    /// The number of the way with this route, if there is one.
    pub fn number_of(&self, route: &Route) -> Option<u32> {
        let number = self.all.iter().rposition(|way| way.route == *route);
        number.map(|number| number as u32)
    }

    /// Adds one that is not there yet, and gives its number.
    pub fn add(&mut self, route: Route, times: Range) -> u32 {
        let first = self.all.first().map_or(route, |way| way.route);
        let steps = Granularity::ALL.into_iter().zip(route.iter().zip(first));
        for (granularity, (step, first)) in steps {
            self.split.add_if(*step != first, granularity);
        }
        self.all.push(Way {
            route,
            times,
            counts: false,
        });
        self.all.len() as u32 - 1
    }

    #[inline]
    pub fn get(&self, number: u32) -> Option<&Way> {
        self.all.get(number as usize)
    }

    #[inline]
    pub fn get_mut(&mut self, number: u32) -> Option<&mut Way> {
        self.all.get_mut(number as usize)
    }

    #[inline]
    pub fn all(&self) -> &[Way] {
        &self.all
    }

    pub fn let_all_count(&mut self) {
        self.all.iter_mut().for_each(|way| way.counts = true);
    }

    /// Whether not all events have the same step there.
    #[inline]
    pub fn are_split(&self, granularity: Granularity) -> bool {
        self.split.has(granularity)
    }

    #[inline]
    pub fn step(&self, number: u32, granularity: Granularity) -> Step {
        let step = self
            .get(number)
            .and_then(|way| way.route.get(granularity.index()));
        step.copied().unwrap_or(NOWHERE)
    }
}

/// No less than an hour has, so that each of its minutes has a place of its own.
const MINUTES: usize = 64;

#[inline]
fn index(time: i64) -> usize {
    time.div_euclid(MINUTE) as usize % MINUTES
}

/// The ways of many minutes. The events of a call that was held back come from all over an hour, and to
/// find one's way here takes less than to find the places of its buckets (`BucketKeys::place`).
pub struct Minutes {
    /// The number of the command at hand.
    command: u64,
    known: [Known; MINUTES],
}

#[derive(Clone, Copy, Default)]
struct Known {
    /// To which command.
    command: u64,
    way: u32,
    /// All events of these times go that way.
    times: Range,
}

impl Minutes {
    /// Nothing is known to a command whose number is new.
    pub fn begin(&mut self, command: u64) {
        self.command = command;
    }

    #[inline]
    pub fn command(&self) -> u64 {
        self.command
    }

    #[inline]
    pub fn find(&self, time: i64) -> Option<u32> {
        let known = self.known.get(index(time))?;
        let is_it = known.command == self.command && known.times.contains(time);
        is_it.then_some(known.way)
    }

    /// `time` is one of the times.
    pub fn put(&mut self, time: i64, way: u32, times: Range) {
        if let Some(known) = self.known.get_mut(index(time)) {
            *known = Known {
                command: self.command,
                way,
                times,
            };
        }
    }
}

impl Default for Minutes {
    fn default() -> Minutes {
        Minutes {
            command: 0,
            known: [Known::default(); MINUTES],
        }
    }
}

/// The ways that are open to the events of a site for a while, a few of them.
pub struct Lanes {
    ways: Ways,
    /// The first again, at hand: most often it is the only one.
    first: Option<Way>,
    /// Which way that may be.
    likely: [u8; MINUTES],
}

impl Lanes {
    /// So many there may be.
    pub const MOST: usize = 64;

    #[inline]
    pub fn find(&self, time: i64) -> Option<u32> {
        if self.first.is_some_and(|first| first.times.contains(time)) {
            return Some(0);
        }
        let way = u32::from(*self.likely.get(index(time))?);
        match self.ways.get(way) {
            Some(it) if it.times.contains(time) => Some(way),
            _ => self.look_for(time),
        }
    }

    #[inline]
    pub fn get(&self, number: u32) -> Option<&Way> {
        match number {
            0 => self.first.as_ref(),
            _ => self.ways.get(number),
        }
    }

    pub fn ways(&self) -> &Ways {
        &self.ways
    }

    pub fn clear(&mut self) {
        self.ways.clear();
        self.first = None;
    }

    #[inline(never)]
    fn look_for(&self, time: i64) -> Option<u32> {
        let mut ways = self.ways.all().iter();
        let way = ways.position(|way| way.times.contains(time));
        way.map(|way| way as u32)
    }

    /// Opens a way to all events of these times, which have none.
    pub fn open(&mut self, route: Route, times: Range) {
        let way = self.ways.add(route, times);
        self.first = self.ways.all().first().copied();
        if let Some(likely) = self.likely.get_mut(index(times.from)) {
            *likely = way as u8;
        }
    }
}

impl Default for Lanes {
    fn default() -> Lanes {
        Lanes {
            ways: Ways::default(),
            first: None,
            likely: [0; MINUTES],
        }
    }
}

const _: () = assert!(Lanes::MOST <= u8::MAX as usize);

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
        let (mut minutes, mut lanes) = (Minutes::default(), Lanes::default());
        minutes.begin(1);
        assert_eq!((minutes.find(0), lanes.find(0)), (None, None));
        for (way, number) in (0..).zip([0, 63, -1]) {
            let Range { from, to } = minute(number);
            minutes.put(from + 7, way, minute(number));
            lanes.open(route(way + 1), minute(number));
            for time in [from, from + 1, to - 1] {
                assert_eq!(minutes.find(time), Some(way), "{time}");
                assert_eq!(lanes.find(time), Some(way), "{time}");
            }
            for time in [from - 1, to, from + HOUR, from + 64 * MINUTE] {
                assert_ne!(minutes.find(time), Some(way), "{time}");
                assert_ne!(lanes.find(time), Some(way), "{time}");
            }
        }
    }

    #[test]
    fn the_next_command_and_the_minute_in_the_same_place_begin_anew() {
        let mut minutes = Minutes::default();
        minutes.begin(1);
        minutes.put(3 * MINUTE, 1, minute(3));
        minutes.put(67 * MINUTE, 2, minute(67));
        assert_eq!(minutes.find(3 * MINUTE), None);
        assert_eq!(minutes.find(67 * MINUTE), Some(2));
        minutes.begin(2);
        assert_eq!(minutes.find(67 * MINUTE), None);
    }

    #[test]
    fn a_lane_is_found_in_the_place_of_another_and_for_longer_than_a_minute() {
        let mut lanes = Lanes::default();
        lanes.open(route(1), minute(3));
        lanes.open(route(2), minute(67));
        lanes.open(route(3), Range::new(120 * MINUTE, 180 * MINUTE));
        assert_eq!(lanes.find(3 * MINUTE), Some(0));
        assert_eq!(lanes.find(67 * MINUTE), Some(1));
        assert_eq!(lanes.find(131 * MINUTE), Some(2));
        assert_eq!(lanes.find(180 * MINUTE), None);
        lanes.clear();
        assert_eq!(lanes.find(3 * MINUTE), None);
        // Where others were likely before.
        lanes.open(route(4), Range::new(0, 60 * MINUTE));
        lanes.open(route(5), Range::new(60 * MINUTE, 180 * MINUTE));
        for minute in 0..180 {
            assert_eq!(lanes.find(minute * MINUTE), Some(u32::from(minute >= 60)));
        }
    }

    #[test]
    fn ways_are_there_once_and_are_split_where_one_step_is_another() {
        let mut ways = Ways::default();
        let late = [NOWHERE, 2, 3, 4, 5];
        let routes = [
            late,
            [1, 2, 3, 4, 5],
            late,
            [6, 2, 3, 4, 5],
            [1, 2, 7, 4, 5],
        ];
        let numbers = routes.map(|route| {
            let found = ways.number_of(&route);
            found.unwrap_or_else(|| ways.add(route, Range::ALL))
        });
        assert_eq!(numbers, [0, 1, 0, 2, 3]);
        let split = Granularity::ALL.map(|granularity| ways.are_split(granularity));
        assert_eq!(split, [true, false, true, false, false]);
        let [late, first, second, third] = ways.all() else {
            panic!("{:?}", ways.all());
        };
        assert_eq!(late.finest(), Some(2));
        assert!(second.is_next_to(first));
        assert!(!third.is_next_to(second) && !late.is_next_to(first));
    }
}
