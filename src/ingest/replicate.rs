//! What is replicated of a write: resolved facts, so that replicas and the AOF decide alike under another
//! clock and other settings.
//!
//! Events with their times in milliseconds, without ids, that were in time for every granularity are
//! replicated word for word, unless the clock decides when visitors expire. Otherwise `CLOCK ms` is added:
//! the time by which lateness was decided, at which ids arrived, and which is the time of events without
//! one. Events that did not count are left out. JSON without all times becomes an `MTRACK` that has them.
//! So the accepted JSON is part of the format of the AOF, and later versions must parse it alike.

use std::cell::{Cell, RefCell};
use std::ffi::CStr;
use std::mem::ManuallyDrop;

use redis_module::raw::RedisModuleString;

use super::arguments::{Request, Source};
use super::ids::has_ids;
use super::lateness::LatenessClock;
use super::outcome::TrackOutcome;
use crate::api::context::Ctx;
use crate::api::stream::EntryId;
use crate::api::string::{OwnedString, StringRef};
use crate::api::words::Words;
use analytics_core::event::at::millis;
use analytics_core::schema::Settings;

/// The events of a `TRACK`, `MTRACK` or `TRACKJSON` that a client sent, with their resolved times.
pub fn events(
    ctx: Ctx,
    words: Words,
    request: &Request,
    outcome: &TrackOutcome,
    clock: LatenessClock,
    needs_clock: bool,
) {
    if let Some(after) = request.replayed_after {
        return replayed(ctx, words, after, request.batch.events.len(), clock);
    }
    let verbatim = request.timed
        && !needs_clock
        && outcome.dropped.is_empty()
        && request.clock_time.is_none()
        && !has_ids(&request.batch.events);
    let Some(clock) = clock.clock.filter(|_| !verbatim) else {
        return ctx.replicate_verbatim();
    };
    if request.is_json && request.timed && outcome.dropped.is_empty() {
        let mut builder = CommandBuilder::new(words, clock);
        builder.push_word(1);
        builder.push_word(2);
        builder.push_clock();
        return builder.replicate(ctx, c"ANALYTICS.TRACKJSON");
    }
    if request.is_json {
        return json(ctx, words, request, outcome, clock);
    }
    let mut builder = CommandBuilder::new(words, clock);
    // The words of TRACK's one event begin behind the site, those of MTRACK's behind an EVENT.
    let is_track = request
        .sources
        .first()
        .is_some_and(|source| source.start == 2);
    builder.push_word(1);
    if !is_track {
        builder.push_clock();
    }
    // Every event has its time or that of the clock, and every word stays.
    let stays = || {
        let has_no_times = || request.sources.iter().all(|source| source.at.is_none());
        request.clock.is_none() && (request.timed || has_no_times())
    };
    if !is_track && outcome.dropped.is_empty() && stays() {
        let rest = words.from(2).strings().iter();
        builder.strings.extend(rest.map(|word| word.raw()));
    } else {
        let events = request.sources.iter().zip(&request.batch.events);
        for (_, (source, event)) in outcome.retain(events) {
            if !is_track {
                builder.push_word(source.start - 1);
            }
            builder.push_event(source, event.time, request.clock, is_track);
        }
    }
    let command = if is_track {
        c"ANALYTICS.TRACK"
    } else {
        c"ANALYTICS.MTRACK"
    };
    builder.replicate(ctx, command);
}

/// The entries of a log that were read, and the clock of their lateness.
fn replayed(ctx: Ctx, words: Words, after: EntryId, count: usize, clock: LatenessClock) {
    let [count, after] = [count.to_string(), after.to_string()];
    let clock = clock.clock.unwrap_or(clock.now).to_string();
    let options = ["COUNT", &count, "AFTER", &after, "CLOCK", &clock];
    let options = options.map(|word| OwnedString::new(word.as_bytes()));
    // The site, FROM and the stream.
    let mut strings = words.strings().get(1..4).unwrap_or_default().to_vec();
    strings.extend(options.iter().map(OwnedString::get));
    ctx.replicate(c"ANALYTICS.REPLAY", &strings);
}

/// Events from JSON, as words.
fn json(ctx: Ctx, words: Words, request: &Request, outcome: &TrackOutcome, clock: i64) {
    let [event, at, session, id, passive, dimension, value] = [
        &b"EVENT"[..],
        b"AT",
        b"SESSION",
        b"ID",
        b"PASSIVE",
        b"DIM",
        b"VAL",
    ]
    .map(OwnedString::new);
    let mut builder = CommandBuilder::new(words, clock);
    builder.push_word(1);
    builder.push_clock();
    let batch = &request.batch;
    let events = batch.events.iter().zip(&request.identities);
    for (_, (tracked, identity)) in outcome.retain(events) {
        builder.push_string(&event);
        builder.push(tracked.kind.bytes);
        builder.push(identity.user);
        if tracked.time != clock {
            builder.push_string(&at);
            builder.push_time(tracked.time);
        }
        for (option, text) in [(&session, identity.session), (&id, identity.id)] {
            if let Some(text) = text {
                builder.push_string(option);
                builder.push(text);
            }
        }
        if tracked.passive {
            builder.push_string(&passive);
        }
        for (name, text) in batch.dimensions_of(tracked) {
            builder.push_string(&dimension);
            builder.push(name.bytes);
            builder.push(text.bytes);
        }
        for (name, number) in batch.values_of(tracked) {
            builder.push_string(&value);
            builder.push(name.bytes);
            // In as few digits as give the same number back.
            builder.push(format!("{number:?}").as_bytes());
        }
    }
    builder.replicate(ctx, c"ANALYTICS.MTRACK");
}

/// The last `CLOCK ms`: it is part of every event without a time, and many of those arrive in one
/// millisecond.
struct ClockWords {
    word: OwnedString,
    time: i64,
    number: OwnedString,
}

thread_local! {
    /// Never freed, because at exit the server may have no allocator any more.
    static CLOCK: RefCell<ManuallyDrop<ClockWords>> = RefCell::new(ManuallyDrop::new(ClockWords {
        word: OwnedString::new(b"CLOCK"),
        time: 0,
        number: OwnedString::of_number(0),
    }));

    /// The memory of the last builder.
    static STRINGS: Cell<Vec<*mut RedisModuleString>> =
        const { Cell::new(Vec::new()) };
}

/// More are not kept for the next builder.
const KEPT_STRINGS: usize = 1_000;

/// A command that is being built, of the client's words and new ones.
struct CommandBuilder<'c> {
    words: Words<'c>,
    clock: i64,
    strings: Vec<*mut RedisModuleString>,
    own: Vec<OwnedString>,
}

impl Drop for CommandBuilder<'_> {
    fn drop(&mut self) {
        if self.strings.capacity() <= KEPT_STRINGS {
            self.strings.clear();
            STRINGS.set(std::mem::take(&mut self.strings));
        }
    }
}

impl<'c> CommandBuilder<'c> {
    fn new(words: Words<'c>, clock: i64) -> CommandBuilder<'c> {
        CommandBuilder {
            words,
            clock,
            strings: STRINGS.take(),
            own: Vec::new(),
        }
    }

    /// A word of the client's command.
    fn push_word(&mut self, place: usize) {
        if let Some(word) = self.words.strings().get(place) {
            self.strings.push(word.raw());
        }
    }

    fn push_owned(&mut self, word: OwnedString) {
        self.strings.push(word.get().raw());
        self.own.push(word);
    }

    /// A word that is valid as long as the builder.
    fn push_string(&mut self, word: &'c OwnedString) {
        self.strings.push(word.get().raw());
    }

    fn push(&mut self, word: &[u8]) {
        self.push_owned(OwnedString::new(word));
    }

    /// A time in milliseconds, in so many digits that it is not taken for seconds.
    fn push_time(&mut self, time: i64) {
        self.push_owned(match time >= 100_000_000_000 {
            true => OwnedString::of_number(time),
            false => OwnedString::new(millis(time).as_bytes()),
        });
    }

    fn push_clock(&mut self) {
        CLOCK.with_borrow_mut(|last| {
            if last.time != self.clock {
                last.number = OwnedString::of_number(self.clock);
                last.time = self.clock;
            }
            self.strings
                .extend([&last.word, &last.number].map(|word| word.get().raw()));
        });
    }

    fn replicate(self, ctx: Ctx, command: &CStr) {
        let strings = &self.strings;
        // SAFETY: the words of the client's command, words that `own` or `CLOCK` keeps, and strings that
        // are valid as long as this. `CLOCK` changes with the next builder only.
        unsafe { ctx.replicate_raw(command, strings.as_ptr(), strings.len()) }
    }

    fn push_event(&mut self, source: &Source, time: i64, clock: Option<usize>, is_track: bool) {
        let options = source.start + 2;
        (source.start..options).for_each(|place| self.push_word(place));
        if is_track {
            self.push_clock();
        }
        if source.at.is_none() && time != self.clock {
            self.push(b"AT");
            self.push_time(time);
        }
        for place in options..source.end {
            let is_clock = clock.is_some_and(|clock| place == clock || place + 1 == clock);
            if source.at == Some(place) {
                self.push_time(time);
            } else if !is_clock {
                self.push_word(place);
            }
        }
    }
}

/// The creation of a site with these settings, since the defaults of a replica may differ.
pub fn creation(ctx: Ctx, site: StringRef, settings: &Settings) {
    in_words(ctx, c"ANALYTICS.CREATE", site, &settings.options());
}

/// A command on the site, in new words.
pub fn in_words(ctx: Ctx, command: &CStr, site: StringRef, words: &[impl AsRef<[u8]>]) {
    let words = words.iter().map(|word| OwnedString::new(word.as_ref()));
    let words: Vec<OwnedString> = words.collect();
    let mut strings = vec![site];
    strings.extend(words.iter().map(OwnedString::get));
    ctx.replicate(command, &strings);
}

/// A command on keys of the site, such as `UNLINK`.
pub fn keys(ctx: Ctx, command: &CStr, keys: &[OwnedString]) {
    let strings: Vec<_> = keys.iter().map(OwnedString::get).collect();
    if !strings.is_empty() {
        ctx.replicate(command, &strings);
    }
}
