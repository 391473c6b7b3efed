//! `ANALYTICS.FUNNEL site SET|GET|LIST|DEL ...`, and `ANALYTICS.FUNNEL_RO` for the verbs that only read.
//!
//! A master replicates what `SET` does not say: behind it stands `PEOPLE seed visitors since`, by which users
//! are hashed and followed, and from when on all events are taken (`-` for all).

use super::alter::complete_from;
use super::create::random_seed;
use super::drop::drop_partitions;
use super::site::{no_site, site_to_change};
use super::top::rows;
use crate::api::command::{Access, Command};
use crate::api::context::Ctx;
use crate::api::failure::{Failure, Outcome};
use crate::api::guard::WriteGuard;
use crate::api::registration::entry;
use crate::api::string::OwnedString;
use crate::api::words::Words;
use crate::config;
use crate::ingest::origin::Origin;
use crate::ingest::{directories, replicate};
use crate::query::reply::reply_answer;
use crate::query::{Query, WINDOW};
use crate::store::changes::Changes;
use crate::store::walk;
use analytics_core::error::{shown, Error};
use analytics_core::people;
use analytics_core::query::fold::{funnel_by, FunnelFold, FunnelRow, FunnelStep};
use analytics_core::query::metric::{check_by, FunnelSource};
use analytics_core::schema::funnel::SetFunnel;
use analytics_core::schema::visits::parse_seed;
use analytics_core::schema::{parse_funnel, Funnel, Names, People, FUNNEL as WORDS};
use analytics_core::text::nearest::did_you_mean;
use analytics_core::text::numeral::parse_integer;
use analytics_core::text::syntax::{unknown, Argument};
use analytics_core::text::Text;
use analytics_core::time::{is_supported, Cover, Range};
use analytics_core::visitors::Seed;

pub const FUNNEL: Command = Command {
    name: c"analytics.funnel",
    summary: c"Sets, lists and measures the funnels of a site",
    since: c"0.1.0",
    complexity: c"O(B*S) for GET, where B is the number of buckets that cover the window and S that of the steps; O(N) for others, where N is the number of funnels",
    tips: Some(c"nondeterministic_output"),
    access: Access::ReadWrite,
    is_fast: false,
    arguments: &[
        Argument::SITE,
        Argument::one_of(c"verb", &[SET, DEL, GET, LIST]),
    ],
    run: entry!(funnel),
};

pub const FUNNEL_RO: Command = Command {
    name: c"analytics.funnel_ro",
    summary: c"Lists and measures the funnels of a site",
    since: c"0.1.0",
    complexity: c"O(B*S) for GET, where B is the number of buckets that cover the window and S that of the steps; O(N) for LIST, where N is the number of funnels",
    tips: Some(c"nondeterministic_output"),
    access: Access::Read,
    is_fast: false,
    arguments: &[Argument::SITE, Argument::one_of(c"verb", &[GET, LIST])],
    run: entry!(funnel_ro),
};

const SET: Argument = Argument::block(c"funnel", WORDS).behind(c"SET");
const DEL: Argument = Argument::text(c"name").behind(c"DEL");
const GET: Argument = Argument::block(c"get", &[NAME, WINDOW, BY]).behind(c"GET");
const LIST: Argument = Argument::token(c"list", c"LIST");
const NAME: Argument = Argument::text(c"name");
const BY: Argument = Argument::block(c"values", &[Argument::text(c"dimension"), LIMIT])
    .behind(c"BY")
    .optional();
const LIMIT: Argument = Argument::integer(c"rows").behind(c"LIMIT").optional();
/// Used in replication only.
const PEOPLE: &[u8] = b"PEOPLE";
/// All events.
const ALL: &[u8] = b"-";

/// The values of `BY` that are replied where no `LIMIT` is given.
const USUAL_LIMIT: usize = 10;

pub fn funnel(ctx: Ctx, words: Words) -> Outcome {
    let verb = words.required(2)?;
    if SET.is(verb) {
        set(ctx, words)
    } else if DEL.is(verb) {
        delete(ctx, words)
    } else {
        read(ctx, words, &[SET, DEL, GET, LIST])
    }
}

pub fn funnel_ro(ctx: Ctx, words: Words) -> Outcome {
    read(ctx, words, &[GET, LIST])
}

fn read(ctx: Ctx, words: Words, accepted: &[Argument]) -> Outcome {
    let verb = words.required(2)?;
    if GET.is(verb) {
        get(ctx, words)
    } else if LIST.is(verb) {
        list(ctx, words)
    } else {
        Err(unknown(verb, accepted).into())
    }
}

/// What a master adds behind `SET`.
struct Resolved {
    seed: Seed,
    visitors: u64,
    /// `i64::MIN`: all events.
    since: i64,
}

impl Resolved {
    /// Takes it off the words.
    fn take(words: &mut Vec<&[u8]>) -> Outcome<Resolved> {
        let refused = || Error::new("FUNNEL SET of a master ends with PEOPLE seed visitors since");
        let at = words.len().checked_sub(4).ok_or_else(refused)?;
        let tail = words.split_off(at);
        let [PEOPLE, seed, visitors, since] = tail.as_slice() else {
            return Err(refused().into());
        };
        let visitors = parse_integer(visitors).and_then(|it| u64::try_from(it).ok());
        let since = match *since {
            ALL => Some(i64::MIN),
            text => parse_integer(text).filter(|since| is_supported(*since)),
        };
        Ok(Resolved {
            seed: parse_seed(seed)?,
            visitors: visitors.ok_or_else(refused)?,
            since: since.ok_or_else(refused)?,
        })
    }

    fn words(&self) -> Vec<Vec<u8>> {
        let since = match self.since {
            i64::MIN => ALL.to_vec(),
            since => since.to_string().into_bytes(),
        };
        let visitors = self.visitors.to_string().into_bytes();
        vec![PEOPLE.to_vec(), self.seed.hex(), visitors, since]
    }
}

fn set(ctx: Ctx, words: Words) -> Outcome {
    let mut guard = WriteGuard::new()?;
    let origin = Origin::of(ctx);
    let value = site_to_change(ctx, words, &mut guard)?;
    let settings = &value.site.settings;
    let mut given = words.from(3).to_vec();
    let resolved = match origin {
        Origin::Master => Resolved::take(&mut given)?,
        Origin::Client => {
            let people = settings.people.as_deref();
            let span = value.site.span();
            Resolved {
                seed: people.map_or_else(random_seed, People::seed),
                visitors: people.map_or_else(config::visitor_capacity, People::visitors),
                since: match span {
                    None => i64::MIN,
                    span => complete_from(span, ctx.now()),
                },
            }
        }
    };
    let names = match origin {
        // What the site ignores is no condition of an event.
        Origin::Client if settings.ignores_names() => Names::known(settings),
        Origin::Client => Names::of(Some(settings)),
        Origin::Master => Names::all(Some(settings)),
    };
    let definition = parse_funnel(&given, names)?;
    let new = || People::new(resolved.seed, resolved.visitors);
    let people = settings.people.as_deref().cloned().map_or_else(new, Ok)?;
    let (people, outcome) = people.with_funnel(definition.clone(), resolved.since)?;
    let settings = settings.with_people(Some(people))?;
    if outcome != SetFunnel::Same {
        let words_of = [vec![b"SET".to_vec()], definition.words(), resolved.words()].concat();
        replicate::in_words(ctx, c"ANALYTICS.FUNNEL", words.string(1)?, &words_of);
        value.site.settings = settings;
        directories::clear_of(value);
        ctx.signal_modified(words.string(1)?);
        guard.notify(ctx, c"analytics.funnel", words.string(1)?);
    }
    ctx.reply_line(match outcome {
        SetFunnel::Made => "OK",
        SetFunnel::Changed => "begun anew",
        SetFunnel::Same => "unchanged",
    });
    Ok(())
}

/// Replies whether there was such a funnel.
fn delete(ctx: Ctx, words: Words) -> Outcome {
    let name = words.required(3)?;
    if words.len() > 4 {
        return Err(Failure::WrongArity);
    }
    let mut guard = WriteGuard::new()?;
    let changes = Changes::until_now();
    let value = site_to_change(ctx, words, &mut guard)?;
    let before = value.site.settings.people.as_deref();
    let Some(before) = before.filter(|it| it.funnels().get(name).is_some()) else {
        ctx.reply_integer(0);
        return Ok(());
    };
    let after = before.without_funnel(name);
    let partitions = match (&after, Origin::of(ctx)) {
        (None, Origin::Client) => before.partitions(),
        _ => 0,
    };
    let settings = value.site.settings.with_people(after)?;
    let key = words.string(1)?;
    let partitions: Vec<OwnedString> =
        walk::existing_partitions::<people::People>(ctx, &mut guard, key, partitions)?;
    changes.refuse_if_changed()?;
    let value = site_to_change(ctx, words, &mut guard)?;
    ctx.replicate_verbatim();
    value.site.settings = settings;
    directories::clear_of(value);
    drop_partitions::<people::People>(ctx, &mut guard, &partitions);
    ctx.signal_modified(words.string(1)?);
    guard.notify(ctx, c"analytics.funnel", words.string(1)?);
    ctx.reply_integer(1);
    Ok(())
}

fn list(ctx: Ctx, words: Words) -> Outcome {
    if words.len() > 3 {
        return Err(Failure::WrongArity);
    }
    let query = Query::start(ctx, words)?;
    let funnels = query.site().settings.funnels();
    let funnels = funnels.map_or(&[][..], |(funnels, _)| funnels.list());
    ctx.reply_array(funnels.len());
    for funnel in funnels {
        let definition = funnel.definition();
        ctx.reply_map(6);
        text(ctx, "name", funnel.name());
        text(ctx, "within", within_of(funnel).as_bytes());
        for (name, conditions) in [
            ("steps", definition.steps()),
            ("exclude", definition.excludes()),
        ] {
            ctx.reply_bytes(name.as_bytes());
            ctx.reply_array(conditions.len());
            conditions.iter().for_each(|it| ctx.reply_bytes(it.text()));
        }
        ctx.reply_bytes(b"by");
        ctx.reply_array(definition.by().len());
        let by = definition.by().iter();
        by.for_each(|name| ctx.reply_bytes(name.bytes()));
        reply_since(ctx, funnel);
    }
    Ok(())
}

fn within_of(funnel: &Funnel) -> String {
    funnel.definition().within_text()
}

fn text(ctx: Ctx, name: &str, text: &[u8]) {
    ctx.reply_bytes(name.as_bytes());
    ctx.reply_bytes(text);
}

/// Null where all events of the site were taken.
fn reply_since(ctx: Ctx, funnel: &Funnel) {
    ctx.reply_bytes(b"since");
    match funnel.since() {
        i64::MIN => ctx.reply_null(),
        since => ctx.reply_integer(since),
    }
}

/// What is asked behind `GET`.
struct Asked<'c> {
    name: &'c [u8],
    window: &'c [u8],
    by: Option<&'c [u8]>,
    limit: usize,
}

impl<'c> Asked<'c> {
    fn parse(words: Words<'c>) -> Outcome<Asked<'c>> {
        let mut asked = Asked {
            name: words.required(3)?,
            window: words.required(4)?,
            by: None,
            limit: USUAL_LIMIT,
        };
        let mut limit = None;
        let mut rest = words.from(5).iter();
        while let Some(option) = rest.next() {
            let mut next = || rest.next().ok_or(Failure::WrongArity);
            if BY.is(option) && asked.by.is_none() {
                asked.by = Some(next()?);
            } else if LIMIT.is(option) && limit.is_none() {
                limit = Some(rows(next()?)?);
            } else {
                return Err(unknown(option, &[BY, LIMIT]).into());
            }
        }
        if limit.is_some() && asked.by.is_none() {
            return Err(Error::new("LIMIT is of the values of BY, which is not given").into());
        }
        asked.limit = limit.unwrap_or(USUAL_LIMIT);
        Ok(asked)
    }
}

fn get(ctx: Ctx, words: Words) -> Outcome {
    let asked = Asked::parse(words)?;
    let Some(query) = Query::start_existing(ctx, words)? else {
        return Err(no_site(words.required(1)?).into());
    };
    let (funnel, source) = find(&query, asked.name)?;
    if let Some(dimension) = asked.by {
        check_by(funnel, dimension)?;
    }
    let range = query.range(asked.window)?;
    let cover = query.visit_cover(range)?;
    let mut fold = FunnelFold::new(source);
    let parts = query.parts(&cover)?;
    for (piece, bucket) in &parts {
        fold.add(piece, bucket);
    }
    let by = asked
        .by
        .map(|name| funnel_by(&parts, source, Text::new(name), asked.limit));

    ctx.reply_map(10 + usize::from(by.is_some()));
    text(ctx, "funnel", funnel.name());
    ctx.reply_bytes(b"counts");
    ctx.reply_array(2);
    ctx.reply_integer(cover.counts.from);
    ctx.reply_integer(cover.counts.to);
    text(ctx, "within", within_of(funnel).as_bytes());
    reply_since(ctx, funnel);
    ctx.reply_bytes(b"partial");
    ctx.reply_integer(is_partial(funnel, &cover, range).into());
    ctx.reply_bytes(b"open");
    ctx.reply_integer(is_open(funnel, range, query.now).into());
    ctx.reply_bytes(b"sampling");
    ctx.reply_double(fold.sampling());
    ctx.reply_bytes(b"standard-errors");
    ctx.reply_array(funnel.steps());
    fold.steps().for_each(|step| ctx.reply_double(step.error));
    ctx.reply_bytes(b"late");
    ctx.reply_integer(query.late_for_funnels() as i64);
    ctx.reply_bytes(b"rows");
    ctx.reply_array(funnel.steps());
    let conditions = funnel.definition().steps().iter();
    for (condition, step) in conditions.zip(fold.steps()) {
        reply_step(ctx, condition.text(), &step);
    }
    if let Some((rows, other)) = by {
        ctx.reply_bytes(b"values");
        ctx.reply_array(rows.len() + usize::from(other.is_some()));
        for row in rows.iter().chain(&other) {
            reply_row(ctx, row, funnel.steps());
        }
    }
    Ok(())
}

fn find<'q>(query: &'q Query, name: &[u8]) -> Outcome<(&'q Funnel, FunnelSource)> {
    let funnels = query.site().settings.funnels();
    let found = funnels.and_then(|(all, seed)| Some((all.get(name)?, seed)));
    let Some((funnel, seed)) = found else {
        let list = funnels.map_or(&[][..], |(funnels, _)| funnels.list());
        let known = list.iter().map(Funnel::name);
        return Err(Error::new(format!(
            "the site has no funnel '{}'{}",
            shown(name),
            did_you_mean(name, known)
        ))
        .into());
    };
    Ok((funnel, FunnelSource::of(funnel, seed)))
}

/// Whether attempts of the window are missing: they began before the funnel counted, or before what is kept.
fn is_partial(funnel: &Funnel, cover: &Cover, range: Range) -> bool {
    range.from < funnel.since() || !cover.is_comparable
}

/// Whether attempts that began in the window may still go on.
fn is_open(funnel: &Funnel, range: Range, now: i64) -> bool {
    // A last first step comes within the duration, and a last step within the duration after it.
    let longest = 2 * funnel.definition().within();
    range.to.saturating_add(longest) > now
}

fn reply_step(ctx: Ctx, condition: &[u8], step: &FunnelStep) {
    ctx.reply_array(6);
    ctx.reply_bytes(condition);
    ctx.reply_integer(i64::try_from(step.users).unwrap_or(i64::MAX));
    for answer in [step.share, step.share_of_before, step.median, step.p90] {
        reply_answer(ctx, answer);
    }
}

/// A value, how many reached each step, the share that reached the last, and how many more may be in `~other`.
fn reply_row(ctx: Ctx, row: &FunnelRow, steps: usize) {
    ctx.reply_array(4);
    ctx.reply_bytes(row.value);
    ctx.reply_array(steps);
    for step in 0..steps {
        ctx.reply_integer(i64::try_from(row.steps.at(step)).unwrap_or(i64::MAX));
    }
    reply_answer(ctx, row.share(steps));
    ctx.reply_integer(i64::try_from(row.error).unwrap_or(i64::MAX));
}
