//! Takes handles on partitions of users, where only these are missing for events to become pending writes: a
//! handle on a partition lasts a second, and a site has many partitions.

use super::directories;
use super::directory::UserContents;
use super::lateness::LatenessClock;
use super::site::OpenSite;
use crate::api::context::Ctx;
use crate::api::failure::Outcome;
use crate::api::guard::WriteGuard;
use analytics_core::event::{Batch, Event};
use analytics_core::people::People;
use analytics_core::visitors::Partition;

/// Takes handles on the partitions of these events. False where one is not there, or gives no handle: the
/// events do not wait then. Changes nothing; foreign code may run.
#[inline(never)]
pub fn take_handles(
    ctx: Ctx,
    guard: &mut WriteGuard,
    site: &OpenSite,
    batch: &Batch,
    clock: LatenessClock,
) -> Outcome<bool> {
    let settings = &site.value(guard).site.settings;
    let (visits, people) = (settings.visits.is_some(), settings.people.is_some());
    if !visits && !people {
        return Ok(false);
    }
    for event in &batch.events {
        let event = (event, batch);
        if visits && !open_one::<Partition>(ctx, guard, site, event, clock)?
            || people && !open_one::<People>(ctx, guard, site, event, clock)?
        {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether there is a handle on the partition of the event's user then.
fn open_one<C: UserContents>(
    ctx: Ctx,
    guard: &mut WriteGuard,
    site: &OpenSite,
    (event, batch): (&Event, &Batch),
    clock: LatenessClock,
) -> Outcome<bool> {
    let taken = directories::take_partition::<C>(site.value(guard), event, batch, clock);
    let Some((number, mut partition)) = taken else {
        return Ok(false);
    };
    let looked_up = match partition.has_valid_handle(clock.now) {
        true => Ok(()),
        false => partition.look_up(ctx, guard, clock.now),
    };
    let is_open = partition.has_valid_handle(clock.now);
    directories::put_partition_back(site.value(guard), number, partition);
    looked_up.map(|()| is_open)
}
