//! The options of `ANALYTICS.CREATE` and `ANALYTICS.ALTER`.

use super::name_rules::{cube_parts, dimension_name, value_name};
use super::people::GivenReturning;
use super::returning_options::{parse_returning, PEOPLE, RETURNING};
use super::visit_options::{parse_visitors, parse_visits, SEED, VISITS};
use super::visits::{parse_seed, GivenVisits};
use crate::error::{shown, Error, Result};
use crate::schema::{limits, Undeclared};
use crate::text::numeral::parse_integer;
use crate::text::syntax::{once, unknown, Argument};
use crate::text::Name;
use crate::time::{Duration, Granularity, Retention, Zone};
use crate::visitors::Seed;

/// One setting to make or to change.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    Zone(Zone),
    /// None switches the granularity off.
    Retention(Granularity, Option<Duration>),
    Undeclared(Undeclared),
    Capacity(usize),
    /// How many ids of recent events are remembered at most.
    Ids(usize),
    /// None switches them off.
    Visits(Option<GivenVisits>),
    /// None switches it off.
    Returning(Option<GivenReturning>),
    /// How many events the log keeps at least, 0 for any number, and for how long. None of both switches
    /// it off.
    Log {
        entries: u64,
        age: Option<Duration>,
    },
    LogUsers(bool),
    Dimension(Rows),
    Cube {
        parts: Vec<Name>,
        users: bool,
        capacity: u32,
    },
    Value(Name),
    /// Ends counting a dimension.
    Forget(Name),
}

/// A declared dimension.
#[derive(Debug, Clone, PartialEq)]
pub struct Rows {
    pub name: Name,
    pub users: bool,
    /// 0: the capacity of the site.
    pub capacity: u32,
}

pub const TZ: Argument = Argument::text(c"zone").behind(c"TZ").optional();
pub const RETENTION: Argument = Argument::block(c"retention", &[GRANULARITY, KEPT])
    .behind(c"RETENTION")
    .optional()
    .multiple();
pub const DIM: Argument =
    Argument::block(c"dimension", &[Argument::text(c"name"), NOUSERS, CAPACITY])
        .behind(c"DIM")
        .optional()
        .multiple();
pub const CUBE: Argument = Argument::block(
    c"cube",
    &[Argument::text(c"a,b[,c[,d]]"), NOUSERS, CAPACITY],
)
.behind(c"CUBE")
.optional()
.multiple();
pub const VAL: Argument = Argument::text(c"name").behind(c"VAL").optional().multiple();
pub const CAPACITY: Argument = Argument::integer(c"rows").behind(c"CAPACITY").optional();
pub const IDS: Argument = Argument::integer(c"count").behind(c"IDS").optional();
pub const UNDECLARED: Argument =
    Argument::one_of(c"undeclared", &[STRICT, NOSTRICT, MODE]).optional();
pub const FORGET: Argument = Argument::block(c"forget", &[FORGOTTEN])
    .behind(c"FORGET")
    .optional()
    .multiple();
pub const LOG: Argument = Argument::one_of(
    c"maxlen",
    &[
        Argument::integer(c"maxlen"),
        Argument::block(
            c"age",
            &[
                Argument::text(c"age"),
                Argument::integer(c"maxlen").optional(),
            ],
        ),
        Argument::token(c"off", c"off"),
    ],
)
.behind(c"LOG")
.optional();
pub const LOGUSERS: Argument = Argument::one_of(c"users", &[YES, NO])
    .behind(c"LOGUSERS")
    .optional();
const OPTIONS: &[Argument] = &[
    TZ, RETENTION, DIM, CUBE, VAL, CAPACITY, IDS, UNDECLARED, LOG, LOGUSERS, VISITS, RETURNING,
];
/// Those of `ANALYTICS.ALTER`.
const ALTERS: &[Argument] = &[
    TZ, RETENTION, DIM, CUBE, VAL, FORGET, CAPACITY, IDS, UNDECLARED, LOG, LOGUSERS, VISITS,
    RETURNING,
];

const GRANULARITY: Argument = Argument::text(c"granularity");
const KEPT: Argument = Argument::one_of(
    c"kept",
    &[Argument::text(c"duration"), Argument::token(c"off", c"off")],
);
const NOUSERS: Argument = Argument::token(c"nousers", c"NOUSERS").optional();
const STRICT: Argument = Argument::token(c"strict", c"STRICT");
const NOSTRICT: Argument = Argument::token(c"nostrict", c"NOSTRICT");
const MODE: Argument = Argument::one_of(c"mode", &[LEARN, IGNORE, REFUSE]).behind(c"UNDECLARED");
const LEARN: Argument = Argument::token(c"learn", c"learn");
const IGNORE: Argument = Argument::token(c"ignore", c"ignore");
const REFUSE: Argument = Argument::token(c"refuse", c"refuse");
const FORGOTTEN: Argument = Argument::text(c"name").behind(c"DIM");
const YES: Argument = Argument::token(c"yes", c"yes");
const NO: Argument = Argument::token(c"no", c"no");

/// The options of `ANALYTICS.CREATE`.
pub fn parse_options(words: &[&[u8]]) -> Result<Vec<Change>> {
    parse(words, OPTIONS)
}

/// The options of `ANALYTICS.ALTER`.
pub fn parse_alter(words: &[&[u8]]) -> Result<Vec<Change>> {
    parse(words, ALTERS)
}

fn parse(words: &[&[u8]], options: &[Argument]) -> Result<Vec<Change>> {
    let mut changes = Vec::new();
    let mut words = words.iter().copied().peekable();
    while let Some(option) = words.next() {
        let mut next = |what: &str| {
            words.next().ok_or_else(|| {
                Error::new(format!("{} needs a {what}", shown(option).to_uppercase()))
            })
        };
        if SEED.is(option) {
            let seed = parse_seed(next("seed")?)?;
            let visitors = parse_visitors(next("number of visitors")?)?;
            seed_visits(&mut changes, seed, visitors)?;
            continue;
        }
        if PEOPLE.is(option) {
            let seed = parse_seed(next("seed")?)?;
            let visitors = parse_visitors(next("number of visitors")?)?;
            seed_people(&mut changes, seed, visitors)?;
            continue;
        }
        let mut change = if RETURNING.is(option) {
            Change::Returning(parse_returning(next("horizon, or off")?, &mut words)?)
        } else if VISITS.is(option) {
            Change::Visits(parse_visits(next("timeout, or off")?, &mut words)?)
        } else if TZ.is(option) {
            Change::Zone(Zone::parse(next("time zone, as in TZ Europe/Paris")?)?)
        } else if RETENTION.is(option) {
            let granularity = Granularity::parse(next("granularity")?)?;
            let kept = Retention::parse(granularity, next("duration or off")?)?;
            Change::Retention(granularity, kept)
        } else if DIM.is(option) {
            let name = dimension_name(next("name")?)?;
            Change::Dimension(Rows {
                name,
                users: true,
                capacity: 0,
            })
        } else if CUBE.is(option) {
            let parts = cube_parts(next("list of dimensions, as in CUBE event,country")?)?;
            Change::Cube {
                parts,
                users: true,
                capacity: 0,
            }
        } else if VAL.is(option) {
            Change::Value(value_name(next("name")?)?)
        } else if CAPACITY.is(option) {
            Change::Capacity(parse_capacity(next("number of rows")?)?)
        } else if IDS.is(option) {
            Change::Ids(parse_ids(next("number of ids")?)?)
        } else if LOG.is(option) {
            parse_log(next("number of entries, a length of time, or off")?)?
        } else if LOGUSERS.is(option) {
            Change::LogUsers(parse_log_users(next("yes or no")?)?)
        } else if STRICT.is(option) {
            Change::Undeclared(Undeclared::Refuse)
        } else if NOSTRICT.is(option) {
            Change::Undeclared(Undeclared::Learn)
        } else if MODE.is(option) {
            Change::Undeclared(parse_undeclared(next("learn, ignore or refuse")?)?)
        } else if FORGET.is(option) && options.contains(&FORGET) {
            let kind = next("DIM and the name of a dimension")?;
            if !FORGOTTEN.is(kind) {
                return Err(unknown(kind, &[FORGOTTEN]));
            }
            Change::Forget(dimension_name(next("name of a dimension")?)?)
        } else {
            return Err(unknown(option, options));
        };
        if let Change::Dimension(Rows {
            users, capacity, ..
        })
        | Change::Cube {
            users, capacity, ..
        } = &mut change
        {
            loop {
                if *users && words.next_if(|word| NOUSERS.is(word)).is_some() {
                    *users = false;
                } else if *capacity == 0 && words.next_if(|word| CAPACITY.is(word)).is_some() {
                    let rows = words.next();
                    let rows = rows.ok_or_else(|| Error::new("CAPACITY needs a number of rows"))?;
                    *capacity = parse_capacity(rows)? as u32;
                } else {
                    break;
                }
            }
        }
        if let Change::Log {
            entries,
            age: Some(_),
        } = &mut change
        {
            if let Some(most) = words.next_if(|word| parse_integer(word).is_some()) {
                *entries = parse_log_entries(most)?;
            }
        }
        check_once(&changes, &change)?;
        changes.push(change);
    }
    Ok(changes)
}

/// There is one time zone, one capacity, one number of ids, one strictness and one log.
fn check_once(changes: &[Change], change: &Change) -> Result<()> {
    let option = match change {
        Change::Zone(_) => TZ,
        Change::Capacity(_) => CAPACITY,
        Change::Ids(_) => IDS,
        Change::Undeclared(_) => UNDECLARED,
        Change::Log { .. } => LOG,
        Change::LogUsers(_) => LOGUSERS,
        Change::Visits(_) => VISITS,
        Change::Returning(_) => RETURNING,
        _ => return Ok(()),
    };
    let kind = std::mem::discriminant(change);
    let is_first = !changes.iter().any(|it| std::mem::discriminant(it) == kind);
    once(&option, is_first)
}

fn parse_undeclared(word: &[u8]) -> Result<Undeclared> {
    let is_it = |mode: &Undeclared| word.eq_ignore_ascii_case(mode.name().as_bytes());
    Undeclared::ALL.into_iter().find(is_it).ok_or_else(|| {
        let word = shown(word);
        Error::new(format!(
            "UNDECLARED '{word}' is not learn, ignore or refuse"
        ))
    })
}

pub fn parse_capacity(word: &[u8]) -> Result<usize> {
    let rows = std::str::from_utf8(word).ok();
    match rows.and_then(|word| word.parse().ok()) {
        Some(rows) => check_capacity(rows),
        None => Err(no_capacity(&shown(word))),
    }
}

pub fn check_capacity(rows: u64) -> Result<usize> {
    let in_range = usize::try_from(rows).ok();
    in_range
        .filter(|rows| (1..=limits::DIMENSION_CAPACITY).contains(rows))
        .ok_or_else(|| no_capacity(&rows.to_string()))
}

fn no_capacity(given: &str) -> Error {
    Error::new(format!(
        "CAPACITY '{given}' is not a number of rows from 1 to {}",
        limits::DIMENSION_CAPACITY
    ))
}

fn parse_ids(word: &[u8]) -> Result<usize> {
    let count = parse_integer(word).and_then(|count| u64::try_from(count).ok());
    match count {
        Some(count) => check_ids(count),
        None => Err(no_ids(&shown(word))),
    }
}

pub fn check_ids(count: u64) -> Result<usize> {
    let in_range = usize::try_from(count).ok();
    in_range
        .filter(|count| (1..=limits::IDS_PER_SITE).contains(count))
        .ok_or_else(|| no_ids(&count.to_string()))
}

fn no_ids(given: &str) -> Error {
    Error::new(format!(
        "IDS '{given}' is not a number of ids from 1 to {}",
        limits::IDS_PER_SITE
    ))
}

fn seed_people(changes: &mut [Change], seed: Seed, visitors: u64) -> Result<()> {
    let returning = changes.iter_mut().find_map(|change| match change {
        Change::Returning(given) => given.as_mut(),
        _ => None,
    });
    match returning {
        Some(given) if given.seed.is_none() => {
            given.seed = Some(seed);
            given.visitors.get_or_insert(visitors);
            Ok(())
        }
        _ => Err(Error::new("PEOPLESEED comes behind RETURNING, once")),
    }
}

fn seed_visits(changes: &mut [Change], seed: Seed, visitors: u64) -> Result<()> {
    let visits = changes.iter_mut().find_map(|change| match change {
        Change::Visits(given) => given.as_mut(),
        _ => None,
    });
    match visits {
        Some(given) if given.seed.is_none() => {
            given.seed = Some(seed);
            given.visitors.get_or_insert(visitors);
            Ok(())
        }
        _ => Err(Error::new("SEED comes behind VISITS, once")),
    }
}

fn parse_log(word: &[u8]) -> Result<Change> {
    let (mut entries, mut age) = (0, None);
    if parse_integer(word).is_some() {
        entries = parse_log_entries(word)?;
    } else if !word.eq_ignore_ascii_case(b"off") {
        age = Some(Duration::parse(word).map_err(|_| no_log(&shown(word)))?);
    }
    Ok(Change::Log { entries, age })
}

fn parse_log_entries(word: &[u8]) -> Result<u64> {
    let entries = parse_integer(word).and_then(|entries| u64::try_from(entries).ok());
    match entries {
        Some(entries) => check_log_entries(entries),
        None => Err(no_log(&shown(word))),
    }
}

pub fn check_log_entries(entries: u64) -> Result<u64> {
    match entries <= limits::LOG_ENTRIES {
        true => Ok(entries),
        false => Err(no_log(&entries.to_string())),
    }
}

fn no_log(given: &str) -> Error {
    Error::new(format!(
        "LOG '{given}' is not off, a number of entries up to {}, or a length of time such as 90d, behind \
         which such a number may follow",
        limits::LOG_ENTRIES
    ))
}

fn parse_log_users(word: &[u8]) -> Result<bool> {
    if YES.is(word) || NO.is(word) {
        return Ok(YES.is(word));
    }
    let word = shown(word);
    Err(Error::new(format!("LOGUSERS '{word}' is not yes or no")))
}
