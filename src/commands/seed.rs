//! `ANALYTICS.SEED site [SEEN day] USER user first-day [USER user first-day ...]`: remembers users who were there
//! before the site remembered anybody. Nothing is counted. Of a user who is remembered already the earlier first
//! day is kept. Replies of how many something has changed.
//!
//! The users are taken to have been seen last before the week and the month of `SEEN`, which is today by default:
//! their next event is seen in its day, its week and its month. Where the site took note of all events from an
//! earlier day on, it does so from `SEEN` on. A master replicates `CLOCK ms` before the rest:
//! the time by which days and the expiry were decided.

use super::site::site_to_change;
use crate::api::command::{Access, Command};
use crate::api::context::Ctx;
use crate::api::failure::{Failure, Outcome};
use crate::api::guard::WriteGuard;
use crate::api::registration::entry;
use crate::api::string::{OwnedString, StringRef};
use crate::api::words::Words;
use crate::ingest::arguments::{clock, CLOCK};
use crate::ingest::directories;
use crate::ingest::origin::Origin;
use crate::ingest::remember::{Remembered, Remembering};
use crate::store::changes::Changes;
use analytics_core::error::{shown, Error};
use analytics_core::event::Batch;
use analytics_core::schema::{limits, People, Settings};
use analytics_core::text::syntax::{once, unknown, Argument};
use analytics_core::time::{first_day_of, instant_in, Granularity, Period};

pub const COMMAND: Command = Command {
    name: c"analytics.seed",
    summary: c"Remembers users who were there before",
    since: c"0.1.0",
    complexity: c"O(N) where N is the number of users",
    tips: None,
    access: Access::Write { may_grow: true },
    is_fast: false,
    arguments: &[Argument::SITE, CLOCK, SEEN, USER],
    run: entry!(seed),
};

const SEEN: Argument = Argument::text(c"day").behind(c"SEEN").optional();
const USER: Argument = Argument::block(
    c"remembered",
    &[Argument::text(c"user"), Argument::text(c"first-day")],
)
.behind(c"USER")
.multiple();

pub fn seed(ctx: Ctx, words: Words) -> Outcome {
    if words.len() < 5 {
        return Err(Failure::WrongArity);
    }
    let mut guard = WriteGuard::new()?;
    let changes = Changes::until_now();
    let settings = site_to_change(ctx, words, &mut guard)?
        .site
        .settings
        .clone();
    let people = settings.people.as_deref();
    let (people, terms) = people
        .and_then(|people| Some((people, people.terms()?)))
        .ok_or_else(|| {
            Error::new("the site remembers nobody; ANALYTICS.ALTER with RETURNING 365d does")
        })?;
    let given = clock(words, 2, Origin::of(ctx))?;
    let rest = words.from(if given.is_some() { 4 } else { 2 });
    let clock = given.unwrap_or_else(|| ctx.now());
    let Given { users, seen } = Given::parse(&rest.to_vec(), &settings, people, clock)?;
    let since = people.with_people_before(seen);
    let since = since.map(|people| settings.with_people(Some(people)));
    let since = since.transpose()?;
    let key = words.string(1)?;
    let mut remembering = Remembering::open(ctx, &mut guard, key, people, &users)?;
    changes.refuse_if_changed()?;

    let is_later = since.is_some();
    if let Some(settings) = since {
        let value = site_to_change(ctx, words, &mut guard)?;
        value.site.settings = settings;
        directories::clear_of(value);
        ctx.signal_modified(key);
    }
    let changed = remembering.remember(&guard, &users, &terms, clock);
    if changed > 0 || is_later {
        replicate_seed(ctx, key, rest, clock);
        remembering.publish(ctx, &mut guard);
        guard.notify(ctx, c"analytics.seed", key);
    }
    ctx.reply_integer(changed as i64);
    Ok(())
}

struct Given {
    users: Vec<Remembered>,
    /// The beginning of the day before which the users were seen last.
    seen: i64,
}

impl Given {
    fn parse(words: &[&[u8]], settings: &Settings, people: &People, clock: i64) -> Outcome<Given> {
        let mut words = words.iter().copied();
        let mut seen = None;
        let today = day(b"now", settings, clock)?;
        let mut users: Vec<Remembered> = Vec::new();
        while let Some(word) = words.next() {
            if SEEN.is(word) {
                let word = words.next().ok_or_else(|| Error::new("SEEN needs a day"))?;
                let day = day(word, settings, clock)?;
                if day.start() > today.start() {
                    return Err(Error::new("SEEN is a day in the future").into());
                }
                once(&SEEN, seen.replace(day).is_none())?;
                continue;
            }
            if !USER.is(word) {
                return Err(unknown(word, &[SEEN, USER]).into());
            }
            let (Some(user), Some(first)) = (words.next(), words.next()) else {
                return Err(Error::new("USER needs a user, and the day of the first event").into());
            };
            if users.len() >= limits::EVENTS_PER_CALL {
                let most = limits::EVENTS_PER_CALL;
                return Err(Error::new(format!("a call has at most {most} users")).into());
            }
            let of_user = |error: Error| Error::new(format!("user '{}': {error}", shown(user)));
            let first = day(first, settings, clock).map_err(of_user)?;
            if first.start() > today.start() {
                return Err(of_user(Error::new("the first day is in the future")).into());
            }
            let mut event = Batch::default().begin(clock);
            event.set_user(user)?;
            let first = first.first_day();
            users.push((people.visitor(event.user), (first, first)));
        }
        let seen = seen.unwrap_or(today);
        let [week, month] = [Granularity::Week, Granularity::Month]
            .map(|granularity| first_day_of(granularity, seen.first_day()));
        for (_, (first, last)) in &mut users {
            *last = (week.min(month) - 1).max(*first);
        }
        match users.is_empty() {
            true => Err(Failure::WrongArity),
            false => Ok(Given {
                users,
                seen: seen.start(),
            }),
        }
    }
}

fn day(word: &[u8], settings: &Settings, clock: i64) -> Result<Period, Error> {
    let instant = instant_in(Granularity::Day, word, &settings.zone, clock)?;
    let period = settings.zone.period(Granularity::Day, instant);
    period.ok_or_else(|| Error::new(format!("time '{}' is out of range", shown(word))))
}

fn replicate_seed(ctx: Ctx, site: StringRef, rest: Words, clock: i64) {
    let clock = [OwnedString::new(b"CLOCK"), OwnedString::of_number(clock)];
    let mut strings = vec![site];
    strings.extend(clock.iter().map(OwnedString::get));
    strings.extend(rest.strings());
    ctx.replicate(c"ANALYTICS.SEED", &strings);
}
