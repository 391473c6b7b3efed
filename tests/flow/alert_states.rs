//! Rules and the time that passes: when they fire, repeat and resolve, with a clock that the test
//! moves.

use testkit::calendar::MINUTE;
use testkit::wait_until;

use crate::alarms::{figure, Alarms, SECOND};

const NOTHING: [&str; 0] = [];

#[test]
fn every_op_fires_and_resolves() {
    let mut alarms = Alarms::start();
    alarms.connection.run("ANALYTICS.CREATE shop").ok();
    for (name, op, threshold) in [
        ("above", ">", 3),
        ("at-least", ">=", 3),
        ("below", "<", 3),
        ("at-most", "<=", 3),
        ("equal", "=", 3),
        ("rise", "change>", 50),
        ("fall", "change<", -50),
    ] {
        alarms.set(&format!("{name} events 10s {op} {threshold}"));
    }
    alarms.track(3, "");
    assert_eq!(
        alarms.news(5 * SECOND),
        ["at-least firing 3", "at-most firing 3", "equal firing 3"]
    );
    alarms.track(1, "");
    assert_eq!(
        alarms.news(SECOND),
        ["above firing 4", "at-most resolved 4", "equal resolved 4"]
    );
    // The first three leave the window and are what the last one is compared with.
    assert_eq!(
        alarms.news(6 * SECOND),
        [
            "above resolved 1",
            "at-least resolved 1",
            "at-most firing 1",
            "below firing 1",
            "fall firing -66.66666666666667"
        ]
    );
    alarms.track(5, "");
    assert_eq!(
        alarms.news(SECOND),
        [
            "above firing 6",
            "at-least firing 6",
            "at-most resolved 6",
            "below resolved 6",
            "fall resolved 100",
            "rise firing 100"
        ]
    );
}

#[test]
fn for_wants_the_condition_to_hold_that_long() {
    let mut alarms = Alarms::start();
    alarms.track(1, "");
    alarms.set("busy events 20s > 0 FOR 3s");
    assert_eq!(alarms.news(SECOND), NOTHING);
    assert_eq!(alarms.state("busy"), "pending");
    assert_eq!(alarms.news(2 * SECOND), NOTHING);
    assert_eq!(alarms.news(SECOND), ["busy firing 1"]);
    assert_eq!(alarms.news(20 * SECOND), ["busy resolved 0"]);
    // Interrupted, it begins anew.
    alarms.track(1, "");
    alarms.pass(2 * SECOND);
    assert_eq!(alarms.state("busy"), "pending");
    alarms.pass(25 * SECOND);
    assert_eq!(alarms.state("busy"), "ok");
    alarms.track(1, "");
    assert_eq!(alarms.news(2 * SECOND), NOTHING);
    assert_eq!(alarms.news(2 * SECOND), NOTHING);
    assert_eq!(alarms.news(SECOND), ["busy firing 1"]);
}

#[test]
fn repeat_says_it_again_while_it_lasts() {
    let mut alarms = Alarms::start();
    alarms.track(1, "");
    alarms.set("once events 1h > 0");
    alarms.set("often events 1h > 0 REPEAT 1m");
    assert_eq!(alarms.news(SECOND), ["often firing 1", "once firing 1"]);
    assert_eq!(alarms.news(59 * SECOND), NOTHING);
    assert_eq!(alarms.news(SECOND), ["often repeat 1"]);
    assert_eq!(alarms.news(30 * SECOND), NOTHING);
    assert_eq!(alarms.news(40 * SECOND), ["often repeat 1"]);
    assert_eq!(
        alarms.news(61 * MINUTE),
        ["often resolved 0", "once resolved 0"]
    );
    assert_eq!(alarms.news(5 * MINUTE), NOTHING);
}

#[test]
fn hysteresis_resolves_at_the_second_threshold() {
    let mut alarms = Alarms::start();
    alarms.track(5, "VAL load 90");
    alarms.set("load load:avg 5s > 80 CLEAR 60");
    assert_eq!(alarms.news(SECOND), ["load firing 90"]);
    alarms.clock.step(4 * SECOND);
    alarms.track(1, "VAL load 70");
    assert_eq!(alarms.news(SECOND), NOTHING, "between the two");
    assert_eq!(alarms.state("load"), "firing");
    alarms.clock.step(5 * SECOND);
    alarms.track(1, "VAL load 60");
    assert_eq!(alarms.news(SECOND), ["load resolved 60"]);
    alarms.clock.step(5 * SECOND);
    alarms.track(1, "VAL load 70");
    assert_eq!(alarms.news(SECOND), NOTHING, "from below");
    assert_eq!(alarms.state("load"), "ok");
}

#[test]
fn what_was_not_measured_neither_fires_nor_resolves() {
    let mut alarms = Alarms::start();
    alarms.connection.run("ANALYTICS.CREATE shop").ok();
    alarms.set("fast latency:avg 5s < 100");
    alarms.set("growth events 5s change> -1000");
    alarms.set("held latency:avg 5s < 100 FOR 10s");
    assert_eq!(alarms.news(SECOND), NOTHING, "nothing there");
    alarms.track(1, "VAL latency 50");
    assert_eq!(alarms.news(SECOND), ["fast firing 50"]);
    assert_eq!(alarms.state("held"), "pending");
    assert_eq!(alarms.news(7 * SECOND), ["growth firing -100"]);
    assert_eq!(alarms.state("fast"), "firing");
    assert_eq!(alarms.state("held"), "ok", "it is not known to have held");
    assert_eq!(alarms.news(20 * SECOND), NOTHING);
    assert_eq!(alarms.state("growth"), "firing");
    alarms.track(1, "VAL latency 500");
    assert_eq!(alarms.news(SECOND), ["fast resolved 500"]);
}

#[test]
fn no_events_for_five_minutes_is_a_rule_like_any_other() {
    let mut alarms = Alarms::start();
    alarms.track(1, "");
    alarms.set("quiet events 5m < 1 SEVERITY page");
    assert_eq!(alarms.news(4 * MINUTE), NOTHING);
    assert_eq!(alarms.news(2 * MINUTE), ["quiet firing 0"]);
    alarms.track(1, "");
    assert_eq!(alarms.news(SECOND), ["quiet resolved 1"]);
    let entry = alarms.connection.run("XREVRANGE {shop}:alerts + - COUNT 2");
    let fields = entry.at(1).at(1);
    let names: Vec<&str> = fields.fields().into_iter().map(|(name, _)| name).collect();
    assert_eq!(
        names.join(" "),
        "rule state value threshold window time severity metric op"
    );
    for (field, value) in [
        ("threshold", "1"),
        ("window", "5m"),
        ("severity", "page"),
        ("metric", "events"),
        ("op", "<"),
    ] {
        assert_eq!(*fields.get(field), value);
    }
    let time: i64 = fields.get("time").text().parse().expect("a time");
    assert_eq!(time, alarms.clock.now() - SECOND);
}

#[test]
fn a_paused_rule_says_nothing_and_goes_on_where_it_was() {
    let mut alarms = Alarms::start();
    alarms.track(1, "");
    alarms.set("busy events 1m > 0");
    alarms.set("held events 1m > 0 FOR 10s");
    alarms.set("other events 1m > 0");
    assert_eq!(alarms.news(SECOND).len(), 2);
    for rule in ["busy", "held"] {
        let pause = format!("ANALYTICS.ALERT shop PAUSE {rule}");
        alarms.connection.pipeline(&[&pause, &pause])[1].ok();
    }
    assert_eq!(alarms.state("held"), "ok", "it begins anew");
    // Of three rules one is evaluated.
    let before = figure(&mut alarms.connection, "alert_evaluations");
    alarms.clock.step(2 * MINUTE);
    wait_until("the other resolves", || alarms.said().len() == 3);
    assert_eq!(
        figure(&mut alarms.connection, "alert_evaluations"),
        before + 1
    );
    assert_eq!(alarms.state("busy"), "firing");
    for rule in ["busy", "held"] {
        let resume = format!("ANALYTICS.ALERT shop RESUME {rule}");
        alarms.connection.run(&resume).ok();
    }
    assert_eq!(alarms.news(SECOND), ["busy resolved 0"]);
}

#[test]
fn a_rule_that_goes_or_changes_cancels_what_it_said() {
    let mut alarms = Alarms::start();
    alarms.track(5, "");
    for rule in ["a", "b", "c"] {
        alarms.set(&format!("{rule} events 1h > 1"));
    }
    assert_eq!(alarms.news(SECOND).len(), 3);
    let mut run = |line: &str| {
        alarms
            .connection
            .run(&format!("ANALYTICS.ALERT shop {line}"))
    };
    assert_eq!(run("DEL a"), 1);
    assert_eq!(run("DEL a"), 0);
    run("SET b events 1h > 2 EVERY 1s").ok();
    run("SET c events 1h > 1 EVERY 1s REPEAT 1h SEVERITY low").ok();
    assert_eq!(alarms.said()[3..], ["a cancelled", "b cancelled"]);
    assert_eq!(
        (alarms.state("b"), alarms.state("c")),
        ("ok".into(), "firing".into())
    );
    assert_eq!(alarms.news(SECOND), ["b firing 5"]);
}

#[test]
fn test_says_what_would_happen_and_changes_nothing() {
    let mut alarms = Alarms::start();
    alarms.track(5, "");
    alarms
        .connection
        .run("ANALYTICS.ALERT shop SET busy events 1m > 4 EVERY 1d")
        .ok();
    let digest = alarms.connection.digest_of_all();
    let answers = |alarms: &mut Alarms| {
        let test = alarms.connection.run("ANALYTICS.ALERT shop TEST busy");
        let fields = ["value", "holds", "state", "next-state", "says"];
        format!("{:?}", fields.map(|field| test.get(field).clone()))
    };
    assert_eq!(
        answers(&mut alarms),
        r#"["5", 1, "ok", "firing", "firing"]"#
    );
    assert_eq!(alarms.connection.digest_of_all(), digest);
    assert!(alarms.said().is_empty());
    alarms.clock.step(2 * MINUTE);
    assert_eq!(answers(&mut alarms), r#"["0", 0, "ok", "ok", (nil)]"#);
    assert_eq!(alarms.connection.digest_of_all(), digest);
    let line = alarms.connection.run("ANALYTICS.ALERT shop TEST other");
    assert!(line.error().contains("no rule 'other'"));
}

#[test]
fn a_clock_that_is_put_back_does_not_stop_the_rules() {
    let mut alarms = Alarms::start();
    alarms.track(1, "");
    alarms.set("busy events 1h > 0 REPEAT 10s");
    assert_eq!(alarms.news(SECOND), ["busy firing 1"]);
    let before = figure(&mut alarms.connection, "alert_evaluations");
    alarms.clock.step(-30 * MINUTE);
    wait_until("it is evaluated again", || {
        alarms.clock.step(50);
        figure(&mut alarms.connection, "alert_evaluations") > before
    });
    // The event lies in the future then.
    assert_eq!(alarms.said()[1..], ["busy resolved 0"]);
    alarms.track(1, "");
    assert_eq!(alarms.news(SECOND), ["busy firing 1"]);
    assert_eq!(alarms.news(10 * SECOND), ["busy repeat 1"]);
}

#[test]
fn what_cannot_be_said_has_not_happened() {
    let mut alarms = Alarms::start();
    alarms.track(1, "");
    alarms.connection.run("SET {shop}:alerts mine").ok();
    alarms.set("busy events 1h > 0");
    alarms.pass(SECOND);
    assert_eq!(alarms.state("busy"), "ok");
    assert_eq!(alarms.connection.run("GET {shop}:alerts"), "mine");
    assert_eq!(figure(&mut alarms.connection, "alert_failures"), 1);
    alarms.connection.run("DEL {shop}:alerts");
    assert_eq!(alarms.news(SECOND), ["busy firing 1"]);
    // A command says so.
    alarms.connection.run("SET {shop}:alerts mine").ok();
    let line = alarms.connection.run("ANALYTICS.ALERT shop DEL busy");
    assert!(
        line.error()
            .starts_with("ERR '{shop}:alerts' does not take"),
        "{line:?}"
    );
    assert_eq!(alarms.state("busy"), "firing");
}

#[test]
fn a_rule_that_cannot_be_answered_any_more_is_counted() {
    let mut alarms = Alarms::start();
    alarms.track(1, "DIM plan pro");
    alarms.set("crowd users@plan=pro 1h > 0");
    assert_eq!(alarms.news(SECOND), ["crowd firing 1"]);
    alarms
        .connection
        .run("ANALYTICS.ALTER shop DIM plan NOUSERS")
        .ok();
    assert_eq!(alarms.news(SECOND), NOTHING);
    assert_eq!(alarms.state("crowd"), "firing");
    assert_eq!(figure(&mut alarms.connection, "alert_failures"), 1);
    let line = alarms.connection.run("ANALYTICS.ALERT shop TEST crowd");
    assert!(line.error().contains("NOUSERS"), "{line:?}");
}

#[test]
fn the_stream_keeps_the_last_ten_thousand() {
    let mut alarms = Alarms::start();
    alarms.track(1, "");
    alarms.set("busy events 1h > 0");
    for _ in 0..11 {
        let lines = vec!["XADD {shop}:alerts * rule old state firing value 1"; 1_000];
        alarms.connection.pipeline(&lines);
    }
    alarms.pass(SECOND);
    assert_eq!(alarms.connection.run("XLEN {shop}:alerts"), 10_000);
}

#[test]
fn the_timer_runs_while_there_is_something_to_do() {
    let mut alarms = Alarms::start();
    alarms.track(1, "");
    assert_eq!(figure(&mut alarms.connection, "alert_ticks"), 0);
    alarms.set("busy events 1h > 0");
    alarms.pass(SECOND);
    assert_eq!(alarms.connection.run("ANALYTICS.ALERT shop DEL busy"), 1);
    assert_eq!(figure(&mut alarms.connection, "alert_rules"), 0);
    // The tick that was on its way, and none after it.
    alarms.clock.step(SECOND);
    let last = figure(&mut alarms.connection, "alert_ticks");
    std::thread::sleep(std::time::Duration::from_millis(600));
    alarms.clock.step(SECOND);
    std::thread::sleep(std::time::Duration::from_millis(600));
    assert!(figure(&mut alarms.connection, "alert_ticks") <= last + 1);
}
