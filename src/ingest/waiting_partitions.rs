//! Opens the partitions of visitors whose events may wait but for that: a handle on a partition lasts a
//! second, and a site has many partitions.

use super::directories;
use super::lateness::LatenessClock;
use super::site::OpenSite;
use crate::api::context::Ctx;
use crate::api::failure::Outcome;
use crate::api::guard::WriteGuard;
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
    if site.value(guard).site.settings.visits.is_none() {
        return Ok(false);
    }
    for event in &batch.events {
        let found = directories::take_partition(site.value(guard), event, batch, clock);
        let Some((number, mut partition)) = found else {
            return Ok(false);
        };
        let opened = match partition.has_valid_handle(clock.now) {
            true => Ok(()),
            false => partition.look_up(ctx, guard, clock.now),
        };
        let has_handle = partition.has_valid_handle(clock.now);
        directories::give_partition(site.value(guard), number, partition);
        opened?;
        if !has_handle {
            return Ok(false);
        }
    }
    Ok(true)
}
