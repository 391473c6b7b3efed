//! Stored values of each version of the formats, in `tests/golden`: every version that was released is
//! read by all later ones, with the same content.
//!
//! `<type>-v<version>-<what>.bin` is the one page of a value. A file of a released version is not
//! changed. When a format gets a new version, its files are added under new names
//! (`cargo test -p analytics-core golden -- --ignored` writes those that are missing), and those of the
//! version before, which are read but not written any more, move to a list of their own here.

use std::fs;
use std::path::PathBuf;

use analytics_core::bucket::Bucket;
use analytics_core::event::log::Log;
use analytics_core::ids::RecentIds;
use analytics_core::people::People;
use analytics_core::query::fold::{Answer, Fold};
use analytics_core::query::metric::Metric;
use analytics_core::site::Site;
use analytics_core::time::{Duration, Granularity, Piece, Zone};
use analytics_core::visitors::Partition;

/// 2024-12-11T14:31:07Z, when all of the events happened.
const TIME: i64 = 1_733_927_467_000;

const METRICS: [&str; 7] = [
    "events",
    "users",
    "sessions",
    "price:sum",
    "ms:p50",
    "events@country=1",
    "events@plan=~other",
];

/// The answers to the metrics above.
const BUCKETS: [(&str, Granularity, &str); 10] = [
    ("minute-one-event", Granularity::Minute, "1 1 1 0 - 0 0"),
    (
        "minute-rich",
        Granularity::Minute,
        "6 3 3 -19.54 0.000000000000000001 1 0",
    ),
    (
        "hour-spilled",
        Granularity::Hour,
        "40 20 20 1.6899999999999986 1.0077519379844961 10 15",
    ),
    (
        "day-rich",
        Granularity::Day,
        "12 6 6 -36.2 0.0000000000000010060917616258315 3 0",
    ),
    (
        "week-rich",
        Granularity::Week,
        "9 5 5 -28.41 0.0000000000000010060917616258315 2 0",
    ),
    (
        "month-spilled",
        Granularity::Month,
        "9 5 5 -28.41 0.0000000000000010060917616258315 1 2",
    ),
    (
        "day-sparse",
        Granularity::Day,
        "2000 1000 1000 17757786.11 0.1000952743902439 500 0",
    ),
    (
        "week-nibbles",
        Granularity::Week,
        "12000 6002 6023 3839959960 0.1000952743902439 3000 0",
    ),
    (
        "month-packed",
        Granularity::Month,
        "4000 4729 2000 26776782155567.22 0.1000952743902439 1000 0",
    ),
    ("day-imported", Granularity::Day, "0 3 2 0 - 0 0"),
];

const SITES: [(&str, u64, &str); 7] = [("funnels", 0, "TZ UTC RETENTION minute 1h RETENTION hour 1w RETENTION day 365d RETENTION week 104w RETENTION month 3y CAPACITY 100 IDS 1000000"), ("people", 0, "TZ UTC RETENTION minute 1h RETENTION hour 1w RETENTION day 365d RETENTION week 104w RETENTION month 3y CAPACITY 100 IDS 1000000 DIM country DIM quiet NOUSERS RETURNING 90d VISITORS 40 PEOPLESEED 00112233445566778899aabbccddeeff 40"), ("visits", 0, "TZ UTC RETENTION minute 1h RETENTION hour 1w RETENTION day 365d RETENTION week 104w RETENTION month 3y CAPACITY 100 IDS 1000000 DIM page DIM country DIM from VISITS 30m PATH page BY country BY event VISITORS 40 SEED 00112233445566778899aabbccddeeff 40"), ("plain", 0, "TZ UTC RETENTION minute 1h RETENTION hour 1w RETENTION day 365d RETENTION week 104w RETENTION month 3y CAPACITY 1000 IDS 1000000"), ("strict", 0, "TZ UTC RETENTION minute off RETENTION hour 1w RETENTION day 365d RETENTION week 104w RETENTION month 3y CAPACITY 1 IDS 1000000 DIM event NOUSERS DIM a VAL b UNDECLARED refuse"), ("rich", 2, "TZ Europe/Paris RETENTION minute 2h RETENTION hour 1w RETENTION day 365d RETENTION week off RETENTION month 3y CAPACITY 20 IDS 1000000 DIM event CAPACITY 300 DIM plan NOUSERS DIM country DIM city DIM own CAPACITY 5 CUBE event,country CUBE plan,country,city NOUSERS CUBE own,plan,event,country NOUSERS CAPACITY 9 VAL price VAL ms"), ("imported", 0, "TZ Europe/Paris RETENTION minute 1h RETENTION hour 1w RETENTION day 365d RETENTION week 104w RETENTION month 3y CAPACITY 1000 IDS 1000000")];

/// The rules of a site and their states, and its live metrics.
const WATCHED: [(&str, &str); 3] = [
    (
        "alert",
        "quiet events 5m < 1 EVERY 10s SEVERITY warning: ok",
    ),
    ("live", "main 5s WINDOW today events users"),
    (
        "watched",
        "busy events 1h change> 50 CLEAR 20 FOR 5m EVERY 30s REPEAT 1h SEVERITY page: pending; \
         late ms:p95@country=FR today > 250.5 FOR 1m EVERY 1m SEVERITY warning: paused firing; \
         slow ms:avg 90s >= 10 EVERY 10s REPEAT 5m SEVERITY warning: ok; \
         main 1s WINDOW 1s events; page 10s WINDOW 3mo users price:sum",
    ),
];

/// The log of a site, and the number of its rules.
const LOGGED: [(&str, u64, bool, usize); 3] = [
    ("log", 100_000, false, 0),
    ("log-users", 70, true, 0),
    ("log-rich", 1_000, false, 1),
];

/// The answers to the metrics of visits.
const VISITS: [(&str, Granularity, &str); 2] = [
    ("hour-visits", Granularity::Hour, "50 50 0 50 2 0"),
    (
        "week-visits-spilled",
        Granularity::Week,
        "58 0 13440 862 0 40",
    ),
];

/// How many visits are remembered, and for how many one counts.
const VISITORS: [(&str, usize, i64); 2] = [("few", 25, 1), ("sampled", 29, 2)];

/// The answers to the metrics of people.
const PEOPLE: [(&str, Granularity, &str); 3] = [
    ("minute-people", Granularity::Minute, "3 6 0"),
    ("day-people", Granularity::Day, "8 22 1"),
    ("month-people-sampled", Granularity::Month, "108 76 0"),
];

/// How many users are remembered, and for how many one counts.
const USERS: [(&str, usize, u64); 2] = [("few", 20, 1), ("sampled", 26, 8)];

/// The answers to the metrics of funnels.
const FUNNELS: [(&str, Granularity, &str); 2] = [
    ("hour-funnels", Granularity::Hour, "20 4 3 20 0 54"),
    (
        "week-funnels-spilled",
        Granularity::Week,
        "40 25 19 40 37 52",
    ),
];

/// How many users are remembered in each funnel, and for how many one counts.
const ATTEMPTS: [(&str, [(usize, i64); 2]); 2] = [
    ("funnels", [(20, 1), (54, 1)]),
    ("funnels-sampled", [(20, 1), (14, 4)]),
];

/// How many ids are remembered, and how many were forgotten early.
const IDS: [(&str, usize, u64); 3] = [("one", 1, 0), ("hour", 11, 0), ("forgotten", 40, 60)];

fn page(name: &str) -> Vec<u8> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    fs::read(folder.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn answers(bucket: &Bucket, granularity: Granularity) -> String {
    let metrics = METRICS.map(|metric| Metric::parse(metric.as_bytes(), None).unwrap());
    let mut fold = Fold::new(&metrics);
    let period = Zone::UTC.period(granularity, TIME).unwrap();
    let piece = Piece::whole(period);
    fold.add(&piece, bucket);
    let text = |answer: Answer| match answer.number() {
        Some(number) => format!("{number}"),
        None => "-".to_owned(),
    };
    fold.answers(1.0).map(text).collect::<Vec<_>>().join(" ")
}

#[test]
fn every_bucket_of_version_1_is_read_and_written_as_it_was() {
    for (name, granularity, expected) in BUCKETS {
        let page = page(&format!("bucket-v1-{name}.bin"));
        let bucket = Bucket::decode(std::slice::from_ref(&page)).unwrap();
        assert_eq!(answers(&bucket, granularity), expected, "{name}");
        assert!(bucket.encode() == [page], "{name}");
    }
}

#[test]
fn every_site_of_version_1_is_read_and_written_as_it_was() {
    for (name, events, expected) in SITES {
        let page = page(&format!("site-v1-{name}.bin"));
        let site = Site::decode(std::slice::from_ref(&page)).unwrap();
        let options = site.settings.options().join(&b' ');
        assert_eq!(String::from_utf8(options).unwrap(), expected, "{name}");
        assert_eq!(site.events(), events);
        assert!(site.encode() == [page], "{name}");
    }
}

#[test]
fn rules_and_live_metrics_of_version_1_are_read_and_written_as_they_were() {
    for (name, expected) in WATCHED {
        let page = page(&format!("site-v1-{name}.bin"));
        let site = Site::decode(std::slice::from_ref(&page)).unwrap();
        let watch = site.watch().unwrap();
        let line = |words: Vec<Vec<u8>>| String::from_utf8(words.join(&b' ')).unwrap();
        let rules = watch.alarms().iter().map(|alarm| {
            let paused = if alarm.paused { "paused " } else { "" };
            format!(
                "{}: {paused}{}",
                line(alarm.rule.words()),
                alarm.state.name()
            )
        });
        let feeds = watch.feeds().iter().map(|feed| line(feed.words()));
        let all: Vec<String> = rules.chain(feeds).collect();
        assert_eq!(all.join("; "), expected, "{name}");
        assert!(site.encode() == [page], "{name}");
    }
}

#[test]
fn logs_of_version_1_are_read_and_written_as_they_were() {
    for (name, most, users, rules) in LOGGED {
        let page = page(&format!("site-v1-{name}.bin"));
        let site = Site::decode(std::slice::from_ref(&page)).unwrap();
        assert_eq!(
            site.settings.log,
            Log {
                entries: most,
                age: (name == "log-users").then(|| Duration::of_months(3).unwrap()),
                users
            },
            "{name}"
        );
        let found = site.watch().map_or(0, |watch| watch.alarms().len());
        assert_eq!(found, rules, "{name}");
        assert!(site.encode() == [page], "{name}");
    }
}

#[test]
fn ids_of_version_1_are_read_and_written_as_they_were() {
    for (name, remembered, forgotten) in IDS {
        let page = page(&format!("ids-v1-{name}.bin"));
        let ids = RecentIds::decode(std::slice::from_ref(&page)).unwrap();
        assert_eq!(ids.remembered(TIME), remembered, "{name}");
        assert_eq!(ids.forgotten(), forgotten, "{name}");
        assert!(ids.encode() == [page], "{name}");
    }
}

#[test]
fn every_bucket_of_version_2_is_read_and_written_as_it_was() {
    for (name, granularity, expected) in VISITS {
        let page = page(&format!("bucket-v2-{name}.bin"));
        let bucket = Bucket::decode(std::slice::from_ref(&page)).unwrap();
        let site_page = self::page("site-v1-visits.bin");
        let site = Site::decode(&[site_page]).unwrap();
        let metrics = [
            "visits",
            "bounces",
            "visit-time:sum",
            "visit-events:sum",
            "visits@entry=/1",
            "visits@exit=~other",
        ];
        let parse = |it: &str| Metric::parse(it.as_bytes(), Some(&site.settings)).unwrap();
        let mut fold = Fold::new(&metrics.map(parse));
        let period = Zone::UTC.period(granularity, TIME).unwrap();
        let piece = Piece::whole(period);
        fold.add_visits(&piece, &bucket);
        let numbers = fold.answers(1.0).filter_map(Answer::number);
        let found: Vec<String> = numbers.map(|number| number.to_string()).collect();
        assert_eq!(found.join(" "), expected, "{name}");
        assert!(bucket.encode() == [page], "{name}");
    }
}

#[test]
fn partitions_of_version_1_are_read_and_written_as_they_were() {
    for (name, visits, weight) in VISITORS {
        let page = page(&format!("visitors-v1-{name}.bin"));
        let partition = Partition::decode(std::slice::from_ref(&page)).unwrap();
        assert_eq!(
            (partition.len(), partition.weight()),
            (visits, weight),
            "{name}"
        );
        assert!(partition.encode() == [page], "{name}");
    }
}

#[test]
fn every_bucket_of_version_3_is_read_and_written_as_it_was() {
    for (name, granularity, expected) in PEOPLE {
        let page = page(&format!("bucket-v3-{name}.bin"));
        let bucket = Bucket::decode(std::slice::from_ref(&page)).unwrap();
        let site = Site::decode(&[self::page("site-v1-people.bin")]).unwrap();
        let metrics = ["users:new", "users:returning", "users:new@country=1"];
        let parse = |it: &str| Metric::parse(it.as_bytes(), Some(&site.settings)).unwrap();
        let mut fold = Fold::new(&metrics.map(parse));
        let period = Zone::UTC.period(granularity, TIME).unwrap();
        fold.add(&Piece::whole(period), &bucket);
        let numbers = fold.answers(1.0).map(Answer::number);
        let found = numbers.map(|number| number.map_or("-".to_owned(), |it| it.to_string()));
        let found: Vec<String> = found.collect();
        assert_eq!(found.join(" "), expected, "{name}");
        assert!(bucket.encode() == [page], "{name}");
    }
}

#[test]
fn people_of_version_1_are_read_and_written_as_they_were() {
    for (name, users, weight) in USERS {
        let page = page(&format!("people-v1-{name}.bin"));
        let people = People::decode(std::slice::from_ref(&page)).unwrap();
        let site = Site::decode(&[self::page("site-v1-people.bin")]).unwrap();
        let terms = site.settings.people.as_deref().unwrap().terms().unwrap();
        let identities = people.identities(&terms).unwrap();
        assert_eq!(
            (identities.len(), identities.weight()),
            (users, weight),
            "{name}"
        );
        assert!(people.encode() == [page], "{name}");
    }
}

#[test]
fn funnels_of_version_3_are_read_and_written_as_they_were() {
    let site = Site::decode(&[page("site-v1-funnels.bin")]).unwrap();
    for (name, granularity, expected) in FUNNELS {
        let page = page(&format!("bucket-v3-{name}.bin"));
        let bucket = Bucket::decode(std::slice::from_ref(&page)).unwrap();
        let metrics = [
            "funnel:buy:users",
            "funnel:buy:step2",
            "funnel:buy",
            "funnel:buy:users@page=/1",
            "funnel:buy:users@country=~other",
            "funnel:slow:users",
        ];
        let parse = |it: &str| Metric::parse(it.as_bytes(), Some(&site.settings)).unwrap();
        let mut fold = Fold::new(&metrics.map(parse));
        let period = Zone::UTC.period(granularity, TIME).unwrap();
        fold.add_visits(&Piece::whole(period), &bucket);
        let numbers = fold.answers(1.0).filter_map(Answer::number);
        let found: Vec<String> = numbers.map(|number| number.to_string()).collect();
        assert_eq!(found.join(" "), expected, "{name}");
        assert!(bucket.encode() == [page], "{name}");
    }
}

#[test]
fn attempts_of_version_1_are_read_and_written_as_they_were() {
    let site = Site::decode(&[page("site-v1-funnels.bin")]).unwrap();
    let (funnels, _) = site.settings.funnels().unwrap();
    for (name, expected) in ATTEMPTS {
        let page = page(&format!("people-v1-{name}.bin"));
        let people = People::decode(std::slice::from_ref(&page)).unwrap();
        // A site with another bound has other tags.
        let found = funnels.list().iter().map(|funnel| {
            let progress = people.funnel(funnel.tag()).unwrap();
            (progress.len(), progress.weight())
        });
        assert_eq!(found.collect::<Vec<_>>(), expected, "{name}");
        assert!(people.encode() == [page], "{name}");
    }
}

#[test]
fn every_golden_file_is_under_test() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let files = fs::read_dir(folder).unwrap().count();
    assert_eq!(
        files,
        BUCKETS.len()
            + SITES.len()
            + WATCHED.len()
            + LOGGED.len()
            + IDS.len()
            + VISITS.len()
            + VISITORS.len()
            + PEOPLE.len()
            + USERS.len()
            + FUNNELS.len()
            + ATTEMPTS.len()
    );
}
