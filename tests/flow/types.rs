//! Sites and buckets are keys like any other: copied, renamed, moved, dumped and restored by Redis's
//! own commands.

use testkit::calendar::{buckets, Expected, MINUTE};
use testkit::sites::fill_site;
use testkit::{cmd, Connection, Server, State};

pub fn bucket(site: &str, time: i64, granularity: usize) -> Expected {
    buckets(site, "UTC", time)[granularity].clone()
}

#[test]
fn a_copy_is_equal_and_independent() {
    let server = Server::start();
    let mut connection = server.connection();
    let time = fill_site(&mut connection, "shop");
    let day = bucket("shop", time, 2);
    let hour = bucket("shop", time, 1);
    for key in ["shop", &day.key, &hour.key] {
        assert_eq!(cmd!(connection, "COPY", key, "copy", "REPLACE"), 1);
        let (dump, digest) = (connection.dump(key), connection.digest(key));
        assert_eq!(connection.dump("copy"), dump, "{key}");
        assert_eq!(connection.digest("copy"), digest, "{key}");
        let expiry =
            |connection: &mut Connection, key: &str| cmd!(connection, "PEXPIRETIME", key).int();
        assert_eq!(
            expiry(&mut connection, "copy"),
            expiry(&mut connection, key)
        );
        assert_eq!(
            cmd!(
                connection,
                "ANALYTICS.TRACK",
                "shop",
                "view",
                "new",
                "AT",
                time
            ),
            1
        );
        assert_ne!(connection.dump(key), dump, "{key}");
        assert_eq!(connection.dump("copy"), dump, "{key}: the copy has changed");
    }
}

#[test]
fn a_copied_site_has_the_settings_and_its_own_buckets() {
    let server = Server::start();
    let mut connection = server.connection();
    let time = fill_site(&mut connection, "shop");
    let hour = |site: &str| bucket(site, time, 1);
    let expiry =
        |connection: &mut Connection, key: &str| cmd!(connection, "PEXPIRETIME", key).int();
    // After events, the site has the names of its buckets.
    assert_eq!(
        cmd!(
            connection,
            "ANALYTICS.TRACK",
            "shop",
            "view",
            "x",
            "AT",
            time
        ),
        1
    );
    assert_eq!(connection.run("COPY shop store"), 1);
    let before = connection.digest(&hour("shop").key);
    assert_eq!(
        cmd!(
            connection,
            "ANALYTICS.TRACK",
            "store",
            "view",
            "x",
            "AT",
            time
        ),
        1
    );
    assert_eq!(connection.digest(&hour("shop").key), before);
    assert_eq!(
        expiry(&mut connection, &hour("store").key),
        hour("store").expiry
    );
    let window = format!("{}..{}", time - time.rem_euclid(MINUTE), time + 1);
    assert_eq!(cmd!(connection, "ANALYTICS.UNIQUE", "store", window), 1);
    let plan = cmd!(connection, "ANALYTICS.UNIQUE", "store", window, "plan", "0");
    assert!(plan.error().contains("NOUSERS"));
}

#[test]
fn a_renamed_site_makes_new_buckets_and_a_name_that_cannot_be_a_sites_is_refused() {
    let server = Server::start();
    let mut connection = server.connection();
    let time = fill_site(&mut connection, "shop");
    let hour = bucket("shop", time, 1).key;
    let before = connection.digest(&hour);
    connection.run("RENAME shop store").ok();
    assert_eq!(
        cmd!(
            connection,
            "ANALYTICS.TRACK",
            "store",
            "view",
            "ann",
            "AT",
            time
        ),
        1
    );
    assert_eq!(connection.digest(&hour), before);
    assert_eq!(cmd!(connection, "EXISTS", bucket("store", time, 1).key), 1);
    assert!(connection.run("ANALYTICS.INFO shop").is_error());
    connection.run("RENAME store a}b").ok();
    let reply = cmd!(
        connection,
        "ANALYTICS.TRACK",
        "a}b",
        "view",
        "ann",
        "AT",
        time
    );
    assert!(reply.error().starts_with("ERR site"), "{reply:?}");
    connection.run("RENAME a}b shop").ok();
    assert_eq!(
        cmd!(
            connection,
            "ANALYTICS.TRACK",
            "shop",
            "view",
            "new",
            "AT",
            time
        ),
        1
    );
    assert_ne!(connection.digest(&hour), before);
}

#[test]
fn keys_move_between_databases() {
    let server = Server::start();
    let mut connection = server.connection();
    let time = fill_site(&mut connection, "shop");
    let before = State::of(&mut connection);
    connection.run("SWAPDB 0 3").ok();
    assert!(connection.keys().is_empty());
    assert_eq!(connection.run("ANALYTICS.UNIQUE shop 1d"), 0);
    assert_eq!(
        cmd!(
            connection,
            "ANALYTICS.TRACK",
            "shop",
            "view",
            "ann",
            "AT",
            time
        ),
        1
    );
    connection.run("SELECT 3").ok();
    State::of(&mut connection).assert_is(&before, "the swapped database");
    assert_eq!(connection.run("ANALYTICS.UNIQUE shop 1d"), 200);
    for key in connection.keys() {
        assert_eq!(cmd!(connection, "MOVE", key, 5), 1);
    }
    connection.run("SELECT 5").ok();
    State::of(&mut connection).assert_is(&before, "the moved keys");
    assert_eq!(
        cmd!(
            connection,
            "ANALYTICS.TRACK",
            "shop",
            "view",
            "new",
            "AT",
            time
        ),
        1
    );
    assert_eq!(connection.run("ANALYTICS.UNIQUE shop 1d"), 201);
    for key in connection.keys() {
        assert_eq!(cmd!(connection, "COPY", key, key, "DB", 6), 1);
    }
    // All but the site and its ids are buckets.
    assert_eq!(
        connection.run("ANALYTICS.DROP shop").int() + 2,
        before.keys().len() as i64
    );
    connection.run("SELECT 6").ok();
    assert_eq!(connection.run("ANALYTICS.UNIQUE shop 1d"), 201);
}

#[test]
fn type_encoding_and_idle_time_are_those_of_a_module_value() {
    let server = Server::start();
    let mut connection = server.connection();
    let time = fill_site(&mut connection, "shop");
    let day = bucket("shop", time, 2).key;
    for (key, kind) in [("shop", "analytics"), (&day, "anabucket")] {
        assert_eq!(cmd!(connection, "TYPE", key), kind);
        assert_eq!(cmd!(connection, "OBJECT", "ENCODING", key), "raw");
        assert_eq!(cmd!(connection, "OBJECT", "REFCOUNT", key), 1);
        assert!(cmd!(connection, "OBJECT", "IDLETIME", key).int() < 5);
        let debug = cmd!(connection, "DEBUG", "OBJECT", key);
        assert!(debug.text().contains("serializedlength"), "{debug:?}");
        let scanned = cmd!(connection, "SCAN", 0, "COUNT", 1000, "TYPE", kind);
        assert!(scanned.at(1).texts().contains(&key), "{scanned:?}");
        for command in ["GET", "HGETALL", "PFCOUNT", "LLEN"] {
            assert!(cmd!(connection, command, key)
                .error()
                .starts_with("WRONGTYPE"));
        }
    }
}

#[test]
fn sessions_in_a_dimension_without_users_are_reloaded() {
    let server = Server::start();
    let mut connection = server.connection();
    connection
        .run("ANALYTICS.CREATE shop DIM plan NOUSERS DIM event NOUSERS")
        .ok();
    connection
        .run("ANALYTICS.TRACK shop view ann SESSION s DIM plan pro")
        .int();
    let before = State::of(&mut connection);
    for (key, dump, _) in before.entries() {
        let key = String::from_utf8_lossy(key).into_owned();
        cmd!(connection, "RESTORE", key, 0, dump, "REPLACE").ok();
    }
}

#[test]
fn a_reload_keeps_everything() {
    let server = Server::start();
    let mut connection = server.connection();
    let time = fill_site(&mut connection, "shop");
    let before = State::of(&mut connection);
    connection.run("DEBUG RELOAD").ok();
    State::of(&mut connection).assert_is(&before, "the reloaded server");
    // The ids are still stored, and the next event counts as it would have.
    assert_eq!(
        cmd!(
            connection,
            "ANALYTICS.TRACK",
            "shop",
            "view",
            0,
            "AT",
            time,
            "ID",
            0
        ),
        0
    );
    assert_eq!(
        cmd!(
            connection,
            "ANALYTICS.TRACK",
            "shop",
            "view",
            "ann",
            "AT",
            time,
            "ID",
            "new"
        ),
        1
    );
}

#[test]
fn a_bad_payload_is_refused_and_makes_no_key() {
    let server = Server::start();
    let mut connection = server.connection();
    let time = fill_site(&mut connection, "shop");
    let hour = bucket("shop", time, 1).key;
    let dump = connection.dump(&hour);
    for line in [
        "ANALYTICS.RESTORE new SITE x",
        "ANALYTICS.RESTORE new BUCKET x",
        "ANALYTICS.RESTORE new OTHER x",
        "ANALYTICS.RESTORE shop SITE x",
    ] {
        assert!(connection.run(line).error().starts_with("ERR "), "{line}");
    }
    assert!(cmd!(connection, "RESTORE", "new", 0, &dump[..dump.len() / 2]).is_error());
    assert_eq!(connection.run("EXISTS new"), 0);
    cmd!(connection, "RESTORE", "new", 0, &dump).ok();
    assert_eq!(connection.dump("new"), dump);
}
