//! ACL categories, where the server lets modules have them (Redis 7.2, Valkey): `+@analytics`, and the
//! general ones. On Redis 7.0 the commands of modules have none, and rules name them.

use std::ffi::{c_int, CString};

use redis_module::raw;

use super::command::{Access, Command};
use super::context::Ctx;
use super::macros::api;

const OWN: &str = "analytics";

/// Puts every command into its categories.
pub fn assign(ctx: Ctx, commands: &[&Command]) {
    // SAFETY: the module API was filled in before; what the server lacks is None.
    let set = unsafe { raw::RedisModule_SetCommandACLCategories };
    let Some(set) = set else { return };
    let own = if add(ctx) { OWN } else { "" };
    for command in commands {
        let categories = format!("{} {} {own}", of_access(command), of_speed(command));
        let categories = CString::new(categories.trim()).unwrap_or_default();
        // SAFETY: called while the module loads, after the command was made; Redis copies the text.
        let status = unsafe {
            let made = api!(RedisModule_GetCommand(ctx.raw(), command.name.as_ptr()));
            set(made, categories.as_ptr())
        };
        if status != raw::REDISMODULE_OK as c_int {
            let name = command.name.to_string_lossy();
            ctx.log(
                c"warning",
                &format!("{name} has no ACL categories: rules must name it"),
            );
        }
    }
}

/// Adds `@analytics`. False if the server refuses it, as when another module uses the name.
fn add(ctx: Ctx) -> bool {
    let name = CString::new(OWN).unwrap_or_default();
    // SAFETY: as in `assign`.
    let status =
        unsafe { raw::RedisModule_AddACLCategory.map(|add| add(ctx.raw(), name.as_ptr())) };
    let added = status == Some(raw::REDISMODULE_OK as c_int);
    if !added {
        ctx.log(c"warning", "the ACL category @analytics cannot be added");
    }
    added
}

fn of_access(command: &Command) -> &'static str {
    match command.access {
        Access::Nothing => "",
        Access::Read => "read",
        Access::ReadWrite | Access::WriteFrom | Access::Write { .. } => "write",
    }
}

fn of_speed(command: &Command) -> &'static str {
    if command.is_fast {
        "fast"
    } else {
        "slow"
    }
}
