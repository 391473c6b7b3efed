//! Programs: commands that are run through `RM_Call`, and what they replied.

use std::sync::{Mutex, PoisonError};

use redis_module::raw;

use crate::api::{api, bytes_of};

pub type Words = Vec<Vec<u8>>;

/// Commands, one after the other.
#[derive(Clone, Debug, Default)]
pub struct Program(Vec<Words>);

impl Program {
    pub fn parse(words: &[Vec<u8>]) -> Program {
        let commands = words.split(|word| word == b";");
        let commands = commands.filter(|words| !words.is_empty());
        Program(commands.map(<[Vec<u8>]>::to_vec).collect())
    }

    /// Each command as it stands, in database 0. Replicas and the AOF are told of them.
    ///
    /// # Safety
    /// A context of this module, under the server's lock.
    pub unsafe fn run(&self, ctx: *mut raw::RedisModuleCtx) {
        // SAFETY: by the contract.
        unsafe {
            let db = api!(RedisModule_GetSelectedDb(ctx));
            api!(RedisModule_SelectDb(ctx, 0));
            for words in &self.0 {
                let reply = call(ctx, words);
                note(words, &reply);
            }
            api!(RedisModule_SelectDb(ctx, db));
        }
    }
}

/// What was run, each command with its reply.
static DONE: Mutex<Vec<Vec<u8>>> = Mutex::new(Vec::new());

/// More is not noted.
const MOST_NOTED: usize = 400_000;

pub fn take_done() -> Vec<Vec<u8>> {
    std::mem::take(&mut *DONE.lock().unwrap_or_else(PoisonError::into_inner))
}

fn note(words: &Words, reply: &[u8]) {
    let mut done = DONE.lock().unwrap_or_else(PoisonError::into_inner);
    if done.len() < MOST_NOTED {
        let line: Vec<u8> = words.join(&b' ').into_iter().take(200).collect();
        done.push([&line, &b" -> "[..], reply].concat());
    }
}

/// The reply as the protocol has it.
///
/// # Safety
/// That of `Program::run`.
unsafe fn call(ctx: *mut raw::RedisModuleCtx, words: &Words) -> Vec<u8> {
    let Some((name, arguments)) = words.split_first() else {
        return Vec::new();
    };
    let name: Vec<u8> = name.iter().copied().chain([0]).collect();
    // SAFETY: by the contract; "v" takes a vector of strings and its length, and all that is made here
    // is freed here.
    unsafe {
        let strings: Vec<*mut raw::RedisModuleString> = arguments
            .iter()
            .map(|word| {
                api!(RedisModule_CreateString(
                    std::ptr::null_mut(),
                    word.as_ptr().cast(),
                    word.len()
                ))
            })
            .collect();
        let reply = api!(RedisModule_Call(
            ctx,
            name.as_ptr().cast(),
            c"!Ev".as_ptr(),
            strings.as_ptr(),
            strings.len()
        ));
        for string in strings {
            api!(RedisModule_FreeString(std::ptr::null_mut(), string));
        }
        if reply.is_null() {
            return b"no reply".to_vec();
        }
        let text = text_of(reply);
        api!(RedisModule_FreeCallReply(reply));
        text
    }
}

/// # Safety
/// A reply that was not freed.
unsafe fn text_of(reply: *mut raw::RedisModuleCallReply) -> Vec<u8> {
    // SAFETY: by the contract; a string that is made is freed here.
    unsafe {
        let string = api!(RedisModule_CreateStringFromCallReply(reply));
        if !string.is_null() {
            let text = bytes_of(string);
            api!(RedisModule_FreeString(std::ptr::null_mut(), string));
            return text;
        }
        let mut len = 0;
        let start = api!(RedisModule_CallReplyProto(reply, &mut len));
        if start.is_null() {
            return b"?".to_vec();
        }
        std::slice::from_raw_parts(start.cast::<u8>(), len).to_vec()
    }
}
