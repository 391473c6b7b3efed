//! Who was there before: the users of a partition by the first and the last day with an event.
//!
//! ```text
//! no entry, or the last day is more than the horizon ago     the user is new
//! the event is of the last day                               nothing changes
//! of a later day                                             the user is seen in that day, and in its week
//!                                                            and month where those are others
//! of an earlier day                                          late: it counts as an event alone
//! ```
//!
//! Days are those of the site's zone.
//!
//! Where there is no room for one more, users who are beyond the horizon are dropped. At `Terms::most` entries half
//! of the users are given up (`table/room.rs`). None of them is followed again later: a user who was not followed
//! would seem new.

use super::entry::{Entry, Shape, Table, KEY_BITS, MOST_DAY};
use crate::table::{is_followed, Bound, Shortage};
use crate::time::{first_day_of, DayNumber, Granularity};
use crate::visitors::Visitor;
use std::slice;

/// What identities take from their site.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// What was remembered under another tag is not gone on with.
    pub tag: u64,
    /// In days.
    pub horizon: i32,
    /// There are `1 << bits` partitions.
    pub bits: u32,
    /// The most users of a partition.
    pub most: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identities {
    pub(super) tag: u64,
    pub(super) table: Table,
    /// One in `1 << shift` users is followed.
    pub(super) shift: u32,
    /// Day 0 of the entries.
    pub(super) base: DayNumber,
    /// The latest day of an event.
    pub(super) latest: DayNumber,
}

/// How many days before the period of an event the period of the user's first event began. Both begin with
/// their first days.
pub type Age = u16;

/// What is counted of the user of an event: whether new, and since when there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// The user counts for `1 << shift`.
    shift: u8,
    is_new: bool,
    /// Of the day, the week and the month; `SEEN_BEFORE` where the user was seen in it before.
    ages: [Age; 3],
}

const SEEN_BEFORE: Age = Age::MAX;
const _: () = assert!(MOST_DAY + 31 < SEEN_BEFORE as i32);

const PERIODS: [Granularity; 3] = [Granularity::Day, Granularity::Week, Granularity::Month];

/// What becomes of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Noted {
    /// Its user was seen on that day before, or is not followed.
    Nothing,
    /// Of a day before the last one of its user.
    Late,
    Seen(Seen),
}

/// How many days late events may be by the latest one, for a user to be found who is beyond the horizon for
/// others.
const GRACE: i32 = 2;

/// A user counts for at most `1 << MOST_SHIFT`.
pub(super) const MOST_SHIFT: u32 = 24;

impl Seen {
    fn new(shift: u32) -> Seen {
        Seen {
            shift: shift as u8,
            is_new: true,
            ages: [0; 3],
        }
    }

    fn again(shift: u32, first: DayNumber, last: DayNumber, day: DayNumber) -> Seen {
        let age = |granularity| {
            let period = |day| first_day_of(granularity, day);
            let now = period(day);
            match now == period(last) {
                true => SEEN_BEFORE,
                false => Age::try_from(now - period(first)).unwrap_or(SEEN_BEFORE - 1),
            }
        };
        Seen {
            shift: shift as u8,
            is_new: false,
            ages: PERIODS.map(age),
        }
    }

    #[inline]
    pub fn is_new(self) -> bool {
        self.is_new
    }

    /// For how many users this one counts.
    #[inline]
    pub fn weight(self) -> u64 {
        1 << self.shift
    }

    #[inline]
    pub fn shift(self) -> u8 {
        self.shift
    }

    /// The age of the user in the period of this granularity, where it is the first event there.
    #[inline]
    pub fn age(self, granularity: Granularity) -> Option<Age> {
        let place = PERIODS.iter().position(|it| *it == granularity)?;
        self.ages
            .get(place)
            .copied()
            .filter(|age| *age != SEEN_BEFORE)
    }
}

impl Identities {
    /// Made for an event of this day, which is in the middle of the days that entries can have.
    pub fn new(terms: &Terms, day: DayNumber) -> Identities {
        Identities {
            tag: terms.tag,
            table: Table::new(Shape),
            shift: 0,
            base: day - MOST_DAY / 2,
            latest: day,
        }
    }

    /// How many users it remembers. Some may be beyond the horizon.
    pub fn len(&self) -> usize {
        self.table.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// One in so many users is followed.
    pub fn weight(&self) -> u64 {
        1 << self.shift
    }

    pub fn is_of(&self, terms: &Terms) -> bool {
        self.tag == terms.tag
    }

    /// Takes note of an event.
    #[inline]
    pub fn observe(&mut self, visitor: Visitor, day: DayNumber, terms: &Terms) -> Noted {
        let key = visitor.key(terms.bits, KEY_BITS);
        if !is_followed(key, self.shift) {
            return Noted::Nothing;
        }
        let day = match self.relative(day, terms) {
            Some(day) => day,
            None => return Noted::Late,
        };
        let Some(before) = self.find(key) else {
            return self.insert(key, day, terms);
        };
        if before.last == day {
            return Noted::Nothing;
        }
        if day < before.last {
            return Noted::Late;
        }
        let is_new = day - before.last > terms.horizon;
        self.put(Entry {
            key,
            first: if is_new { day } else { before.first },
            last: day,
        });
        self.latest = self.latest.max(self.base + day);
        Noted::Seen(match is_new {
            true => Seen::new(self.shift),
            false => {
                let [first, last, day] =
                    [before.first, before.last, day].map(|day| self.base + day);
                Seen::again(self.shift, first, last, day)
            }
        })
    }

    #[cold]
    fn insert(&mut self, key: u64, day: i32, terms: &Terms) -> Noted {
        self.latest = self.latest.max(self.base + day);
        self.make_room(terms);
        let is_put = is_followed(key, self.shift)
            && self.put(Entry {
                key,
                first: day,
                last: day,
            });
        match is_put {
            true => Noted::Seen(Seen::new(self.shift)),
            false => Noted::Nothing,
        }
    }

    /// Remembers a user from elsewhere, whose first event was on one day, and whose last on another one or
    /// later. Returns whether anything changed.
    pub fn remember(
        &mut self,
        visitor: Visitor,
        (first, last): (DayNumber, DayNumber),
        terms: &Terms,
    ) -> bool {
        let key = visitor.key(terms.bits, KEY_BITS);
        let Some(last) = self.relative(last, terms) else {
            return false;
        };
        let first = (first - self.base).clamp(0, last);
        let before = self.find(key);
        let entry = Entry {
            key,
            first: before.map_or(first, |it| it.first.min(first)),
            last: before.map_or(last, |it| it.last.max(last)),
        };
        if before == Some(entry) || !is_followed(key, self.shift) {
            return false;
        }
        self.latest = self.latest.max(self.base + last);
        if before.is_none() {
            self.make_room(terms);
        }
        is_followed(key, self.shift) && self.put(entry)
    }

    /// Removes all that is remembered of a user. False where it is nothing.
    pub fn forget(&mut self, visitor: Visitor, terms: &Terms) -> bool {
        self.table.remove(visitor.key(terms.bits, KEY_BITS))
    }

    /// A day as entries have it. None for one that is decades before the first.
    #[inline]
    fn relative(&mut self, day: DayNumber, terms: &Terms) -> Option<i32> {
        let relative = day - self.base;
        match relative {
            0..=MOST_DAY => Some(relative),
            ..0 => None,
            _ => {
                self.move_base(day, terms);
                Some(day - self.base)
            }
        }
    }

    /// Moves the base, for an event decades after the first one.
    #[cold]
    fn move_base(&mut self, day: DayNumber, terms: &Terms) {
        let base = day - MOST_DAY / 2;
        let ahead = base - self.base;
        let gone = day - terms.horizon - base;
        self.table.retain(|bytes| {
            let mut entry = Entry::of(bytes);
            entry.first = (entry.first - ahead).max(0);
            entry.last -= ahead;
            let is_kept = entry.last >= gone.max(0);
            if is_kept {
                bytes.copy_from_slice(&entry.bytes());
            }
            is_kept
        });
        self.base = base;
        self.latest = self.latest.max(day);
    }

    #[inline]
    fn find(&self, key: u64) -> Option<Entry> {
        self.table.find(key).map(|(_, entry)| Entry::of(entry))
    }

    #[inline]
    fn put(&mut self, entry: Entry) -> bool {
        self.table.put(&entry.bytes())
    }

    /// For one more user.
    fn make_room(&mut self, terms: &Terms) {
        let tables = slice::from_mut(&mut self.table);
        let Some(shortage) = Shortage::of(tables, 0, terms.most) else {
            return;
        };
        let grace = match shortage {
            Shortage::Bound => 0,
            _ => GRACE,
        };
        let gone = self.latest - terms.horizon - grace - self.base;
        let bound = Bound {
            most: terms.most,
            most_shift: MOST_SHIFT,
            is_lifted: false,
        };
        let is_current = |entry: &[u8]| Entry::of(entry).last >= gone;
        self.shift = shortage.make_room(tables, 0, self.shift, &bound, is_current);
    }

    pub fn heap_bytes(&self) -> usize {
        self.table.heap_bytes()
    }
}
