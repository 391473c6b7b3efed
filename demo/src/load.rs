//! Both sites made and filled, by `ANALYTICS.CREATE` and `ANALYTICS.MTRACK` with the time of each
//! event, as anybody loads a past.

use crate::calendar::ZONE;
use crate::event::{mtrack, Event};
use crate::year::Plan;
use crate::{api, funnels, shop};
use redis::{cmd, Connection, RedisResult};
use std::sync::mpsc::sync_channel;

/// Events a call, and calls that are under way together.
const BATCH: usize = 200;
const CALLS: usize = 16;
/// Days that are made and wait.
const DAYS: usize = 4;

/// Dimensions, pairs of them by which the page may filter, visits, and who was there before.
const SHOP: &str = "DIM page DIM source DIM country DIM browser DIM os DIM device DIM utm_source \
    DIM utm_medium DIM utm_campaign DIM currency NOUSERS DIM x NOUSERS DIM y NOUSERS VAL load VAL engagement VAL revenue \
    CUBE event,page CUBE event,country CUBE event,device CUBE event,source \
    CUBE country,page CUBE country,device CUBE country,source CUBE page,x,y NOUSERS \
    VISITS 30m PATH page BY source BY country BY device DIM from NOUSERS CUBE from,page NOUSERS \
    RETURNING 365d";
const API: &str = "DIM endpoint DIM method DIM status DIM region VAL latency \
    CUBE event,endpoint CUBE endpoint,status";

pub struct Loaded {
    pub events: usize,
}

fn create(connection: &mut Connection, site: &str, options: &str) -> RedisResult<()> {
    let mut command = cmd("ANALYTICS.CREATE");
    command.arg(site).arg("TZ").arg(ZONE);
    command.arg("RETENTION").arg("hour").arg("35d");
    command.arg(options.split_whitespace().collect::<Vec<_>>());
    command.exec(connection)
}

pub fn send(connection: &mut Connection, site: &str, events: &[Event]) -> RedisResult<usize> {
    let calls: Vec<redis::Cmd> = events
        .chunks(BATCH)
        .map(|some| mtrack(site, some))
        .collect();
    let mut counted = 0;
    for some in calls.chunks(CALLS) {
        let mut pipeline = redis::pipe();
        for call in some {
            pipeline.add_command(call.clone());
        }
        let counts: Vec<usize> = pipeline.query(connection)?;
        counted += counts.iter().sum::<usize>();
    }
    Ok(counted)
}

/// The past; fails where one of the sites is there already. `after` is called with the days that are
/// loaded and the events so far.
pub fn load(
    connection: &mut Connection,
    plan: &Plan,
    mut after: impl FnMut(u64, usize),
) -> RedisResult<Loaded> {
    create(connection, shop::SITE, SHOP)?;
    create(connection, api::SITE, API)?;
    set_funnels(connection)?;
    let mut loaded = Loaded { events: 0 };
    // The events of a day are made while those of the day before are sent.
    let (days, made) = sync_channel(DAYS);
    std::thread::scope(|scope| {
        scope.spawn(move || plan.past(|site, events| _ = days.send((site, events))));
        let mut left = 2 * plan.days;
        for (site, events) in made {
            left -= 1;
            // The log keeps the latest events, for the page to show; those of the year would pass through it.
            if left < 2 {
                let mut log = cmd("ANALYTICS.ALTER");
                log.arg(site).arg("LOG").arg(5_000);
                log.exec(connection)?;
            }
            loaded.events += send(connection, site, &events)?;
            if left.is_multiple_of(2) {
                after(plan.days - left / 2, loaded.events);
            }
        }
        RedisResult::Ok(())
    })?;
    rules(connection).map(|()| loaded)
}

/// The funnels of the shop, by what the first step of each has.
fn set_funnels(connection: &mut Connection) -> RedisResult<()> {
    let mut command = cmd("ANALYTICS.FUNNEL");
    command.arg(shop::SITE).arg("SET").arg("checkout");
    command
        .arg("WITHIN")
        .arg(format!("{}s", funnels::WITHIN / 1_000));
    for condition in funnels::conditions() {
        command.arg("STEP").arg(condition);
    }
    command.arg("BY").arg("device").arg("BY").arg("country");
    command.exec(connection)?;
    // A visit says where it comes from with its first page: purchases by source and campaign.
    let mut command = cmd("ANALYTICS.FUNNEL");
    command.arg(shop::SITE).arg("SET").arg("purchase");
    command.arg("WITHIN").arg("1h");
    command.arg("STEP").arg("event=pageview");
    command.arg("STEP").arg("event=purchase");
    command
        .arg("BY")
        .arg("source")
        .arg("BY")
        .arg("utm_campaign");
    command.exec(connection)
}

/// Alert rules of both sites: one of them fires every twelve minutes.
fn rules(connection: &mut Connection) -> RedisResult<()> {
    for (site, words) in [
        (
            api::SITE,
            "slow-search latency:p95@endpoint=/v1/search 3m > 600 CLEAR 450 SEVERITY page",
        ),
        (api::SITE, "errors events@event=error 5m > 15 FOR 1m"),
        (shop::SITE, "quiet events 10m < 5 SEVERITY page"),
        (shop::SITE, "no-purchases events@event=purchase 6h < 1"),
    ] {
        let mut command = cmd("ANALYTICS.ALERT");
        command.arg(site).arg("SET");
        command.arg(words.split(' ').collect::<Vec<_>>());
        command.exec(connection)?;
    }
    Ok(())
}
