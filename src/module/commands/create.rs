//! `ANALYTICS.CREATE site [options]`

use super::word;
use crate::domain::error::{shown, Error};
use crate::domain::site::keys::check_site_name;
use crate::domain::site::options::{
    CAPACITY, CUBE, DIM, LOG, LOGUSERS, RETENTION, STRICTNESS, TZ, VAL,
};
use crate::domain::site::{parse_options, Site};
use crate::domain::syntax::Argument;
use crate::module::key::Key;
use crate::module::redis::{Ctx, Outcome, Words};
use crate::module::registration::{entry, Access, Command};
use crate::module::site_value::SiteValue;
use crate::module::{cluster, config, replicate, stats};

pub const COMMAND: Command = Command {
    name: c"analytics.create",
    summary: c"Makes a site with these settings",
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
        STRICTNESS,
        LOG,
        LOGUSERS,
    ],
    run: entry!(create),
};

pub fn create(ctx: Ctx, words: Words) -> Outcome {
    let name = word(&words, 1)?;
    check_site_name(name)?;
    let changes = parse_options(&words.after(2).to_vec())?;
    let settings = config::default_settings().with(&changes, false, i64::MIN)?;
    let key = Key::for_writing(ctx, words.string(1));
    if key.value::<SiteValue>()?.is_some() {
        return Err(Error::new(format!(
            "site '{}' exists; ANALYTICS.ALTER changes it",
            shown(name)
        ))
        .into());
    }
    cluster::refuse_if_site_is_elsewhere(ctx, words.string(1), name)?;
    replicate::creation(ctx, words.string(1), &settings);
    key.set(SiteValue::new(Site::new(settings)));
    stats::SITES.add(1);
    ctx.signal_modified(words.string(1));
    ctx.notify(c"analytics.create", words.string(1));
    ctx.reply_ok();
    Ok(())
}
