//! The module's settings, `CONFIG GET analytics.*`: the defaults of new sites, how far in the future an
//! event may lie, how long a tick of the timer may take, and how its messages are published.

mod arguments;

use std::ffi::{c_char, c_int, c_longlong, c_void, CStr};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};

use redis_module::raw;

use crate::api::context::Ctx;
use crate::api::macros::api;
use crate::api::string::{OwnedString, StringRef};
use crate::api::words::Words;
use analytics_core::error::{shown, Error, Result};
use analytics_core::schema::limits;
use analytics_core::schema::Settings;
use analytics_core::time::{Granularity, Retention, Zone};
use analytics_core::visitors::MOST_VISITORS;
use arguments::Arguments;

static MAX_FUTURE: AtomicI64 = AtomicI64::new(300_000);
static CAPACITY: AtomicI64 = AtomicI64::new(1_000);
static IDS: AtomicI64 = AtomicI64::new(limits::USUAL_IDS as i64);
static VISITORS: AtomicI64 = AtomicI64::new(1_000_000);
static ALERT_BUDGET: AtomicI64 = AtomicI64::new(1_000);
static IS_SHARDED: AtomicBool = AtomicBool::new(false);

/// The largest `max-future`: a year.
pub const MOST_FUTURE: i64 = 366 * 24 * 60 * 60 * 1_000;

/// The settings that are texts, parsed and as given.
struct Texts {
    zone: Zone,
    retention: Retention,
    shown: [Option<OwnedString>; 2 + Granularity::COUNT],
}

// SAFETY: Redis runs commands and settings on one thread; the lock is required by the
// compiler, and the strings in it are never shared.
unsafe impl Send for Texts {}

static TEXTS: Mutex<Option<Texts>> = Mutex::new(None);

fn texts() -> MutexGuard<'static, Option<Texts>> {
    TEXTS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How far after now an event may lie, in milliseconds.
pub fn max_future() -> i64 {
    MAX_FUTURE.load(Relaxed)
}

/// The most visitors of a new site that are followed at a time.
pub fn visitor_capacity() -> u64 {
    VISITORS.load(Relaxed).unsigned_abs()
}

/// How long a tick of the timer may take, in microseconds.
pub fn alert_budget() -> u64 {
    ALERT_BUDGET.load(Relaxed).unsigned_abs()
}

/// Whether alerts and live metrics are published to sharded channels.
pub fn is_sharded() -> bool {
    IS_SHARDED.load(Relaxed)
}

/// The settings of a new site, where its command gives no others.
pub fn default_settings() -> Settings {
    let capacity = CAPACITY.load(Relaxed) as usize;
    let mut settings = match &*texts() {
        Some(texts) => Settings::new(texts.zone.clone(), texts.retention, capacity),
        None => Settings::new(Zone::UTC, Retention::default(), capacity),
    };
    settings.ids = IDS.load(Relaxed) as usize;
    settings
}

/// A setting that is a text: its place among them, its name and its default.
const ZONE: (usize, &CStr, &CStr) = (0, c"timezone", c"UTC");
const RETENTIONS: [(usize, &CStr, &CStr); Granularity::COUNT] = [
    (1, c"retention-minute", c"1h"),
    (2, c"retention-hour", c"7d"),
    (3, c"retention-day", c"365d"),
    (4, c"retention-week", c"104w"),
    (5, c"retention-month", c"36mo"),
];
const PUBLISH: (usize, &CStr, &CStr) = (1 + Granularity::COUNT, c"publish", c"global");

/// A setting that is a number: its name, where it is, and its bounds.
static NUMBERS: [(&CStr, &AtomicI64, i64, i64); 5] = [
    (c"alert-budget", &ALERT_BUDGET, 100, 100_000),
    (c"max-future", &MAX_FUTURE, 0, MOST_FUTURE),
    (c"visitor-capacity", &VISITORS, 1, MOST_VISITORS as i64),
    (
        c"dimension-capacity",
        &CAPACITY,
        1,
        limits::DIMENSION_CAPACITY as i64,
    ),
    (c"id-capacity", &IDS, 1, limits::IDS_PER_SITE as i64),
];

fn all_texts() -> impl Iterator<Item = (usize, &'static CStr, &'static CStr)> {
    [ZONE].into_iter().chain(RETENTIONS).chain([PUBLISH])
}

/// Registers the settings and takes their values from `redis.conf`; false if one is refused.
/// `arguments`: those of the module.
pub fn register(ctx: Ctx, arguments: Words) -> bool {
    *texts() = Some(Texts {
        zone: Zone::UTC,
        retention: Retention::default(),
        shown: Default::default(),
    });
    let loaded = register_all(ctx, arguments)
        // SAFETY: called while the module loads.
        .map(|registered| registered && unsafe { api!(RedisModule_LoadConfigs(ctx.raw())) } == 0)
        .and_then(|loaded| default_settings().retention.check().map(|()| loaded));
    loaded.unwrap_or_else(|refused| {
        ctx.log(c"warning", &refused.to_string());
        false
    })
}

fn register_all(ctx: Ctx, arguments: Words) -> Result<bool> {
    let numbers = NUMBERS.iter().map(|(name, ..)| *name);
    let names: Vec<&CStr> = numbers
        .chain(all_texts().map(|(_, name, _)| name))
        .collect();
    let arguments = Arguments::parse(arguments, &names)?;
    let mut registered = true;
    for (name, number, min, max) in NUMBERS {
        let default = arguments.number(name, number.load(Relaxed), min, max)?;
        // SAFETY: called while the module loads; the numbers are static.
        let status = unsafe {
            api!(RedisModule_RegisterNumericConfig(
                ctx.raw(),
                name.as_ptr(),
                default,
                raw::REDISMODULE_CONFIG_DEFAULT,
                min,
                max,
                Some(get_number),
                Some(set_number),
                None,
                std::ptr::from_ref(number).cast_mut().cast()
            ))
        };
        registered &= status == raw::REDISMODULE_OK as c_int;
    }
    for (place, name, default) in all_texts() {
        let default = arguments.text(name, default, |value| set(place, value))?;
        // SAFETY: called while the module loads; the place is passed as a number, and Redis copies
        // the default.
        let status = unsafe {
            api!(RedisModule_RegisterStringConfig(
                ctx.raw(),
                name.as_ptr(),
                default.as_ptr(),
                raw::REDISMODULE_CONFIG_DEFAULT,
                Some(get_text),
                Some(set_text),
                Some(check_retention),
                std::ptr::without_provenance_mut(place)
            ))
        };
        registered &= status == raw::REDISMODULE_OK as c_int;
    }
    Ok(registered)
}

unsafe extern "C" fn get_number(_name: *const c_char, place: *mut c_void) -> c_longlong {
    // SAFETY: registered with one of the static numbers.
    unsafe { &*place.cast::<AtomicI64>() }.load(Relaxed)
}

unsafe extern "C" fn set_number(
    _name: *const c_char,
    value: c_longlong,
    place: *mut c_void,
    _error: *mut *mut raw::RedisModuleString,
) -> c_int {
    // SAFETY: registered with one of the static numbers.
    unsafe { &*place.cast::<AtomicI64>() }.store(value, Relaxed);
    raw::REDISMODULE_OK as c_int
}

unsafe extern "C" fn get_text(
    _name: *const c_char,
    place: *mut c_void,
) -> *mut raw::RedisModuleString {
    let texts = texts();
    let shown = texts
        .as_ref()
        .and_then(|texts| texts.shown.get(place.addr())?.as_ref());
    shown.map_or(std::ptr::null_mut(), |text| text.get().raw())
}

unsafe extern "C" fn set_text(
    _name: *const c_char,
    value: *mut raw::RedisModuleString,
    place: *mut c_void,
    error: *mut *mut raw::RedisModuleString,
) -> c_int {
    // SAFETY: the server passes a string that is valid until this returns.
    let value = unsafe { StringRef::new(value) };
    status(set(place.addr(), value.bytes()), error)
}

/// Called when all values of a `CONFIG SET` are set: at least one granularity must be kept. If this fails,
/// Redis restores the old values.
unsafe extern "C" fn check_retention(
    _ctx: *mut raw::RedisModuleCtx,
    _place: *mut c_void,
    error: *mut *mut raw::RedisModuleString,
) -> c_int {
    status(default_settings().retention.check(), error)
}

fn status(outcome: Result<()>, error: *mut *mut raw::RedisModuleString) -> c_int {
    let Err(refused) = outcome else {
        return raw::REDISMODULE_OK as c_int;
    };
    let line = OwnedString::new(refused.to_string().as_bytes());
    // SAFETY: a place for a string, which the server frees.
    unsafe { *error = line.into_raw() };
    raw::REDISMODULE_ERR as c_int
}

fn set(place: usize, value: &[u8]) -> Result<()> {
    let mut texts = texts();
    let Some(texts) = texts.as_mut() else {
        return Ok(());
    };
    let granularity = place.checked_sub(1).and_then(|at| Granularity::ALL.get(at));
    match granularity {
        Some(granularity) => {
            let mut retention = texts.retention;
            retention.set(*granularity, Retention::parse(*granularity, value)?)?;
            texts.retention = retention;
        }
        None if place == PUBLISH.0 => IS_SHARDED.store(parse_publish(value)?, Relaxed),
        None => texts.zone = Zone::parse(value)?,
    }
    if let Some(shown) = texts.shown.get_mut(place) {
        *shown = Some(OwnedString::new(value));
    }
    Ok(())
}

fn parse_publish(value: &[u8]) -> Result<bool> {
    match value.to_ascii_lowercase().as_slice() {
        b"global" => Ok(false),
        b"sharded" => Ok(true),
        _ => Err(Error::new(format!(
            "'{}' is neither global nor sharded",
            shown(value)
        ))),
    }
}
