//! The section of the module in `INFO`.

use std::ffi::{c_int, CStr, CString};
use std::sync::OnceLock;

use redis_module::raw;

use super::context::Ctx;
use super::macros::api;

/// The server puts the module's name before the names of the section and of every field.
pub struct Section {
    pub name: &'static CStr,
    pub version: &'static str,
    /// Functions that give the fields of a room each.
    pub figures: &'static [fn() -> Vec<Figure>],
}

/// The name and the value of a field.
pub type Figure = (&'static CStr, u64);

static SECTION: OnceLock<Section> = OnceLock::new();

/// False if the server refuses it.
pub fn register(ctx: Ctx, section: Section) -> bool {
    let _ = SECTION.set(section);
    // SAFETY: called while the module loads.
    unsafe { api!(RedisModule_RegisterInfoFunc(ctx.raw(), Some(report))) == 0 }
}

unsafe extern "C" fn report(info: *mut raw::RedisModuleInfoCtx, _for_crash_report: c_int) {
    let Some(section) = SECTION.get() else { return };
    let version = CString::new(section.version).unwrap_or_default();
    // SAFETY: the server passes its own context, and copies the texts.
    unsafe {
        if api!(RedisModule_InfoAddSection(info, section.name.as_ptr())) != 0 {
            return;
        }
        api!(RedisModule_InfoAddFieldCString(
            info,
            c"version".as_ptr(),
            version.as_ptr()
        ));
        for (name, number) in section.figures.iter().flat_map(|figures| figures()) {
            api!(RedisModule_InfoAddFieldULongLong(
                info,
                name.as_ptr(),
                number
            ));
        }
    }
}
