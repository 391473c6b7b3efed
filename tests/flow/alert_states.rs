//! Rules and the time that passes: when they fire, repeat and resolve, with a clock that the test
//! moves.

use testkit::calendar::MINUTE;
use testkit::wait_until;

use crate::alert_fixture::{figure, AlertFixture, SECOND};

const NOTHING: [&str; 0] = [];

#[test]
fn every_op_fires_and_resolves() {
    let mut fixture = AlertFixture::start();
    fixture.connection.run("ANALYTICS.CREATE shop").ok();
    for (name, op, threshold) in [
        ("above", ">", 3),
        ("at-least", ">=", 3),
        ("below", "<", 3),
        ("at-most", "<=", 3),
        ("equal", "=", 3),
        ("rise", "change>", 50),
        ("fall", "change<", -50),
    ] {
        fixture.set(&format!("{name} events 10s {op} {threshold}"));
    }
    fixture.track(3, "");
    assert_eq!(
        fixture.new_messages(5 * SECOND),
        ["at-least firing 3", "at-most firing 3", "equal firing 3"]
    );
    fixture.track(1, "");
    assert_eq!(
        fixture.new_messages(SECOND),
        ["above firing 4", "at-most resolved 4", "equal resolved 4"]
    );
    // The first three leave the window and are what the last one is compared with.
    assert_eq!(
        fixture.new_messages(6 * SECOND),
        [
            "above resolved 1",
            "at-least resolved 1",
            "at-most firing 1",
            "below firing 1",
            "fall firing -66.66666666666667"
        ]
    );
    fixture.track(5, "");
    assert_eq!(
        fixture.new_messages(SECOND),
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
fn for_requires_the_condition_to_be_true_that_long() {
    let mut fixture = AlertFixture::start();
    fixture.track(1, "");
    fixture.set("busy events 20s > 0 FOR 3s");
    assert_eq!(fixture.new_messages(SECOND), NOTHING);
    assert_eq!(fixture.state("busy"), "pending");
    assert_eq!(fixture.new_messages(2 * SECOND), NOTHING);
    assert_eq!(fixture.new_messages(SECOND), ["busy firing 1"]);
    assert_eq!(fixture.new_messages(20 * SECOND), ["busy resolved 0"]);
    // Interrupted, it begins anew.
    fixture.track(1, "");
    fixture.advance(2 * SECOND);
    assert_eq!(fixture.state("busy"), "pending");
    fixture.advance(25 * SECOND);
    assert_eq!(fixture.state("busy"), "ok");
    fixture.track(1, "");
    assert_eq!(fixture.new_messages(2 * SECOND), NOTHING);
    assert_eq!(fixture.new_messages(2 * SECOND), NOTHING);
    assert_eq!(fixture.new_messages(SECOND), ["busy firing 1"]);
}

#[test]
fn repeat_writes_the_message_again_while_the_rule_fires() {
    let mut fixture = AlertFixture::start();
    fixture.track(1, "");
    fixture.set("once events 1h > 0");
    fixture.set("often events 1h > 0 REPEAT 1m");
    assert_eq!(
        fixture.new_messages(SECOND),
        ["often firing 1", "once firing 1"]
    );
    assert_eq!(fixture.new_messages(59 * SECOND), NOTHING);
    assert_eq!(fixture.new_messages(SECOND), ["often repeat 1"]);
    assert_eq!(fixture.new_messages(30 * SECOND), NOTHING);
    assert_eq!(fixture.new_messages(40 * SECOND), ["often repeat 1"]);
    assert_eq!(
        fixture.new_messages(61 * MINUTE),
        ["often resolved 0", "once resolved 0"]
    );
    assert_eq!(fixture.new_messages(5 * MINUTE), NOTHING);
}

#[test]
fn hysteresis_resolves_at_the_second_threshold() {
    let mut fixture = AlertFixture::start();
    fixture.track(5, "VAL load 90");
    fixture.set("load load:avg 5s > 80 CLEAR 60");
    assert_eq!(fixture.new_messages(SECOND), ["load firing 90"]);
    fixture.clock.step(4 * SECOND);
    fixture.track(1, "VAL load 70");
    assert_eq!(fixture.new_messages(SECOND), NOTHING, "between the two");
    assert_eq!(fixture.state("load"), "firing");
    fixture.clock.step(5 * SECOND);
    fixture.track(1, "VAL load 60");
    assert_eq!(fixture.new_messages(SECOND), ["load resolved 60"]);
    fixture.clock.step(5 * SECOND);
    fixture.track(1, "VAL load 70");
    assert_eq!(fixture.new_messages(SECOND), NOTHING, "from below");
    assert_eq!(fixture.state("load"), "ok");
}

#[test]
fn a_null_value_neither_fires_nor_resolves() {
    let mut fixture = AlertFixture::start();
    let create = "ANALYTICS.CREATE shop VAL latency";
    fixture.connection.run(create).ok();
    fixture.set("fast latency:avg 5s < 100");
    fixture.set("growth events 5s change> -1000");
    fixture.set("held latency:avg 5s < 100 FOR 10s");
    assert_eq!(fixture.new_messages(SECOND), NOTHING, "nothing there");
    fixture.track(1, "VAL latency 50");
    assert_eq!(fixture.new_messages(SECOND), ["fast firing 50"]);
    assert_eq!(fixture.state("held"), "pending");
    assert_eq!(fixture.new_messages(7 * SECOND), ["growth firing -100"]);
    assert_eq!(fixture.state("fast"), "firing");
    assert_eq!(fixture.state("held"), "ok", "it is not known to have held");
    assert_eq!(fixture.new_messages(20 * SECOND), NOTHING);
    assert_eq!(fixture.state("growth"), "firing");
    fixture.track(1, "VAL latency 500");
    assert_eq!(fixture.new_messages(SECOND), ["fast resolved 500"]);
}

#[test]
fn no_events_for_five_minutes_is_a_rule_like_any_other() {
    let mut fixture = AlertFixture::start();
    fixture.track(1, "");
    fixture.set("quiet events 5m < 1 SEVERITY page");
    assert_eq!(fixture.new_messages(4 * MINUTE), NOTHING);
    assert_eq!(fixture.new_messages(2 * MINUTE), ["quiet firing 0"]);
    fixture.track(1, "");
    assert_eq!(fixture.new_messages(SECOND), ["quiet resolved 1"]);
    let entry = fixture
        .connection
        .run("XREVRANGE {shop}:alerts + - COUNT 2");
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
    assert_eq!(time, fixture.clock.now() - SECOND);
}

#[test]
fn a_paused_rule_writes_no_message_and_keeps_its_state() {
    let mut fixture = AlertFixture::start();
    fixture.track(1, "");
    fixture.set("busy events 1m > 0");
    fixture.set("held events 1m > 0 FOR 10s");
    fixture.set("other events 1m > 0");
    assert_eq!(fixture.new_messages(SECOND).len(), 2);
    for rule in ["busy", "held"] {
        let pause = format!("ANALYTICS.ALERT shop PAUSE {rule}");
        fixture.connection.pipeline(&[&pause, &pause])[1].ok();
    }
    assert_eq!(fixture.state("held"), "ok", "it begins anew");
    // Of three rules one is evaluated.
    let before = figure(&mut fixture.connection, "alert_evaluations");
    fixture.clock.step(2 * MINUTE);
    wait_until("the other resolves", || fixture.messages().len() == 3);
    assert_eq!(
        figure(&mut fixture.connection, "alert_evaluations"),
        before + 1
    );
    assert_eq!(fixture.state("busy"), "firing");
    for rule in ["busy", "held"] {
        let resume = format!("ANALYTICS.ALERT shop RESUME {rule}");
        fixture.connection.run(&resume).ok();
    }
    assert_eq!(fixture.new_messages(SECOND), ["busy resolved 0"]);
}

#[test]
fn a_deleted_or_changed_rule_writes_cancelled() {
    let mut fixture = AlertFixture::start();
    fixture.track(5, "");
    for rule in ["a", "b", "c"] {
        fixture.set(&format!("{rule} events 1h > 1"));
    }
    assert_eq!(fixture.new_messages(SECOND).len(), 3);
    let mut run = |line: &str| {
        fixture
            .connection
            .run(&format!("ANALYTICS.ALERT shop {line}"))
    };
    assert_eq!(run("DEL a"), 1);
    assert_eq!(run("DEL a"), 0);
    run("SET b events 1h > 2 EVERY 1s").ok();
    run("SET c events 1h > 1 EVERY 1s REPEAT 1h SEVERITY low").ok();
    assert_eq!(fixture.messages()[3..], ["a cancelled", "b cancelled"]);
    assert_eq!(
        (fixture.state("b"), fixture.state("c")),
        ("ok".into(), "firing".into())
    );
    assert_eq!(fixture.new_messages(SECOND), ["b firing 5"]);
}

#[test]
fn test_says_what_would_happen_and_changes_nothing() {
    let mut fixture = AlertFixture::start();
    fixture.track(5, "");
    fixture
        .connection
        .run("ANALYTICS.ALERT shop SET busy events 1m > 4 EVERY 1d")
        .ok();
    let digest = fixture.connection.digest_of_all();
    let answers = |fixture: &mut AlertFixture| {
        let test = fixture.connection.run("ANALYTICS.ALERT shop TEST busy");
        let fields = ["value", "holds", "state", "next-state", "says"];
        format!("{:?}", fields.map(|field| test.get(field).clone()))
    };
    assert_eq!(
        answers(&mut fixture),
        r#"["5", 1, "ok", "firing", "firing"]"#
    );
    assert_eq!(fixture.connection.digest_of_all(), digest);
    assert!(fixture.messages().is_empty());
    fixture.clock.step(2 * MINUTE);
    assert_eq!(answers(&mut fixture), r#"["0", 0, "ok", "ok", (nil)]"#);
    assert_eq!(fixture.connection.digest_of_all(), digest);
    let line = fixture.connection.run("ANALYTICS.ALERT shop TEST other");
    assert!(line.error().contains("no rule 'other'"));
}

#[test]
fn a_clock_that_is_put_back_does_not_stop_the_rules() {
    let mut fixture = AlertFixture::start();
    fixture.track(1, "");
    fixture.set("busy events 1h > 0 REPEAT 10s");
    assert_eq!(fixture.new_messages(SECOND), ["busy firing 1"]);
    let before = figure(&mut fixture.connection, "alert_evaluations");
    fixture.clock.step(-30 * MINUTE);
    wait_until("it is evaluated again", || {
        fixture.clock.step(50);
        figure(&mut fixture.connection, "alert_evaluations") > before
    });
    // The event lies in the future then.
    assert_eq!(fixture.messages()[1..], ["busy resolved 0"]);
    fixture.track(1, "");
    assert_eq!(fixture.new_messages(SECOND), ["busy firing 1"]);
    assert_eq!(fixture.new_messages(10 * SECOND), ["busy repeat 1"]);
}

#[test]
fn a_state_changes_only_when_its_message_can_be_written() {
    let mut fixture = AlertFixture::start();
    fixture.track(1, "");
    fixture.connection.run("SET {shop}:alerts mine").ok();
    fixture.set("busy events 1h > 0");
    fixture.advance(SECOND);
    assert_eq!(fixture.state("busy"), "ok");
    assert_eq!(fixture.connection.run("GET {shop}:alerts"), "mine");
    assert_eq!(figure(&mut fixture.connection, "alert_failures"), 1);
    fixture.connection.run("DEL {shop}:alerts");
    assert_eq!(fixture.new_messages(SECOND), ["busy firing 1"]);
    // A command says so.
    fixture.connection.run("SET {shop}:alerts mine").ok();
    let line = fixture.connection.run("ANALYTICS.ALERT shop DEL busy");
    assert!(
        line.error()
            .starts_with("ERR cannot store the alert: '{shop}:alerts' is not a stream"),
        "{line:?}"
    );
    assert_eq!(fixture.state("busy"), "firing");
}

#[test]
fn a_rule_that_cannot_be_answered_any_more_is_counted() {
    let mut fixture = AlertFixture::start();
    fixture.track(1, "DIM plan pro");
    fixture.set("crowd users@plan=pro 1h > 0");
    assert_eq!(fixture.new_messages(SECOND), ["crowd firing 1"]);
    fixture
        .connection
        .run("ANALYTICS.ALTER shop DIM plan NOUSERS")
        .ok();
    assert_eq!(fixture.new_messages(SECOND), NOTHING);
    assert_eq!(fixture.state("crowd"), "firing");
    assert_eq!(figure(&mut fixture.connection, "alert_failures"), 1);
    let line = fixture.connection.run("ANALYTICS.ALERT shop TEST crowd");
    assert!(line.error().contains("NOUSERS"), "{line:?}");
}

#[test]
fn the_stream_keeps_the_last_ten_thousand() {
    let mut fixture = AlertFixture::start();
    fixture.track(1, "");
    fixture.set("busy events 1h > 0");
    for _ in 0..11 {
        let lines = vec!["XADD {shop}:alerts * rule old state firing value 1"; 1_000];
        fixture.connection.pipeline(&lines);
    }
    fixture.advance(SECOND);
    assert_eq!(fixture.connection.run("XLEN {shop}:alerts"), 10_000);
}

#[test]
fn the_timer_runs_while_there_is_something_to_do() {
    let mut fixture = AlertFixture::start();
    fixture.track(1, "");
    assert_eq!(figure(&mut fixture.connection, "alert_ticks"), 0);
    fixture.set("busy events 1h > 0");
    fixture.advance(SECOND);
    assert_eq!(fixture.connection.run("ANALYTICS.ALERT shop DEL busy"), 1);
    assert_eq!(figure(&mut fixture.connection, "alert_rules"), 0);
    // The tick that was on its way, and none after it.
    fixture.clock.step(SECOND);
    let last = figure(&mut fixture.connection, "alert_ticks");
    std::thread::sleep(std::time::Duration::from_millis(600));
    fixture.clock.step(SECOND);
    std::thread::sleep(std::time::Duration::from_millis(600));
    assert!(figure(&mut fixture.connection, "alert_ticks") <= last + 1);
}
