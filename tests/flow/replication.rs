//! What is replicated: resolved facts, so that replicas come to the same bytes and the same expiry
//! times under other settings.

use std::thread::sleep;
use std::time::Duration;

use testkit::calendar::{at, buckets, floor, DAY, HOUR, MINUTE};
use testkit::state::assert_same_data;
use testkit::{Connection, ReplicaChain, Server};

#[track_caller]
fn counts(connection: &mut Connection, line: &str, expected: i64) {
    assert_eq!(connection.run(line), expected, "{line}");
}

#[test]
fn events_with_every_kind_of_time_agree() {
    let chain = ReplicaChain::start();
    let mut connection = chain.master.connection();
    let now = connection.now();
    let iso = at(now - 3 * MINUTE, "Asia/Tokyo")
        .strftime("%Y-%m-%dT%H:%M:%S%:z")
        .to_string();
    let old_iso = at(now - 3 * DAY, "UTC")
        .strftime("%Y-%m-%dT%H:%M")
        .to_string();
    let options = "SESSION s DIM country FR VAL revenue -3.25 ID";
    for (number, time) in [
        "".to_owned(),
        "AT *".to_owned(),
        format!("AT {}", now - MINUTE),
        format!("AT {}", now + 4 * MINUTE),
        format!("AT {iso}"),
        format!("AT {old_iso}"),
        format!("AT {}", now - 2 * HOUR),
        format!("AT {}", now - 8 * DAY),
        format!("AT {}", now - 400 * DAY),
        format!("AT {}", now - 800 * DAY),
    ]
    .iter()
    .enumerate()
    {
        counts(
            &mut connection,
            &format!("ANALYTICS.TRACK a view ann {time} {options} {number}"),
            1,
        );
        counts(
            &mut connection,
            &format!("ANALYTICS.TRACK b view ann {options} {number} {time} DIM plan pro"),
            1,
        );
        counts(
            &mut connection,
            &format!("ANALYTICS.MTRACK c EVENT view ann {time} ID {number} EVENT view bob {options} x{number} {time}"),
            2,
        );
        chain.assert_agree(time);
    }
    let mixed = format!(
        "ANALYTICS.MTRACK d EVENT a ann EVENT b bob AT {iso} DIM x 1 EVENT c cleo AT {} EVENT d dora AT 5 EVENT a ann AT * VAL v 5 \
         EVENT e eve AT {} ID z EVENT e eve AT {} ID z EVENT f fay AT {old_iso}",
        now - 50 * MINUTE,
        now - 9 * DAY,
        now - 9 * DAY
    );
    counts(&mut connection, &mixed, 6);
    chain.assert_agree("a mixed MTRACK");
}

#[test]
fn what_is_dropped_is_not_replicated_and_leaves_no_name() {
    let chain = ReplicaChain::start();
    let mut connection = chain.master.connection();
    let now = connection.now();
    let offset = |connection: &mut Connection| connection.info("replication", "master_repl_offset");
    counts(
        &mut connection,
        &format!("ANALYTICS.TRACK shop view ann AT {now} ID x"),
        1,
    );
    let before = offset(&mut connection);
    for (line, expected) in [
        (
            format!("ANALYTICS.TRACK shop view ann AT {now} ID x DIM new y"),
            0,
        ),
        ("ANALYTICS.TRACK shop view ann AT 5 VAL new 1".to_owned(), 0),
        ("ANALYTICS.TRACK nosuch view ann AT 5".to_owned(), 0),
        (
            format!(
                "ANALYTICS.MTRACK shop EVENT view ann AT {now} ID x DIM new y EVENT view ann AT 5"
            ),
            0,
        ),
    ] {
        counts(&mut connection, &line, expected);
    }
    assert!(connection.run("ANALYTICS.TRACK shop view").is_error());
    assert!(connection
        .run("ANALYTICS.TRACK shop view ann VAL x y")
        .is_error());
    assert_eq!(offset(&mut connection), before, "the stream grew");

    let call = format!(
        "ANALYTICS.MTRACK shop EVENT view ann AT {now} ID x DIM dropped y EVENT view bob AT {now} ID y DIM kept y \
         EVENT view bob AT {now} ID y DIM again y EVENT view cleo ID q EVENT view ann AT 5 VAL gone 1"
    );
    counts(&mut connection, &call, 2);
    chain.assert_agree("duplicates in a call");
    let info = chain.second_replica.connection().run("ANALYTICS.INFO shop");
    assert_eq!(info.get("dimensions").array().len(), 2);
    assert!(info.get("values").array().is_empty());
}

#[test]
fn sites_are_made_with_the_masters_settings() {
    let chain = ReplicaChain::of(
        Server::with()
            .config("analytics.timezone", "Asia/Kolkata")
            .config("analytics.dimension-capacity", "5")
            .config("analytics.retention-minute", "2h")
            .config("analytics.retention-hour", "off"),
    );
    let mut connection = chain.master.connection();
    counts(&mut connection, "ANALYTICS.TRACK a view ann DIM page /1", 1);
    counts(
        &mut connection,
        "ANALYTICS.MTRACK b EVENT view ann EVENT view bob",
        2,
    );
    connection
        .run("ANALYTICS.CREATE c DIM x NOUSERS CUBE event,x NOUSERS VAL v STRICT")
        .ok();
    connection
        .run("ANALYTICS.CREATE d TZ Europe/Paris RETENTION minute off RETENTION hour 3d CAPACITY 2")
        .ok();
    chain.assert_agree("creation");
    // More values than there are rows, on every side the same heavy ones.
    for n in 0..60 {
        let page = n * n % 17;
        counts(
            &mut connection,
            &format!("ANALYTICS.TRACK a view u{n} DIM page /{page} VAL n {n}"),
            1,
        );
        counts(
            &mut connection,
            &format!("ANALYTICS.TRACK d view u{n} DIM page /{page}"),
            1,
        );
    }
    connection
        .run("CONFIG SET analytics.timezone America/New_York analytics.dimension-capacity 9")
        .ok();
    counts(&mut connection, "ANALYTICS.TRACK e view ann", 1);
    chain.assert_agree("many values");
    let info = chain.replica.connection().run("ANALYTICS.INFO a");
    assert_eq!(*info.get("timezone"), "Asia/Kolkata");
    assert_eq!(*info.get("capacity"), 5);
}

#[test]
fn altered_settings_and_moved_expiries_agree() {
    let chain = ReplicaChain::start();
    let mut connection = chain.master.connection();
    let now = connection.now();
    for age in [
        0,
        10 * MINUTE,
        40 * MINUTE,
        5 * HOUR,
        5 * DAY,
        30 * DAY,
        500 * DAY,
    ] {
        counts(
            &mut connection,
            &format!("ANALYTICS.TRACK shop view ann AT {}", now - age),
            1,
        );
    }
    for options in [
        "RETENTION minute 20m RETENTION hour 9d",
        "RETENTION minute 1d RETENTION day off RETENTION week 60w",
        "RETENTION day 10d",
        "RETENTION month 50mo DIM country NOUSERS VAL x CAPACITY 7",
        "CUBE event,country STRICT",
        "DIM event NOUSERS NOSTRICT",
        "",
    ] {
        connection
            .run(&format!("ANALYTICS.ALTER shop {options}"))
            .ok();
        chain.assert_agree(options);
        for age in [0, 30 * MINUTE, 3 * HOUR, 6 * DAY, 20 * DAY] {
            let event = format!(
                "ANALYTICS.TRACK shop view bob AT {} DIM country FR VAL x 2",
                now - age
            );
            if options != "RETENTION minute 20m RETENTION hour 9d" {
                connection.run(&event);
            }
        }
        chain.assert_agree(&format!("events after {options}"));
    }
    connection.pipeline(&[
        "MULTI",
        "ANALYTICS.ALTER shop RETENTION hour 2d",
        "ANALYTICS.TRACK shop view cleo",
        "EXEC",
    ]);
    chain.assert_agree("a transaction");
    connection.run("RENAME shop store").ok();
    counts(&mut connection, "ANALYTICS.TRACK store view ann", 1);
    counts(&mut connection, "ANALYTICS.TRACK shop view ann", 1);
    chain.assert_agree("a renamed site");
    assert!(connection.run("ANALYTICS.DROP shop").int() > 5);
    assert!(connection.run("ANALYTICS.DROP store").int() >= 4);
    chain.assert_agree("two drops");
}

#[test]
fn declared_after_learned_agrees_with_a_replica_that_came_between() {
    let master = Server::start();
    let mut connection = master.connection();
    counts(
        &mut connection,
        "ANALYTICS.TRACK shop view ann DIM z 1 DIM b 1 VAL z 1 VAL b 1",
        1,
    );
    let replica = Server::with().replica_of(&master).start();
    master.wait_for_replica(&replica);
    for options in ["DIM z VAL z", "DIM b VAL b DIM a"] {
        connection
            .run(&format!("ANALYTICS.ALTER shop {options}"))
            .ok();
        master.wait_for_replica(&replica);
        assert_same_data(&mut connection, &mut replica.connection(), options);
    }
}

#[test]
fn a_bucket_that_expires_is_gone_everywhere_and_stays_gone() {
    let chain = ReplicaChain::start();
    let mut connection = chain.master.connection();
    let now = connection.now();
    let time = floor(now, MINUTE) - 2 * MINUTE;
    // The bucket of that minute expires in about a second.
    let kept = now + 1_200 - (time + MINUTE);
    connection
        .run(&format!("ANALYTICS.CREATE shop RETENTION minute {kept}ms"))
        .ok();
    let minute = buckets("shop", "UTC", time)[0].key.clone();
    let replies = connection.pipeline(&[
        format!("ANALYTICS.TRACK shop view ann AT {time} ID x"),
        format!("EXISTS {minute}"),
    ]);
    assert_eq!((replies[0].int(), replies[1].int()), (1, 1));
    sleep(Duration::from_millis(1_300));
    // Whichever server is read first: the master deletes the key and replicates that.
    counts(
        &mut connection,
        &format!("ANALYTICS.TRACK shop view bob AT {time} ID y"),
        1,
    );
    counts(
        &mut connection,
        &format!("ANALYTICS.MTRACK shop EVENT view bob AT {time} EVENT view cleo"),
        2,
    );
    assert_eq!(connection.run(&format!("EXISTS {minute}")), 0);
    chain.assert_agree("its end");
}

#[test]
fn a_promoted_replica_goes_on_where_its_master_was() {
    let chain = ReplicaChain::start();
    let mut connection = chain.master.connection();
    let now = connection.now();
    counts(
        &mut connection,
        &format!("ANALYTICS.TRACK shop view ann AT {now} ID x DIM country FR"),
        1,
    );
    counts(&mut connection, "ANALYTICS.TRACK shop view bob", 1);
    chain.assert_agree("events");
    let mut promoted = chain.replica.connection();
    promoted.run("REPLICAOF NO ONE").ok();
    counts(
        &mut promoted,
        &format!("ANALYTICS.TRACK shop view ann AT {now} ID x"),
        0,
    );
    counts(
        &mut promoted,
        "ANALYTICS.TRACK shop view cleo DIM country DE",
        1,
    );
    counts(
        &mut promoted,
        &format!("ANALYTICS.TRACK shop view dora AT {}", now - 2 * HOUR),
        1,
    );
    promoted.run("ANALYTICS.ALTER shop RETENTION hour 30d").ok();
    // Its own settings make its own new sites.
    counts(&mut promoted, "ANALYTICS.TRACK new view ann", 1);
    chain.replica.wait_for_replica(&chain.second_replica);
    assert_same_data(
        &mut promoted,
        &mut chain.second_replica.connection(),
        "the replica of the new master",
    );
    connection
        .run(&format!("REPLICAOF 127.0.0.1 {}", chain.replica.port()))
        .ok();
    chain.replica.wait_for_replica(&chain.master);
    assert_same_data(&mut promoted, &mut connection, "the master of before");
    assert_eq!(promoted.run("ANALYTICS.UNIQUE shop 1d"), 4);
}
