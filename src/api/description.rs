//! The description of a command for the server, beside its name and flags: for `COMMAND DOCS`, `COMMAND
//! INFO`, its keys, and the hints of `redis-cli`.

use std::ffi::c_int;

use redis_module::raw;

use super::command::{Access, Command};
use super::context::Ctx;
use super::macros::api;
use analytics_core::text::syntax::{arity, Argument, Kind};

/// False if the server refuses it.
pub fn describe(ctx: Ctx, command: &Command) -> bool {
    let version = raw::RedisModuleCommandInfoVersion {
        version: 1,
        sizeof_historyentry: size_of::<raw::RedisModuleCommandHistoryEntry>(),
        sizeof_keyspec: size_of::<raw::RedisModuleCommandKeySpec>(),
        sizeof_arg: size_of::<raw::RedisModuleCommandArg>(),
    };
    let mut keys = keys(command.access);
    let mut lists = Lists::default();
    let info = raw::RedisModuleCommandInfo {
        version: &version,
        summary: command.summary.as_ptr(),
        complexity: command.complexity.as_ptr(),
        since: command.since.as_ptr(),
        history: std::ptr::null_mut(),
        tips: command.tips.map_or(std::ptr::null(), |tips| tips.as_ptr()),
        arity: arity(command.arguments),
        key_specs: keys.as_mut_ptr(),
        args: lists.add(command.arguments),
    };
    // SAFETY: called while the module loads; Redis copies all of it before `keys` and `lists` go.
    unsafe {
        let made = api!(RedisModule_GetCommand(ctx.raw(), command.name.as_ptr()));
        !made.is_null() && api!(RedisModule_SetCommandInfo(made, &info)) == 0
    }
}

/// The key of the site, that of a second key that is read, and the end of the list.
fn keys(access: Access) -> [raw::RedisModuleCommandKeySpec; 3] {
    // SAFETY: all zeros is the specification that ends a list of them.
    let mut keys: [raw::RedisModuleCommandKeySpec; 3] = unsafe { std::mem::zeroed() };
    let [site, source, _] = &mut keys;
    if access.key() > 0 {
        fill(site, access.key(), access.key_flags());
    }
    if access.last_key() > access.key() {
        fill(source, access.last_key(), Access::Read.key_flags());
    }
    keys
}

fn fill(key: &mut raw::RedisModuleCommandKeySpec, place: c_int, flags: u32) {
    key.flags = flags.into();
    key.begin_search_type = raw::RedisModuleKeySpecBeginSearchType_REDISMODULE_KSPEC_BS_INDEX;
    key.bs.index.pos = place;
    key.find_keys_type = raw::RedisModuleKeySpecFindKeysType_REDISMODULE_KSPEC_FK_RANGE;
    key.fk.range.lastkey = 0;
    key.fk.range.keystep = 1;
    key.fk.range.limit = 0;
}

/// The lists of arguments of one command, each ended by an argument without a name. A pointer to a list
/// stays valid when another is added.
#[derive(Default)]
struct Lists {
    lists: Vec<Vec<raw::RedisModuleCommandArg>>,
    /// How many of the arguments are keys.
    keys: c_int,
}

impl Lists {
    /// Null when there is nothing to list.
    fn add(&mut self, arguments: &[Argument]) -> *mut raw::RedisModuleCommandArg {
        let shown = arguments.iter().filter(|argument| !argument.internal);
        let mut list: Vec<_> = shown.map(|argument| self.argument(argument)).collect();
        if list.is_empty() {
            return std::ptr::null_mut();
        }
        list.push(END);
        let start = list.as_mut_ptr();
        self.lists.push(list);
        start
    }

    fn argument(&mut self, argument: &Argument) -> raw::RedisModuleCommandArg {
        let repeats_token = argument.multiple && argument.token.is_some();
        let flags = [
            (argument.optional, raw::REDISMODULE_CMD_ARG_OPTIONAL),
            (argument.multiple, raw::REDISMODULE_CMD_ARG_MULTIPLE),
            (repeats_token, raw::REDISMODULE_CMD_ARG_MULTIPLE_TOKEN),
        ];
        let set = flags.into_iter().filter(|(is_set, _)| *is_set);
        let is_key = argument.kind == Kind::Key;
        let key_spec_index = if is_key { self.keys } else { -1 };
        self.keys += c_int::from(is_key);
        raw::RedisModuleCommandArg {
            name: argument.name.as_ptr(),
            type_: type_of(argument.kind),
            key_spec_index,
            token: argument.token.map_or(std::ptr::null(), |it| it.as_ptr()),
            flags: set.fold(0, |flags, (_, flag)| flags | flag) as c_int,
            subargs: self.add(argument.parts),
            ..END
        }
    }
}

const END: raw::RedisModuleCommandArg = raw::RedisModuleCommandArg {
    name: std::ptr::null(),
    type_: raw::RedisModuleCommandArgType_REDISMODULE_ARG_TYPE_STRING,
    key_spec_index: -1,
    token: std::ptr::null(),
    summary: std::ptr::null(),
    since: std::ptr::null(),
    flags: 0,
    deprecated_since: std::ptr::null(),
    subargs: std::ptr::null_mut(),
    display_text: std::ptr::null(),
};

fn type_of(kind: Kind) -> raw::RedisModuleCommandArgType {
    match kind {
        Kind::Key => raw::RedisModuleCommandArgType_REDISMODULE_ARG_TYPE_KEY,
        Kind::Text => raw::RedisModuleCommandArgType_REDISMODULE_ARG_TYPE_STRING,
        Kind::Integer => raw::RedisModuleCommandArgType_REDISMODULE_ARG_TYPE_INTEGER,
        Kind::Number => raw::RedisModuleCommandArgType_REDISMODULE_ARG_TYPE_DOUBLE,
        Kind::Token => raw::RedisModuleCommandArgType_REDISMODULE_ARG_TYPE_PURE_TOKEN,
        Kind::OneOf => raw::RedisModuleCommandArgType_REDISMODULE_ARG_TYPE_ONEOF,
        Kind::Block => raw::RedisModuleCommandArgType_REDISMODULE_ARG_TYPE_BLOCK,
    }
}
