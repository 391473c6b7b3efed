//! `ANALYTICS.FORGET site user`: removes what is kept of one user. Replies what there was.
//!
//! ```text
//! identity    1 where the user was remembered, by the first and the last day
//! funnels     in how many funnels an attempt of the user was remembered
//! visit       1 where a visit of the user was under way; those of a session are kept under the session's id
//! ```

use super::site::site_to_change;
use crate::api::command::{Access, Command};
use crate::api::context::Ctx;
use crate::api::failure::{Failure, Outcome};
use crate::api::guard::WriteGuard;
use crate::api::registration::entry;
use crate::api::string::{OwnedString, StringRef};
use crate::api::words::Words;
use crate::store::changes::Changes;
use crate::store::cluster;
use crate::store::contents::PartitionContents;
use crate::store::open_value::OpenValue;
use analytics_core::event::Batch;
use analytics_core::people::People;
use analytics_core::text::syntax::Argument;
use analytics_core::visitors::Partition;

pub const COMMAND: Command = Command {
    name: c"analytics.forget",
    summary: c"Removes what is kept of one user",
    since: c"0.1.0",
    complexity: c"O(1) with a large constant, for the users of one partition",
    tips: None,
    access: Access::Write { may_grow: false },
    is_fast: false,
    arguments: &[Argument::SITE, Argument::text(c"user")],
    run: entry!(forget),
};

pub fn forget(ctx: Ctx, words: Words) -> Outcome {
    let user = words.required(2)?;
    if words.len() > 3 {
        return Err(Failure::WrongArity);
    }
    let mut event = Batch::default().begin(0);
    event.set_user(user)?;
    let mut guard = WriteGuard::new()?;
    let changes = Changes::until_now();
    let settings = site_to_change(ctx, words, &mut guard)?
        .site
        .settings
        .clone();
    let key = words.string(1)?;
    let people = settings.people.as_deref().map(|people| {
        let visitor = people.visitor(event.user);
        (people.partition_of(visitor), visitor, people)
    });
    let visits = settings.visits.as_deref().map(|visits| {
        let visitor = visits.seed().visitor(event.user, None);
        (visits.partition_of(visitor), visitor, visits.terms())
    });
    let number = people.map(|(number, ..)| number);
    let identity = Found::<People>::find(ctx, &mut guard, key, number)?;
    let number = visits.map(|(number, ..)| number);
    let visit = Found::<Partition>::find(ctx, &mut guard, key, number)?;
    changes.refuse_if_changed()?;

    let (mut was_known, mut funnels) = (false, 0);
    if let Some((found, (_, visitor, terms))) = identity.zip(people) {
        found.change(ctx, &guard, |people| {
            was_known = { terms.terms() }.is_some_and(|terms| people.forget(visitor, &terms));
            for funnel in terms.funnels().list() {
                let terms = terms.funnel_terms(funnel);
                funnels += i64::from(people.forget_in_funnel(visitor, &terms));
            }
            was_known || funnels > 0
        });
    }
    let visit = visit
        .zip(visits)
        .is_some_and(|(found, (_, visitor, terms))| {
            found.change(ctx, &guard, |partition| partition.forget(visitor, &terms))
        });
    if was_known || funnels > 0 || visit {
        ctx.replicate_verbatim();
        guard.notify(ctx, c"analytics.forget", key);
    }
    ctx.reply_map(3);
    let visit = visit.into();
    for (name, found) in [
        ("identity", was_known.into()),
        ("funnels", funnels),
        ("visit", visit),
    ] {
        ctx.reply_bytes(name.as_bytes());
        ctx.reply_integer(found);
    }
    Ok(())
}

/// A partition under its key.
struct Found<C: PartitionContents> {
    name: OwnedString,
    value: OpenValue<C>,
}

impl<C: PartitionContents> Found<C> {
    /// None where there is none, or no number. Changes nothing.
    fn find(
        ctx: Ctx,
        guard: &mut WriteGuard,
        site: StringRef,
        number: Option<u32>,
    ) -> Outcome<Option<Found<C>>> {
        let Some(number) = number else {
            return Ok(None);
        };
        let name = OwnedString::new(&C::key(site.bytes(), number));
        let mut value = OpenValue::default();
        value.look_up(ctx, guard, name.get())?;
        if !value.exists() {
            cluster::refuse_if_key_is_elsewhere(ctx, guard, site, name.get())?;
            return Ok(None);
        }
        Ok(Some(Found { name, value }))
    }

    /// Returns whether anything changed.
    fn change(mut self, ctx: Ctx, guard: &WriteGuard, change: impl FnOnce(&mut C) -> bool) -> bool {
        let changed = self.value.get_mut(guard).is_some_and(change);
        if changed {
            ctx.signal_modified(self.name.get());
        }
        changed
    }
}
