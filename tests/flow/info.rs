//! `ANALYTICS.INFO` of a site, and the section of the module in `INFO`.

use std::collections::BTreeSet;

use testkit::calendar::{DAY, HOUR, MINUTE};
use testkit::{cmd, Connection, Reply, Server};

const REFERENCE: &str = include_str!("../../docs/reference.md");

const FIELDS: [&str; 37] = [
    "site",
    "timezone",
    "strict",
    "undeclared",
    "capacity",
    "ids-capacity",
    "ids",
    "ids-since",
    "ids-forgotten",
    "log",
    "log-age",
    "log-users",
    "events",
    "duplicates",
    "late",
    "ignored-names",
    "first-event",
    "last-event",
    "retention",
    "buckets",
    "dimensions",
    "cubes",
    "values",
    "capacities",
    "full",
    "forgotten",
    "visits",
    "visitors",
    "visitor-sampling",
    "late-for-visits",
    "returning",
    "returning-since",
    "people",
    "people-sampling",
    "late-for-people",
    "funnels",
    "late-for-funnels",
];

#[test]
fn info_replies_the_settings_and_counts_of_a_site() {
    let server = Server::start();
    let mut connection = server.connection();
    let now = connection.now();
    for age in [MINUTE, 2 * HOUR, 3 * DAY, 800 * DAY, 5 * 366 * DAY] {
        cmd!(
            connection,
            "ANALYTICS.TRACK",
            "shop",
            "view",
            "ann",
            "AT",
            now - age,
            "DIM",
            "country",
            "FR",
            "VAL",
            "n",
            1
        )
        .int();
    }
    let id = format!("ANALYTICS.TRACK shop view ann AT {now} ID x");
    connection.pipeline(&[&id, &id, &id]);
    for resp3 in [false, true] {
        if resp3 {
            connection.hello3();
        }
        let info = connection.run("ANALYTICS.INFO shop");
        assert_eq!(matches!(info, Reply::Map(_)), resp3);
        let names: Vec<&str> = info.fields().into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, FIELDS);
        assert_eq!(*info.get("site"), "shop");
        assert_eq!(*info.get("timezone"), "UTC");
        assert_eq!(*info.get("strict"), 0);
        assert_eq!(*info.get("capacity"), 1000);
        assert_eq!(*info.get("ids-capacity"), 1_000_000);
        assert_eq!(*info.get("ids"), 1);
        let since = now - info.get("ids-since").int();
        assert!((-MINUTE..15 * MINUTE).contains(&since), "{since}");
        assert_eq!(*info.get("ids-forgotten"), 0);
        assert!(info.get("visits").is_nil());
        assert_eq!(*info.get("visitors"), 0);
        assert_eq!(info.get("visitor-sampling").double(), 1.0);
        assert_eq!(*info.get("late-for-visits"), 0);
        assert!(info.get("returning").is_nil() && info.get("returning-since").is_nil());
        assert_eq!(*info.get("people"), 0);
        assert_eq!(info.get("people-sampling").double(), 1.0);
        assert_eq!(*info.get("late-for-people"), 0);
        assert!(info.get("funnels").array().is_empty());
        assert_eq!(*info.get("late-for-funnels"), 0);
        assert_eq!(*info.get("log"), 0);
        assert_eq!(*info.get("log-users"), 0);
        assert_eq!(*info.get("events"), 5);
        assert_eq!(*info.get("duplicates"), 2);
        assert_eq!(*info.get("late"), 1);
        assert_eq!(*info.get("first-event"), now - 800 * DAY);
        assert_eq!(*info.get("last-event"), now);
        let counts = |granularity: &str| info.get("buckets").get(granularity).int();
        let keys = connection.keys();
        for granularity in ["minute", "hour", "day", "week", "month"] {
            let there = keys
                .iter()
                .filter(|key| key.contains(&format!(":{granularity}:")))
                .count();
            assert_eq!(counts(granularity), there as i64, "{granularity}");
        }
        assert_eq!(
            info.get("dimensions").at(1).texts(),
            ["country", "users", "learned"]
        );
        assert_eq!(info.get("values").at(0).texts(), ["n", "learned"]);
        assert!(info.get("cubes").array().is_empty());
    }
}

#[test]
fn buckets_are_counted_whatever_the_key_of_the_site_has_recorded() {
    let server = Server::start();
    let mut connection = server.connection();
    let now = connection.now();
    let buckets = |connection: &mut Connection| {
        let keys = connection.keys();
        let there = keys.iter().filter(|key| key.starts_with("{shop}:")).count() as i64;
        let info = connection.run("ANALYTICS.INFO shop");
        let counts = info.get("buckets").fields();
        let counted: i64 = counts.iter().map(|(_, count)| count.int()).sum();
        assert_eq!(counted, there, "{info:?}");
        there
    };
    let event = |at| format!("ANALYTICS.TRACK shop view ann AT {at}");
    assert_eq!(connection.run(&event(now - 40 * DAY)), 1);
    let dump = connection.dump("shop");
    assert_eq!(connection.run(&event(now)), 1);
    assert!(buckets(&mut connection) > 5);
    // An older copy of it, and a new key.
    cmd!(connection, "RESTORE", "shop", 0, dump, "REPLACE").ok();
    assert!(buckets(&mut connection) > 5);
    assert_eq!(connection.run("DEL shop"), 1);
    connection.run("ANALYTICS.CREATE shop").ok();
    assert!(buckets(&mut connection) > 5);
}

/// A site with everything switched on, and more values than its capacity.
fn full_site(connection: &mut Connection, now: i64) {
    let create = "ANALYTICS.CREATE full CAPACITY 10 CUBE event,page VAL ms VISITS 30m PATH page RETURNING 90d";
    connection.run(create).ok();
    let funnel = "ANALYTICS.FUNNEL full SET buy WITHIN 1h STEP event=view STEP event=buy BY page";
    connection.run(funnel).ok();
    let event = |n| format!("ANALYTICS.TRACK full view u{n} AT {now} DIM page /{n} VAL ms {n}");
    let lines: Vec<String> = (0..40).map(event).collect();
    assert!(connection.pipeline(&lines).iter().all(|reply| *reply == 1));
}

#[test]
fn what_is_full_is_named_with_what_is_in_other() {
    let server = Server::start();
    let mut connection = server.connection();
    let now = connection.now();
    full_site(&mut connection, now);
    connection
        .run("ANALYTICS.ALTER full RETENTION week off")
        .ok();
    let day = now.div_euclid(DAY) * DAY;
    let metrics = [
        "event,page",
        "funnel:buy@page",
        "page",
        "visits@entry",
        "visits@exit",
    ];
    let other = |metric: &str| match metric {
        "page" => "events@page=~other".to_owned(),
        "funnel:buy@page" => "funnel:buy:users@page=~other".to_owned(),
        metric => format!("{metric}=~other"),
    };
    for resp3 in [false, true] {
        if resp3 {
            connection.hello3();
        }
        let info = connection.run("ANALYTICS.INFO full");
        let full = info.get("full").fields();
        let names: Vec<&str> = full.iter().map(|(name, _)| *name).collect();
        assert_eq!(names, metrics);
        for (name, numbers) in full {
            let granularities: Vec<&str> = numbers.fields().iter().map(|(name, _)| *name).collect();
            let expected = match name.contains('@') {
                true => &["hour", "day", "month"][..],
                false => &["minute", "hour", "day", "month"][..],
            };
            assert_eq!(granularities, expected, "{name}");
            if name != "event,page" {
                let line = format!("ANALYTICS.GET full {day}..{} {}", day + DAY, other(name));
                assert_eq!(connection.run(&line).at(0), numbers.get("day"), "{name}");
            }
            assert!(numbers.get("day").int() >= 30, "{numbers:?}");
        }
    }
    // At its capacity a dimension is not full yet.
    connection.run("ANALYTICS.CREATE some CAPACITY 10").ok();
    for n in 0..10 {
        let line = format!("ANALYTICS.TRACK some view ann DIM page /{n}");
        assert_eq!(connection.run(&line), 1);
    }
    let info = connection.run("ANALYTICS.INFO some");
    assert!(info.get("full").fields().is_empty());
}

/// The names in the first column of the first table behind a line.
fn documented(line: &str) -> BTreeSet<&'static str> {
    let (_, rest) = REFERENCE.split_once(line).expect("the line is there");
    let table = { rest.lines() }.skip_while(|line| !line.starts_with("| `"));
    let table = table.take_while(|line| line.starts_with('|'));
    let names = table.flat_map(|row| row.split('|').nth(1).unwrap_or("").split('`'));
    names
        .filter(|name| !name.trim_matches([' ', ',']).is_empty())
        .collect()
}

#[test]
fn every_field_of_info_explain_and_dashboard_is_documented() {
    let server = Server::start();
    let mut connection = server.connection();
    let now = connection.now();
    full_site(&mut connection, now);
    for (line, question) in [
        ("\n### INFO\n", "ANALYTICS.INFO full"),
        (
            "\nThe fields of `EXPLAIN`:\n",
            "ANALYTICS.EXPLAIN full 1h ms:p50",
        ),
        ("\n### DASHBOARD\n", "ANALYTICS.DASHBOARD full ms:p50"),
    ] {
        let reply = connection.run(question);
        let names: BTreeSet<&str> = reply.fields().into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, documented(line), "{question}");
    }
}

#[test]
fn a_site_that_is_not_there_is_an_error() {
    let server = Server::start();
    let mut connection = server.connection();
    let reply = connection.run("ANALYTICS.INFO shop");
    assert!(
        reply.error().starts_with("ERR ") && reply.error().contains("'shop'"),
        "{reply:?}"
    );
    for line in ["ANALYTICS.INFO", "ANALYTICS.INFO shop more"] {
        assert!(connection
            .run(line)
            .error()
            .contains("wrong number of arguments"));
    }
}

#[test]
fn the_module_counts_in_the_servers_own_info() {
    let server = Server::start();
    let mut connection = server.connection();
    connection.pipeline(&[
        "ANALYTICS.TRACK shop view ann ID x",
        "ANALYTICS.TRACK shop view ann ID x AT *",
        "ANALYTICS.MTRACK shop EVENT view ann EVENT view bob EVENT view bob AT 1",
        "ANALYTICS.TRACK shop view ann VAL x y",
        "ANALYTICS.UNIQUE shop 1h",
    ]);
    let field = |name: &str| {
        server
            .connection()
            .info("analytics", &format!("analytics_{name}"))
    };
    // The second may have fallen in another minute.
    assert!(["3", "4"].contains(&field("events_counted").as_str()));
    assert_eq!(field("events_late"), "1");
    assert_eq!(field("commands_refused"), "1");
    assert_eq!(field("sites_created"), "1");
    assert_eq!(field("queries"), "1");
    assert!(!field("version").is_empty());
    assert!(connection
        .info("everything", "analytics_buckets_created")
        .parse::<u64>()
        .is_ok_and(|n| n >= 5));
}
