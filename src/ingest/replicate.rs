//! What replicas and the AOF are told of a write: resolved facts, so that they take the same decisions
//! under another clock and other settings.
//!
//! Events that came with their times in milliseconds and reached every granularity say all there is
//! to say, and are passed on word for word. Otherwise `CLOCK ms` is added, the time by which the events
//! were judged and which those without a time have; and what did not count is left out. JSON that does
//! not say all becomes the `MTRACK` that does. What JSON says is thus part of the format of the AOF: what
//! was once accepted must be understood alike by later versions.

use std::cell::{Cell, RefCell};
use std::ffi::CStr;
use std::mem::ManuallyDrop;

use super::arguments::{Request, Source};
use super::record::{Counted, Judge};
use crate::api::redis::{Ctx, OwnedString, Words};
use crate::api::stream::EntryId;
use analytics_core::schema::Settings;

/// The events of a `TRACK`, `MTRACK` or `TRACKJSON` that a client sent, as they were judged.
pub fn events(
    ctx: Ctx,
    words: Words,
    request: &Request,
    counted: &Counted,
    judge: Judge,
    partly_late: bool,
) {
    if let Some(after) = request.replayed_after {
        return replayed(ctx, words, after, request.batch.events.len(), judge);
    }
    let verbatim =
        request.timed && !partly_late && counted.dropped.is_empty() && request.clock_time.is_none();
    let Some(clock) = judge.clock.filter(|_| !verbatim) else {
        return ctx.replicate_verbatim();
    };
    if request.is_json {
        return json(ctx, words, request, counted, clock);
    }
    let mut story = Story::new(words, clock);
    // The words of TRACK's one event begin behind the site, those of MTRACK's behind an EVENT.
    let is_track = request
        .sources
        .first()
        .is_some_and(|source| source.start == 2);
    story.strings.push(words.string(1));
    if !is_track {
        story.say_clock();
    }
    // All are of the time of the clock, and every word stays.
    let tells_no_time =
        || request.clock.is_none() && request.sources.iter().all(|source| source.at.is_none());
    if !is_track && counted.dropped.is_empty() && tells_no_time() {
        story.strings.extend_from_slice(words.after(2).strings());
    } else {
        let said = request.sources.iter().zip(&request.batch.events);
        for (_, (source, event)) in counted.left(said) {
            if !is_track {
                story.strings.push(words.string(source.start - 1));
            }
            story.say_event(source, event.time, request.clock, is_track);
        }
    }
    let command = if is_track {
        c"ANALYTICS.TRACK"
    } else {
        c"ANALYTICS.MTRACK"
    };
    ctx.replicate(command, &story.strings);
}

/// The entries of a log that were read, and by which clock.
fn replayed(ctx: Ctx, words: Words, after: EntryId, count: usize, judge: Judge) {
    let [count, after] = [count.to_string(), after.to_string()];
    let clock = judge.clock.unwrap_or(judge.now).to_string();
    let options = ["COUNT", &count, "AFTER", &after, "CLOCK", &clock];
    let options = options.map(|word| OwnedString::new(word.as_bytes()));
    // The site, FROM and the stream.
    let mut strings: Vec<_> = (1..4).map(|place| words.string(place)).collect();
    strings.extend(options.iter().map(OwnedString::raw));
    ctx.replicate(c"ANALYTICS.REPLAY", &strings);
}

/// Events that came as JSON, in words.
fn json(ctx: Ctx, words: Words, request: &Request, counted: &Counted, clock: i64) {
    let mut story = Story::new(words, clock);
    story.strings.push(words.string(1));
    story.say_clock();
    let [event, at, session, id, dimension, value] =
        [&b"EVENT"[..], b"AT", b"SESSION", b"ID", b"DIM", b"VAL"].map(OwnedString::new);
    let batch = &request.batch;
    let told = batch.events.iter().zip(&request.identities);
    for (_, (said, identity)) in counted.left(told) {
        story.strings.push(event.raw());
        story.say(said.kind.bytes);
        story.say(identity.user);
        if said.time != clock {
            story.strings.push(at.raw());
            story.say_number(said.time);
        }
        for (option, text) in [(&session, identity.session), (&id, identity.id)] {
            if let Some(text) = text {
                story.strings.push(option.raw());
                story.say(text);
            }
        }
        for (name, text) in batch.dimensions_of(said) {
            story.strings.push(dimension.raw());
            story.say(name.bytes);
            story.say(text.bytes);
        }
        for (name, number) in batch.values_of(said) {
            story.strings.push(value.raw());
            story.say(name.bytes);
            // In as few digits as give the same number back.
            story.say(format!("{number:?}").as_bytes());
        }
    }
    ctx.replicate(c"ANALYTICS.MTRACK", &story.strings);
}

/// `CLOCK ms`, as it was last said: it goes with every event that comes without its time, and many of
/// those come in one millisecond.
struct SaidClock {
    word: OwnedString,
    time: i64,
    number: OwnedString,
}

thread_local! {
    /// Not freed in the end, for which there may be no server any more.
    static CLOCK: RefCell<ManuallyDrop<SaidClock>> = RefCell::new(ManuallyDrop::new(SaidClock {
        word: OwnedString::new(b"CLOCK"),
        time: 0,
        number: OwnedString::of_number(0),
    }));

    /// The memory of the last story.
    static STRINGS: Cell<Vec<*mut redis_module::raw::RedisModuleString>> =
        const { Cell::new(Vec::new()) };
}

/// More are not kept for the next story.
const KEPT_STRINGS: usize = 1_000;

/// A command in the making: words of the client's, and some of our own.
struct Story<'c> {
    words: Words<'c>,
    clock: i64,
    strings: Vec<*mut redis_module::raw::RedisModuleString>,
    own: Vec<OwnedString>,
}

impl Drop for Story<'_> {
    fn drop(&mut self) {
        if self.strings.capacity() <= KEPT_STRINGS {
            self.strings.clear();
            STRINGS.set(std::mem::take(&mut self.strings));
        }
    }
}

impl<'c> Story<'c> {
    fn new(words: Words<'c>, clock: i64) -> Story<'c> {
        Story {
            words,
            clock,
            strings: STRINGS.take(),
            own: Vec::new(),
        }
    }

    fn say(&mut self, word: &[u8]) {
        let word = OwnedString::new(word);
        self.strings.push(word.raw());
        self.own.push(word);
    }

    fn say_number(&mut self, number: i64) {
        let word = OwnedString::of_number(number);
        self.strings.push(word.raw());
        self.own.push(word);
    }

    fn say_clock(&mut self) {
        CLOCK.with_borrow_mut(|said| {
            if said.time != self.clock {
                said.number = OwnedString::of_number(self.clock);
                said.time = self.clock;
            }
            self.strings.extend([said.word.raw(), said.number.raw()]);
        });
    }

    fn say_event(&mut self, source: &Source, time: i64, clock: Option<usize>, is_track: bool) {
        let options = source.start + 2;
        self.strings
            .extend((source.start..options).map(|place| self.words.string(place)));
        if is_track {
            self.say_clock();
        }
        if source.at.is_none() && time != self.clock {
            self.say(b"AT");
            self.say_number(time);
        }
        for place in options..source.end {
            let is_clock = clock.is_some_and(|clock| place == clock || place + 1 == clock);
            if source.at == Some(place) {
                self.say_number(time);
            } else if !is_clock {
                self.strings.push(self.words.string(place));
            }
        }
    }
}

/// A site was made with these settings, whatever the settings of the module are elsewhere.
pub fn creation(ctx: Ctx, site: *mut redis_module::raw::RedisModuleString, settings: &Settings) {
    in_words(ctx, c"ANALYTICS.CREATE", site, &settings.options());
}

/// A command on the site in words of our own.
pub fn in_words(
    ctx: Ctx,
    command: &CStr,
    site: *mut redis_module::raw::RedisModuleString,
    words: &[impl AsRef<[u8]>],
) {
    let words = words.iter().map(|word| OwnedString::new(word.as_ref()));
    let words: Vec<OwnedString> = words.collect();
    let mut strings = vec![site];
    strings.extend(words.iter().map(OwnedString::raw));
    ctx.replicate(command, &strings);
}

/// A command on keys of the site, such as `UNLINK`.
pub fn keys(ctx: Ctx, command: &CStr, keys: &[OwnedString]) {
    let strings: Vec<_> = keys.iter().map(OwnedString::raw).collect();
    if !strings.is_empty() {
        ctx.replicate(command, &strings);
    }
}
