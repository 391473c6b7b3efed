//! The timer of alert rules and live metrics. It runs on a master, while some site has any. A tick takes
//! no longer than `analytics.alert-budget`; what is left is due in the next one.

use std::ffi::c_void;
use std::sync::atomic::{AtomicI64, AtomicPtr, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use redis_module::raw::{self, REDISMODULE_CTX_FLAGS_LOADING, REDISMODULE_CTX_FLAGS_MASTER};

use super::evaluation::{evaluate, Progress, Tick};
use super::schedule::schedule;
use crate::api::context::Ctx;
use crate::api::macros::api;
use crate::{config, stats};

/// The shortest and the longest delay between two ticks, in milliseconds. The longest is also how late
/// a jump of the clock is noticed.
const SHORTEST_DELAY: i64 = 100;
const LONGEST_DELAY: i64 = 250;
/// The delay after a tick that ended before everything was done.
const DELAY_WHEN_LATE: i64 = 10;

/// A context of the module that is never freed: some callbacks that start the timer have none.
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

/// Starts the timer if it does not run.
pub fn wake() {
    if TIMER.load(Relaxed) == 0 {
        arm(SHORTEST_DELAY);
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

/// The server's timers use the wall clock: after it was set back, they would wait until it reaches the
/// former time again.
pub fn follow_clock(now: i64) {
    let timer = TIMER.load(Relaxed);
    if timer == 0 || !was_set_back(now) {
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
    arm(SHORTEST_DELAY);
}

/// Whether the clock was set back since the last tick. The schedule is then moved back, too.
fn was_set_back(now: i64) -> bool {
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
    run_tick(unsafe { Ctx::new(ctx) });
}

fn run_tick(ctx: Ctx) {
    let flags = ctx.flags();
    if flags & REDISMODULE_CTX_FLAGS_MASTER == 0 {
        // The timer starts again when the role changes.
        return;
    }
    let now = ctx.now();
    was_set_back(now);
    LAST_TICK.store(now, Relaxed);
    let mut is_late = false;
    if flags & REDISMODULE_CTX_FLAGS_LOADING == 0 {
        let started = Instant::now();
        is_late = evaluate_all(ctx, now, started);
        stats::ALERT_TICKS.add(1);
        stats::ALERT_TICK_USEC_TOTAL.add(micros(started));
        stats::ALERT_TICK_USEC_MAX.raise_to(micros(started));
    }
    let next = schedule().next();
    if let Some(next) = next {
        arm(if is_late {
            DELAY_WHEN_LATE
        } else {
            next.saturating_sub(ctx.now())
                .clamp(SHORTEST_DELAY, LONGEST_DELAY)
        });
    }
}

fn micros(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_micros()).unwrap_or(u64::MAX)
}

/// Evaluates the sites that are due. True if the time did not suffice for all.
fn evaluate_all(ctx: Ctx, now: i64, started: Instant) -> bool {
    let budget = Duration::from_micros(config::alert_budget());
    let mut tick = Tick::new(now, started + budget);
    while !tick.is_over() {
        let Some(due) = schedule().take(now) else {
            return false;
        };
        match evaluate(ctx, &due, &mut tick) {
            Progress::Done => {}
            Progress::InPart => {
                stats::ALERT_DEFERRED.add(1);
                return true;
            }
        }
    }
    let is_late = schedule().next().is_some_and(|next| next <= now);
    stats::ALERT_DEFERRED.add(is_late.into());
    is_late
}
