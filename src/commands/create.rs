//! `ANALYTICS.CREATE site [options]`

use crate::api::command::{Access, Command};
use crate::api::context::Ctx;
use crate::api::failure::Outcome;
use crate::api::guard::WriteGuard;
use crate::api::key::Key;
use crate::api::registration::entry;
use crate::api::words::Words;
use crate::ingest::origin::Origin;
use crate::ingest::replicate;
use crate::store::cluster;
use crate::store::site_value::SiteValue;
use crate::store::value;
use crate::{config, stats};
use analytics_core::error::{shown, Error};
use analytics_core::schema::keys::check_site_name;
use analytics_core::schema::options::{
    CAPACITY, CUBE, DIM, IDS, LOG, LOGUSERS, RETENTION, TZ, UNDECLARED, VAL,
};
use analytics_core::schema::{parse_options, Change, Settings};
use analytics_core::schema::{PEOPLE, RETURNING, SEED, VISITS};
use analytics_core::site::Site;
use analytics_core::text::syntax::Argument;
use analytics_core::visitors::Seed;
use std::hash::{BuildHasher, RandomState};

pub const COMMAND: Command = Command {
    name: c"analytics.create",
    summary: c"Creates a site with these settings",
    since: c"0.1.0",
    complexity: c"O(N) where N is the number of options",
    tips: None,
    access: Access::Write { may_grow: true },
    is_fast: true,
    arguments: &[
        Argument::SITE,
        TZ,
        RETENTION,
        DIM,
        CUBE,
        VAL,
        CAPACITY,
        IDS,
        UNDECLARED,
        LOG,
        LOGUSERS,
        VISITS,
        SEED,
        RETURNING,
        PEOPLE,
    ],
    run: entry!(create),
};

pub fn create(ctx: Ctx, words: Words) -> Outcome {
    let name = words.required(1)?;
    check_site_name(name)?;
    let mut changes = parse_options(&words.from(2).to_vec())?;
    fill_seeds(&mut changes, None, Origin::of(ctx))?;
    let settings = config::default_settings().with(&changes, false, i64::MIN)?;
    let mut guard = WriteGuard::new()?;
    let key = Key::for_writing(ctx, &mut guard, words.string(1)?);
    refuse_existing(&key, name)?;
    drop(key);
    cluster::refuse_if_site_is_elsewhere(ctx, &mut guard, words.string(1)?, name)?;
    let key = Key::for_writing(ctx, &mut guard, words.string(1)?);
    // If the key had expired, foreign code may have stored a value when it was opened first.
    refuse_existing(&key, name)?;
    replicate::creation(ctx, words.string(1)?, &settings);
    value::put(key, SiteValue::new(Site::new(settings)));
    stats::SITES.add(1);
    ctx.signal_modified(words.string(1)?);
    guard.notify(ctx, c"analytics.create", words.string(1)?);
    ctx.reply_ok();
    Ok(())
}

/// Completes what is given of visits and of people: the bounds, and seeds. Only a master may give seeds
/// they are.
pub fn fill_seeds(changes: &mut [Change], before: Option<&Settings>, origin: Origin) -> Outcome {
    let refuse = |option: &str| Error::new(format!("{option} is for replication only"));
    let is_client = origin == Origin::Client;
    for change in changes {
        match change {
            Change::Visits(Some(given)) => {
                if given.seed.is_some() && is_client {
                    return Err(refuse("SEED").into());
                }
                let before = before.and_then(|before| before.visits.as_deref());
                given.fill(before, config::visitor_capacity(), random_seed());
            }
            Change::Returning(Some(given)) => {
                if given.seed.is_some() && is_client {
                    return Err(refuse("PEOPLESEED").into());
                }
                let before = before.and_then(|before| before.people.as_deref());
                given.fill(before, config::visitor_capacity(), random_seed());
            }
            _ => {}
        }
    }
    Ok(())
}

pub fn random_seed() -> Seed {
    let random = RandomState::new();
    Seed([random.hash_one(0), random.hash_one(1)])
}

fn refuse_existing(key: &Key, name: &[u8]) -> Outcome {
    if value::find::<SiteValue>(key)?.is_none() {
        return Ok(());
    }
    Err(Error::new(format!(
        "site '{}' exists; ANALYTICS.ALTER changes it",
        shown(name)
    ))
    .into())
}
