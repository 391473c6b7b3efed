//! `analytics-demo redis://127.0.0.1:6379 [--scale 1] [--seed 1] [--days 365]`: loads the past of both
//! sites, where they are not there yet, and sends live traffic until it is stopped.

use analytics_demo::load::{load, send};
use analytics_demo::{shop, Plan};
use redis::{cmd, Connection, RedisResult};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_millis() as i64)
}

/// The value of an option, a number.
fn option<T: std::str::FromStr>(name: &str, default: T) -> Result<T, String> {
    let mut words = std::env::args().skip_while(|word| word != name).skip(1);
    match words.next() {
        None => Ok(default),
        Some(word) => word
            .parse()
            .map_err(|_| format!("{name} {word}: a number is needed")),
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let url = std::env::args()
        .nth(1)
        .unwrap_or_else(|| String::from("redis://127.0.0.1:6379"));
    let plan = Plan {
        seed: option("--seed", 1)?,
        until: option("--until", now())?,
        days: option("--days", 365)?,
        scale: option("--scale", 1.0)?,
    };
    let mut connection = redis::Client::open(url.as_str())?.get_connection()?;
    let there: i64 = cmd("EXISTS").arg(shop::SITE).query(&mut connection)?;
    if there == 0 {
        let begun = Instant::now();
        let shares = plan.shares();
        let mut said = 0;
        let loaded = load(&mut connection, &plan, |days, events| {
            let share = (days as usize)
                .checked_sub(1)
                .map_or(0.0, |day| shares[day]);
            let tenths = (10.0 * share) as u64;
            if tenths > said && tenths < 10 {
                said = tenths;
                eprintln!("{tenths}0 %: {events} events");
            }
        })?;
        let seconds = begun.elapsed().as_secs_f64();
        eprintln!(
            "{} events of {} days in {seconds:.1} s",
            loaded.events, plan.days
        );
    }
    if std::env::args().any(|word| word == "--load-only") {
        return Ok(());
    }
    let mut sent = now().max(plan.until);
    loop {
        std::thread::sleep(Duration::from_millis(250));
        let until = now();
        // While Redis is away, what would have come is lost, as it is for real pages.
        if let Err(error) = go_on(&mut connection, &url, &plan, sent, until) {
            eprintln!("live traffic: {error}");
            std::thread::sleep(Duration::from_secs(1));
        }
        sent = until;
    }
}

fn go_on(
    connection: &mut Connection,
    url: &str,
    plan: &Plan,
    from: i64,
    to: i64,
) -> RedisResult<()> {
    for (site, events) in plan.live(from, to) {
        if events.is_empty() {
            continue;
        }
        if let Err(error) = send(connection, site, &events) {
            *connection = redis::Client::open(url)?.get_connection()?;
            return Err(error);
        }
    }
    Ok(())
}
