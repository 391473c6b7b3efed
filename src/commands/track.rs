//! `ANALYTICS.TRACK`, `ANALYTICS.MTRACK` and `ANALYTICS.TRACKJSON`.

use crate::api::command::{Access, Command};
use crate::api::context::Ctx;
use crate::api::failure::Outcome;
use crate::api::guard::WriteGuard;
use crate::api::registration::entry;
use crate::api::words::Words;
use crate::ingest::arguments::{
    Parser, AT, CLOCK, DIM, EVENT, ID, KIND, PASSIVE, SESSION, USER, VAL,
};
use crate::ingest::track::track_events;
use crate::ingest::unescape_buffer::UnescapeBuffer;
use analytics_core::text::syntax::Argument;

pub const TRACK: Command = Command {
    name: c"analytics.track",
    summary: c"Counts an event in every aggregate of its site",
    since: c"0.1.0",
    complexity: c"O(N) where N is the number of dimensions, cubes and values of the event",
    tips: None,
    access: Access::Write { may_grow: true },
    is_fast: true,
    arguments: &[
        Argument::SITE,
        KIND,
        USER,
        CLOCK,
        AT,
        SESSION,
        ID,
        PASSIVE,
        DIM,
        VAL,
    ],
    run: entry!(track),
};

pub const MTRACK: Command = Command {
    name: c"analytics.mtrack",
    summary: c"Counts many events of a site, all or none",
    since: c"0.1.0",
    complexity: c"O(N) where N is the number of events, with their dimensions, cubes and values",
    tips: None,
    access: Access::Write { may_grow: true },
    is_fast: false,
    arguments: &[Argument::SITE, CLOCK, EVENT],
    run: entry!(mtrack),
};

pub const TRACKJSON: Command = Command {
    name: c"analytics.trackjson",
    summary: c"Counts an event or an array of them in JSON, all or none",
    arguments: &[Argument::SITE, Argument::text(c"json"), CLOCK],
    run: entry!(trackjson),
    ..MTRACK
};

/// Replies 1 when the event counted, 0 when it was dropped.
pub fn track(ctx: Ctx, words: Words) -> Outcome {
    write(ctx, words, |parser| parser.track())
}

/// Replies how many events counted.
pub fn mtrack(ctx: Ctx, words: Words) -> Outcome {
    write(ctx, words, |parser| parser.mtrack())
}

/// Replies how many events counted.
pub fn trackjson(ctx: Ctx, words: Words) -> Outcome {
    let mut buffer = UnescapeBuffer::take(words.required(2)?);
    let outcome = write(ctx, words, |parser| parser.trackjson(buffer.bytes()));
    buffer.give_back();
    outcome
}

fn write<'c>(
    ctx: Ctx<'c>,
    words: Words<'c>,
    parse: impl FnOnce(Parser<'c, '_>) -> Outcome,
) -> Outcome {
    let counted = track_events(ctx, words, WriteGuard::new()?, parse)?;
    ctx.reply_integer(counted as i64);
    Ok(())
}
