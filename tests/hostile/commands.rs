//! The commands by which the tests steer the module.

use std::ffi::{c_int, CStr};

use redis_module::raw;

use crate::api::{api, bytes_of, reply_bytes, OK};
use crate::programs::{self, Program};
use crate::rules::{self, Rule};
use crate::{elsewhere, valgrind};

type Words = Vec<Vec<u8>>;

/// # Safety
/// The context of the load.
pub unsafe fn register(ctx: *mut raw::RedisModuleCtx) -> bool {
    let commands: [(&CStr, raw::RedisModuleCmdFunc, &CStr); 7] = [
        (c"hostile.on", Some(on), c""),
        (c"hostile.timer", Some(timer), c""),
        (c"hostile.thread", Some(thread), c""),
        (c"hostile.now", Some(now), c"write"),
        (c"hostile.off", Some(off), c""),
        (c"hostile.points", Some(points), c""),
        (c"hostile.running", Some(running), c""),
    ];
    let errors: (&CStr, raw::RedisModuleCmdFunc, &CStr) = (c"hostile.errors", Some(errors), c"");
    let mut all = commands.into_iter().chain([errors]);
    all.all(|(name, run, flags)| {
        // SAFETY: by the contract.
        unsafe {
            api!(RedisModule_CreateCommand(
                ctx,
                name.as_ptr(),
                run,
                flags.as_ptr(),
                0,
                0,
                0
            )) == OK
        }
    })
}

/// # Safety
/// As Redis hands them to a command.
unsafe fn words(argv: *mut *mut raw::RedisModuleString, argc: c_int) -> Words {
    // SAFETY: by the contract.
    unsafe {
        let strings = std::slice::from_raw_parts(argv, argc as usize);
        strings.iter().map(|string| bytes_of(*string)).collect()
    }
}

fn number(words: &Words, place: usize) -> Option<i64> {
    std::str::from_utf8(words.get(place)?).ok()?.parse().ok()
}

/// # Safety
/// The context of a command under way.
unsafe fn reply_to(ctx: *mut raw::RedisModuleCtx, done: Option<()>) -> c_int {
    // SAFETY: by the contract.
    unsafe {
        match done {
            Some(()) => api!(RedisModule_ReplyWithSimpleString(ctx, c"OK".as_ptr())),
            None => api!(RedisModule_WrongArity(ctx)),
        }
    }
}

/// A command, which is handed what Redis hands it.
macro_rules! command {
    ($name:ident, $ctx:ident, $words:ident, $body:expr) => {
        /// # Safety
        /// Called by the server, with the context and the words of a command.
        unsafe extern "C" fn $name(
            $ctx: *mut raw::RedisModuleCtx,
            argv: *mut *mut raw::RedisModuleString,
            argc: c_int,
        ) -> c_int {
            // SAFETY: by the contract.
            unsafe {
                let $words = words(argv, argc);
                $body
            }
        }
    };
}

command!(on, ctx, words, {
    let rule = || {
        Some(Rule {
            place: words.get(1)?.clone(),
            name: words.get(2)?.clone(),
            event: words.get(3)?.clone(),
            skip: number(&words, 4)?,
            times: number(&words, 5)?,
            program: Program::parse(words.get(6..)?),
        })
    };
    reply_to(ctx, rule().map(rules::add))
});

command!(timer, ctx, words, {
    let asked = || {
        let program = Program::parse(words.get(3..)?);
        Some((number(&words, 1)?, number(&words, 2)?, program))
    };
    let started = asked().map(|(every, times, it)| elsewhere::start_timer(ctx, every, times, it));
    reply_to(ctx, started)
});

command!(thread, ctx, words, {
    let asked = || Some((number(&words, 1)?, Program::parse(words.get(2..)?)));
    let started = asked().map(|(times, program)| elsewhere::start_thread(times, program));
    reply_to(ctx, started)
});

command!(now, ctx, words, {
    Program::parse(words.get(1..).unwrap_or_default()).run(ctx);
    reply_to(ctx, Some(()))
});

command!(off, ctx, _words, {
    rules::clear();
    elsewhere::stop();
    reply_lines(ctx, &programs::take_done())
});

command!(points, ctx, _words, reply_lines(ctx, &rules::points()));

command!(running, ctx, _words, {
    api!(RedisModule_ReplyWithLongLong(ctx, elsewhere::running()))
});

command!(errors, ctx, _words, {
    api!(RedisModule_ReplyWithLongLong(ctx, valgrind::errors()))
});

/// # Safety
/// The context of a command under way.
unsafe fn reply_lines(ctx: *mut raw::RedisModuleCtx, lines: &[Vec<u8>]) -> c_int {
    // SAFETY: by the contract.
    unsafe {
        api!(RedisModule_ReplyWithArray(ctx, lines.len() as _));
        lines.iter().for_each(|line| reply_bytes(ctx, line));
    }
    OK
}
