//! `ANALYTICS.RESTORE key SITE|BUCKET|IDS|VISITORS|PEOPLE page [page ...]`: the form of a value in a rewritten AOF. It
//! is checked like any payload.

use crate::api::command::{Access, Command};
use crate::api::context::Ctx;
use crate::api::failure::{Failure, Outcome};
use crate::api::guard::WriteGuard;
use crate::api::key::Key;
use crate::api::registration::entry;
use crate::api::words::Words;
use crate::store::changes;
use crate::store::contents::{BucketValue, IdsValue, PeopleValue, VisitorsValue};
use crate::store::site_value::SiteValue;
use crate::store::value::{self, Value};
use analytics_core::error::{shown, Error};
use analytics_core::text::syntax::Argument;

pub const COMMAND: Command = Command {
    name: c"analytics.restore",
    summary: c"Restores a value of the module from a rewritten AOF",
    since: c"0.1.0",
    complexity: c"O(N) where N is the length of the pages",
    tips: None,
    access: Access::Write { may_grow: true },
    is_fast: false,
    arguments: &[
        Argument::key(c"key"),
        TYPE,
        Argument::text(c"page").multiple(),
    ],
    run: entry!(restore),
};

const TYPE: Argument = Argument::one_of(c"type", &[SITE, BUCKET, IDS, VISITORS, PEOPLE]);
const SITE: Argument = Argument::token(c"site", SiteValue::KEYWORD);
const BUCKET: Argument = Argument::token(c"bucket", BucketValue::KEYWORD);
const IDS: Argument = Argument::token(c"ids", IdsValue::KEYWORD);
const VISITORS: Argument = Argument::token(c"visitors", VisitorsValue::KEYWORD);
const PEOPLE: Argument = Argument::token(c"people", PeopleValue::KEYWORD);

pub fn restore(ctx: Ctx, words: Words) -> Outcome {
    if words.len() < 4 {
        return Err(Failure::WrongArity);
    }
    let kind = words.required(2)?;
    if SITE.is(kind) {
        restore_value::<SiteValue>(ctx, words)
    } else if BUCKET.is(kind) {
        restore_value::<BucketValue>(ctx, words)
    } else if IDS.is(kind) {
        restore_value::<IdsValue>(ctx, words)
    } else if VISITORS.is(kind) {
        restore_value::<VisitorsValue>(ctx, words)
    } else if PEOPLE.is(kind) {
        restore_value::<PeopleValue>(ctx, words)
    } else {
        let kind = shown(kind);
        Err(Error::new(format!(
            "'{kind}' is not SITE, BUCKET, IDS, VISITORS or PEOPLE"
        ))
        .into())
    }
}

fn restore_value<T: Value>(ctx: Ctx, words: Words) -> Outcome {
    let mut guard = WriteGuard::new()?;
    let key = Key::for_writing(ctx, &mut guard, words.string(1)?);
    if key.exists() {
        return Err(Error::new("the key exists already").into());
    }
    let pages = words.from(3).strings().iter();
    let pages: Vec<&[u8]> = pages.map(|page| page.bytes()).collect();
    let value =
        T::decode(&pages).map_err(|corrupt| Error::new(format!("bad payload: {corrupt}")))?;
    value.entered_key(ctx.db(), words.string(1)?.bytes());
    value::put(key, value);
    changes::note_arrival();
    ctx.replicate_verbatim();
    ctx.signal_modified(words.string(1)?);
    guard.notify(ctx, c"analytics.restore", words.string(1)?);
    ctx.reply_ok();
    Ok(())
}
