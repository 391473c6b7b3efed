//! What is counted of one row in one bucket: of the whole site, of one value of a dimension, of one cell
//! of a cube.
//!
//! ```text
//! stored:  slots | users | 0                                      nothing else was counted
//!          slots | users | 1 | sessions | n | n × (value id, summaries, quantiles)   ids ascending
//!          slots | users | 2 | new users                          by slot; 3: both
//! ```
//!
//! Users and sessions may have come in without events, from a HyperLogLog of Redis: what is stored then
//! has no slots and no values.

use crate::codec::{corrupt, Reader, Writer};
use crate::error::{shown, Corrupt, Error};
use crate::memory::allocated;
use crate::schema::limits::VALUES_PER_BUCKET;
use crate::sketch::counters::Counters;
use crate::sketch::hll::{Member, Sketch};
use crate::sketch::quantiles::Quantiles;
use crate::sketch::sums::Summaries;
use crate::sketch::Number;

/// Mergeable: the tallies of two sets of events merge into the tally of both.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Tally {
    /// Events per slot.
    slots: Counters,
    users: Sketch,
    /// Most tallies have neither sessions, values nor new users: those cost a pointer until the first is counted.
    rest: Option<Box<Rest>>,
}

#[derive(Debug, Clone, Default, PartialEq)]
struct Rest {
    sessions: Sketch,
    /// By value id, ascending. New ones are rare: there is no spare capacity.
    values: Box<[Measured]>,
    /// New users per slot.
    new_users: Option<Box<Counters>>,
}

/// What is stored behind the users.
const REST: u8 = 1;
const NEW_USERS: u8 = 2;

/// A named value as measured on the events of a tally.
#[derive(Debug, Clone, PartialEq)]
pub struct Measured {
    id: u8,
    pub slots: Summaries,
    pub quantiles: Quantiles,
}

/// What one event adds to each tally that it belongs to.
#[derive(Clone, Copy)]
pub struct Sample<'e> {
    pub slot: u8,
    pub user: Member,
    /// None for most events.
    pub more: Option<&'e More<'e>>,
}

impl<'e> Sample<'e> {
    #[inline]
    pub fn new(slot: u8, user: Member, more: &'e More<'e>) -> Sample<'e> {
        let has_more = more.session.is_some() || !more.numbers.is_empty() || more.new_users > 0;
        Sample {
            slot,
            user,
            more: has_more.then_some(more),
        }
    }
}

/// The session and the values of an event, and how many users are new with it.
#[derive(Clone, Copy)]
pub struct More<'e> {
    pub session: Option<Member>,
    /// The ids of its values in the current bucket, and as many numbers.
    pub ids: &'e [u8],
    pub numbers: &'e [Number],
    /// How many users are new with it.
    pub new_users: u64,
}

/// What distinct counts count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Distinct {
    Users,
    Sessions,
}

impl Distinct {
    /// `users` or `sessions`, in any case.
    pub fn parse(text: &[u8]) -> Result<Distinct, Error> {
        match text {
            _ if text.eq_ignore_ascii_case(b"users") => Ok(Distinct::Users),
            _ if text.eq_ignore_ascii_case(b"sessions") => Ok(Distinct::Sessions),
            _ => Err(Error::new(format!(
                "'{}' is neither users nor sessions",
                shown(text)
            ))),
        }
    }
}

impl Tally {
    /// Counts an event.
    #[inline]
    pub fn count(&mut self, slot: u8) {
        self.slots.add(i32::from(slot), 1);
    }

    /// Counts so many events in one slot.
    pub fn count_many(&mut self, slot: u8, events: u64) {
        self.slots.add(i32::from(slot), events);
    }

    /// Counts the events in these slots.
    #[inline]
    pub fn count_all(&mut self, slots: impl Iterator<Item = u8>) {
        self.slots.add_all(slots.map(i32::from));
    }

    /// Inserts a user. Returns whether the sketch changed.
    #[inline]
    pub fn insert_user(&mut self, user: Member) -> bool {
        self.users.add(user)
    }

    /// Inserts a session. Returns whether the sketch changed.
    pub fn insert_session(&mut self, session: Member) -> bool {
        self.rest.get_or_insert_default().sessions.add(session)
    }

    /// Counts new users.
    pub fn count_new_users(&mut self, slot: u8, users: u64) {
        let rest = self.rest.get_or_insert_default();
        let new_users = rest.new_users.get_or_insert_default();
        new_users.add(i32::from(slot), users);
    }

    /// Adds the numbers of an event to the values of as many ids.
    #[inline(always)]
    pub fn measure(&mut self, slot: u8, ids: &[u8], numbers: &[Number]) {
        if numbers.is_empty() {
            return;
        }
        let rest = self.rest.get_or_insert_default();
        for (id, number) in ids.iter().zip(numbers) {
            let measured = rest.measured_or_new(*id);
            measured.slots.include(slot, &number.summary);
            if let Some(bin) = number.bin {
                measured.quantiles.insert_into(bin);
            }
        }
    }

    /// Merges users or sessions that were counted elsewhere. Returns whether anything changed.
    pub fn import(&mut self, what: Distinct, sketch: &Sketch) -> bool {
        match what {
            _ if sketch.is_empty() => false,
            Distinct::Users => self.users.import(sketch),
            Distinct::Sessions => self.rest.get_or_insert_default().sessions.import(sketch),
        }
    }

    pub fn merge(&mut self, other: &Tally) {
        self.slots.merge(&other.slots);
        self.users.merge(&other.users);
        if let Some(theirs) = &other.rest {
            let ours = self.rest.get_or_insert_default();
            ours.sessions.merge(&theirs.sessions);
            for value in &theirs.values {
                let measured = ours.measured_or_new(value.id);
                measured.slots.merge(&value.slots);
                measured.quantiles.merge(&value.quantiles);
            }
            if let Some(theirs) = &theirs.new_users {
                ours.new_users.get_or_insert_default().merge(theirs);
            }
        }
    }

    pub fn events(&self) -> u64 {
        self.slots.total()
    }

    /// Events per slot.
    pub fn slots(&self) -> &Counters {
        &self.slots
    }

    pub fn users(&self) -> &Sketch {
        &self.users
    }

    /// New users per slot, where there are any.
    pub fn new_users(&self) -> Option<&Counters> {
        self.rest.as_ref()?.new_users.as_deref()
    }

    pub fn sessions(&self) -> Option<&Sketch> {
        self.rest.as_ref().map(|rest| &rest.sessions)
    }

    pub fn distinct(&self, what: Distinct) -> Option<&Sketch> {
        match what {
            Distinct::Users => Some(&self.users),
            Distinct::Sessions => self.sessions(),
        }
    }

    pub fn measured(&self, id: u8) -> Option<&Measured> {
        let values = &self.rest.as_ref()?.values;
        values.iter().find(|measured| measured.id == id)
    }

    pub fn heap_bytes(&self) -> usize {
        let rest = self.rest.as_ref().map_or(0, |rest| {
            allocated(size_of::<Rest>())
                + rest.sessions.heap_bytes()
                + allocated(size_of_val(&*rest.values))
                + rest.new_users.as_ref().map_or(0, |new_users| {
                    allocated(size_of::<Counters>()) + new_users.heap_bytes()
                })
                + rest
                    .values
                    .iter()
                    .map(|value| value.slots.heap_bytes() + value.quantiles.heap_bytes())
                    .sum::<usize>()
        });
        self.slots.heap_bytes() + self.users.heap_bytes() + rest
    }

    pub fn encode(&self, writer: &mut Writer, ids: &ValueOrder) {
        self.slots.encode(writer);
        self.users.encode(writer);
        let Some(rest) = &self.rest else {
            writer.u8(0);
            return;
        };
        let has_rest = !rest.sessions.is_empty() || !rest.values.is_empty();
        let parts = if has_rest { REST } else { 0 };
        writer.u8(match &rest.new_users {
            Some(_) => parts | NEW_USERS,
            None => parts,
        });
        if has_rest {
            rest.encode(writer, ids);
        }
        if let Some(new_users) = &rest.new_users {
            new_users.encode(writer);
        }
    }

    /// `slots` and `values`: how many of each the bucket has.
    pub fn decode(reader: &mut Reader, slots: u8, values: usize) -> Result<Tally, Corrupt> {
        let events = Counters::decode(reader, 0, i32::from(slots) - 1)?;
        let users = Sketch::decode(reader)?;
        let parts = reader.u8("tally rest")?;
        let mut rest = match parts {
            0 => None,
            REST => Some(Box::new(Rest::decode(reader, slots, values)?)),
            NEW_USERS => Some(Box::default()),
            _ if parts == REST | NEW_USERS => Some(Box::new(Rest::decode(reader, slots, values)?)),
            _ => return Err(corrupt("tally rest", "not from 0 to 3")),
        };
        if let Some(rest) = rest.as_mut().filter(|_| parts & NEW_USERS != 0) {
            let new_users = Counters::decode(reader, 0, i32::from(slots) - 1)?;
            if new_users.is_empty() || events.is_empty() {
                return Err(corrupt("new users", "none, or without an event"));
            }
            rest.new_users = Some(Box::new(new_users));
        }
        let has_sessions = rest.as_ref().is_some_and(|rest| !rest.sessions.is_empty());
        if events.is_empty() && users.is_empty() && !has_sessions {
            return Err(corrupt("tally slots", "no event, user or session"));
        }
        if events.is_empty() && rest.as_ref().is_some_and(|rest| !rest.values.is_empty()) {
            return Err(corrupt("tally values", "without an event"));
        }
        Ok(Tally {
            slots: events,
            users,
            rest,
        })
    }
}

impl Rest {
    fn encode(&self, writer: &mut Writer, ids: &ValueOrder) {
        self.sessions.encode(writer);
        let mut values: Vec<(u8, &Measured)> = self
            .values
            .iter()
            .map(|value| (ids.stored(value.id), value))
            .collect();
        values.sort_unstable_by_key(|(id, _)| *id);
        writer.varint(values.len() as u64);
        for (id, value) in values {
            writer.u8(id);
            value.slots.encode(writer);
            value.quantiles.encode(writer);
        }
    }

    #[inline]
    fn measured_or_new(&mut self, id: u8) -> &mut Measured {
        // Where a tally has all values of its bucket, the index of each is its id.
        let likely = usize::from(id);
        let index = match self.values.get(likely) {
            Some(value) if value.id == id => likely,
            _ => self.index_or_new(id),
        };
        // The entry was found or has just been inserted.
        #[allow(clippy::indexing_slicing)]
        &mut self.values[index]
    }

    #[inline(never)]
    fn index_or_new(&mut self, id: u8) -> usize {
        let index = self.values.iter().position(|value| value.id >= id);
        let index = index.unwrap_or(self.values.len());
        if self.values.get(index).is_none_or(|value| value.id != id) {
            self.make_room_at(index, id);
        }
        index
    }

    #[cold]
    fn make_room_at(&mut self, index: usize, id: u8) {
        let mut values = std::mem::take(&mut self.values).into_vec();
        values.reserve_exact(1);
        values.insert(index, Measured::new(id));
        self.values = values.into_boxed_slice();
    }

    fn decode(reader: &mut Reader, slots: u8, known: usize) -> Result<Rest, Corrupt> {
        let sessions = Sketch::decode(reader)?;
        let count = reader.count("tally values", known.min(VALUES_PER_BUCKET), 3)?;
        if count == 0 && sessions.is_empty() {
            return Err(corrupt("tally rest", "empty"));
        }
        let mut values: Vec<Measured> = Vec::with_capacity(count);
        for _ in 0..count {
            let id = reader.u8("value id")?;
            if usize::from(id) >= known {
                return Err(corrupt("value id", "names no value of the bucket"));
            }
            if values.last().is_some_and(|before| before.id >= id) {
                return Err(corrupt("value id", "not ascending"));
            }
            let slots = Summaries::decode(reader, slots)?;
            let quantiles = Quantiles::decode(reader)?;
            if slots.total().count() != quantiles.count() || quantiles.is_empty() {
                return Err(corrupt(
                    "value",
                    "its slots and its quantiles count differently",
                ));
            }
            values.push(Measured {
                id,
                slots,
                quantiles,
            });
        }
        Ok(Rest {
            sessions,
            values: values.into_boxed_slice(),
            new_users: None,
        })
    }
}

impl Measured {
    fn new(id: u8) -> Measured {
        Measured {
            id,
            slots: Summaries::new(),
            quantiles: Quantiles::new(),
        }
    }
}

/// In memory the ids of values are in the order in which their names were added; stored, they are in the
/// order of the names, so that equal content is equal bytes.
pub struct ValueOrder(Vec<u8>);

impl ValueOrder {
    /// `stored[id]`: the id under which the value `id` is stored.
    pub fn new(stored: Vec<u8>) -> ValueOrder {
        ValueOrder(stored)
    }

    fn stored(&self, id: u8) -> u8 {
        self.0.get(usize::from(id)).copied().unwrap_or(id)
    }
}
