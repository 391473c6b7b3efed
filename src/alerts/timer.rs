//! The timer. It runs while some site is watched, on a master only, and takes no more of a tick than
//! `analytics.alert-budget` for what is due; the rest is due in the next one.

use std::ffi::c_void;
use std::sync::atomic::{AtomicI64, AtomicPtr, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use redis_module::raw::{self, REDISMODULE_CTX_FLAGS_LOADING, REDISMODULE_CTX_FLAGS_MASTER};

use super::visit::{Round, Visited};
use super::{schedule, visit};
use crate::api::redis::{api, Ctx};
use crate::{config, stats};

/// In milliseconds: what is due within the first is done at once, a clock that jumps is noticed
/// within the second, and what did not fit into a tick goes on after the third.
const LEAST: i64 = 100;
const MOST: i64 = 250;
const SOON: i64 = 10;

/// A context of the module that outlives all callbacks: some that start the timer have none.
static CONTEXT: AtomicPtr<raw::RedisModuleCtx> = AtomicPtr::new(std::ptr::null_mut());
/// The timer that is armed; 0 for none.
static TIMER: AtomicU64 = AtomicU64::new(0);
static LAST_TICK: AtomicI64 = AtomicI64::new(i64::MIN);

pub fn register(ctx: Ctx) {
    // SAFETY: called while the module loads; the context is never freed.
    let context = unsafe { api!(RedisModule_GetDetachedThreadSafeContext(ctx.raw())) };
    CONTEXT.store(context, Relaxed);
}

pub fn context() -> *mut raw::RedisModuleCtx {
    CONTEXT.load(Relaxed)
}

/// Sees to it that the timer runs.
pub fn wake() {
    if TIMER.load(Relaxed) == 0 {
        arm(LEAST);
    }
}

fn arm(delay: i64) {
    let context = context();
    if context.is_null() {
        return;
    }
    // SAFETY: the context is that of the module; Redis runs everything here on its main thread.
    let timer = unsafe {
        api!(RedisModule_CreateTimer(
            context,
            delay,
            Some(run),
            std::ptr::null_mut()
        ))
    };
    TIMER.store(timer, Relaxed);
}

/// The server's timers go by the clock of the day: one that was put back would let them wait for the
/// time that it came from.
pub fn follow_clock(now: i64) {
    let timer = TIMER.load(Relaxed);
    // Noticed once: this is called more often than the timer runs.
    if timer == 0 || !was_put_back(now) {
        return;
    }
    // SAFETY: the context is that of the module, and the timer is armed.
    unsafe {
        api!(RedisModule_StopTimer(
            context(),
            timer,
            std::ptr::null_mut()
        ))
    };
    arm(LEAST);
}

/// Whether the clock was put back to now. What was due at a time to come is not waited for.
fn was_put_back(now: i64) -> bool {
    let is_back = now < LAST_TICK.load(Relaxed);
    if is_back {
        LAST_TICK.store(now, Relaxed);
        schedule().rewind(now);
    }
    is_back
}

unsafe extern "C" fn run(ctx: *mut raw::RedisModuleCtx, _data: *mut c_void) {
    TIMER.store(0, Relaxed);
    // SAFETY: Redis hands in a context that is valid until this returns.
    tick(unsafe { Ctx::new(ctx) });
}

fn tick(ctx: Ctx) {
    let flags = ctx.flags();
    if flags & REDISMODULE_CTX_FLAGS_MASTER == 0 {
        // It starts again when the role changes.
        return;
    }
    let now = ctx.now();
    was_put_back(now);
    LAST_TICK.store(now, Relaxed);
    let mut is_late = false;
    if flags & REDISMODULE_CTX_FLAGS_LOADING == 0 {
        let started = Instant::now();
        is_late = visit_all(ctx, now, started);
        stats::ALERT_TICKS.add(1);
        stats::ALERT_TICK_USEC_TOTAL.add(micros(started));
        stats::ALERT_TICK_USEC_MAX.raise_to(micros(started));
    }
    let next = schedule().next();
    if let Some(next) = next {
        arm(if is_late {
            SOON
        } else {
            next.saturating_sub(ctx.now()).clamp(LEAST, MOST)
        });
    }
}

fn micros(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_micros()).unwrap_or(u64::MAX)
}

/// Whether there was not the time for all of it.
fn visit_all(ctx: Ctx, now: i64, started: Instant) -> bool {
    let budget = Duration::from_micros(config::alert_budget());
    let mut round = Round::new(now, started + budget);
    while !round.is_over() {
        let Some(due) = schedule().take(now) else {
            return false;
        };
        match visit::visit(ctx, &due, &mut round) {
            Visited::Done => {}
            Visited::InPart => {
                stats::ALERT_DEFERRED.add(1);
                return true;
            }
        }
    }
    let is_late = schedule().next().is_some_and(|next| next <= now);
    stats::ALERT_DEFERRED.add(is_late.into());
    is_late
}
