//! How a site is stored: plain structs of this folder, written by serde and bincode, and converted
//! from and to the types of the crate. The layout is in this folder alone.
//!
//! ```text
//! site:      version 1 | parts | counters | settings | [rules] | [live metrics] | [further windows] | [replays] | [visits] | [people] | [funnels]
//! parts:     a byte with a bit for each optional part that follows, lowest bit first:
//!            1 rules, 2 live metrics, 4 further windows of live metrics, 8 replays,
//!            16 visits, 32 people, 64 funnels
//! counters, settings, rules, live metrics, further windows, replays, visits, people, funnels:
//!            the structs below as bincode writes them: fields in order, integers as 1 byte below 251
//!            and otherwise a marker and 2, 4 or 8 bytes (little-endian, signed ones as zigzag), an
//!            option as 0 or 1 and its content, bytes and lists behind their length
//! ```
//!
//! - **Bounded.** bincode reads at most `LIMIT` bytes of a part; a list states the most items, and a
//!   text the most bytes, that it takes (`bounded.rs`); texts are borrowed from the payload. So reading
//!   allocates at most a small multiple of the payload.
//! - **Checked once.** What was read goes through the constructors that commands use: settings are made
//!   by the changes of `CREATE`, rules and live metrics pass the checks of `SET`.
//! - **One form.** Equal content is equal bytes: declared names are in the order of their declaration,
//!   all others are sorted. A payload is refused unless the site that was read from it is written as
//!   the same bytes.
//!
//! A later option of a site becomes a part of its own, with the next bit and its own struct. A site
//! without it is written as before, so that a server of an earlier version still reads it, and a server
//! that does not have the part refuses the site. Fields of a struct here do not change: that is version 2,
//! and `decode` then reads both. A file of each version that was released stays under test
//! (`tests/golden.rs`).

mod bounded;
mod funnels;
mod people;
mod settings;
#[cfg(test)]
mod tests;
mod visits;
mod watch;

use super::{Replayed, Site};
use crate::codec::{corrupt, Page};
use crate::error::Corrupt;
use crate::event::Fingerprint;
use crate::schema::{limits, People};
use crate::time::{MAX_TIME, MIN_TIME};
use bincode::config::{Configuration, Limit, LittleEndian, Varint};
use bincode::error::DecodeError;
use bounded::List;
use funnels::StoredFunnels;
use people::StoredPeople;
use serde::{Deserialize, Serialize};
use settings::{refused, StoredSettings};
use visits::StoredVisits;
use watch::{StoredFeed, StoredRule, Windows};

const VERSION: u8 = 1;

const RULES: u8 = 1;
const FEEDS: u8 = 2;
/// In the order of the live metrics, one list for each.
const WINDOWS: u8 = 4;
const REPLAYS: u8 = 8;
const VISITS: u8 = 16;
const PEOPLE: u8 = 32;
const FUNNELS: u8 = 64;

/// No part is longer, and bincode refuses to read more.
const LIMIT: usize = 4 << 20;

/// A metric is at most that long, and its length is counted as a whole word.
const LONGEST_METRIC: usize = limits::METRIC + 16;
/// The longest part.
const LONGEST_FEEDS: usize =
    limits::FEEDS_PER_SITE * (limits::METRICS_PER_QUERY * LONGEST_METRIC + 512);
const _: () = assert!(LONGEST_FEEDS < LIMIT);
const _: () = assert!(limits::RULES_PER_SITE * (LONGEST_METRIC + 512) < LIMIT);

type Rules<'a> = List<StoredRule<'a>, { limits::RULES_PER_SITE }>;
type MoreWindows<'a> = List<Windows<'a>, { limits::FEEDS_PER_SITE }>;
type Feeds<'a> = List<StoredFeed<'a>, { limits::FEEDS_PER_SITE }>;

type Replays = List<StoredReplay, { limits::REPLAYS_PER_SITE }>;

#[derive(Serialize, Deserialize)]
struct StoredReplay {
    /// The bits of the fingerprint of the stream's name, the higher ones first.
    stream: [u64; 2],
    last: (u64, u64),
}

#[derive(Serialize, Deserialize)]
struct StoredCounters {
    events: u64,
    observed: Option<StoredSpan>,
    imported: Option<StoredSpan>,
    has_logged: bool,
    has_alerted: bool,
}

#[derive(Serialize, Deserialize)]
struct StoredSpan {
    first: i64,
    last: i64,
}

impl Site {
    pub fn encode(&self) -> Vec<Page> {
        let (rules, feeds, windows) = self.watch().map_or_else(Default::default, |watch| {
            (
                watch::stored_rules(watch),
                watch::stored_feeds(watch),
                watch::stored_windows(watch),
            )
        });
        let bit = |bit: u8, is_empty: bool| if is_empty { 0 } else { bit };
        let visits = self.settings.visits.as_deref().map(StoredVisits::of);
        let people = self.settings.people.as_deref();
        let funnels = people.map(People::funnels).filter(|it| it.last() > 0);
        let (people, funnels) = (people.map(StoredPeople::of), funnels.map(StoredFunnels::of));
        let replays: Replays = self.replays().iter().map(StoredReplay::of).collect();
        let parts = bit(RULES, rules.is_empty())
            | bit(FEEDS, feeds.is_empty())
            | bit(WINDOWS, windows.is_empty())
            | bit(REPLAYS, replays.is_empty())
            | bit(VISITS, visits.is_none())
            | bit(PEOPLE, people.is_none())
            | bit(FUNNELS, funnels.is_none());
        let mut page = vec![VERSION, parts];
        write(&StoredCounters::of(self), &mut page);
        write(&StoredSettings::of(&self.settings), &mut page);
        if parts & RULES != 0 {
            write(&rules, &mut page);
        }
        if parts & FEEDS != 0 {
            write(&feeds, &mut page);
        }
        if parts & WINDOWS != 0 {
            write(&windows, &mut page);
        }
        if parts & REPLAYS != 0 {
            write(&replays, &mut page);
        }
        if let Some(visits) = &visits {
            write(visits, &mut page);
        }
        if let Some(people) = &people {
            write(people, &mut page);
        }
        if let Some(funnels) = &funnels {
            write(funnels, &mut page);
        }
        vec![page]
    }

    pub fn decode<P: AsRef<[u8]>>(pages: &[P]) -> Result<Site, Corrupt> {
        let [page] = pages else {
            return Err(corrupt("payload", "not one page"));
        };
        let page = page.as_ref();
        let site = Site::read(page)?;
        if site.encode() != [page] {
            return Err(corrupt("payload", "not as it is written"));
        }
        Ok(site)
    }

    fn read(page: &[u8]) -> Result<Site, Corrupt> {
        let Some(([version, parts], mut rest)) = page.split_first_chunk() else {
            return Err(corrupt("version", "truncated"));
        };
        if *version != VERSION {
            return Err(corrupt("version", "not one that this module reads"));
        }
        if parts & !(RULES | FEEDS | WINDOWS | REPLAYS | VISITS | PEOPLE | FUNNELS) != 0 {
            return Err(corrupt("parts", "one that this module does not have"));
        }
        let counters: StoredCounters = read(&mut rest, "counters")?;
        let settings: StoredSettings = read(&mut rest, "settings")?;
        let mut site = Site::new(settings.checked()?);
        counters.checked(&mut site)?;
        if parts & RULES != 0 {
            let rules: Rules = read(&mut rest, "rules")?;
            site.change_watch(|watch| rules.into_iter().try_for_each(|it| it.add_to(watch)))?;
        }
        if parts & FEEDS != 0 {
            let feeds: Feeds = read(&mut rest, "live metrics")?;
            let windows: MoreWindows = match parts & WINDOWS {
                0 => MoreWindows::default(),
                _ => read(&mut rest, "windows of live metrics")?,
            };
            // Where there are more lists than live metrics, the site is not written as it was read.
            let mut windows = windows.into_iter();
            let mut feeds = feeds.into_iter();
            site.change_watch(|watch| {
                feeds.try_for_each(|it| it.add_to(windows.next().unwrap_or_default(), watch))
            })?;
        }
        if parts & REPLAYS != 0 {
            let replays: Replays = read(&mut rest, "replays")?;
            for replay in replays {
                site.set_replayed(replay.checked()?);
            }
        }
        if parts & VISITS != 0 {
            let visits: StoredVisits = read(&mut rest, "visits")?;
            visits.add_to(&mut site.settings)?;
        }
        if parts & PEOPLE != 0 {
            let people: StoredPeople = read(&mut rest, "people")?;
            let mut people = people.checked()?;
            if parts & FUNNELS != 0 {
                let funnels: StoredFunnels = read(&mut rest, "funnels")?;
                let funnels = funnels.checked(people.seed(), people.bits())?;
                people = people.with_funnels(funnels);
            }
            if !people.remembers() {
                return Err(corrupt("people", "neither RETURNING nor a funnel"));
            }
            let settings = site.settings.with_people(Some(people));
            site.settings = settings.map_err(refused("funnels"))?;
        }
        if !rest.is_empty() {
            return Err(corrupt("payload", "bytes after its end"));
        }
        Ok(site)
    }
}

impl StoredReplay {
    fn of(replayed: &Replayed) -> StoredReplay {
        let bits = replayed.stream.bits();
        StoredReplay {
            stream: [(bits >> 64) as u64, bits as u64],
            last: replayed.last,
        }
    }

    fn checked(self) -> Result<Replayed, Corrupt> {
        let [high, low] = self.stream.map(u128::from);
        let stream = Fingerprint::from_bits(high << 64 | low);
        Ok(Replayed {
            stream: stream.ok_or(corrupt("stream of a replay", "no fingerprint"))?,
            last: self.last,
        })
    }
}

impl StoredCounters {
    fn of(site: &Site) -> StoredCounters {
        let span = |(first, last)| StoredSpan { first, last };
        StoredCounters {
            events: site.events,
            observed: site.observed.map(span),
            imported: site.imported.map(span),
            has_logged: site.has_logged,
            has_alerted: site.has_alerted,
        }
    }

    fn checked(self, site: &mut Site) -> Result<(), Corrupt> {
        if (self.events == 0) != self.observed.is_none() {
            return Err(corrupt(
                "first and last event",
                "there without events, or missing",
            ));
        }
        if self.has_logged && self.events == 0 {
            return Err(corrupt("event log", "written without events"));
        }
        site.events = self.events;
        site.has_logged = self.has_logged;
        site.has_alerted = self.has_alerted;
        site.observed = checked_span(self.observed, "first and last event")?;
        site.imported = checked_span(self.imported, "first and last import")?;
        Ok(())
    }
}

fn checked_span(
    span: Option<StoredSpan>,
    field: &'static str,
) -> Result<Option<(i64, i64)>, Corrupt> {
    match span {
        None => Ok(None),
        Some(StoredSpan { first, last })
            if MIN_TIME <= first && first <= last && last < MAX_TIME =>
        {
            Ok(Some((first, last)))
        }
        Some(_) => Err(corrupt(field, "not two times in order")),
    }
}

const fn layout() -> Configuration<LittleEndian, Varint, Limit<LIMIT>> {
    bincode::config::standard().with_limit::<LIMIT>()
}

/// Appends a part.
fn write(part: &impl Serialize, page: &mut Page) {
    struct Pages<'p>(&'p mut Page);
    impl bincode::enc::write::Writer for Pages<'_> {
        fn write(&mut self, bytes: &[u8]) -> Result<(), bincode::error::EncodeError> {
            self.0.extend_from_slice(bytes);
            Ok(())
        }
    }
    // A vector takes any bytes, and all lists have a length: there is nothing that can fail.
    let written = bincode::serde::encode_into_writer(part, Pages(page), layout());
    debug_assert!(written.is_ok());
}

/// Takes a part off the payload.
fn read<'p, T: Deserialize<'p>>(rest: &mut &'p [u8], part: &'static str) -> Result<T, Corrupt> {
    let (stored, len) =
        bincode::serde::borrow_decode_from_slice(rest, layout()).map_err(|error| {
            let problem = match error {
                DecodeError::UnexpectedEnd { .. } => "truncated",
                DecodeError::LimitExceeded => "longer than any is",
                // The one error that the types of `bounded` raise.
                DecodeError::OtherString(_) => "too many items, or one that is too long",
                _ => "not of this layout",
            };
            corrupt(part, problem)
        })?;
    *rest = rest.get(len..).unwrap_or_default();
    Ok(stored)
}
