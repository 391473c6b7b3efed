//! What some servers offer beyond the module API of Redis 7.0, and the constants of it that the
//! bindings lack.

use std::ffi::{c_char, c_int, c_void};

use redis_module::raw;

/// Valkey 9: the module takes part in `CLUSTER MIGRATESLOTS`.
const HANDLE_ATOMIC_SLOT_MIGRATION: c_int = 1 << 5;

/// The module option by which `CLUSTER MIGRATESLOTS` is allowed, where the server has it; else none.
pub fn atomic_slot_migration_option() -> c_int {
    valkey_options() & HANDLE_ATOMIC_SLOT_MIGRATION
}

/// All options that Valkey has; none on Redis, where the same bits may come to mean something else.
fn valkey_options() -> c_int {
    const NAME: *const c_char = c"ValkeyModule_GetModuleOptionsAll".as_ptr();
    type Function = unsafe extern "C" fn() -> c_int;
    let mut function: Option<Function> = None;
    // SAFETY: the server writes the address of the function of this name, if it has one, and that is
    // the type of the function.
    unsafe {
        let place = std::ptr::from_mut(&mut function).cast::<c_void>();
        let found = raw::RedisModule_GetApi.is_some_and(|find| find(NAME, place) == 0);
        match function.filter(|_| found) {
            Some(all) => all(),
            None => 0,
        }
    }
}

/// Redis 8.4: keys of a slot that has moved away are deleted one by one if a module asks for an event
/// of each, and on another thread if none does.
pub fn notifies_of_trimmed_keys() -> bool {
    // SAFETY: set while the module loads; takes nothing.
    let all = unsafe { raw::RedisModule_GetKeyspaceNotificationFlagsAll.map_or(0, |all| all()) };
    valkey_options() == 0 && all & raw::REDISMODULE_NOTIFY_KEY_TRIMMED as c_int != 0
}

/// Redis 8.4: an event means that all keys of a slot that has moved away are detached at once.
pub fn notifies_of_trimmed_slots() -> bool {
    let event = raw::RedisModuleEvent {
        id: raw::REDISMODULE_EVENT_CLUSTER_SLOT_MIGRATION_TRIM,
        dataver: 1,
    };
    let background = raw::REDISMODULE_SUBEVENT_CLUSTER_SLOT_MIGRATION_TRIM_BACKGROUND;
    // The same number is another event of Valkey's.
    valkey_options() == 0
        // SAFETY: set while the module loads; takes no pointer.
        && unsafe {
            raw::RedisModule_IsSubEventSupported.is_some_and(|ask| ask(event, background) != 0)
        }
}
