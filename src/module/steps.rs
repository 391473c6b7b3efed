//! Where the events of one command go.

use crate::domain::time::{Granularity, Range, MINUTE};

/// The number of a target, from 1.
pub type Step = u32;

/// In place of a step, where an event does not count.
pub const NOWHERE: Step = 0;

/// The targets of one event, by granularity.
pub type Route = [Step; Granularity::COUNT];

/// As many as an hour has, and some more.
const MINUTES: usize = 64;

/// The steps of many minutes: found again for less than it takes to find the place of a bucket. The
/// events of a call that was held back come from all over an hour.
pub struct Minutes {
    /// The number of the command at hand.
    command: u64,
    found: [Found; MINUTES],
}

#[derive(Clone, Copy, Default)]
struct Found {
    /// By which command.
    command: u64,
    step: Step,
    /// Of the minute.
    times: Range,
}

impl Minutes {
    /// Nothing is known of a command whose number is new.
    pub fn begin(&mut self, command: u64) {
        self.command = command;
    }

    #[inline]
    pub fn command(&self) -> u64 {
        self.command
    }

    #[inline]
    pub fn find(&self, time: i64) -> Option<(Step, Range)> {
        let found = self.found.get(place(time))?;
        let is_it = found.command == self.command && found.times.contains(time);
        is_it.then_some((found.step, found.times))
    }

    #[inline]
    pub fn put(&mut self, step: Step, times: Range) {
        if let Some(found) = self.found.get_mut(place(times.from)) {
            *found = Found {
                command: self.command,
                step,
                times,
            };
        }
    }
}

#[inline]
fn place(time: i64) -> usize {
    time.div_euclid(MINUTE) as usize % MINUTES
}

impl Default for Minutes {
    fn default() -> Minutes {
        Minutes {
            command: 0,
            found: [Found::default(); MINUTES],
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

    #[test]
    fn a_minute_is_found_by_any_of_its_times_and_by_no_other() {
        let mut minutes = Minutes::default();
        minutes.begin(1);
        assert_eq!(minutes.find(0), None);
        for number in [0, 63, -1] {
            minutes.put(7, minute(number));
            let Range { from, to } = minute(number);
            for time in [from, from + 1, to - 1] {
                assert_eq!(minutes.find(time), Some((7, minute(number))), "{time}");
            }
            for time in [from - 1, to, from + HOUR, from + 64 * MINUTE] {
                assert_ne!(minutes.find(time), Some((7, minute(number))), "{time}");
            }
        }
    }

    #[test]
    fn the_next_command_and_the_minute_in_the_same_place_begin_anew() {
        let mut minutes = Minutes::default();
        minutes.begin(1);
        minutes.put(1, minute(3));
        minutes.put(2, minute(67));
        assert_eq!(minutes.find(3 * MINUTE), None);
        assert_eq!(minutes.find(67 * MINUTE), Some((2, minute(67))));
        minutes.begin(2);
        assert_eq!(minutes.find(67 * MINUTE), None);
    }
}
