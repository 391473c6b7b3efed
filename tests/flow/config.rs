//! `CONFIG` of the module: `analytics.*`, from the file, at run time and back into the file.

use testkit::{cmd, module_file, Connection, Server, ServerOptions};

const BAD: [(&str, &str, &str); 20] = [
    ("timezone", "Mars/Olympus", "Mars/Olympus"),
    ("timezone", "", "zone"),
    ("retention-minute", "soon", "soon"),
    ("retention-minute", "0s", "0s"),
    ("retention-minute", "1000y", "100000"),
    ("retention-hour", "-1h", "-1h"),
    ("retention-day", "5", "5"),
    ("retention-week", "1M", "1M"),
    ("retention-month", "", "retention"),
    ("max-future", "-1", "between 0 and"),
    ("max-future", "99999999999999", "between 0 and"),
    ("max-future", "soon", "couldn't be parsed"),
    ("dimension-capacity", "0", "between 1 and"),
    ("id-capacity", "0", "between 1 and"),
    ("id-capacity", "10000001", "between 1 and"),
    ("dimension-capacity", "100001", "between 1 and"),
    ("dimension-capacity", "many", "couldn't be parsed"),
    ("alert-budget", "99", "between 100 and"),
    ("alert-budget", "much", "couldn't be parsed"),
    ("publish", "nowhere", "neither global nor sharded"),
];

fn get(connection: &mut Connection, name: &str) -> String {
    let name = format!("analytics.{name}");
    cmd!(connection, "CONFIG", "GET", name)
        .get(&name)
        .text()
        .to_owned()
}

#[test]
fn a_bad_value_is_refused_and_named() {
    let server = Server::start();
    let mut connection = server.connection();
    for (name, value, part) in BAD {
        let before = get(&mut connection, name);
        let reply = cmd!(
            connection,
            "CONFIG",
            "SET",
            format!("analytics.{name}"),
            value
        );
        let line = reply.error().to_owned();
        assert!(
            line.contains(&format!("analytics.{name}")),
            "{name} {value:?}: {line}"
        );
        assert!(
            line.to_lowercase().contains(&part.to_lowercase()),
            "{name} {value:?}: {line}"
        );
        assert_eq!(get(&mut connection, name), before);
    }
}

#[test]
fn a_bad_value_in_the_file_stops_the_start_with_a_word() {
    for (name, value, _) in BAD {
        let quoted = format!("\"{value}\"");
        let log = Server::with()
            .config(&format!("analytics.{name}"), &quoted)
            .try_start()
            .err();
        let log = log.unwrap_or_else(|| panic!("analytics.{name} {quoted} was accepted"));
        assert!(log.contains(name), "{name} {value:?}: {log}");
    }
}

#[test]
fn settings_are_set_at_run_time_and_written_back() {
    let mut server = Server::start();
    let mut connection = server.connection();
    let settings = [
        ("timezone", "Asia/Kolkata"),
        ("retention-minute", "90m"),
        ("retention-hour", "off"),
        ("retention-day", "100d"),
        ("retention-week", "off"),
        ("retention-month", "1y"),
        ("max-future", "1000"),
        ("dimension-capacity", "17"),
        ("id-capacity", "170"),
        ("alert-budget", "500"),
        ("publish", "sharded"),
    ];
    for (name, value) in settings {
        cmd!(
            connection,
            "CONFIG",
            "SET",
            format!("analytics.{name}"),
            value
        )
        .ok();
        assert_eq!(get(&mut connection, name), value);
    }
    connection.run("CONFIG REWRITE").ok();
    server.restart();
    let mut connection = server.connection();
    for (name, value) in settings {
        assert_eq!(get(&mut connection, name), value);
    }
    connection.run("ANALYTICS.CREATE shop").ok();
    let info = connection.run("ANALYTICS.INFO shop");
    assert_eq!(*info.get("timezone"), "Asia/Kolkata");
    assert_eq!(*info.get("capacity"), 17);
    assert_eq!(*info.get("retention").get("hour"), "off");
    assert_eq!(*info.get("retention").get("minute"), "90m");
}

#[test]
fn contradictory_settings_are_refused_as_a_whole() {
    let server = Server::start();
    let mut connection = server.connection();
    let all_off = "CONFIG SET analytics.retention-minute off analytics.retention-hour off analytics.retention-day off \
                   analytics.retention-week off analytics.retention-month off";
    let reply = connection.run(all_off);
    assert!(reply.error().contains("at least one"), "{reply:?}");
    let defaults = [
        ("minute", "1h"),
        ("hour", "7d"),
        ("day", "365d"),
        ("week", "104w"),
        ("month", "36mo"),
    ];
    for (granularity, kept) in defaults {
        assert_eq!(
            get(&mut connection, &format!("retention-{granularity}")),
            kept
        );
    }
    connection.run("ANALYTICS.TRACK shop view ann").int();
    assert_eq!(connection.keys().len(), 6);
}

#[test]
fn one_granularity_alone_can_be_exchanged_for_another() {
    let server = Server::start();
    let mut connection = server.connection();
    connection
        .run(
            "CONFIG SET analytics.retention-hour off analytics.retention-day off analytics.retention-week off \
             analytics.retention-month off",
        )
        .ok();
    connection
        .run("CONFIG SET analytics.retention-minute off analytics.retention-hour 3d")
        .ok();
    connection.run("ANALYTICS.TRACK shop view ann").int();
    assert_eq!(connection.keys().len(), 2);
}

#[test]
fn settings_change_new_sites_only() {
    let server = Server::start();
    let mut connection = server.connection();
    connection.run("ANALYTICS.TRACK old view ann").int();
    let before = connection.digest("old");
    connection.run("CONFIG SET analytics.timezone Asia/Tokyo analytics.dimension-capacity 5 analytics.retention-day 9d").ok();
    assert_eq!(connection.digest("old"), before);
    connection.run("ANALYTICS.TRACK new view ann").int();
    let info =
        |connection: &mut Connection, site: &str| connection.run(&format!("ANALYTICS.INFO {site}"));
    assert_eq!(*info(&mut connection, "old").get("timezone"), "UTC");
    assert_eq!(
        *info(&mut connection, "old").get("retention").get("day"),
        "365d"
    );
    assert_eq!(*info(&mut connection, "new").get("timezone"), "Asia/Tokyo");
    assert_eq!(
        *info(&mut connection, "new").get("retention").get("day"),
        "9d"
    );
}

fn with_arguments(arguments: &str) -> ServerOptions {
    let line = format!("{} {arguments}", module_file().display());
    Server::with().without_module().config("loadmodule", &line)
}

#[test]
fn arguments_of_the_module_are_defaults_that_the_file_overrides() {
    let arguments = "timezone Asia/Tokyo analytics.max-future 1000 retention-week off \
                     dimension-capacity 50";
    let mut server = with_arguments(arguments)
        .config("analytics.dimension-capacity", "60")
        .start();
    let mut connection = server.connection();
    let expected = [
        ("timezone", "Asia/Tokyo"),
        ("max-future", "1000"),
        ("retention-week", "off"),
        ("dimension-capacity", "60"),
        ("retention-day", "365d"),
    ];
    for (name, value) in expected {
        assert_eq!(get(&mut connection, name), value);
    }
    connection.run("ANALYTICS.CREATE shop").ok();
    let info = connection.run("ANALYTICS.INFO shop");
    assert_eq!(*info.get("timezone"), "Asia/Tokyo");
    assert_eq!(*info.get("retention").get("week"), "off");
    connection
        .run("CONFIG SET analytics.max-future 300000 analytics.timezone UTC")
        .ok();
    connection.run("CONFIG REWRITE").ok();
    server.restart();
    let mut connection = server.connection();
    assert_eq!(get(&mut connection, "max-future"), "300000");
    assert_eq!(get(&mut connection, "timezone"), "UTC");
    assert_eq!(get(&mut connection, "retention-week"), "off");
}

#[test]
fn a_bad_argument_of_the_module_stops_the_start_with_a_word() {
    for (arguments, part) in [
        ("tiemzone UTC", "did you mean timezone?"),
        ("timezone", "module argument 'timezone' needs a value"),
        ("timezone UTC analytics.timezone UTC", "given twice"),
        ("timezone Mars/Olympus", "timezone: TZ 'Mars/Olympus' is not"),
        ("max-future soon", "'soon' is not a number from 0 to"),
        ("dimension-capacity 0", "'0' is not a number from 1 to 100000"),
        ("retention-day 5", "retention-day: RETENTION day '5' is not"),
        (
            "retention-minute off retention-hour off retention-day off retention-week off retention-month off",
            "at least one",
        ),
    ] {
        let log = with_arguments(arguments).try_start().err();
        let log = log.unwrap_or_else(|| panic!("{arguments} was accepted"));
        assert!(log.contains(part), "{arguments}: {log}");
    }
}

#[test]
fn a_module_that_is_loaded_later_takes_settings_and_arguments() {
    let server = Server::with().without_module().start();
    let mut connection = server.connection();
    let file = module_file().display();
    let refused = connection.run(&format!(
        "MODULE LOADEX {file} CONFIG analytics.timezone Mars/Base"
    ));
    assert!(refused.is_error());
    connection
        .run(&format!(
            "MODULE LOADEX {file} CONFIG analytics.timezone Asia/Tokyo ARGS max-future 7"
        ))
        .ok();
    assert_eq!(get(&mut connection, "timezone"), "Asia/Tokyo");
    assert_eq!(get(&mut connection, "max-future"), "7");
    assert_eq!(connection.run("ANALYTICS.TRACK shop view ann"), 1);
}

#[test]
fn every_setting_is_described() {
    let server = Server::start();
    let settings = server.connection().run("CONFIG GET analytics.*");
    let page = include_str!("../../docs/reference.md");
    let file = include_str!("../../redis.conf");
    assert_eq!(settings.fields().len(), 12);
    for (name, value) in settings.fields() {
        let row = format!("\n| `{name}` | {} |", value.text());
        assert!(page.contains(&row), "{row}");
        let line = format!("\n{name} {}\n", value.text());
        assert!(file.contains(&line), "{line}");
    }
}
