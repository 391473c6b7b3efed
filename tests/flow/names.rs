//! Names that a site does not have: nothing is counted for them, and what nearly is a name of the site is
//! refused, so that a typing mistake is not answered with a number.

use testkit::state::{assert_same_data, refused_line};
use testkit::{Connection, Server};

#[track_caller]
fn refused(connection: &mut Connection, line: &str, parts: &[&str]) {
    refused_line(connection, &format!("ANALYTICS.{line}"), parts);
}

fn shop(connection: &mut Connection, options: &str) {
    let create = format!("ANALYTICS.CREATE shop DIM country CUBE event,page VAL latency {options}");
    connection.run(&create).ok();
    let event = "ANALYTICS.TRACK shop view ann DIM country FR DIM page / VAL latency 5";
    assert_eq!(connection.run(event), 1);
}

/// Questions about a name that the site does not have, and what it is near to.
const NEAR: [(&str, &str); 10] = [
    ("GET shop 24h events@contry=FR", "country"),
    ("GET shop 24h latancy:p95", "latency"),
    ("GET shop 24h events@event=view&pgae=/", "page"),
    ("GET shop 24h events@evnt=view&page=/", "event"),
    ("GET shop 24h users/latncy:sum", "latency"),
    ("RANGE shop 24h 1h latancy:p95", "latency"),
    ("COMPARE shop 24h events@Country=FR", "country"),
    ("TOP shop 24h contry", "country"),
    ("UNIQUE shop 24h contry FR", "country"),
    ("TOP shop 24h event,pages", "page"),
];
/// The same, with names that are near to none.
const OTHER: [&str; 5] = [
    "GET shop 24h events@weather=rain",
    "GET shop 24h weight:avg",
    "RANGE shop 24h 1h events/weight:sum",
    "TOP shop 24h weather",
    "UNIQUE shop 24h weather rain",
];

#[test]
fn a_name_that_is_nearly_one_of_the_site_is_refused() {
    let server = Server::start();
    let mut connection = server.connection();
    shop(&mut connection, "");
    for (line, meant) in NEAR {
        let meant = format!("did you mean {meant}?");
        refused(&mut connection, line, &["the site has no ", &meant]);
        // Of another site, nothing is known.
        let other = line.replace("shop", "other");
        assert!(
            !connection.run(&format!("ANALYTICS.{other}")).is_error(),
            "{other}"
        );
    }
    let export = "EXPORT shop day now contry FR";
    refused(&mut connection, export, &["did you mean country?"]);
    for line in OTHER {
        assert!(
            !connection.run(&format!("ANALYTICS.{line}")).is_error(),
            "{line}"
        );
    }
}

#[test]
fn a_strict_site_answers_for_its_own_names_only() {
    let server = Server::start();
    let mut connection = server.connection();
    shop(&mut connection, "STRICT");
    for (line, _) in NEAR {
        refused(&mut connection, line, &["the site has no ", "it has: "]);
    }
    for line in OTHER {
        refused(&mut connection, line, &["the site has no ", "it has: "]);
    }
    let line = "ANALYTICS.GET shop 24h events@country=XX latency:p50 users@event=never";
    assert_eq!(connection.run(line).at(0).int(), 0);
}

#[test]
fn rules_and_live_metrics_take_no_name_that_the_site_does_not_have() {
    let server = Server::start();
    let replica = Server::with().replica_of(&server).start();
    let mut connection = server.connection();
    shop(&mut connection, "");
    for metric in [
        "events@weather=rain",
        "weight:sum",
        "events/weight:sum",
        "latancy:p95",
    ] {
        for set in [
            format!("ALERT shop SET x {metric} 5m > 1"),
            format!("LIVE shop SET x 5s events {metric}"),
        ] {
            refused(&mut connection, &set, &["the site has no ", "it has: "]);
        }
    }
    // An event or a declaration brings the name.
    connection.run("ANALYTICS.ALTER shop VAL weight").ok();
    assert_eq!(
        connection.run("ANALYTICS.TRACK shop view ann DIM weather rain"),
        1
    );
    for line in [
        "ALERT shop SET x events@weather=rain/weight:sum 5m > 1",
        "LIVE shop SET x 5s weight:sum/events events@weather=rain",
    ] {
        connection.run(&format!("ANALYTICS.{line}")).ok();
    }
    server.wait_for_replica(&replica);
    assert_same_data(&mut connection, &mut replica.connection(), "a replica");
}
