//! Where the events of one command go.

use crate::domain::time::{Granularity, Range, MINUTE};

/// The number of a target, from 1.
pub type Step = u32;

/// In place of a step, where an event does not count.
pub const NOWHERE: Step = 0;

/// The targets of one event, by granularity.
pub type Route = [Step; Granularity::COUNT];

/// No less than an hour has, so that each of its minutes has a place of its own.
const MINUTES: usize = 64;

/// The steps of many minutes. The events of a call that was held back come from all over an hour, and
/// to find one's step here takes less than to find the place of its bucket (`BucketKeys::place`).
pub struct Minutes {
    /// The number of the command at hand.
    command: u64,
    known: [Known; MINUTES],
}

#[derive(Clone, Copy, Default)]
struct Known {
    /// To which command.
    command: u64,
    step: Step,
    /// Of the minute.
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
    pub fn find(&self, time: i64) -> Option<(Step, Range)> {
        let known = self.known.get(index(time))?;
        let is_it = known.command == self.command && known.times.contains(time);
        is_it.then_some((known.step, known.times))
    }

    #[inline]
    pub fn put(&mut self, step: Step, times: Range) {
        if let Some(known) = self.known.get_mut(index(times.from)) {
            *known = Known {
                command: self.command,
                step,
                times,
            };
        }
    }
}

#[inline]
fn index(time: i64) -> usize {
    time.div_euclid(MINUTE) as usize % MINUTES
}

impl Default for Minutes {
    fn default() -> Minutes {
        Minutes {
            command: 0,
            known: [Known::default(); MINUTES],
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
