//! What an event does to a visit, and what that adds to the rows of the visit's beginning.
//!
//! ```text
//! gap to the visit's last event   < timeout, and not longer than a day: the visit goes on
//!                                 else: another visit begins, unless the event is passive
//! before the last event           less than the timeout before the visit's beginning, or inside of it:
//!                                 it belongs to the visit, but moves neither its beginning nor its end
//!                                 else: it is late, and no part of a visit
//! ```
//!
//! A passive event makes a visit longer. It neither begins one, nor ends its being a bounce, nor is it a
//! step of its path.

use super::ids::ValueId;
use super::{LONGEST, MOST_BY};

/// A visit as it is after its last event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Visit {
    pub start: i64,
    pub last: i64,
    pub events: u64,
    /// It has had two events that were not passive: it is no bounce.
    pub engaged: bool,
    /// The first and the last value of the path.
    pub entry: Option<ValueId>,
    pub exit: Option<ValueId>,
    /// The values of its first event.
    pub by: [Option<ValueId>; MOST_BY],
}

/// What a visit takes of an event.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    pub time: i64,
    pub passive: bool,
    pub path: Option<ValueId>,
    pub by: [Option<ValueId>; MOST_BY],
}

/// What an event did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// It is passive, and no visit is under way; or its visitor is not followed.
    Nothing,
    /// It lies too far before the visit under way.
    Late,
    Begun(Visit),
    Went {
        before: Visit,
        after: Visit,
    },
}

/// Something that is counted of visits, for the whole site or for one value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Row {
    Whole,
    Entry(ValueId),
    Exit(ValueId),
    /// The value of the dimension of this position.
    By(u8, ValueId),
}

/// What is added to a row. Visits that are taken back are negative.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Amounts {
    pub visits: i64,
    /// Visits that are no bounce.
    pub engaged: i64,
    /// In milliseconds.
    pub time: i64,
    pub events: i64,
}

/// The sums of squares by which the error of sampling is estimated: for every visit that counts for
/// `w`, `w * (w - 1)` times the square of what is counted of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Spread {
    pub visits: i128,
    pub bounces: i128,
    /// In milliseconds, squared.
    pub time: i128,
    pub events: i128,
}

impl Visit {
    fn begun(moment: &Moment) -> Visit {
        Visit {
            start: moment.time,
            last: moment.time,
            events: 1,
            engaged: false,
            entry: moment.path,
            exit: moment.path,
            by: moment.by,
        }
    }

    /// In milliseconds.
    pub fn time(&self) -> i64 {
        self.last - self.start
    }

    /// Whether an event of this time and not before the last one goes on with this visit.
    #[inline]
    fn goes_on(&self, time: i64, timeout: i64) -> bool {
        time - self.last < timeout && time - self.start <= LONGEST
    }

    /// Whether an event belongs to this visit.
    #[inline]
    pub fn has(&self, time: i64, timeout: i64) -> bool {
        match time >= self.last {
            true => self.goes_on(time, timeout),
            false => self.start - time < timeout,
        }
    }

    fn amounts(&self) -> Amounts {
        Amounts {
            visits: 1,
            engaged: self.engaged.into(),
            time: self.time(),
            events: i64::try_from(self.events).unwrap_or(i64::MAX),
        }
    }

    fn bounces(&self) -> i64 {
        i64::from(!self.engaged)
    }
}

impl Step {
    /// What an event does, where this visit of its visitor is remembered.
    pub fn of(known: Option<&Visit>, moment: &Moment, timeout: i64) -> Step {
        let Some(before) = known else {
            return Step::begin(moment);
        };
        if !before.has(moment.time, timeout) {
            return match moment.time < before.last {
                true => Step::Late,
                false => Step::begin(moment),
            };
        }
        let mut after = *before;
        after.events = after.events.saturating_add(1);
        after.engaged |= !moment.passive;
        if moment.time >= before.last {
            after.last = moment.time;
            if let Some(path) = moment.path.filter(|_| !moment.passive) {
                after.exit = Some(path);
                after.entry = after.entry.or(Some(path));
            }
        }
        Step::Went {
            before: *before,
            after,
        }
    }

    fn begin(moment: &Moment) -> Step {
        match moment.passive {
            true => Step::Nothing,
            false => Step::Begun(Visit::begun(moment)),
        }
    }

    /// The visit that goes on, as it is now.
    pub fn visit(&self) -> Option<&Visit> {
        match self {
            Step::Nothing | Step::Late => None,
            Step::Begun(visit) => Some(visit),
            Step::Went { after, .. } => Some(after),
        }
    }

    /// Passes what is added to each row of the visit's beginning. `weight`: for how many visitors this
    /// one counts.
    pub fn additions(&self, weight: i64, mut add: impl FnMut(Row, Amounts)) {
        let (before, after) = match self {
            Step::Nothing | Step::Late => return,
            Step::Begun(visit) => (None, visit),
            Step::Went { before, after } => (Some(before), after),
        };
        let now = after.amounts();
        let added = match before {
            None => now,
            Some(before) => now.minus(before.amounts()),
        };
        let mut add = |row, amounts: Amounts| add(row, amounts.times(weight));
        add(Row::Whole, added);
        for (position, value) in (0..).zip(after.by) {
            if let Some(value) = value {
                add(Row::By(position, value), added);
            }
        }
        if let Some(entry) = after.entry {
            let is_first = before.is_some_and(|before| before.entry.is_none());
            add(Row::Entry(entry), if is_first { now } else { added });
        }
        let left = before.filter(|before| before.exit != after.exit);
        if let (Some(before), Some(exit)) = (left, left.and_then(|before| before.exit)) {
            add(Row::Exit(exit), Amounts::default().minus(before.amounts()));
        }
        if let Some(exit) = after.exit {
            add(Row::Exit(exit), if left.is_some() { now } else { added });
        }
    }

    /// What is added to the sums of squares.
    pub fn spread(&self, weight: i64) -> Spread {
        let (before, after) = match self {
            Step::Nothing | Step::Late => return Spread::default(),
            Step::Begun(visit) => (None, visit),
            Step::Went { before, after } => (Some(before), after),
        };
        let weight = i128::from(weight);
        let of = |now: i64, before: i64| {
            let (now, before) = (i128::from(now), i128::from(before));
            // Values of one visit are below 2^37.
            weight * (weight - 1) * (now * now - before * before)
        };
        let (now, was) = (after.amounts(), before.map(Visit::amounts));
        let was = was.unwrap_or_default();
        Spread {
            visits: of(now.visits, was.visits),
            bounces: of(after.bounces(), before.map_or(0, Visit::bounces)),
            time: of(now.time, was.time),
            events: of(now.events, was.events),
        }
    }
}

impl Amounts {
    #[inline]
    pub fn is_zero(&self) -> bool {
        *self == Amounts::default()
    }

    #[inline]
    pub fn plus(self, other: Amounts) -> Amounts {
        Amounts {
            visits: self.visits.saturating_add(other.visits),
            engaged: self.engaged.saturating_add(other.engaged),
            time: self.time.saturating_add(other.time),
            events: self.events.saturating_add(other.events),
        }
    }

    /// So much of it, rounded.
    pub fn part(self, part: f64) -> Amounts {
        let of = |number: i64| (number as f64 * part).round() as i64;
        Amounts {
            visits: of(self.visits),
            engaged: of(self.engaged),
            time: of(self.time),
            events: of(self.events),
        }
    }

    #[inline]
    fn minus(self, other: Amounts) -> Amounts {
        Amounts {
            visits: self.visits.saturating_sub(other.visits),
            engaged: self.engaged.saturating_sub(other.engaged),
            time: self.time.saturating_sub(other.time),
            events: self.events.saturating_sub(other.events),
        }
    }

    #[inline]
    fn times(self, weight: i64) -> Amounts {
        if weight == 1 {
            return self;
        }
        Amounts {
            visits: self.visits.saturating_mul(weight),
            engaged: self.engaged.saturating_mul(weight),
            time: self.time.saturating_mul(weight),
            events: self.events.saturating_mul(weight),
        }
    }
}

impl Spread {
    #[inline]
    pub fn is_zero(&self) -> bool {
        *self == Spread::default()
    }

    pub fn plus(self, other: Spread) -> Spread {
        Spread {
            visits: self.visits.saturating_add(other.visits),
            bounces: self.bounces.saturating_add(other.bounces),
            time: self.time.saturating_add(other.time),
            events: self.events.saturating_add(other.events),
        }
    }
}
