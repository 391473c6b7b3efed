//! Programs that run by themselves: in a timer of the module, on a thread that takes the server's lock.

use std::ffi::c_void;
use std::sync::atomic::{AtomicI64, Ordering::SeqCst};
use std::time::Duration;

use redis_module::raw;

use crate::api::api;
use crate::programs::Program;

/// How many timers and threads are at work.
static RUNNING: AtomicI64 = AtomicI64::new(0);
/// None of them goes on.
static STOPS: AtomicI64 = AtomicI64::new(0);

pub fn running() -> i64 {
    RUNNING.load(SeqCst)
}

pub fn stop() {
    STOPS.fetch_add(1, SeqCst);
}

struct Timer {
    every: i64,
    times: i64,
    stops: i64,
    program: Program,
}

/// # Safety
/// A context of this module, under the server's lock.
pub unsafe fn start_timer(ctx: *mut raw::RedisModuleCtx, every: i64, times: i64, program: Program) {
    RUNNING.fetch_add(1, SeqCst);
    let timer = Timer {
        every,
        times,
        stops: STOPS.load(SeqCst),
        program,
    };
    // SAFETY: by the contract.
    unsafe { arm(ctx, Box::new(timer)) };
}

/// # Safety
/// That of `start_timer`.
unsafe fn arm(ctx: *mut raw::RedisModuleCtx, timer: Box<Timer>) {
    let every = timer.every;
    let timer = Box::into_raw(timer).cast::<c_void>();
    // SAFETY: by the contract; `run` takes the box back.
    unsafe { api!(RedisModule_CreateTimer(ctx, every, Some(run), timer)) };
}

/// # Safety
/// Called by the server with what `arm` gave it.
unsafe extern "C" fn run(ctx: *mut raw::RedisModuleCtx, timer: *mut c_void) {
    // SAFETY: by the contract.
    unsafe {
        let mut timer = Box::from_raw(timer.cast::<Timer>());
        timer.times -= 1;
        if timer.times < 0 || timer.stops != STOPS.load(SeqCst) {
            RUNNING.fetch_sub(1, SeqCst);
            return;
        }
        timer.program.run(ctx);
        arm(ctx, timer);
    }
}

/// Takes the server's lock for each turn.
pub fn start_thread(times: i64, program: Program) {
    RUNNING.fetch_add(1, SeqCst);
    let stops = STOPS.load(SeqCst);
    std::thread::spawn(move || {
        // SAFETY: the context is this thread's own, and used under the lock.
        unsafe {
            let ctx = api!(RedisModule_GetThreadSafeContext(std::ptr::null_mut()));
            for _ in 0..times {
                if stops != STOPS.load(SeqCst) {
                    break;
                }
                api!(RedisModule_ThreadSafeContextLock(ctx));
                program.run(ctx);
                api!(RedisModule_ThreadSafeContextUnlock(ctx));
                std::thread::sleep(Duration::from_micros(100));
            }
            api!(RedisModule_FreeThreadSafeContext(ctx));
        }
        RUNNING.fetch_sub(1, SeqCst);
    });
}
