//! The partitions of a site's visits under way: their keys, and handles on their values.

use std::ptr::null_mut;

use crate::api::context::Ctx;
use crate::api::failure::Outcome;
use crate::api::guard::WriteGuard;
use crate::api::key::Key;
use crate::api::string::{OwnedString, StringRef};
use crate::store::changes;
use crate::store::value;
use crate::store::visitors_handle::VisitorsHandle;
use crate::store::visitors_value::VisitorsValue;
use analytics_core::schema::keys::visitors_key;
use analytics_core::visitors::{Partition, Terms};

/// By their numbers; those that were used recently.
#[derive(Default)]
pub struct Partitions(Vec<Option<Box<PartitionRef>>>);

pub struct PartitionRef {
    name: OwnedString,
    pub handle: VisitorsHandle,
    open: OpenPartition,
}

/// The state of a partition during a command.
struct OpenPartition {
    /// The number of the command.
    command: u64,
    /// Null until the partition is made.
    value: *mut VisitorsValue,
    has_handle: bool,
    /// It has no key yet.
    is_unpublished: bool,
    is_changed: bool,
    /// Its key gets another expiry.
    is_put_off: bool,
}

impl OpenPartition {
    fn of(command: u64) -> OpenPartition {
        OpenPartition {
            command,
            value: null_mut(),
            has_handle: false,
            is_unpublished: false,
            is_changed: false,
            is_put_off: false,
        }
    }
}

impl Partitions {
    #[inline]
    pub fn get_mut(&mut self, number: u32) -> Option<&mut PartitionRef> {
        self.0.get_mut(number as usize)?.as_deref_mut()
    }

    pub fn get(&self, number: u32) -> Option<&PartitionRef> {
        self.0.get(number as usize)?.as_deref()
    }

    pub fn take(&mut self, site: &[u8], number: u32) -> Box<PartitionRef> {
        let known = self.0.get_mut(number as usize).and_then(Option::take);
        known.unwrap_or_else(|| PartitionRef::new(site, number))
    }

    /// Puts back what was taken, where there is none.
    pub fn put(&mut self, number: u32, partition: Box<PartitionRef>) {
        if let Some(slot) = self.slot(number) {
            slot.get_or_insert(partition);
        }
    }

    fn slot(&mut self, number: u32) -> Option<&mut Option<Box<PartitionRef>>> {
        let place = number as usize;
        if self.0.len() <= place {
            self.0.resize_with(place + 1, || None);
        }
        self.0.get_mut(place)
    }

    /// Begins a command with a partition. True for the first call of the command.
    pub fn begin(&mut self, site: &[u8], number: u32, command: u64, now: i64) -> bool {
        let Some(slot) = self.slot(number) else {
            return false;
        };
        let partition = slot.get_or_insert_with(|| PartitionRef::new(site, number));
        let is_first = partition.open.command != command;
        if is_first {
            let value = partition.handle.valid(now);
            partition.open = OpenPartition {
                value: value.unwrap_or(null_mut()),
                has_handle: value.is_some(),
                ..OpenPartition::of(command)
            };
        }
        is_first
    }

    pub fn clear(&mut self) {
        self.0 = Vec::new();
    }
}

impl PartitionRef {
    fn new(site: &[u8], number: u32) -> Box<PartitionRef> {
        Box::new(PartitionRef {
            name: OwnedString::new(&visitors_key(site, number)),
            handle: VisitorsHandle::default(),
            open: OpenPartition::of(0),
        })
    }

    pub fn name(&self) -> StringRef<'_> {
        self.name.get()
    }

    pub fn has_valid_handle(&self, now: i64) -> bool {
        self.handle.valid(now).is_some()
    }

    pub fn has_handle(&self) -> bool {
        self.open.has_handle
    }

    /// Whether the present command has given it another expiry.
    pub fn is_put_off(&self) -> bool {
        self.open.is_put_off
    }

    /// Opens the key. Changes nothing.
    pub fn look_up(&mut self, ctx: Ctx, guard: &mut WriteGuard, now: i64) -> Outcome {
        let name = self.name.get();
        let key = changes::opening(name, || Key::for_writing(ctx, guard, name));
        let expiry = key.expiry();
        let counts_uses = key.counts_uses();
        let Some(value) = value::find::<VisitorsValue>(&key)? else {
            return Ok(());
        };
        self.open.value = value.as_ptr();
        // SAFETY: the value of a key; the guard keeps it.
        let own_expiry = unsafe { value.as_ref() }.partition().expiry();
        // With another expiry than its own, the key is opened every time: Redis decides whether it is over.
        if expiry == Some(own_expiry) && !counts_uses {
            // SAFETY: as above.
            self.open.has_handle = unsafe { self.handle.take(self.open.value, now) };
        }
        Ok(())
    }

    /// None until it is made.
    pub fn partition(&self, _guard: &WriteGuard) -> Option<&Partition> {
        // SAFETY: found or made in this command, whose guard keeps it; nothing changes it meanwhile.
        unsafe { self.open.value.as_ref() }.map(VisitorsValue::partition)
    }

    /// For writing; made where there is none.
    pub fn partition_mut(&mut self, _guard: &WriteGuard, terms: &Terms) -> &mut Partition {
        if self.open.value.is_null() {
            self.open.value = value::allocate(VisitorsValue::new(Partition::new(terms))).as_ptr();
            self.open.is_unpublished = true;
        }
        // SAFETY: as above, and this reference borrows the only `PartitionRef` that leads there.
        unsafe { VisitorsValue::contents_mut(self.open.value) }
    }

    /// It has taken note of an event of this time, which was accepted by this clock.
    pub fn changed(&mut self, guard: &WriteGuard, time: i64, clock: i64, terms: &Terms) {
        self.open.is_changed = true;
        let partition = self.partition_mut(guard, terms);
        if let Some(expiry) = partition.new_expiry(time, clock, terms) {
            partition.set_expiry(expiry);
            self.open.is_put_off = true;
        }
    }

    /// Stores a new partition under its key, and sets the expiry of one that was changed. A value that
    /// foreign code has stored there meanwhile is later than this command, and stays.
    pub fn publish(&mut self, ctx: Ctx, guard: &mut WriteGuard, now: i64) {
        let is_new = std::mem::take(&mut self.open.is_unpublished);
        let value = self.open.value;
        if is_new && !self.open.is_changed {
            self.open.value = null_mut();
            // SAFETY: made by `partition_mut`, and not passed on.
            return unsafe { value::free_unowned(value) };
        }
        if is_new {
            let key = Key::for_writing(ctx, guard, self.name.get());
            if key.exists() {
                drop(key);
                self.open.value = null_mut();
                // SAFETY: as above.
                return unsafe { value::free_unowned(value) };
            }
            // SAFETY: a value of this type, which belongs to the server from now on.
            unsafe { value::put_allocated(key, value) };
        }
        if is_new || self.open.is_put_off {
            self.put_off(ctx, guard, now);
        }
        if self.open.is_changed {
            ctx.signal_modified(self.name.get());
        }
    }

    /// Sets the expiry, where the value is still under its key.
    fn put_off(&mut self, ctx: Ctx, guard: &mut WriteGuard, now: i64) {
        let key = Key::for_writing(ctx, guard, self.name.get());
        let found = value::find::<VisitorsValue>(&key);
        let is_there = matches!(found, Ok(Some(found)) if found.as_ptr() == self.open.value);
        if !is_there {
            self.handle.release();
            return;
        }
        // SAFETY: the value of a key; the guard keeps it.
        let expiry = unsafe { &*self.open.value }.partition().expiry();
        key.expire_at(expiry);
        if !key.counts_uses() {
            // SAFETY: the value of a key.
            self.open.has_handle = unsafe { self.handle.take(self.open.value, now) };
        }
    }
}
