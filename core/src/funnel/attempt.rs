//! What an event does to the attempts of a user.
//!
//! ```text
//! level 0     the last first step: its time
//! level i     the last step i + 1 behind a live level i - 1: when its chain began, and its own time
//! ```
//!
//! A level is live up to the duration after its chain began. Chains of higher levels began no later than those
//! of lower ones, so that the live levels are always the first ones. An event that is several steps is each of
//! them, in their order; one that ends chains does so before it is a step.
//!
//! A first step later than the duration after the beginning of the attempt begins another one. The chains of
//! the one before may still go on for as long. No third attempt is ever under way: the chains of the first have
//! run out by then.

use super::{MOST_BY, MOST_STEPS};
use crate::visitors::ValueId;

/// The levels that are remembered: the last step ends an attempt.
pub const MOST_LEVELS: usize = MOST_STEPS - 1;

/// The rules of a funnel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// From the first step of a chain to its last, in milliseconds.
    pub within: i64,
    pub steps: u8,
    /// How many values of the first event are remembered.
    pub by: u8,
}

/// Which steps of a funnel an event is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Matched {
    /// A bit for each step, the lowest for the first.
    pub steps: u8,
    /// It ends the chains under way.
    pub ends: bool,
}

/// What an attempt takes of an event.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    pub time: i64,
    pub matched: Matched,
    /// Of the event, for an attempt that begins with it.
    pub by: [Option<ValueId>; MOST_BY],
}

/// An attempt has reached further steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rise {
    /// When the attempt began.
    pub anchor: i64,
    /// The steps that it had reached, and has now: none had been where it begins.
    pub from: u8,
    pub to: u8,
    /// The milliseconds from the step before to the first of the new ones. The others are the same event.
    pub gap: i64,
    pub by: [Option<ValueId>; MOST_BY],
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Level {
    /// When its chain began.
    pub first: i64,
    /// When its own step came last.
    pub last: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempt {
    /// When it began.
    pub anchor: i64,
    /// How many steps it has reached.
    pub reached: u8,
    /// How many levels are remembered.
    pub live: u8,
    pub levels: [Level; MOST_LEVELS],
    pub by: [Option<ValueId>; MOST_BY],
}

/// All that is remembered of a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempts {
    pub current: Attempt,
    /// The attempt before, while its chains may go on.
    pub previous: Option<Attempt>,
}

/// What an event did. In a box, the larger variant would be an allocation for every event.
#[allow(clippy::large_enum_variant)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    Nothing,
    /// It is earlier than an event that was taken before.
    Late,
    /// The attempts from now on, and what has been reached: by the one before, and by the current one.
    Taken(Attempts, [Option<Rise>; 2]),
}

impl Attempt {
    fn begun(moment: &Moment) -> Attempt {
        Attempt {
            anchor: moment.time,
            reached: 0,
            live: 0,
            levels: [Level::default(); MOST_LEVELS],
            by: moment.by,
        }
    }

    fn live_levels(&self) -> &[Level] {
        self.levels.get(..usize::from(self.live)).unwrap_or(&[])
    }

    fn newest(&self) -> i64 {
        let times = self.live_levels().iter().map(|level| level.last);
        times.fold(self.anchor, i64::max)
    }

    /// When nothing can follow any more.
    fn end(&self, within: i64) -> i64 {
        let first = self.live_levels().first().map(|level| level.first);
        first.map_or(self.anchor, |first| first.max(self.anchor)) + within
    }

    fn is_under_way(&self) -> bool {
        self.live > 0
    }

    /// Forgets levels whose chains began too long ago.
    fn drop_past(&mut self, time: i64, within: i64) {
        while let Some(last) = self.live_levels().last() {
            if time <= last.first + within {
                break;
            }
            self.live -= 1;
        }
    }

    /// Takes an event that is these steps.
    fn take(&mut self, time: i64, steps: u8, rules: &Rules) -> Option<Rise> {
        self.drop_past(time, rules.within);
        let from = self.reached;
        let mut gap = None;
        for step in 0..rules.steps {
            if self.reached == rules.steps || steps >> step & 1 == 0 {
                continue;
            }
            let before = match step.checked_sub(1) {
                None => Level {
                    first: time,
                    last: time,
                },
                Some(below) => match self.live_levels().get(usize::from(below)) {
                    Some(level) => *level,
                    None => continue,
                },
            };
            if self.reached <= step {
                self.reached = step + 1;
                gap.get_or_insert(time - before.last);
            }
            if let Some(level) = self.levels.get_mut(usize::from(step)) {
                *level = Level {
                    first: before.first,
                    last: time,
                };
                self.live = self.live.max(step + 1);
            }
        }
        if self.reached == rules.steps {
            self.live = 0;
        }
        gap.map(|gap| Rise {
            anchor: self.anchor,
            from,
            to: self.reached,
            gap,
            by: self.by,
        })
    }
}

impl Attempts {
    /// The latest time of an event that was taken, as far as it is remembered.
    fn newest(&self) -> i64 {
        let current = self.current.newest();
        self.previous
            .map_or(current, |before| before.newest().max(current))
    }

    /// From then on, nothing depends on it.
    pub fn end(&self, within: i64) -> i64 {
        let current = self.current.end(within);
        self.previous
            .map_or(current, |before| before.end(within).max(current))
    }

    fn each(&mut self) -> impl Iterator<Item = &mut Attempt> {
        self.previous.iter_mut().chain([&mut self.current])
    }
}

impl Step {
    /// `known`: what is remembered of the user.
    pub fn of(known: Option<&Attempts>, moment: &Moment, rules: &Rules) -> Step {
        let Moment { time, matched, .. } = *moment;
        let is_first = matched.steps & 1 == 1;
        let Some(known) = known else {
            if !is_first {
                return Step::Nothing;
            }
            let mut current = Attempt::begun(moment);
            let rise = current.take(time, matched.steps, rules);
            let attempts = Attempts {
                current,
                previous: None,
            };
            return Step::Taken(attempts, [None, rise]);
        };
        if time < known.newest() {
            return Step::Late;
        }
        let mut attempts = *known;
        if matched.ends {
            attempts.each().for_each(|attempt| attempt.live = 0);
        }
        if is_first && time > attempts.current.anchor + rules.within {
            let mut before = std::mem::replace(&mut attempts.current, Attempt::begun(moment));
            before.drop_past(time, rules.within);
            attempts.previous = Some(before).filter(Attempt::is_under_way);
        }
        let previous = attempts.previous.as_mut();
        let before = previous.and_then(|it| it.take(time, matched.steps & !1, rules));
        let now = attempts.current.take(time, matched.steps, rules);
        attempts.previous = attempts.previous.filter(Attempt::is_under_way);
        match attempts == *known {
            true => Step::Nothing,
            false => Step::Taken(attempts, [before, now]),
        }
    }
}
