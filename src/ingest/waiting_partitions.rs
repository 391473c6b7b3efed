//! Opens the partitions of users whose events may wait but for that: a handle on a partition lasts a
//! second, and a site has many partitions.

use super::directories::{self, Taken};
use super::lateness::LatenessClock;
use super::site::OpenSite;
use crate::api::context::Ctx;
use crate::api::failure::Outcome;
use crate::api::guard::WriteGuard;
use crate::store::contents::PartitionContents;
use analytics_core::event::Batch;

/// Takes handles on the partitions of these events. False where one is not there, or gives no handle: the
/// events do not wait then. Changes nothing; foreign code may run.
#[inline(never)]
pub fn open(
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
        if visits {
            let taken = directories::take_visitors(site.value(guard), event, batch, clock);
            let Some(mut taken) = taken else {
                return Ok(false);
            };
            let opened = open_one(ctx, guard, &mut taken, clock.now);
            directories::give_visitors(site.value(guard), taken);
            if !opened? {
                return Ok(false);
            }
        }
        if people {
            let taken = directories::take_people(site.value(guard), event, batch, clock);
            let Some(mut taken) = taken else {
                return Ok(false);
            };
            let opened = open_one(ctx, guard, &mut taken, clock.now);
            directories::give_people(site.value(guard), taken);
            if !opened? {
                return Ok(false);
            }
        }
    }
    Ok(true)
}

/// Whether there is a handle on it then.
fn open_one<C: PartitionContents>(
    ctx: Ctx,
    guard: &mut WriteGuard,
    (_, partition): &mut Taken<C>,
    now: i64,
) -> Outcome<bool> {
    if !partition.has_valid_handle(now) {
        partition.look_up(ctx, guard, now)?;
    }
    Ok(partition.has_valid_handle(now))
}
