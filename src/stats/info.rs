//! `INFO analytics`.

use std::ffi::c_int;

use redis_module::raw;

use crate::api::redis::{api, Ctx};
use crate::ingest::directories;
use crate::{alerts, stats};

pub fn register(ctx: Ctx) -> bool {
    // SAFETY: called while the module loads.
    unsafe { api!(RedisModule_RegisterInfoFunc(ctx.raw(), Some(report))) == 0 }
}

/// Redis puts `analytics_` before the section and every field.
unsafe extern "C" fn report(info: *mut raw::RedisModuleInfoCtx, _for_crash_report: c_int) {
    // SAFETY: Redis hands in its own context; the names are static.
    unsafe {
        if api!(RedisModule_InfoAddSection(info, c"stats".as_ptr())) != 0 {
            return;
        }
        api!(RedisModule_InfoAddFieldCString(
            info,
            c"version".as_ptr(),
            concat!(env!("CARGO_PKG_VERSION"), "\0").as_ptr().cast()
        ));
        let waiting = [(c"events_waiting", directories::waiting())];
        let figures = stats::all().into_iter().chain(waiting);
        for (name, number) in figures.chain(alerts::figures()) {
            api!(RedisModule_InfoAddFieldULongLong(
                info,
                name.as_ptr(),
                number
            ));
        }
    }
}
