//! The figures of the module, and docs/monitoring.md, which documents them.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use testkit::calendar::{floor, DAY, MINUTE};
use testkit::{cmd, wait_until, Connection, ManualClock, Server};

const DOC: &str = include_str!("../../docs/monitoring.md");

type Figures = BTreeMap<String, i64>;

/// The numbers of `INFO analytics`, without `analytics_` in front.
fn figures(connection: &mut Connection) -> Figures {
    let info = connection.run("INFO analytics");
    let fields = info.text().lines().filter_map(|line| line.split_once(':'));
    let numbers = fields.filter_map(|(name, value)| {
        let name = name.strip_prefix("analytics_").expect("a field of ours");
        Some((name.to_owned(), value.parse().ok()?))
    });
    numbers.collect()
}

/// The table of the fields: their names and kinds.
fn documented() -> BTreeMap<&'static str, &'static str> {
    let rows = DOC
        .lines()
        .filter_map(|line| line.strip_prefix("| `analytics_"));
    let fields = rows.map(|row| {
        let mut columns = row.split(" | ");
        let name = columns.next().expect("a name").trim_end_matches('`');
        (name, columns.next().expect("a kind"))
    });
    fields.collect()
}

#[test]
fn every_field_is_documented_and_every_documented_field_is_there() {
    let server = Server::start();
    let mut connection = server.connection();
    for section in ["analytics", "everything", "modules"] {
        let info = cmd!(connection, "INFO", section);
        let fields = info.text().lines().filter_map(|line| line.split_once(':'));
        let names = fields.filter_map(|(name, _)| name.strip_prefix("analytics_"));
        let names: BTreeSet<&str> = names.collect();
        assert_eq!(names, documented().into_keys().collect(), "{section}");
    }
    let version = connection.info("analytics", "analytics_version");
    assert_eq!(version, env!("CARGO_PKG_VERSION"));
    let number = version
        .split('.')
        .map(|part| part.parse::<i64>().expect("a number"));
    let number = number.fold(0, |number, part| number * 100 + part);
    // Valkey lists its scripting engine, too.
    let modules = connection.run("MODULE LIST");
    let mut modules = modules.array().iter();
    let ours = modules.find(|module| *module.get("name") == "analytics");
    assert_eq!(*ours.expect("listed").get("ver"), number);
}

/// Names of fields in the text of the rules.
fn named(text: &str) -> BTreeSet<&str> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words
        .filter_map(|word| word.strip_prefix("analytics_"))
        .collect()
}

#[test]
fn every_alert_is_about_a_figure_that_there_is() {
    let rules = DOC
        .split_once("```yaml")
        .and_then(|(_, rest)| rest.split_once("```"));
    let (rules, _) = rules.expect("rules");
    let fields: BTreeSet<&str> = documented().into_keys().collect();
    let named = named(rules);
    assert!(named.len() >= 6 && named.is_subset(&fields), "{named:?}");
    // A counter is never compared as it is, for it only rises.
    for (field, _) in documented().iter().filter(|(_, kind)| **kind == "counter") {
        for (at, _) in rules.match_indices(&format!("analytics_{field}[")) {
            let before = &rules[..at];
            assert!(
                before.ends_with("rate(") || before.ends_with("increase("),
                "{field}"
            );
        }
        let bare = rules.matches(&format!("analytics_{field} ")).count();
        assert_eq!(bare, 0, "{field}");
    }
}

#[test]
fn the_figures_are_printed_for_prometheus() {
    let server = Server::start();
    let mut connection = server.connection();
    connection.run("ANALYTICS.TRACK shop view ann").int();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/metrics");
    let metrics = |port: u16| {
        let output = Command::new(script)
            .args(["-p", &port.to_string()])
            .output();
        output.expect("the script runs")
    };
    let output = metrics(server.port());
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).expect("text");
    for (field, kind) in documented() {
        match kind {
            "text" => assert!(text.contains("analytics_info{version=\"0")),
            _ => assert!(text.contains(&format!(
                "# TYPE analytics_{field} {kind}\nanalytics_{field} "
            ))),
        }
    }
    assert!(text.contains("\nanalytics_events_counted 1\n"), "{text}");
    assert!(text.contains("\nanalytics_buckets 5\n"), "{text}");
    // Nothing is printed of a server that has no figures.
    let plain = Server::with().without_module().start();
    let output = metrics(plain.port());
    assert!(
        !output.status.success() && output.stdout.is_empty(),
        "{output:?}"
    );
}

/// By how much the figures move with a command; time and memory as that they rise or fall.
fn moves(connection: &mut Connection, line: &str) -> Figures {
    let before = figures(connection);
    connection.run(line);
    let after = figures(connection);
    let moves = after.into_iter().map(|(name, value)| {
        let moved = value - before[&name];
        let is_exact = !["memory_bytes", "queries_microseconds"].contains(&name.as_str());
        (name, if is_exact { moved } else { moved.signum() })
    });
    moves.filter(|(_, moved)| *moved != 0).collect()
}

#[test]
fn every_figure_moves_when_it_should_and_only_then() {
    // Nothing moves by itself.
    let clock = ManualClock::new();
    let server = Server::with().manual_clock(&clock).start();
    let mut connection = server.connection();
    // One rule of it is firing.
    let page = include_bytes!("../golden/site-v1-watched.bin");
    cmd!(connection, "ANALYTICS.RESTORE", "watched", "SITE", page).ok();
    // All of it in the same minute, which is over.
    let time = floor(connection.now(), MINUTE) - 1;
    let track = |rest: &str| format!("ANALYTICS.TRACK shop view ann AT {time} {rest}");
    let mut moved: BTreeSet<String> = BTreeSet::new();
    let made = [("sites", 1), ("sites_created", 1)];
    let first = [
        ("buckets", 5),
        ("buckets_created", 5),
        ("bucket_handles", 5),
        ("events_counted", 1),
    ];
    let one_bucket = [
        ("buckets", 1),
        ("buckets_created", 1),
        ("bucket_handles", 1),
        ("events_counted", 1),
    ];
    let asked = [
        ("queries", 1),
        ("queries_microseconds", 1),
        ("queries_buckets_read", 1),
    ];
    let united = |sketches| [&asked[..], &[("queries_sketches_united", sketches)]].concat();
    let cases: Vec<(String, Vec<(&str, i64)>)> = vec![
        (track("ID x"), [&made[..], &first, &[("sites_with_ids", 1)]].concat()),
        (track("ID x"), vec![("events_duplicate", 1)]),
        (track("ID y"), vec![("events_counted", 1)]),
        (track(""), vec![("events_counted", 1), ("events_waiting", 1)]),
        ("ANALYTICS.GET shop 1y events".into(), [&asked[..], &[("events_waiting", -1)]].concat()),
        ("ANALYTICS.TRACK shop view ann AT 5".into(), vec![("events_late", 1)]),
        (track("VAL x y"), vec![("commands_refused", 1)]),
        (
            format!("ANALYTICS.MTRACK shop EVENT view a AT {time} EVENT view b AT {time} EVENT view c AT 5"),
            vec![("events_counted", 2), ("events_late", 1)],
        ),
        ("ANALYTICS.CREATE other".into(), made.into()),
        ("ANALYTICS.CREATE other".into(), vec![("commands_refused", 1)]),
        ("ANALYTICS.ALTER other STRICT".into(), vec![]),
        ("ANALYTICS.UNIQUE shop 1y".into(), united(1)),
        ("ANALYTICS.GET shop 1y events".into(), asked.into()),
        ("ANALYTICS.GET shop 1y users sessions users@event=view".into(), united(2)),
        ("ANALYTICS.RANGE shop 1y 1y users".into(), united(1)),
        ("ANALYTICS.TOP shop 1y event BY users".into(), united(1)),
        ("ANALYTICS.COMPARE shop 1y users".into(), united(1)),
        ("ANALYTICS.EXPLAIN shop 1y".into(), united(1)),
        ("ANALYTICS.UNIQUE nosuch 1y".into(), vec![("queries", 1)]),
        ("ANALYTICS.UNIQUE shop never".into(), vec![("queries", 1), ("commands_refused", 1)]),
        ("ANALYTICS.INFO shop".into(), vec![]),
        ("ANALYTICS.HELP".into(), vec![]),
        ("ANALYTICS.ALERT other SET busy events 1h > 5".into(), vec![("alert_rules", 1), ("sites_watched", 1)]),
        ("ANALYTICS.LIVE other SET main 5s events".into(), vec![("live_metrics", 1)]),
        (
            "ANALYTICS.ALERT other TEST busy".into(),
            vec![("alert_evaluations", 1), ("queries", 1)],
        ),
        ("ANALYTICS.ALERT other DEL busy".into(), vec![("alert_rules", -1)]),
        (
            "COPY watched copied".into(),
            vec![
                ("sites", 1),
                ("sites_watched", 1),
                ("alert_rules", 3),
                ("alert_rules_firing", 1),
                ("live_metrics", 2),
            ],
        ),
        (
            "ANALYTICS.ALERT copied DEL late".into(),
            vec![("alert_rules", -1), ("alert_rules_firing", -1), ("alert_messages", 1)],
        ),
        ("COPY shop third".into(), vec![("sites", 1)]),
        ("ANALYTICS.CREATE visited VISITS 1s".into(), made.into()),
        (
            format!("ANALYTICS.TRACK visited view ann AT {time}"),
            [&first[..], &[("visitor_partitions", 1)]].concat(),
        ),
        (
            format!("ANALYTICS.TRACK visited view ann AT {}", time - 2_000),
            vec![("events_counted", 1), ("events_late_for_visits", 1)],
        ),
        (
            "ANALYTICS.DROP visited".into(),
            vec![("sites", -1), ("buckets", -5), ("visitor_partitions", -1)],
        ),
        (
            "ANALYTICS.CREATE known RETURNING 90d RETENTION minute 3d RETENTION hour off RETENTION day off \
             RETENTION week off RETENTION month off"
                .into(),
            made.into(),
        ),
        (
            format!("ANALYTICS.TRACK known view ann AT {time}"),
            [&one_bucket[..], &[("people_partitions", 1)]].concat(),
        ),
        (
            format!("ANALYTICS.TRACK known view ann AT {}", time - 2 * 86_400_000),
            [&one_bucket[..], &[("events_late_for_people", 1)]].concat(),
        ),
        (
            "ANALYTICS.DROP known".into(),
            vec![("sites", -1), ("buckets", -2), ("people_partitions", -1)],
        ),
        (
            "ANALYTICS.FUNNEL shop SET buy WITHIN 7d STEP event=view STEP event=pay".into(),
            vec![],
        ),
        (
            format!("ANALYTICS.MTRACK shop EVENT view a AT {time} EVENT pay a AT {}", time - 1),
            vec![
                ("events_counted", 2),
                ("bucket_handles", 5),
                ("events_late_for_funnels", 1),
                ("people_partitions", 1),
            ],
        ),
        (
            "ANALYTICS.DROP shop".into(),
            vec![("sites", -1), ("sites_with_ids", -1), ("buckets", -5), ("people_partitions", -1)],
        ),
        ("DEL other".into(), vec![("sites", -1), ("sites_watched", -1), ("live_metrics", -1)]),
    ];
    for (line, expected) in cases {
        let mut moves = moves(&mut connection, &line);
        moved.extend(moves.keys().cloned());
        moves.remove("memory_bytes");
        // A query may take less than a microsecond's tick.
        moves.remove("queries_microseconds");
        let expected = expected
            .into_iter()
            .filter(|(name, _)| *name != "queries_microseconds");
        let expected: Figures = expected.map(|(name, n)| (name.to_owned(), n)).collect();
        assert_eq!(moves, expected, "{line}");
    }
    // tests/flow/cluster.rs moves that one.
    moved.insert("commands_try_again".to_owned());
    moved.insert("version".to_owned());
    // And tests/flow/alert_states.rs and alert_delivery.rs what moves with the time.
    let timed = "alert_deferred alert_failures alert_skipped alert_ticks alert_tick_usec_max \
                 alert_tick_usec_total live_messages";
    moved.extend(timed.split(' ').map(str::to_owned));
    let documented = documented().into_keys().map(str::to_owned).collect();
    assert_eq!(moved, documented);
}

#[test]
fn rules_are_found_after_a_restart_and_after_flushall() {
    let mut server = Server::with().aof().start();
    let mut connection = server.connection();
    let now = connection.now();
    for day in 1..=20 {
        let time = now - day * DAY;
        let event = |n: i64| format!("EVENT view user-{day}-{n} AT {time} DIM page /{n}");
        let events: Vec<String> = (0..200).map(event).collect();
        connection
            .run(&format!("ANALYTICS.MTRACK shop {}", events.join(" ")))
            .int();
    }
    let of = |connection: &mut Connection| {
        let figures = figures(connection);
        let usage: Vec<String> = connection
            .keys()
            .iter()
            .map(|key| format!("MEMORY USAGE {key}"))
            .collect();
        let usage = connection.pipeline(&usage);
        let usage: i64 = usage.iter().map(|bytes| bytes.int()).sum();
        (
            figures["sites"],
            figures["buckets"],
            figures["memory_bytes"],
            usage,
        )
    };
    let (sites, buckets, memory, usage) = of(&mut connection);
    assert_eq!((sites, buckets), (1, connection.keys().len() as i64 - 1));
    // MEMORY USAGE has the keys besides, and the memory what the module works with.
    assert!(
        (memory - usage).abs() < usage / 10 + 100_000,
        "{memory} {usage}"
    );
    for restart in [true, false] {
        if restart {
            server.restart();
            connection = server.connection();
        } else {
            connection.run("DEBUG RELOAD").ok();
        }
        let (sites, reloaded, memory, usage) = of(&mut connection);
        assert_eq!((sites, reloaded), (1, buckets));
        assert!(
            (memory - usage).abs() < usage / 10 + 100_000,
            "{memory} {usage}"
        );
    }
    connection.run("FLUSHALL ASYNC").ok();
    wait_until("everything is freed", || {
        figures(&mut connection)["buckets"] == 0
    });
    let (sites, buckets, memory, _) = of(&mut connection);
    assert_eq!((sites, buckets), (0, 0));
    assert!((0..200_000).contains(&memory), "{memory}");
    // A restore that is refused leaves nothing behind.
    let page = include_bytes!("../golden/bucket-v1-day-sparse.bin");
    cmd!(connection, "ANALYTICS.RESTORE", "key", "BUCKET", page).ok();
    let before = figures(&mut connection)["memory_bytes"];
    for _ in 0..20 {
        assert!(cmd!(connection, "ANALYTICS.RESTORE", "key", "BUCKET", page).is_error());
    }
    let after = figures(&mut connection)["memory_bytes"];
    assert!(after - before < 2_000, "{before} {after}");
}
