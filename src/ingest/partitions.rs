//! The partitions of a site's users, of their visits under way or of people: their keys, and handles on
//! their values.

use std::ptr::null_mut;

use crate::api::context::Ctx;
use crate::api::failure::Outcome;
use crate::api::guard::WriteGuard;
use crate::api::key::Key;
use crate::api::string::{OwnedString, StringRef};
use crate::store::changes;
use crate::store::contents::PartitionContents;
use crate::store::handle::Handle;
use crate::store::owned_value::OwnedValue;
use crate::store::value;

/// By their numbers; those that were used recently.
pub struct Partitions<C: PartitionContents>(Vec<Option<Box<PartitionRef<C>>>>);

impl<C: PartitionContents> Default for Partitions<C> {
    fn default() -> Partitions<C> {
        Partitions(Vec::new())
    }
}

pub struct PartitionRef<C: PartitionContents> {
    name: OwnedString,
    handle: Handle<C>,
    open: OpenPartition<C>,
}

/// The state of a partition during a command.
struct OpenPartition<C> {
    /// The number of the command.
    command: u64,
    /// Null until the partition is made.
    value: *mut OwnedValue<C>,
    has_handle: bool,
    /// It has no key yet.
    is_unpublished: bool,
    is_changed: bool,
    /// Its key gets another expiry.
    is_put_off: bool,
}

impl<C> OpenPartition<C> {
    fn of(command: u64) -> OpenPartition<C> {
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

impl<C: PartitionContents> Partitions<C> {
    #[inline]
    pub fn get_mut(&mut self, number: u32) -> Option<&mut PartitionRef<C>> {
        self.0.get_mut(number as usize)?.as_deref_mut()
    }

    pub fn get(&self, number: u32) -> Option<&PartitionRef<C>> {
        self.0.get(number as usize)?.as_deref()
    }

    pub fn take(&mut self, site: &[u8], number: u32) -> Box<PartitionRef<C>> {
        let known = self.0.get_mut(number as usize).and_then(Option::take);
        known.unwrap_or_else(|| PartitionRef::new(site, number))
    }

    /// Puts back what was taken, where there is none.
    pub fn put(&mut self, number: u32, partition: Box<PartitionRef<C>>) {
        if let Some(slot) = self.slot(number) {
            slot.get_or_insert(partition);
        }
    }

    fn slot(&mut self, number: u32) -> Option<&mut Option<Box<PartitionRef<C>>>> {
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
            let value = partition.valid(now);
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

impl<C: PartitionContents> PartitionRef<C> {
    fn new(site: &[u8], number: u32) -> Box<PartitionRef<C>> {
        Box::new(PartitionRef {
            name: OwnedString::new(&C::key(site, number)),
            handle: Handle::default(),
            open: OpenPartition::of(0),
        })
    }

    pub fn name(&self) -> StringRef<'_> {
        self.name.get()
    }

    /// The value, if it is certain to be under its key still, which has not expired.
    #[inline]
    fn valid(&self, now: i64) -> Option<*mut OwnedValue<C>> {
        // SAFETY: the contents of a value under its key, which nothing changes meanwhile.
        let lasts =
            |value: *mut OwnedValue<C>| now < unsafe { OwnedValue::contents(value) }.expiry();
        self.handle.valid(now).filter(|value| lasts(*value))
    }

    pub fn has_valid_handle(&self, now: i64) -> bool {
        self.valid(now).is_some()
    }

    /// The contents, if there is a valid handle on them.
    ///
    /// # Safety
    /// No other reference to the contents is alive, and none is made while this one lives: foreign code
    /// does not run meanwhile.
    #[inline]
    pub unsafe fn contents(&mut self, now: i64) -> Option<&mut C> {
        // SAFETY: by the contract; the value is under its key.
        self.valid(now)
            .map(|value| unsafe { OwnedValue::contents_mut(value) })
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
        let Some(value) = value::find::<OwnedValue<C>>(&key)? else {
            return Ok(());
        };
        self.open.value = value.as_ptr();
        // SAFETY: the value of a key; the guard keeps it.
        let own_expiry = unsafe { value.as_ref() }.expiry();
        // With another expiry than its own, the key is opened every time: Redis decides whether it is over.
        if expiry == Some(own_expiry) && !counts_uses {
            // SAFETY: as above.
            self.open.has_handle = unsafe { self.handle.take(self.open.value, now) }.is_some();
        }
        Ok(())
    }

    /// None until it is made.
    pub fn partition(&self, _guard: &WriteGuard) -> Option<&C> {
        // SAFETY: found or made in this command, whose guard keeps it; nothing changes it meanwhile.
        unsafe { self.open.value.as_ref() }.map(|value| &**value)
    }

    /// For writing; made where there is none.
    pub fn partition_mut(&mut self, _guard: &WriteGuard, make: impl FnOnce() -> C) -> &mut C {
        if self.open.value.is_null() {
            self.open.value = value::allocate(OwnedValue::new(make())).as_ptr();
            self.open.is_unpublished = true;
        }
        // SAFETY: as above, and this reference borrows the only `PartitionRef` that leads there.
        unsafe { OwnedValue::contents_mut(self.open.value) }
    }

    /// It was changed. `expiry`: when its key expires from now on, where that changes.
    pub fn changed(&mut self, _guard: &WriteGuard, expiry: Option<i64>) {
        self.open.is_changed = true;
        if let Some(expiry) = expiry.filter(|_| !self.open.value.is_null()) {
            // SAFETY: as above.
            unsafe { OwnedValue::contents_mut(self.open.value) }.set_expiry(expiry);
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
        let found = value::find::<OwnedValue<C>>(&key);
        let is_there = matches!(found, Ok(Some(found)) if found.as_ptr() == self.open.value);
        if !is_there {
            self.handle.release();
            return;
        }
        // SAFETY: the value of a key; the guard keeps it.
        let expiry = unsafe { OwnedValue::contents(self.open.value) }.expiry();
        key.expire_at(expiry);
        if !key.counts_uses() {
            // SAFETY: the value of a key.
            self.open.has_handle = unsafe { self.handle.take(self.open.value, now) }.is_some();
        }
    }
}

/// The partitions of one command, by their numbers.
#[derive(Default)]
pub struct UsedPartitions(Vec<u32>);

impl UsedPartitions {
    pub fn clear(&mut self) {
        self.0.clear();
    }

    pub fn push(&mut self, number: u32) {
        self.0.push(number);
    }

    /// Opens every one to which there is no handle. Changes nothing.
    pub fn open<C: PartitionContents>(
        &self,
        ctx: Ctx,
        guard: &mut WriteGuard,
        partitions: &mut Partitions<C>,
        now: i64,
    ) -> Outcome {
        for number in &self.0 {
            match partitions.get_mut(*number) {
                Some(partition) if !partition.has_handle() => {
                    partition.look_up(ctx, guard, now)?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// The name of one that is not there.
    pub fn missing<'p, C: PartitionContents>(
        &self,
        guard: &WriteGuard,
        partitions: &'p Partitions<C>,
    ) -> Option<StringRef<'p>> {
        self.0.iter().find_map(|number| {
            let partition = partitions.get(*number)?;
            partition
                .partition(guard)
                .is_none()
                .then(|| partition.name())
        })
    }

    /// Whether one of them has got another expiry.
    pub fn are_put_off<C: PartitionContents>(&self, partitions: &Partitions<C>) -> bool {
        let mut all = self.0.iter().filter_map(|number| partitions.get(*number));
        all.any(PartitionRef::is_put_off)
    }

    /// Gives new ones their keys, and signals those that have changed.
    pub fn publish<C: PartitionContents>(
        &self,
        ctx: Ctx,
        guard: &mut WriteGuard,
        partitions: &mut Partitions<C>,
        now: i64,
    ) {
        for number in &self.0 {
            if let Some(partition) = partitions.get_mut(*number) {
                partition.publish(ctx, guard, now);
            }
        }
    }
}
