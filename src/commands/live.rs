//! `ANALYTICS.LIVE site SET|DEL|LIST ...`, and `ANALYTICS.LIVE_RO`, which only reads.

use std::ffi::CStr;

use super::site::{change_watch, names, site_to_change, with_watch};
use crate::alerts;
use crate::api::command::{Access, Command};
use crate::api::context::Ctx;
use crate::api::failure::{Failure, Outcome};
use crate::api::guard::WriteGuard;
use crate::api::registration::entry;
use crate::api::words::Words;
use crate::ingest::replicate;
use analytics_core::alert::live::{Feed, FeedWindow, FEED};
use analytics_core::text::syntax::{unknown, Argument};

pub const LIVE: Command = Command {
    name: c"analytics.live",
    summary: c"Sets and lists the live metrics of a site",
    since: c"0.1.0",
    complexity: c"O(N) where N is the number of live metrics",
    tips: None,
    access: Access::ReadWrite,
    is_fast: false,
    arguments: &[Argument::SITE, Argument::one_of(c"verb", &[SET, DEL, LIST])],
    run: entry!(live),
};

pub const LIVE_RO: Command = Command {
    name: c"analytics.live_ro",
    summary: c"Lists the live metrics of a site",
    since: c"0.1.0",
    complexity: c"O(N) where N is the number of live metrics",
    tips: None,
    access: Access::Read,
    is_fast: false,
    arguments: &[Argument::SITE, LIST],
    run: entry!(live_ro),
};

const SET: Argument = Argument::block(c"live", FEED).behind(c"SET");
const DEL: Argument = Argument::text(c"name").behind(c"DEL");
const LIST: Argument = Argument::token(c"list", c"LIST");

pub fn live(ctx: Ctx, words: Words) -> Outcome {
    let verb = words.required(2)?;
    if SET.is(verb) {
        set(ctx, words)
    } else if DEL.is(verb) {
        delete(ctx, words)
    } else if LIST.is(verb) {
        list(ctx, words)
    } else {
        Err(unknown(verb, &[SET, DEL, LIST]).into())
    }
}

pub fn live_ro(ctx: Ctx, words: Words) -> Outcome {
    let verb = words.required(2)?;
    if LIST.is(verb) {
        list(ctx, words)
    } else {
        Err(unknown(verb, &[LIST]).into())
    }
}

/// The keyspace event.
const EVENT: &CStr = c"analytics.live";

fn set(ctx: Ctx, words: Words) -> Outcome {
    let mut guard = WriteGuard::new()?;
    let value = site_to_change(ctx, words, &mut guard)?;
    let feed = Feed::parse(&words.from(3).to_vec(), names(ctx, &value.site.settings))?;
    let known = value.site.watch().unwrap_or(alerts::schedule::none());
    known.check_room_for_feed(&feed.name)?;
    let resolved = [vec![b"SET".to_vec()], feed.words()].concat();
    replicate::in_words(ctx, c"ANALYTICS.LIVE", words.string(1)?, &resolved);
    change_watch(ctx, words, guard, EVENT, |watch| watch.set_feed(feed))?;
    ctx.reply_ok();
    Ok(())
}

/// Replies whether there were any of this name.
fn delete(ctx: Ctx, words: Words) -> Outcome {
    let name = words.required(3)?;
    if words.len() > 4 {
        return Err(Failure::WrongArity);
    }
    let mut guard = WriteGuard::new()?;
    let value = site_to_change(ctx, words, &mut guard)?;
    let was_there = value.site.watch().is_some_and(|watch| watch.has_feed(name));
    if was_there {
        ctx.replicate_verbatim();
        change_watch(ctx, words, guard, EVENT, |watch| watch.remove_feed(name))?;
    }
    ctx.reply_integer(was_there.into());
    Ok(())
}

fn list(ctx: Ctx, words: Words) -> Outcome {
    if words.len() > 3 {
        return Err(Failure::WrongArity);
    }
    with_watch(ctx, words, |watch| {
        ctx.reply_array(watch.feeds().len());
        watch.feeds().iter().for_each(|feed| reply_feed(ctx, feed));
        Ok(())
    })
}

fn reply_feed(ctx: Ctx, feed: &Feed) {
    let fields = match feed.windows.as_slice() {
        [_] => 4,
        _ => 3,
    };
    ctx.reply_map(fields);
    reply_text(ctx, "name", &feed.name);
    reply_text(ctx, "every", feed.every.to_string().as_bytes());
    match feed.windows.as_slice() {
        [one] => reply_window(ctx, one),
        several => {
            ctx.reply_bytes(b"windows");
            ctx.reply_array(several.len());
            for window in several {
                ctx.reply_map(2);
                reply_window(ctx, window);
            }
        }
    }
}

fn reply_window(ctx: Ctx, window: &FeedWindow) {
    reply_text(ctx, "window", window.window.to_string().as_bytes());
    ctx.reply_bytes(b"metrics");
    ctx.reply_array(window.metrics.len());
    let metrics = window.metrics.iter();
    metrics.for_each(|metric| ctx.reply_bytes(metric));
}

fn reply_text(ctx: Ctx, name: &str, text: &[u8]) {
    ctx.reply_bytes(name.as_bytes());
    ctx.reply_bytes(text);
}
