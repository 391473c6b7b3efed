//! Names that a site cannot have, and words that a client cannot say.

use testkit::state::{refused, refused_line};
use testkit::{cmd, Server};

use crate::import::TYPED;

#[test]
fn a_site_cannot_have_the_name_of_a_key_of_another_site() {
    let server = Server::start();
    let mut connection = server.connection();
    connection.run("ANALYTICS.CREATE shop LOG 10").ok();
    connection.run("ANALYTICS.TRACK shop view ann ID a").int();
    connection
        .run("ANALYTICS.TRACK {eu}shop view ann ID a")
        .int();
    let keys = connection.keys();
    let made: Vec<&String> = keys
        .iter()
        .filter(|key| key.contains("shop}:") || key.contains("}shop:"))
        .collect();
    assert!(made.len() == 13, "{keys:?}");
    let others = [
        "{shop}:alerts",
        "{new}:ids",
        "{new}:visitors:7",
        "{new}:minute:2026-11-30T07:00",
    ];
    for key in made.into_iter().map(String::as_str).chain(others) {
        // Those that are there have another type: where there is none, the name is what is wrong.
        let is_there = keys.iter().any(|it| it == key);
        for line in [
            "ANALYTICS.CREATE",
            "ANALYTICS.TRACK # view ann",
            "ANALYTICS.MTRACK # EVENT view ann",
            "ANALYTICS.ALTER # STRICT",
            "ANALYTICS.DROP",
        ] {
            let line = match line.contains('#') {
                true => line.replace('#', key),
                false => format!("{line} {key}"),
            };
            if is_there {
                assert!(connection.run(&line).is_error(), "{line}");
            } else {
                refused_line(
                    &mut connection,
                    &line,
                    &["a key of the site", "choose another"],
                );
            }
        }
    }
    for free in ["a:events", "{a}:web", "{a}:events:web", "a:minute:7"] {
        assert_eq!(
            cmd!(connection, "ANALYTICS.TRACK", free, "view", "ann"),
            1,
            "{free}"
        );
    }
}

/// As a client sends them, alone, in transactions and scripts.
#[test]
fn words_of_replication_are_refused_from_a_client() {
    let server = Server::with().aof().start();
    let mut connection = server.connection();
    connection.run("ANALYTICS.CREATE shop LOG 100").ok();
    connection.run("ANALYTICS.TRACK shop view ann").int();
    connection
        .run("ANALYTICS.ALERT shop SET busy events 5m > 5")
        .ok();
    let now = connection.now();
    let far = now + 1_000_000_000_000;
    let replay = "ANALYTICS.REPLAY other FROM {shop}:events";
    for time in [0, now, far] {
        for (line, part) in [
            (
                format!("ANALYTICS.TRACK shop view ann CLOCK {time}"),
                "CLOCK",
            ),
            (
                format!("ANALYTICS.TRACK shop view ann clock {time} AT {now}"),
                "clock",
            ),
            (
                format!("ANALYTICS.TRACK shop view ann AT {now} CLOCK {time}"),
                "CLOCK",
            ),
            (
                format!("ANALYTICS.MTRACK shop CLOCK {time} EVENT view ann"),
                "CLOCK",
            ),
            (
                format!("ANALYTICS.MTRACK shop EVENT view ann CLOCK {time}"),
                "CLOCK",
            ),
            (
                format!("ANALYTICS.ALTER shop CLOCK {time} RETENTION minute 2h"),
                "CLOCK",
            ),
            (format!("ANALYTICS.ALTER shop STRICT CLOCK {time}"), "CLOCK"),
            (format!("ANALYTICS.CREATE new CLOCK {time}"), "CLOCK"),
            (format!("{replay} CLOCK {time}"), "CLOCK"),
            (format!("{replay} COUNT 1 AFTER 0-0 CLOCK {time}"), "CLOCK"),
            (
                format!("ANALYTICS.IMPORT shop CLOCK {time} minute {now} users {TYPED}"),
                "CLOCK",
            ),
            (
                format!("ANALYTICS.ALERT shop STATE busy firing {now} {now}"),
                "STATE",
            ),
            ("ANALYTICS.ALERT shop STATE busy ok".to_owned(), "STATE"),
        ] {
            refused_line(&mut connection, &line, &[part]);
            let words: Vec<&str> = line.split_whitespace().collect();
            let script = "return redis.call(unpack(ARGV))";
            let mut call: Vec<&dyn testkit::Arg> = vec![&"EVAL", &script, &"1", &words[1]];
            call.extend(words.iter().map(|word| word as &dyn testkit::Arg));
            refused(&mut connection, &call, &[part]);
            let replies = connection.pipeline(&["MULTI", &line, "EXEC"]);
            assert!(replies[2].at(0).is_error(), "{line}");
        }
    }
    assert_eq!(connection.run("ANALYTICS.GET shop 1h events").ints(), [1]);
    let state = connection.run("ANALYTICS.ALERT shop GET busy");
    assert_eq!(state.get("state").text(), "ok");
}
