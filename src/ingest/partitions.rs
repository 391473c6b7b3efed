//! The partitions of a site's users, of their visits under way or of people: their keys, and handles on
//! their values.

use std::ptr::null_mut;

use redis_module::raw::RedisModuleString;

use crate::api::context::Ctx;
use crate::api::failure::Outcome;
use crate::api::guard::WriteGuard;
use crate::api::string::{OwnedString, StringRef};
use crate::store::contents::PartitionContents;
use crate::store::handle::Handle;
use crate::store::open_value::OpenValue;
use crate::store::owned_value::OwnedValue;

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
struct OpenPartition<C: PartitionContents> {
    /// The number of the command.
    command: u64,
    value: OpenValue<C>,
    has_handle: bool,
    is_changed: bool,
    /// Its key gets another expiry.
    is_put_off: bool,
}

impl<C: PartitionContents> OpenPartition<C> {
    fn of(command: u64, value: Option<*mut OwnedValue<C>>) -> OpenPartition<C> {
        OpenPartition {
            command,
            has_handle: value.is_some(),
            // SAFETY: under its key. A command has one `PartitionRef` for it.
            value: unsafe { OpenValue::found(value.unwrap_or(null_mut())) },
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

    /// The contents of a partition to which there is a valid handle, and its key.
    ///
    /// # Safety
    /// That of `PartitionRef::contents`.
    #[inline]
    pub unsafe fn find(
        &mut self,
        number: u32,
        now: i64,
    ) -> Option<(&mut C, *mut RedisModuleString)> {
        let partition = self.get_mut(number)?;
        let name = partition.name.get().raw();
        // SAFETY: by the contract.
        Some((unsafe { partition.contents(now) }?, name))
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
            partition.open = OpenPartition::of(command, partition.valid(now));
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
            open: OpenPartition::of(0, None),
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
        let key = self.open.value.look_up(ctx, guard, self.name.get())?;
        let own_expiry = self.partition(guard).map(C::expiry);
        // With another expiry than its own, the key is opened every time: Redis decides whether it is over.
        if own_expiry.is_some() && key.expiry == own_expiry && !key.counts_uses {
            // SAFETY: the value of a key; the guard keeps it.
            unsafe { self.take_handle(now) };
        }
        Ok(())
    }

    /// # Safety
    /// The value of a key, which is not freed before this returns.
    unsafe fn take_handle(&mut self, now: i64) {
        // SAFETY: by the contract.
        let taken = unsafe { self.handle.take(self.open.value.address(), now) };
        self.open.has_handle = taken.is_some();
    }

    /// None until it is made.
    pub fn partition(&self, guard: &WriteGuard) -> Option<&C> {
        self.open.value.get(guard)
    }

    /// For writing; made where there is none.
    pub fn partition_mut(&mut self, guard: &WriteGuard, make: impl FnOnce() -> C) -> &mut C {
        self.open.value.get_or_make(guard, make)
    }

    /// It was changed. `expiry`: when its key expires from now on, where that changes.
    pub fn changed(&mut self, guard: &WriteGuard, expiry: Option<i64>) {
        self.open.is_changed = true;
        if let Some((contents, expiry)) = self.open.value.get_mut(guard).zip(expiry) {
            contents.set_expiry(expiry);
            self.open.is_put_off = true;
        }
    }

    /// Stores a new partition under its key, and sets the expiry of one that was changed.
    pub fn publish(&mut self, ctx: Ctx, guard: &mut WriteGuard, now: i64) {
        let (open, name) = (&mut self.open, self.name.get());
        if !open.is_changed {
            return open.value.discard();
        }
        if open.value.is_unpublished() || open.is_put_off {
            let expiry = open.value.get(guard).map_or(i64::MIN, C::expiry);
            if open.value.publish(ctx, guard, name, expiry) {
                // SAFETY: the value of a key.
                unsafe { self.take_handle(now) };
            } else {
                self.handle.release();
            }
        }
        ctx.signal_modified(self.name.get());
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
