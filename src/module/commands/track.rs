//! `ANALYTICS.TRACK` and `ANALYTICS.MTRACK`.

use super::word;
use crate::domain::error::{shown, Error};
use crate::domain::event::Batch;
use crate::domain::site::Site;
use crate::module::arguments::{Parser, Request};
use crate::module::key::Key;
use crate::module::origin::Origin;
use crate::module::record::{Judge, Routes};
use crate::module::redis::{Ctx, Outcome, Words};
use crate::module::site_value::SiteValue;
use crate::module::{config, replicate, stats};

/// Replies 1 when the event counted, 0 when it was dropped.
pub fn track(ctx: Ctx, words: Words) -> Outcome {
    write(ctx, words, |parser| parser.track())
}

/// Replies how many of the events counted.
pub fn mtrack(ctx: Ctx, words: Words) -> Outcome {
    write(ctx, words, |parser| parser.mtrack())
}

fn write<'c>(
    ctx: Ctx<'c>,
    words: Words<'c>,
    parse: impl FnOnce(Parser<'c, '_>) -> Outcome<Request<'c>>,
) -> Outcome {
    let name = word(&words, 1)?;
    let key = Key::for_writing(ctx, words.string(1));
    let mut new_site = None;
    let found = key.value_mut::<SiteValue>()?;
    let is_new = found.is_none();
    let value = match found {
        Some(value) => value,
        None => new_site.insert(SiteValue::new(Site::new(config::default_settings()))),
    };
    value.keys.serve(name)?;
    let (origin, now) = (Origin::of(ctx), ctx.now());
    let parser = Parser {
        words,
        zone: &value.site.settings.zone,
        now,
        request: Request::default(),
    };
    let request = parse(parser)?;
    let clock = request.clock_time;
    let judge = match origin {
        Origin::Client => {
            refuse_future(&request.batch, now)?;
            Judge {
                clock: Some(clock.unwrap_or(now).max(now)),
                over: i64::MIN,
            }
        }
        Origin::Master => Judge {
            clock,
            over: i64::MIN,
        },
        Origin::Aof => Judge { clock, over: now },
    };
    let learned = value.site.learned(&request.batch)?;
    let settings = learned.as_ref().unwrap_or(&value.site.settings);
    let routes = Routes::open(
        ctx,
        words.string(1),
        settings,
        &mut value.keys,
        &request.batch,
        judge,
    )?;

    let partly_late = routes.partly_late;
    let learns = learned.is_some();
    let counted = routes.record(ctx, value, learns, &request.batch);
    if counted.counted == 0 && origin == Origin::Client {
        ctx.reply_integer(0);
        return Ok(());
    }
    stats::EVENTS.add(counted.counted);
    if origin != Origin::Client {
        ctx.replicate_verbatim();
    } else {
        if is_new {
            replicate::creation(ctx, words.string(1), &value.site.settings);
        }
        let clock = judge.clock.unwrap_or(now);
        replicate::events(ctx, words, &request, &counted, clock, partly_late);
    }
    if let Some(value) = new_site {
        stats::SITES.add(1);
        key.set(value);
    }
    ctx.signal_modified(words.string(1));
    ctx.notify(c"analytics.track", words.string(1));
    ctx.reply_integer(counted.counted as i64);
    Ok(())
}

fn refuse_future(batch: &Batch, now: i64) -> Outcome {
    let latest = now.saturating_add(config::max_future());
    let Some(number) = batch.events.iter().position(|event| event.time > latest) else {
        return Ok(());
    };
    let name = batch
        .events
        .get(number)
        .map_or(&b""[..], |event| event.kind.bytes);
    let ahead = batch.events.get(number).map_or(0, |event| event.time - now);
    let which = if batch.events.len() > 1 {
        format!("event {}: ", number + 1)
    } else {
        String::new()
    };
    Err(Error::new(format!(
        "{which}AT of '{}' is {ahead} ms in the future; analytics.max-future allows {}",
        shown(name),
        config::max_future()
    ))
    .into())
}
