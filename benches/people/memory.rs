//! The memory of ten million users who are remembered, of a million in a funnel, and of the cohorts of a day.

use testkit::{cmd, encode, Arg, Connection, Filler, Server};

use crate::verdict;

const DAY: i64 = 86_400_000;
const MINUTE: i64 = 60_000;

/// Users who are remembered, and how many are named in a call.
const REMEMBERED: u64 = 10_000_000;
const AT_ONCE: u64 = 10_000;
/// Users who enter a funnel of five steps, and of a hundred, how many reach each.
const ENTERING: u64 = 1_000_000;
const REACHING: [u64; 5] = [100, 60, 35, 22, 12];
/// Cohorts of a day, and their users.
const COHORTS: i64 = 365;
const OF_A_COHORT: i64 = 100;

pub fn run() {
    println!("| what | bytes each | target |\n|---|---|---|");
    row("a remembered user, of 10,000,000", remembered(), 10.0);
    row(
        "a user of a funnel of five steps, of 1,000,000",
        in_a_funnel(),
        24.0,
    );
    row(
        "the cohorts of a day, 365 of them",
        cohorts_of_a_day(),
        4_096.0,
    );
}

fn row(what: &str, bytes: f64, most: f64) {
    let bytes = (bytes * 10.0).round() / 10.0;
    println!("| {what} | {bytes} | {most}: {} |", verdict(bytes <= most));
}

fn used(connection: &mut Connection) -> i64 {
    let used = connection.info("memory", "used_memory");
    used.parse().expect("a number of bytes")
}

/// What the partitions of people take: the more of what `MEMORY USAGE` says and of what is free without them.
fn bytes_of_partitions(connection: &mut Connection) -> i64 {
    let mut keys = connection.keys();
    keys.retain(|key| key.contains(":people:"));
    let usage: i64 = keys
        .iter()
        .map(|key| cmd!(connection, "MEMORY", "USAGE", key, "SAMPLES", 0).int())
        .sum();
    let before = used(connection);
    for key in &keys {
        assert_eq!(cmd!(connection, "DEL", key), 1);
    }
    usage.max(before - used(connection))
}

/// The users come from a list.
fn remembered() -> f64 {
    let server = Server::start();
    let mut connection = server.connection();
    let create = format!("ANALYTICS.CREATE shop RETURNING 365d VISITORS {REMEMBERED}");
    connection.run(&create).ok();
    let today = connection.now();
    for first in (0..REMEMBERED).step_by(AT_ONCE as usize) {
        let mut words = vec!["ANALYTICS.SEED".to_owned(), "shop".to_owned()];
        for user in first..first + AT_ONCE {
            let day = today - (user % 300) as i64 * DAY;
            words.extend(["USER".to_owned(), format!("user{user}"), day.to_string()]);
        }
        let args: Vec<&dyn Arg> = words.iter().map(|word| word as &dyn Arg).collect();
        let mut request = Vec::new();
        encode(&mut request, &args);
        assert_eq!(connection.exchange(&request, 1)[0], AT_ONCE as i64);
    }
    let info = connection.run("ANALYTICS.INFO shop");
    let people = info.get("people").int();
    // Two of ten million are taken for one, here and there.
    assert!((REMEMBERED as i64 - people) < 100, "{people}");
    assert_eq!(info.get("people-sampling").double(), 1.0);
    bytes_of_partitions(&mut connection) as f64 / people as f64
}

/// One user enters after the other; one in twenty takes the first step twice.
fn in_a_funnel() -> f64 {
    let server = Server::start();
    let mut connection = server.connection();
    connection
        .run("ANALYTICS.CREATE shop DIM event NOUSERS RETENTION minute off")
        .ok();
    let steps: String = (1..=5).map(|step| format!(" STEP event=s{step}")).collect();
    let set = format!("ANALYTICS.FUNNEL shop SET buy WITHIN 7d{steps}");
    assert_eq!(connection.run(&set).text(), "OK");
    let begin = connection.now() - 60 * MINUTE;
    let mut events: Vec<(i64, u64, usize)> = Vec::new();
    for user in 0..ENTERING {
        let enters = begin + (user * 50 * MINUTE as u64 / ENTERING) as i64;
        let reached = REACHING
            .iter()
            .filter(|of_hundred| user % 100 < **of_hundred);
        for step in 0..reached.count() {
            events.push((enters + step as i64 * MINUTE, user, step + 1));
        }
        if user.is_multiple_of(20) {
            events.push((enters + 500, user, 1));
        }
    }
    events.sort_unstable();
    let mut filler = Filler::of_site(&mut connection, "shop");
    for (at, user, step) in events {
        let (kind, user) = (format!("s{step}"), format!("user{user}"));
        filler.add(&[&kind, &user, &"AT", &at]);
    }
    filler.finish();
    let reply = connection.run("ANALYTICS.FUNNEL shop GET buy 2h");
    assert_eq!(reply.get("sampling").double(), 1.0);
    let rows = reply.get("rows").array();
    assert_eq!(rows[0].array()[1], ENTERING as i64);
    assert_eq!(rows[4].array()[1], (ENTERING / 100 * REACHING[4]) as i64);
    bytes_of_partitions(&mut connection) as f64 / ENTERING as f64
}

/// Of the same users on the same day, where their first days are remembered and where they are not.
fn cohorts_of_a_day() -> f64 {
    let server = Server::start();
    let mut connection = server.connection();
    let options = "DIM event NOUSERS RETENTION minute off RETENTION hour off";
    connection
        .run(&format!("ANALYTICS.CREATE plain {options}"))
        .ok();
    connection
        .run(&format!("ANALYTICS.CREATE shop {options} RETURNING 3650d"))
        .ok();
    let now = connection.now();
    for back in 1..COHORTS {
        let day = now - back * DAY;
        let users = (0..OF_A_COHORT).map(|user| format!("USER user{back}-{user} {day}"));
        let users = users.collect::<Vec<_>>().join(" ");
        let seed = format!("ANALYTICS.SEED shop {users}");
        assert_eq!(connection.run(&seed), OF_A_COHORT);
    }
    let [plain, shop] = ["plain", "shop"].map(|site| {
        let mut filler = Filler::of_site(&mut connection, site);
        for back in 0..COHORTS {
            for user in 0..OF_A_COHORT {
                filler.add(&[&"view", &format!("user{back}-{user}"), &"AT", &now]);
            }
        }
        filler.finish();
        let mut keys = connection.keys();
        keys.retain(|key| key.starts_with(&format!("{{{site}}}:day:")));
        assert_eq!(keys.len(), 1);
        cmd!(connection, "MEMORY", "USAGE", &keys[0], "SAMPLES", 0).int()
    });
    let cohorts = connection.run(&format!("ANALYTICS.RETENTION shop {COHORTS}d day"));
    let seen = { cohorts.get("rows").array().iter() }
        .filter_map(|row| row.array()[2].array().last())
        .map(|seen| seen.int());
    // A window of so many days may begin in the middle of one.
    assert!(seen.sum::<i64>() >= (COHORTS - 2) * OF_A_COHORT);
    (shop - plain) as f64
}
