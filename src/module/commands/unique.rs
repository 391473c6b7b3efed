//! `ANALYTICS.UNIQUE site window [dimension value]`: how many distinct users, an integer.

use super::word;
use crate::domain::bucket::Kind;
use crate::domain::error::{shown, Error};
use crate::domain::hll::Union;
use crate::domain::site::{Settings, EVENT};
use crate::domain::text::Text;
use crate::domain::time::{Window, Zone};
use crate::module::query::Query;
use crate::module::redis::{Ctx, Failure, Outcome, Words};

pub fn unique(ctx: Ctx, words: Words) -> Outcome {
    let window = word(&words, 2)?;
    let row = match words.len() {
        3 => None,
        5 => Some((word(&words, 3)?, word(&words, 4)?)),
        _ => return Err(Failure::WrongArity),
    };
    let Some(query) = Query::open(ctx, words)? else {
        Window::parse(window, &Zone::UTC)?.range(ctx.now(), &Zone::UTC)?;
        ctx.reply_integer(0);
        return Ok(());
    };
    let row = row
        .map(|(name, value)| Row::new(&query.site.settings, name, value))
        .transpose()?;
    let cover = query.cover(query.range(window)?)?;
    let mut users = Union::new();
    query.read(&cover, |_, bucket| {
        let tally = match &row {
            None => Some(bucket.total()),
            Some(row) => bucket
                .breakdown(row.kind, row.name)
                .and_then(|breakdown| breakdown.tally(row.value)),
        };
        if let Some(tally) = tally {
            users.add(tally.users());
        }
    })?;
    ctx.reply_integer(users.estimate().round() as i64);
    Ok(())
}

/// One value of one dimension.
struct Row<'c> {
    kind: Kind,
    name: Text<'c>,
    value: Text<'c>,
}

impl<'c> Row<'c> {
    fn new(settings: &Settings, name: &'c [u8], value: &'c [u8]) -> Outcome<Row<'c>> {
        let value = Text::new(value);
        let (kind, text, users) = if name == b"event" {
            (Kind::Event, EVENT, settings.event_users())
        } else {
            let name = Text::new(name);
            let users = settings.dimension(name).is_none_or(|known| known.users);
            (Kind::Dimension, name, users)
        };
        if !users {
            return Err(Error::new(format!(
                "dimension '{}' is declared NOUSERS: it keeps counts and values only",
                shown(name)
            ))
            .into());
        }
        Ok(Row {
            kind,
            name: text,
            value,
        })
    }
}
