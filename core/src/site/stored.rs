//! How a site is stored.
//!
//! ```text
//! site:       version | events | [first | last] (only with events) | settings
//!             | [first | last] (only with imports) | [parts]
//! parts:      bits | what each bit stands for, in their order         version 2
//!             1 rules, 2 feeds (watch/stored.rs), 4 log
//! log:        entries | 1 users as they are
//! settings:   zone | 5 × retention | 5 × since | flags | capacity | dimensions | cubes | values
//! retention:  its text: `off` or a duration
//! flags:      1 strict, 2 `event` counts no users, 4 something was imported
//! dimensions: n | n × (name | 1 no users, 2 declared)      declared ones as declared,
//! cubes:      n | n × (name | 1 no users)                  then the learned ones by name
//! values:     n | n × (name | 2 declared)
//! ```
//!
//! Version 1 is a site without parts, and is still what such a site is written as: a server that
//! knows no other reads it.
//!
//! The next version of the format gets the next number: whatever stores the same content as other
//! bytes, or refuses bytes that were taken, is one, a limit that shrinks too. `decode` then reads all
//! of them and `encode` writes the last, so that a value changes its form when it is next stored;
//! servers that are to read it are upgraded first. A file of each version that was ever released
//! stays under test (`tests/golden.rs`).

use super::Site;
use crate::alert::watch::{Watch, FEEDS, RULES};
use crate::codec::{corrupt, Page, Reader, Writer};
use crate::error::Corrupt;
use crate::event::log::Log;
use crate::schema::limits;
use crate::schema::options::{cube_parts, dimension_name, value_name};
use crate::schema::settings::{Cube, Dimension, Settings, Value};
use crate::text::Name;
use crate::time::{Granularity, Retention, Zone, MAX_TIME, MIN_TIME};

const PLAIN: u8 = 1;
const WITH_PARTS: u8 = 2;

/// A part, beside those of `watch`.
const LOG: u8 = 4;
const LOG_USERS: u8 = 1;

const STRICT: u8 = 1;
const EVENT_NO_USERS: u8 = 2;
const IMPORTED: u8 = 4;

const NO_USERS: u8 = 1;
const DECLARED: u8 = 2;

impl Site {
    pub fn encode(&self) -> Vec<Page> {
        let mut writer = Writer::new();
        let log = self.settings.log;
        let parts = self.watch().map_or(0, Watch::parts);
        let parts = parts | if log == Log::default() { 0 } else { LOG };
        writer.u8(if parts == 0 { PLAIN } else { WITH_PARTS });
        writer.varint(self.events);
        if let Some((first, last)) = self.observed {
            writer.signed(first);
            writer.signed(last);
        }
        let imported = if self.imported.is_some() { IMPORTED } else { 0 };
        encode_settings(&self.settings, imported, &mut writer);
        if let Some((first, last)) = self.imported {
            writer.signed(first);
            writer.signed(last);
        }
        if parts != 0 {
            writer.u8(parts);
        }
        if let Some(watch) = self.watch() {
            watch.encode(&mut writer);
        }
        if parts & LOG != 0 {
            writer.varint(log.most);
            writer.u8(if log.users { LOG_USERS } else { 0 });
        }
        writer.into_pages()
    }

    pub fn decode<P: AsRef<[u8]>>(pages: &[P]) -> Result<Site, Corrupt> {
        Site::read(Reader::over(&mut pages.iter().map(P::as_ref)))
    }

    fn read(mut reader: Reader) -> Result<Site, Corrupt> {
        let version = reader.u8("version")?;
        if ![PLAIN, WITH_PARTS].contains(&version) {
            return Err(corrupt("version", "not one that this module knows"));
        }
        let events = reader.varint("events")?;
        let mut observed = None;
        if events > 0 {
            observed = Some(decode_span(&mut reader, "first and last event")?);
        }
        let (mut settings, is_imported) = decode_settings(&mut reader)?;
        let mut imported = None;
        if is_imported {
            imported = Some(decode_span(&mut reader, "first and last import")?);
        }
        let mut watch = None;
        if version == WITH_PARTS {
            let parts = decode_flags(&mut reader, "parts", RULES | FEEDS | LOG)?;
            if parts == 0 {
                return Err(corrupt("parts", "none"));
            }
            if parts & (RULES | FEEDS) != 0 {
                watch = Some(Box::new(Watch::decode(parts, &mut reader)?));
            }
            if parts & LOG != 0 {
                settings.log = decode_log(&mut reader)?;
            }
        }
        reader.finish()?;
        Ok(Site {
            settings,
            events,
            observed,
            imported,
            watch,
        })
    }
}

fn decode_span(reader: &mut Reader, field: &'static str) -> Result<(i64, i64), Corrupt> {
    let (first, last) = (reader.signed(field)?, reader.signed(field)?);
    if MIN_TIME <= first && first <= last && last < MAX_TIME {
        Ok((first, last))
    } else {
        Err(corrupt(field, "no times in order"))
    }
}

/// `imported`: the flag that is not of the settings.
fn encode_settings(settings: &Settings, imported: u8, writer: &mut Writer) {
    writer.bytes(settings.zone.name().as_bytes());
    for granularity in Granularity::ALL {
        writer.bytes(settings.kept(granularity).as_bytes());
    }
    for since in settings.since {
        writer.signed(since);
    }
    let strict = if settings.strict { STRICT } else { 0 };
    let event = if settings.event_users {
        0
    } else {
        EVENT_NO_USERS
    };
    writer.u8(strict | event | imported);
    writer.varint(settings.capacity as u64);

    let mut dimensions: Vec<&Dimension> = settings.dimensions.iter().collect();
    dimensions.sort_by_key(|it| (!it.declared).then(|| it.name.bytes()));
    writer.varint(dimensions.len() as u64);
    for it in dimensions {
        writer.bytes(it.name.bytes());
        writer.u8(flags(it.users, it.declared));
    }
    writer.varint(settings.cubes.len() as u64);
    for cube in &settings.cubes {
        writer.bytes(cube.name.bytes());
        writer.u8(flags(cube.users, false));
    }
    let mut values: Vec<&Value> = settings.values.iter().collect();
    values.sort_by_key(|it| (!it.declared).then(|| it.name.bytes()));
    writer.varint(values.len() as u64);
    for it in values {
        writer.bytes(it.name.bytes());
        writer.u8(flags(true, it.declared));
    }
}

fn flags(users: bool, declared: bool) -> u8 {
    (if users { 0 } else { NO_USERS }) | (if declared { DECLARED } else { 0 })
}

/// And whether something was imported.
fn decode_settings(reader: &mut Reader) -> Result<(Settings, bool), Corrupt> {
    let name = reader.bytes("time zone", limits::NAME)?;
    let zone = Zone::parse(name).map_err(|_| corrupt("time zone", "unknown"))?;
    if zone.name().as_bytes() != name {
        return Err(corrupt("time zone", "not written as it is"));
    }
    let mut retention = Retention::default();
    for granularity in Granularity::ALL {
        let text = reader.bytes("retention", limits::NAME)?;
        let kept =
            Retention::parse(granularity, text).map_err(|_| corrupt("retention", "no duration"))?;
        retention
            .set(granularity, kept)
            .map_err(|_| corrupt("retention", "out of range"))?;
        let canonical = kept.map_or("off".to_owned(), |kept| kept.to_string());
        if canonical.as_bytes() != text {
            return Err(corrupt("retention", "not in its shortest form"));
        }
    }
    retention
        .check()
        .map_err(|_| corrupt("retention", "all off"))?;
    let mut since = [0; Granularity::COUNT];
    for since in &mut since {
        *since = reader.signed("since")?;
    }
    let known = STRICT | EVENT_NO_USERS | IMPORTED;
    let bits = decode_flags(reader, "settings flags", known)?;
    let is_imported = bits & IMPORTED != 0;
    let capacity = reader.varint_to("capacity", limits::DIMENSION_CAPACITY as u64)? as usize;
    if capacity == 0 {
        return Err(corrupt("capacity", "zero"));
    }
    let mut settings = Settings::new(zone, retention, capacity);
    settings.since = since;
    settings.strict = bits & STRICT != 0;
    settings.event_users = bits & EVENT_NO_USERS == 0;

    for _ in 0..reader.count("dimensions", limits::DIMENSIONS_PER_SITE, 3)? {
        let name = reader.bytes("dimension", limits::NAME)?;
        let name = dimension_name(name).map_err(|_| corrupt("dimension", "no name for one"))?;
        let bits = decode_flags(reader, "dimension flags", NO_USERS | DECLARED)?;
        if name.bytes() == b"event" || settings.dimension(name.text()).is_some() {
            return Err(corrupt("dimension", "twice"));
        }
        settings.dimensions.push(Dimension {
            name,
            users: bits & NO_USERS == 0,
            declared: bits & DECLARED != 0,
        });
    }
    let learned = |it: &Dimension| (!it.declared).then(|| it.name.bytes().to_vec());
    if !settings.dimensions.is_sorted_by_key(learned) {
        return Err(corrupt("dimensions", "not in order"));
    }
    for _ in 0..reader.count("cubes", limits::CUBES_PER_SITE, 3)? {
        let parts = reader.bytes("cube", 3 * limits::NAME + 2)?;
        let parts = cube_parts(parts).map_err(|_| corrupt("cube", "no dimensions for one"))?;
        let bits = decode_flags(reader, "cube flags", NO_USERS)?;
        let cube = Cube::new(&parts, bits & NO_USERS == 0);
        if settings
            .cubes
            .iter()
            .any(|known| known.has_the_dimensions_of(&cube))
        {
            return Err(corrupt("cube", "twice"));
        }
        if !parts.iter().all(|part| settings.declares(part)) {
            return Err(corrupt("cube", "of a dimension that is not declared"));
        }
        settings.cubes.push(cube);
    }
    for _ in 0..reader.count("values", limits::VALUES_PER_SITE, 3)? {
        let name = reader.bytes("value", limits::NAME)?;
        let name: Name = value_name(name).map_err(|_| corrupt("value", "no name for one"))?;
        let bits = decode_flags(reader, "value flags", DECLARED)?;
        if settings.has_value(name.text()) {
            return Err(corrupt("value", "twice"));
        }
        settings.values.push(Value {
            name,
            declared: bits & DECLARED != 0,
        });
    }
    let learned = |it: &Value| (!it.declared).then(|| it.name.bytes().to_vec());
    if !settings.values.is_sorted_by_key(learned) {
        return Err(corrupt("values", "not in order"));
    }
    Ok((settings, is_imported))
}

fn decode_log(reader: &mut Reader) -> Result<Log, Corrupt> {
    let log = Log {
        most: reader.varint_to("entries of the log", limits::LOG_ENTRIES)?,
        users: decode_flags(reader, "log flags", LOG_USERS)? != 0,
    };
    if log == Log::default() {
        return Err(corrupt("log", "none"));
    }
    Ok(log)
}

fn decode_flags(reader: &mut Reader, field: &'static str, known: u8) -> Result<u8, Corrupt> {
    let bits = reader.u8(field)?;
    if bits & !known != 0 {
        return Err(corrupt(field, "unknown bits"));
    }
    Ok(bits)
}
