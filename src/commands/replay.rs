//! `ANALYTICS.REPLAY site FROM stream [COUNT n] [AFTER id]`: counts the events of an event log, without
//! `AFTER` from where the last replay of the stream into the site ended. Replies
//! how many counted, the id of the last entry that was read, and 1 if no entry comes after it.
//!
//! A master replicates how many entries it read, and `CLOCK ms`, the time by which it decided their
//! lateness. Replicas have the same stream.

use crate::api::command::{Access, Command};
use crate::api::context::Ctx;
use crate::api::failure::{Failure, Outcome};
use crate::api::guard::WriteGuard;
use crate::api::key::Key;
use crate::api::registration::entry;
use crate::api::stream::{EntryId, Stream};
use crate::api::words::Words;
use crate::config;
use crate::ingest::arguments::{clock, Parser, CLOCK};
use crate::ingest::origin::Origin;
use crate::ingest::track::track_events;
use crate::store::cluster;
use crate::store::site_value::SiteValue;
use crate::store::value;
use analytics_core::error::{shown, Error};
use analytics_core::event::{log, Fingerprint};
use analytics_core::schema::keys::events_stream;
use analytics_core::schema::limits;
use analytics_core::site::Replayed;
use analytics_core::text::numeral::parse_integer;
use analytics_core::text::syntax::{once, unknown, Argument};

const FROM: Argument = Argument::key(c"stream").behind(c"FROM");
const COUNT: Argument = Argument::integer(c"n").behind(c"COUNT").optional();
const AFTER: Argument = Argument::text(c"id").behind(c"AFTER").optional();

pub const COMMAND: Command = Command {
    name: c"analytics.replay",
    summary: c"Counts the events of an event log, at most 10,000 a call",
    since: c"0.1.0",
    complexity: c"O(N) where N is the number of entries that are read",
    tips: None,
    access: Access::WriteFrom,
    is_fast: false,
    arguments: &[Argument::SITE, FROM, COUNT, AFTER, CLOCK],
    run: entry!(replay),
};

pub fn replay(ctx: Ctx, words: Words) -> Outcome {
    let name = words.required(1)?;
    let from = words.required(3)?;
    let keyword = words.required(2)?;
    if !FROM.is(keyword) {
        return Err(unknown(keyword, &[FROM]).into());
    }
    let origin = Origin::of(ctx);
    let mut options = Options::parse(words, origin)?;
    let mut guard = WriteGuard::new()?;
    let stream = Fingerprint::of(from);
    if origin == Origin::Client {
        let goes_on = check_site(ctx, words, &mut guard, (name, from), stream)?;
        options.goes_on = options.after.is_none();
        options.after = options.after.or(goes_on);
    }
    let log = Excerpt::read(ctx, words, &mut guard, &options)?;
    let counted = track_events(ctx, words, guard, |parser| {
        log.parse(parser, &options, origin, stream)
    })?;

    ctx.reply_array(3);
    ctx.reply_integer(counted as i64);
    let last = log.entries.last().map_or(options.after(), |entry| entry.id);
    ctx.reply_bytes(last.to_string().as_bytes());
    ctx.reply_integer(log.is_last.into());
    Ok(())
}

struct Options {
    count: usize,
    after: Option<EntryId>,
    /// It was not given, and is where the last replay ended.
    goes_on: bool,
    clock: Option<i64>,
}

impl Options {
    fn parse(words: Words, origin: Origin) -> Outcome<Options> {
        let (mut count, mut after, mut time) = (None, None, None);
        let mut place = 4;
        while let Some(option) = words.get(place) {
            let next = || words.get(place + 1);
            if COUNT.is(option) {
                once(&COUNT, count.is_none())?;
                count = Some(parse_count(next().unwrap_or_default())?);
            } else if AFTER.is(option) {
                once(&AFTER, after.is_none())?;
                after = Some(parse_id(next().unwrap_or_default())?);
            } else if let Some(clock) = clock(words, place, origin)? {
                time = Some(clock);
            } else {
                return Err(unknown(option, &[COUNT, AFTER]).into());
            }
            place += 2;
        }
        Ok(Options {
            count: count.unwrap_or(limits::EVENTS_PER_CALL),
            after,
            goes_on: false,
            clock: time,
        })
    }

    fn after(&self) -> EntryId {
        self.after.unwrap_or_default()
    }
}

fn parse_count(word: &[u8]) -> Outcome<usize> {
    let most = limits::EVENTS_PER_CALL;
    let count = parse_integer(word).and_then(|count| usize::try_from(count).ok());
    count
        .filter(|count| (1..=most).contains(count))
        .ok_or_else(|| {
            let word = shown(word);
            Error::new(format!("COUNT '{word}' is not a number from 1 to {most}")).into()
        })
}

fn parse_id(word: &[u8]) -> Outcome<EntryId> {
    EntryId::parse(word).ok_or_else(|| {
        let word = shown(word);
        Error::new(format!(
            "AFTER '{word}' is not the id of an entry, such as 1733927467123-0"
        ))
        .into()
    })
}

/// Where the last replay of this stream ended. A site has counted the events of its own log already, and would
/// append them again.
fn check_site(
    ctx: Ctx,
    words: Words,
    guard: &mut WriteGuard,
    (name, from): (&[u8], &[u8]),
    stream: Fingerprint,
) -> Outcome<Option<EntryId>> {
    let key = Key::for_reading(ctx, guard, words.string(1)?);
    let Some(value) = value::read::<SiteValue>(key)? else {
        return Ok(None);
    };
    if value.site.settings.log.is_on() && from == events_stream(name) {
        let from = shown(from);
        return Err(Error::new(format!(
            "FROM '{from}' is the log of the site itself, which has counted these events; count \
             them in another site, or switch the log off first"
        ))
        .into());
    }
    let ended = value.site.replayed(stream);
    Ok(ended.map(|(ms, number)| EntryId { ms, number }))
}

/// The entries that one call reads.
struct Excerpt {
    entries: Vec<Entry>,
    /// Nothing comes after them.
    is_last: bool,
}

struct Entry {
    id: EntryId,
    /// Each with its value.
    fields: Vec<[Box<[u8]>; 2]>,
}

/// A call ends after this many bytes, too.
const MAX_BYTES: usize = 16 << 20;

/// Event, user, time, session and id, and the dimensions and values.
const MAX_FIELDS: usize = 5 + limits::DIMENSIONS_PER_EVENT + limits::VALUES_PER_EVENT;

/// Of a field and its value: those of an event are shorter.
const MAX_FIELD_BYTES: usize = 2_048;

impl Excerpt {
    fn read(ctx: Ctx, words: Words, guard: &mut WriteGuard, options: &Options) -> Outcome<Excerpt> {
        let name = words.string(3)?;
        let stream = Stream::of(Key::for_reading(ctx, &mut *guard, name))?;
        if !stream.exists() {
            drop(stream);
            cluster::refuse_if_key_is_elsewhere(ctx, guard, words.string(1)?, name)?;
            let name = shown(words.required(3)?);
            return Err(Error::new(format!("FROM '{name}': there is no such stream")).into());
        }
        if let (true, Some(after), Some(last)) = (options.goes_on, options.after, stream.last()) {
            if last < after {
                let name = shown(words.required(3)?);
                return Err(Error::new(format!(
                    "FROM '{name}': the last replay ended at {after}, and the stream ends at {last}: it \
                     was made anew; give AFTER 0-0 to read it from its beginning"
                ))
                .into());
            }
        }
        let mut walk = stream.after(options.after());
        let (mut entries, mut bytes) = (Vec::new(), 0);
        loop {
            let Some((id, len)) = walk.next() else {
                let is_last = true;
                return Ok(Excerpt { entries, is_last });
            };
            if entries.len() == options.count || bytes > MAX_BYTES {
                let is_last = false;
                return Ok(Excerpt { entries, is_last });
            }
            if len > MAX_FIELDS {
                let error = Error::new(format!("{len} fields are more than an event has"));
                return Err(at(id, error));
            }
            let mut fields = Vec::with_capacity(len);
            for _ in 0..len {
                let read = walk.field(|name, value| {
                    let is_long = name.len() + value.len() > MAX_FIELD_BYTES;
                    if is_long {
                        let name = shown(name);
                        return Err(Error::new(format!("field '{name}' is too long")));
                    }
                    bytes += name.len() + value.len();
                    fields.push([name.into(), value.into()]);
                    Ok(())
                });
                read.unwrap_or(Ok(())).map_err(|error| at(id, error))?;
            }
            entries.push(Entry { id, fields });
        }
    }

    fn parse<'c>(
        &'c self,
        parser: Parser<'c, '_>,
        options: &Options,
        origin: Origin,
        stream: Fingerprint,
    ) -> Outcome {
        let Parser { request, now, .. } = parser;
        request.replayed_after = Some(options.after());
        request.replayed_to = self.entries.last().map(|entry| Replayed {
            stream,
            last: (entry.id.ms, entry.id.number),
        });
        request.clock_time = options.clock;
        let latest = match origin {
            Origin::Client => now.saturating_add(config::max_future()),
            Origin::Master => i64::MAX,
        };
        for entry in &self.entries {
            let fields = entry.fields.iter();
            let fields = fields.map(|[name, value]| (&name[..], &value[..]));
            let identity = log::read(fields, &mut request.batch);
            request
                .identities
                .push(identity.map_err(|error| at(entry.id, error))?);
            let event = request.batch.events.last();
            if let Some(event) = event.filter(|event| event.time > latest) {
                let ahead = event.time - now;
                let most = config::max_future();
                let error = Error::new(format!(
                    "time is {ahead} ms in the future; analytics.max-future allows {most}"
                ));
                return Err(at(entry.id, error));
            }
        }
        Ok(())
    }
}

fn at(id: EntryId, error: Error) -> Failure {
    Error::new(format!("entry {id}: {error}")).into()
}
