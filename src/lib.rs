//! Real-time analytics inside Redis: one command per event, one command per question.
//!
//! The crate `analytics-core` has the data structures and the queries; this one connects them to Redis.
//!
//! ```text
//! api        the server's module API behind types that cannot be misused
//! config     the settings of the module
//! stats      counters for INFO
//! store      sites and buckets as Redis values
//! ingest     the path of an event
//! query      the path of a query
//! alerts     rules and live metrics, evaluated by a timer
//! commands   a handler each: parse, open, act, reply
//! ```

// A panic in a command or a callback ends the server: code outside the tests has none.
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::unreachable,
        clippy::todo,
        clippy::unimplemented,
        clippy::indexing_slicing,
        clippy::string_slice
    )
)]

mod alerts;
mod api;
mod commands;
mod config;
mod ingest;
mod query;
mod server_events;
mod stats;
mod store;

use std::ffi::{c_char, c_int};

use redis_module::raw;

use api::context::{now, Ctx};
use api::info::{self, Section};
use api::macros::api;
use api::offers;
use api::words::Words;
use ingest::directories;
use store::contents::{BucketValue, IdsValue, PeopleValue, VisitorsValue};
use store::hooks::{self, Hooks};
use store::site_value::SiteValue;
use store::value;

#[cfg(not(test))]
#[global_allocator]
static ALLOCATOR: api::alloc::RedisAllocator = api::alloc::RedisAllocator;

/// As `MODULE LIST` shows it: 10203 is 1.2.3.
pub const VERSION: c_int = version(env!("CARGO_PKG_VERSION"));

const OLDEST_SERVER: c_int = 0x0007_0000;

/// What the server calls when it loads the module.
///
/// # Safety
/// Called by the server, with its own context and the arguments of the module.
#[no_mangle]
pub unsafe extern "C" fn RedisModule_OnLoad(
    ctx: *mut raw::RedisModuleCtx,
    argv: *mut *mut raw::RedisModuleString,
    argc: c_int,
) -> c_int {
    const NAME: *const c_char = c"analytics".as_ptr();
    // SAFETY: by the contract above. This fills in the module API, so that it comes first.
    let status = unsafe {
        raw::Export_RedisModule_Init(ctx, NAME, VERSION, raw::REDISMODULE_APIVER_1 as c_int)
    };
    if status != raw::REDISMODULE_OK as c_int {
        return status;
    }
    // SAFETY: the context and the arguments are valid until this returns.
    let (ctx, arguments) = unsafe { (Ctx::new(ctx), Words::new(argv, argc)) };
    (if load(ctx, arguments) {
        raw::REDISMODULE_OK
    } else {
        raw::REDISMODULE_ERR
    }) as c_int
}

const INFO: Section = Section {
    name: c"stats",
    version: env!("CARGO_PKG_VERSION"),
    figures: &[
        stats::figures,
        directories::figures,
        alerts::schedule::figures,
    ],
};

/// Registers everything; false if this server cannot run the module.
fn load(ctx: Ctx, arguments: Words) -> bool {
    // SAFETY: the function takes no arguments; servers older than 6.2 do not have it.
    let server = unsafe { raw::RedisModule_GetServerVersion.map_or(0, |version| version()) };
    if server < OLDEST_SERVER {
        ctx.log(c"warning", "analytics needs Redis 7.0 or later, or Valkey");
        return false;
    }
    // A replica may load new values while it answers from the old ones (`repl-diskless-load swapdb`):
    // values do not refer to each other.
    let options = raw::REDISMODULE_OPTIONS_HANDLE_IO_ERRORS
        | raw::REDISMODULE_OPTIONS_HANDLE_REPL_ASYNC_LOAD
        | raw::REDISMODULE_OPTION_NO_IMPLICIT_SIGNAL_MODIFIED;
    let options = options as c_int | offers::atomic_slot_migration_option();
    // SAFETY: called while the module loads.
    unsafe { api!(RedisModule_SetModuleOptions(ctx.raw(), options)) };
    hooks::install(Hooks {
        flush: directories::flush,
        flush_and_detach: directories::flush_and_detach,
        drop_directory: |id, site| directories::drop_of(id, site.cast()),
        site_entered: |db, name, site| alerts::note(db, name, site, now()),
        site_left: alerts::forget,
    });
    alerts::timer::register(ctx);
    value::register::<SiteValue>(ctx)
        && value::register::<BucketValue>(ctx)
        && value::register::<IdsValue>(ctx)
        && value::register::<VisitorsValue>(ctx)
        && value::register::<PeopleValue>(ctx)
        && config::register(ctx, arguments)
        && info::register(ctx, INFO)
        && server_events::subscribe(ctx)
        && commands::register(ctx)
}

/// `major.minor.patch` as one number, two digits each.
const fn version(text: &str) -> c_int {
    let bytes = text.as_bytes();
    let (mut number, mut part, mut at) = (0, 0, 0);
    while at < bytes.len() {
        // The bound is the line above.
        #[allow(clippy::indexing_slicing)]
        let byte = bytes[at];
        if byte == b'.' {
            number = (number + part) * 100;
            part = 0;
        } else {
            part = part * 10 + (byte - b'0') as c_int;
        }
        at += 1;
    }
    number + part
}
