//! The attempts of a funnel in one partition: those of the users whose hashes begin with the same bits.
//!
//! Where there is no room for one more entry, attempts to which nothing can follow by the latest event are dropped.
//! At `Terms::most` users half of them are given up, and when most attempts are over, it is one bit less again
//! (`table/room.rs`).

use super::attempt::{Attempts, Moment, Rise, Rules, Step};
use super::entry::{Layout, Table, KEY_BITS, LENGTHS};
use crate::memory::allocated;
use crate::table::{is_followed, Bound, Shortage};
use crate::time::MINUTE;
use crate::visitors::Visitor;

/// What the attempts of a funnel take from its site.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// Of the seed and the definition: what was taken under another one is not gone on with.
    pub tag: u64,
    pub rules: Rules,
    /// There are `1 << bits` partitions.
    pub bits: u32,
    /// The most users of a partition.
    pub most: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    pub(super) tag: u64,
    pub(super) rules: Rules,
    /// By the class of their entries. A user has one entry in all of them.
    pub(super) tables: Vec<Table>,
    /// One in `1 << shift` users is followed.
    pub(super) shift: u32,
    /// The latest time of an event, but none of the future.
    pub(super) latest: i64,
}

/// What an event did, and for how many users this one counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Observed {
    /// Of the attempt before, and of the current one.
    pub rises: [Option<Rise>; 2],
    pub weight: i64,
    /// The event is earlier than one that was taken before.
    pub is_late: bool,
    /// Something is remembered that was not before.
    pub is_changed: bool,
}

impl Observed {
    pub const NOTHING: Observed = Observed {
        rises: [None; 2],
        weight: 1,
        is_late: false,
        is_changed: false,
    };
}

/// How late events may be by the latest one, for an attempt to be gone on with after its end has passed for
/// others.
const GRACE: i64 = 5 * MINUTE;

/// A user counts for at most `1 << MOST_SHIFT`.
pub(super) const MOST_SHIFT: u32 = 32;

impl Progress {
    pub fn new(terms: &Terms) -> Progress {
        Progress {
            tag: terms.tag,
            rules: terms.rules,
            tables: Vec::new(),
            shift: 0,
            latest: i64::MIN,
        }
    }

    pub fn tag(&self) -> u64 {
        self.tag
    }

    /// How many users it remembers.
    pub fn len(&self) -> usize {
        self.tables.iter().map(Table::len).sum()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// One in so many users is followed.
    pub fn weight(&self) -> i64 {
        1 << self.shift
    }

    fn is_of(&self, terms: &Terms) -> bool {
        self.tag == terms.tag && self.rules == terms.rules
    }

    #[inline]
    fn find(&self, key: u64) -> Option<(usize, Attempts)> {
        let mut tables = self.tables.iter().enumerate();
        let (class, (_, entry)) =
            tables.find_map(|(class, table)| Some((class, table.find(key)?)))?;
        Some((class, Layout::of(&self.rules).read(entry)?))
    }

    /// When the attempts began that an event of a user may raise.
    #[inline]
    pub fn beginnings(&self, visitor: Visitor, terms: &Terms) -> [Option<i64>; 2] {
        let key = visitor.key(terms.bits, KEY_BITS);
        if !self.is_of(terms) || !is_followed(key, self.shift) {
            return [None; 2];
        }
        match self.find(key) {
            None => [None; 2],
            Some((_, known)) => [
                known.previous.map(|before| before.anchor),
                Some(known.current.anchor),
            ],
        }
    }

    /// Takes an event. `clock`: the time by which it was accepted.
    pub fn observe(
        &mut self,
        visitor: Visitor,
        moment: &Moment,
        clock: i64,
        terms: &Terms,
    ) -> Observed {
        if !self.is_of(terms) {
            *self = Progress::new(terms);
        }
        let key = visitor.key(terms.bits, KEY_BITS);
        if !is_followed(key, self.shift) {
            return Observed::NOTHING;
        }
        let known = self.find(key);
        let step = Step::of(known.as_ref().map(|(_, it)| it), moment, &terms.rules);
        let (attempts, rises) = match step {
            Step::Nothing => return Observed::NOTHING,
            Step::Late => {
                return Observed {
                    is_late: true,
                    ..Observed::NOTHING
                }
            }
            Step::Taken(attempts, rises) => (attempts, rises),
        };
        self.latest = self.latest.max(moment.time.min(clock));
        let is_followed = self.put(key, known.map(|(class, _)| class), &attempts, terms);
        match is_followed {
            false => Observed::NOTHING,
            true => Observed {
                rises,
                weight: self.weight(),
                is_late: false,
                is_changed: true,
            },
        }
    }

    /// False where the user is not followed any more. `class`: where its entry was.
    fn put(&mut self, key: u64, class: Option<usize>, attempts: &Attempts, terms: &Terms) -> bool {
        let layout = Layout::of(&self.rules);
        let entry = layout.write(key, attempts);
        if class != Some(entry.class) {
            for class in self.tables.len()..=entry.class {
                self.tables.push(Table::new(layout.shape(class)));
            }
            if let Some(table) = class.and_then(|class| self.tables.get_mut(class)) {
                table.remove(key);
            }
            self.make_room(entry.class, terms);
            if !is_followed(key, self.shift) {
                return false;
            }
        }
        let table = self.tables.get_mut(entry.class);
        table.is_some_and(|table| table.put(entry.bytes()))
    }

    /// For one more entry of a class.
    fn make_room(&mut self, class: usize, terms: &Terms) {
        let Some(shortage) = Shortage::of(&self.tables, class, terms.most) else {
            return;
        };
        // Events that come a little late still find their attempts, unless room is short.
        let grace = match shortage {
            Shortage::Bound => 0,
            _ => terms.rules.within.min(GRACE),
        };
        let (time, layout) = (self.latest.saturating_sub(grace), Layout::of(&terms.rules));
        let bound = Bound {
            most: terms.most,
            most_shift: MOST_SHIFT,
            is_lifted: true,
        };
        let is_current = |entry: &[u8]| {
            let attempts = layout.read(entry);
            attempts.is_some_and(|attempts| attempts.end(terms.rules.within) >= time)
        };
        self.shift = shortage.make_room(&mut self.tables, class, self.shift, &bound, is_current);
    }

    /// Forgets a user. Returns whether anything was remembered.
    pub fn forget(&mut self, visitor: Visitor, terms: &Terms) -> bool {
        let key = visitor.key(terms.bits, KEY_BITS);
        let found = self.find(key).filter(|_| self.is_of(terms));
        if let Some(table) = found.and_then(|(class, _)| self.tables.get_mut(class)) {
            table.remove(key);
            return true;
        }
        false
    }

    /// About the number of its allocations.
    pub fn parts(&self) -> usize {
        1 + self.tables.len()
    }

    /// What it occupies, itself not included.
    pub fn heap_bytes(&self) -> usize {
        let tables: usize = self.tables.iter().map(Table::heap_bytes).sum();
        allocated(self.tables.capacity() * size_of::<Table>()) + tables
    }

    /// No more tables are there.
    pub(super) const MOST_TABLES: usize = LENGTHS.len();
}
