//! A coarse bucket gives the answers of the finer ones together: the same events, kept by sites that differ
//! only in the granularities they keep, give the same answers to every metric.

use testkit::{Random, Reply, Server};

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;

const METRICS: &str = "events events:rate users sessions revenue:sum revenue:avg revenue:min \
    revenue:max revenue:count revenue:p50 revenue:p95 revenue:p99.9 events@country=FR \
    users@country=FR sessions@country=DE revenue:sum@country=DE revenue:p95@country=US \
    users@event=buy&country=FR revenue:avg@event=buy&country=FR";

/// What each site keeps: all, or one granularity alone.
const SITES: [(&str, &str); 4] = [
    ("all", ""),
    (
        "hours",
        "RETENTION minute off RETENTION day off RETENTION week off RETENTION month off",
    ),
    (
        "days",
        "RETENTION minute off RETENTION hour off RETENTION week off RETENTION month off",
    ),
    (
        "weeks",
        "RETENTION minute off RETENTION hour off RETENTION day off RETENTION month off",
    ),
];

#[test]
fn a_day_is_its_hours_and_a_week_is_its_days() {
    let server = Server::start();
    let mut connection = server.connection();
    let today = connection.now() / DAY * DAY;
    // The last whole ISO week; 1970-01-05 was a Monday.
    let monday = (today - 4 * DAY).div_euclid(7 * DAY) * 7 * DAY + 4 * DAY - 7 * DAY;
    let hour = "RETENTION hour 30d";
    for (site, off) in SITES {
        let kept = if off.contains("hour off") { "" } else { hour };
        let options = format!("CUBE event,country {kept} {off}");
        connection
            .run(&format!("ANALYTICS.CREATE {site} {options}"))
            .ok();
    }
    let mut random = Random::new(7);
    for _ in 0..40 {
        let mut events = String::new();
        for _ in 0..100 {
            let kind = ["view", "buy"][random.below(2) as usize];
            let country = ["FR", "DE", "US"][random.below(3) as usize];
            events += &format!(
                " EVENT {kind} user{} AT {} SESSION s{} DIM country {country} VAL revenue {}.{:02}",
                random.below(3_000),
                monday + random.below(7 * DAY as u64) as i64,
                random.below(800),
                random.below(500) as i64 - 100,
                random.below(100),
            );
        }
        for (site, _) in SITES {
            assert_eq!(
                connection.run(&format!("ANALYTICS.MTRACK {site}{events}")),
                100
            );
        }
    }
    let mut ask = |site: &str, from: i64, to: i64| -> Vec<Reply> {
        let reply = connection.run(&format!("ANALYTICS.GET {site} {from}..{to} {METRICS}"));
        reply.array().to_vec()
    };
    for day in 0..7 {
        let (from, to) = (monday + day * DAY, monday + (day + 1) * DAY);
        let days = ask("days", from, to);
        assert_eq!(ask("hours", from, to), days, "day {day}");
        assert_eq!(ask("all", from, to), days, "day {day}");
    }
    let week = ask("weeks", monday, monday + 7 * DAY);
    for site in ["all", "hours", "days"] {
        assert_eq!(ask(site, monday, monday + 7 * DAY), week, "{site}");
    }
    assert_eq!(week[0], 4_000);
}
