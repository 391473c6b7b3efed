//! Access control: a user of one site reaches no other, and a user who may only read changes nothing.
//! Redis 7.0 gives the commands of modules no categories: rules name them there.

use std::collections::BTreeSet;

use testkit::calendar::buckets;
use testkit::sites::fill_site;
use testkit::{cmd, Arg, Connection, Reply, Server, State};

use crate::import::TYPED;

/// Every command of the module, with words behind the site with which it works.
const COMMANDS: [(&str, &[&str]); 27] = [
    ("ANALYTICS.TRACK", &["view", "ann"]),
    ("ANALYTICS.MTRACK", &["EVENT", "view", "ann"]),
    (
        "ANALYTICS.TRACKJSON",
        &["{\"event\":\"view\",\"user_id\":\"ann\"}"],
    ),
    ("ANALYTICS.CREATE", &[]),
    ("ANALYTICS.ALTER", &["RETENTION", "minute", "off"]),
    ("ANALYTICS.DROP", &[]),
    ("ANALYTICS.RESTORE", &["SITE", "page"]),
    ("ANALYTICS.SEED", &["USER", "ann", "2024-07-04"]),
    ("ANALYTICS.FORGET", &["ann"]),
    ("ANALYTICS.IMPORT", &["day", "now", "users", TYPED]),
    (
        "ANALYTICS.ALERT",
        &["SET", "busy", "events", "1d", ">", "9999999", "EVERY", "1d"],
    ),
    ("ANALYTICS.LIVE", &["SET", "main", "1h", "events"]),
    (
        "ANALYTICS.FUNNEL",
        &[
            "SET",
            "buy",
            "WITHIN",
            "1d",
            "STEP",
            "event=view",
            "STEP",
            "event=pay",
        ],
    ),
    // The stream is a key of its own: `flow::replay` has the rights to that.
    ("ANALYTICS.REPLAY", &["FROM", "shop"]),
    ("ANALYTICS.EXPORT", &["day", "now"]),
    ("ANALYTICS.ALERT_RO", &["LIST"]),
    ("ANALYTICS.LIVE_RO", &["LIST"]),
    ("ANALYTICS.FUNNEL_RO", &["LIST"]),
    ("ANALYTICS.UNIQUE", &["1d"]),
    ("ANALYTICS.GET", &["1d", "events"]),
    ("ANALYTICS.RANGE", &["1d", "1h", "events"]),
    ("ANALYTICS.COMPARE", &["1d", "events"]),
    ("ANALYTICS.TOP", &["1d", "country"]),
    ("ANALYTICS.DASHBOARD", &[]),
    ("ANALYTICS.EXPLAIN", &["1d"]),
    ("ANALYTICS.RETENTION", &["1d", "day"]),
    ("ANALYTICS.INFO", &[]),
];
const QUERIES: usize = 13;

fn queries() -> &'static [(&'static str, &'static [&'static str])] {
    &COMMANDS[COMMANDS.len() - QUERIES..]
}

/// A connection of a new user with these rules.
fn user(server: &Server, rules: &[&str]) -> Connection {
    let mut args: Vec<&dyn Arg> = vec![&"ACL", &"SETUSER", &"user", &"reset", &"on", &">secret"];
    args.extend(rules.iter().map(|rule| rule as &dyn Arg));
    server.connection().call(&args).ok();
    let mut connection = server.connection();
    connection.run("AUTH user secret").ok();
    connection
}

fn call(connection: &mut Connection, command: &str, site: &[u8], rest: &[&str]) -> Reply {
    let mut args: Vec<&dyn Arg> = vec![&command, &site];
    args.extend(rest.iter().map(|word| word as &dyn Arg));
    connection.call(&args)
}

fn is_refused_by_acl(reply: &Reply) -> bool {
    reply.is_error() && reply.error().starts_with("NOPERM")
}

#[test]
fn the_commands_tested_here_are_all_there_are() {
    let server = Server::start();
    let known = server
        .connection()
        .run("COMMAND LIST FILTERBY MODULE analytics");
    let known = known.texts().into_iter().map(str::to_uppercase);
    // Which touches no key.
    let known: BTreeSet<String> = known.filter(|name| name != "ANALYTICS.HELP").collect();
    let tested: BTreeSet<String> = COMMANDS
        .iter()
        .map(|(name, _)| (*name).to_owned())
        .collect();
    assert_eq!(known, tested);
}

#[test]
fn a_user_of_one_site_reaches_no_other_whatever_it_is_called() {
    let server = Server::start();
    let mut admin = server.connection();
    let time = fill_site(&mut admin, "other");
    fill_site(&mut admin, "shop");
    let bucket = buckets("other", "UTC", time)[1].key.clone();
    let own_bucket = buckets("shop", "UTC", time)[1].key.clone();
    let before = State::of(&mut admin);
    let mut connection = user(&server, &["~shop", "+@all"]);
    let crafted: [&[u8]; 19] = [
        b"other",
        b"{other}",
        b"shop{other}",
        b"{other}shop",
        b"{shop}",
        b"{shop}other",
        b"shop:other",
        b"shop}",
        b"{shop",
        b"shop\0",
        b"shop\0other",
        b"\0",
        b"*",
        b"sho?",
        b"[s]hop",
        b"SHOP",
        b"",
        bucket.as_bytes(),
        own_bucket.as_bytes(),
    ];
    for site in crafted {
        for (command, rest) in COMMANDS {
            let reply = call(&mut connection, command, site, rest);
            let site = site.escape_ascii();
            assert!(is_refused_by_acl(&reply), "{command} {site}: {reply:?}");
        }
    }
    State::of(&mut admin).assert_is(&before, "after crafted names");
}

#[test]
fn words_behind_the_site_reach_no_other_site() {
    let server = Server::start();
    let mut admin = server.connection();
    let time = fill_site(&mut admin, "other");
    let hour = buckets("other", "UTC", time)[1].key.clone();
    let label = hour.rsplit_once("hour:").expect("an hour bucket").1;
    let before = State::of(&mut admin);
    let mut connection = user(&server, &["~shop", "+@all"]);
    connection
        .run("ANALYTICS.CREATE shop DIM other CUBE event,other VAL other")
        .ok();
    let crafted = [
        "other",
        "{other}",
        "other} {shop",
        "}:hour:x{other",
        &hour,
        label,
        "shop\0other",
        "*",
        "~other",
        "EVENT",
        "SITE",
    ];
    for word in crafted {
        for rest in [
            vec![word, word],
            vec!["view", "ann", "SESSION", word, "ID", word],
            vec!["view", "ann", "DIM", word, word, "VAL", word, "1"],
            vec!["EVENT", word, word, "EVENT", word, word],
            vec![word],
            vec!["1d", word],
            vec!["1d", word, word],
            vec!["1d", &format!("events@{word}={word}")],
            vec!["TZ", word, "DIM", word],
            vec!["BUCKET", word],
            vec!["FROM", word],
            vec!["LOG", "5", "LOGUSERS", word],
            vec!["SET", word, "events", "1d", "<", "0", "SEVERITY", word],
            vec!["SET", word, "1h", &format!("events@{word}={word}")],
        ] {
            for (command, _) in COMMANDS {
                call(&mut connection, command, b"shop", &rest);
            }
        }
    }
    connection.run("ANALYTICS.TRACK shop view ann").int();
    let of_others =
        |(key, _, _): &(&[u8], &[u8], i64)| key != b"shop" && !key.starts_with(b"{shop}");
    let after = State::of(&mut admin);
    let others = after.entries().filter(of_others).count();
    assert_eq!(others, before.keys().len());
    for (key, dump, expiry) in before.entries() {
        assert!(after.entries().any(|it| it == (key, dump, expiry)));
    }
    // What it sees is its own.
    assert_eq!(
        connection.run("ANALYTICS.UNIQUE shop 1h event view").int(),
        1
    );
}

/// What a user has taken out of its own site and put back elsewhere is refused by Redis.
#[test]
fn a_site_is_not_carried_over_to_another_name() {
    let server = Server::start();
    let mut admin = server.connection();
    fill_site(&mut admin, "other");
    let before = State::of(&mut admin);
    let mut connection = user(&server, &["~shop", "+@all"]);
    connection.run("ANALYTICS.TRACK shop view ann").int();
    let dump = connection.dump("shop");
    for line in [
        "RENAME shop other",
        "RENAME other shop",
        "COPY other shop REPLACE",
        "COPY shop other REPLACE",
        "DEL other",
        "DUMP other",
        "EVAL return(redis.call('ANALYTICS.INFO','other')) 0",
        "EVAL return(redis.call('ANALYTICS.DROP',KEYS[1])) 1 shop{other}",
        "SORT shop BY {other}:* GET {other}:*",
    ] {
        assert!(connection.run(line).is_error(), "{line}");
    }
    assert!(cmd!(connection, "RESTORE", "other", 0, dump, "REPLACE").is_error());
    let queued = connection.pipeline(&["MULTI", "ANALYTICS.TRACK other view ann", "EXEC"]);
    assert!(is_refused_by_acl(&queued[1]) && queued[2].is_error());
    let others = |state: &State| -> Vec<_> {
        let entries = state
            .entries()
            .filter(|(key, ..)| key.windows(5).any(|it| it == b"other"));
        entries
            .map(|(key, dump, expiry)| (key.to_vec(), dump.to_vec(), expiry))
            .collect()
    };
    assert_eq!(others(&State::of(&mut admin)), others(&before));
}

#[test]
fn a_reader_runs_every_query_and_nothing_else() {
    let server = Server::start();
    let mut admin = server.connection();
    fill_site(&mut admin, "shop");
    admin.run("ANALYTICS.ALTER shop RETURNING 90d").ok();
    let before = State::of(&mut admin);
    let offset = admin.info("replication", "master_repl_offset");
    let changes = admin.info("persistence", "rdb_changes_since_last_save");
    // By the keys alone, whatever the commands; and by the commands.
    let mut rules = vec!["%R~*".to_owned()];
    rules.extend(
        queries()
            .iter()
            .map(|(name, _)| format!("+{}", name.to_lowercase())),
    );
    let named: Vec<&str> = rules.iter().map(String::as_str).collect();
    for rules in [&["%R~*", "+@all"][..], &named] {
        let mut connection = user(&server, rules);
        for (command, rest) in COMMANDS {
            let is_query = queries().iter().any(|(name, _)| *name == command);
            for site in [&b"shop"[..], b"nosuch"] {
                let reply = call(&mut connection, command, site, rest);
                assert_eq!(is_refused_by_acl(&reply), !is_query, "{command}: {reply:?}");
                assert!(
                    !is_query || site != b"shop" || !reply.is_error(),
                    "{command}: {reply:?}"
                );
            }
        }
    }
    State::of(&mut admin).assert_is(&before, "after reading");
    assert_eq!(admin.info("replication", "master_repl_offset"), offset);
    assert_eq!(
        admin.info("persistence", "rdb_changes_since_last_save"),
        changes
    );
}

/// As with SADD, which needs no right to read either.
#[test]
fn a_writer_without_the_right_to_read_counts_events_and_asks_nothing() {
    let server = Server::start();
    let mut admin = server.connection();
    let named = ["%RW~shop", "+analytics.track", "+analytics.mtrack"];
    for rules in [&["%W~shop", "+@all"][..], &named] {
        let mut connection = user(&server, rules);
        assert_eq!(connection.run("ANALYTICS.TRACK shop view ann"), 1);
        assert!(is_refused_by_acl(
            &connection.run("ANALYTICS.TRACK other view ann")
        ));
        for (command, rest) in queries() {
            let reply = call(&mut connection, command, b"shop", rest);
            assert!(is_refused_by_acl(&reply), "{command}: {reply:?}");
        }
    }
    assert_eq!(admin.run("ANALYTICS.UNIQUE shop 1d"), 1);
}

/// Whether modules have categories of commands here: since Redis 7.2, which Valkey says it is.
fn has_categories(connection: &mut Connection) -> bool {
    let version = connection.info("server", "redis_version");
    let mut parts = version
        .split('.')
        .map(|it| it.parse::<u32>().expect("a number"));
    (parts.next(), parts.next()) >= (Some(7), Some(2))
}

#[test]
fn categories_are_as_good_as_names() {
    let server = Server::start();
    let mut admin = server.connection();
    if !has_categories(&mut admin) {
        let refused = admin.run("ACL SETUSER user +@analytics");
        assert!(refused.error().contains("Unknown command or category"));
        return;
    }
    fill_site(&mut admin, "shop");
    for (rules, may_ask, may_write) in [
        (&["~*", "+@analytics"][..], true, true),
        (&["~*", "+@analytics", "-@write"], true, false),
        (&["~*", "+@analytics", "-@read"], false, true),
        (&["~*", "+@write"], false, true),
        (&["~*", "+@all", "-@analytics"], false, false),
    ] {
        let mut connection = user(&server, rules);
        for (command, rest) in COMMANDS {
            let is_query = queries().iter().any(|(name, _)| *name == command);
            let may = if is_query { may_ask } else { may_write };
            let reply = call(&mut connection, command, b"shop", rest);
            assert_eq!(
                is_refused_by_acl(&reply),
                !may,
                "{rules:?} {command}: {reply:?}"
            );
        }
    }
    let mut fast = user(&server, &["~*", "+@fast"]);
    assert_eq!(fast.run("ANALYTICS.TRACK shop view ann"), 1);
    assert!(is_refused_by_acl(&fast.run("ANALYTICS.UNIQUE shop 1d")));
}
