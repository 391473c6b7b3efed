//! User data is bytes: words of our own grammar, NULs, broken UTF-8 and line ends are ordinary in
//! every position.

use testkit::state::assert_same_data;
use testkit::{cmd, Arg, Connection, Server};

/// Names and values that look like syntax, or are not text.
const ODD: [&[u8]; 16] = [
    b"DIM",
    b"VAL",
    b"AT",
    b"ID",
    b"SESSION",
    b"EVENT",
    b"CLOCK",
    b"NOUSERS",
    b"*",
    b"~other",
    b"-1",
    b"a\0b",
    b"\xff\xfe\x80",
    b"line\r\nbreak",
    b" ",
    "événement 🎉".as_bytes(),
];

fn unique(connection: &mut Connection, dimension: impl Arg, value: impl Arg) -> i64 {
    cmd!(
        connection,
        "ANALYTICS.UNIQUE",
        "shop",
        "1h",
        dimension,
        value
    )
    .int()
}

#[test]
fn odd_bytes_are_ordinary_in_every_position() {
    let mut server = Server::with().aof().start();
    let replica = Server::with().replica_of(&server).start();
    let mut connection = server.connection();
    for (number, odd) in ODD.into_iter().enumerate() {
        let reply = cmd!(
            connection,
            "ANALYTICS.TRACK",
            "shop",
            odd,
            odd,
            "ID",
            odd,
            "SESSION",
            odd,
            "DIM",
            odd,
            odd,
            "DIM",
            "plain",
            odd,
            "VAL",
            odd,
            number
        );
        assert_eq!(reply, 1, "{}", odd.escape_ascii());
        let reply = cmd!(
            connection,
            "ANALYTICS.MTRACK",
            "shop",
            "EVENT",
            odd,
            odd,
            "EVENT",
            odd,
            "other",
            "DIM",
            odd,
            odd,
            "EVENT",
            odd,
            odd,
            "DIM",
            odd,
            "DIM",
            "VAL",
            odd,
            number,
            "SESSION",
            odd
        );
        assert_eq!(reply, 3, "{}", odd.escape_ascii());
    }
    for odd in ODD {
        assert_eq!(
            unique(&mut connection, "event", odd),
            2,
            "{}",
            odd.escape_ascii()
        );
        assert_eq!(
            unique(&mut connection, odd, odd),
            2,
            "{}",
            odd.escape_ascii()
        );
        assert_eq!(
            unique(&mut connection, "plain", odd),
            1,
            "{}",
            odd.escape_ascii()
        );
    }
    assert_eq!(
        cmd!(connection, "ANALYTICS.UNIQUE", "shop", "1h"),
        ODD.len() as i64 + 1
    );
    // The site, its ids, and five buckets or a multiple of five.
    assert_eq!(connection.run("DBSIZE").int() % 5, 2);

    server.wait_for_replica(&replica);
    assert_same_data(&mut connection, &mut replica.connection(), "the replica");
    let digest = connection.digest_of_all();
    server.restart();
    assert_eq!(server.connection().digest_of_all(), digest);
}

#[test]
fn odd_bytes_are_ordinary_in_the_names_of_sites() {
    let server = Server::start();
    let mut connection = server.connection();
    for odd in ODD {
        assert_eq!(cmd!(connection, "ANALYTICS.TRACK", odd, "view", "ann"), 1);
        assert_eq!(cmd!(connection, "ANALYTICS.UNIQUE", odd, "1h"), 1);
        assert_eq!(
            cmd!(connection, "ANALYTICS.INFO", odd).get("site").bytes(),
            odd
        );
        assert!(cmd!(connection, "ANALYTICS.DROP", odd).int() >= 5);
        assert!(cmd!(connection, "KEYS", "*").array().is_empty());
    }
}

#[test]
fn odd_bytes_are_ordinary_in_settings() {
    let server = Server::start();
    let mut connection = server.connection();
    for odd in ODD {
        let cube = [&b"event,"[..], odd].concat();
        cmd!(
            connection,
            "ANALYTICS.CREATE",
            "shop",
            "DIM",
            odd,
            "CUBE",
            cube,
            "VAL",
            odd,
            "STRICT"
        )
        .ok();
        let event = cmd!(
            connection,
            "ANALYTICS.TRACK",
            "shop",
            "view",
            "ann",
            "DIM",
            odd,
            odd,
            "VAL",
            odd,
            1
        );
        assert_eq!(event, 1);
        let info = cmd!(connection, "ANALYTICS.INFO", "shop");
        assert_eq!(info.get("dimensions").at(1).at(0).bytes(), odd);
        assert_eq!(info.get("values").at(0).at(0).bytes(), odd);
        assert_eq!(info.get("cubes").at(0).at(0).bytes(), cube);
        connection.run("FLUSHALL").ok();
    }
}

#[test]
fn a_short_word_that_ends_where_an_option_would_begin_is_no_option() {
    let server = Server::start();
    let mut connection = server.connection();
    for word in [
        "D", "DI", "DIMS", "VA", "VALS", "A", "ATT", "I", "IDS", "SESSIONS", "EVENTS", "",
    ] {
        let track = cmd!(
            connection,
            "ANALYTICS.TRACK",
            "shop",
            "view",
            "ann",
            word,
            "a",
            "1"
        );
        assert!(
            track.error().starts_with("ERR unknown option"),
            "{word}: {track:?}"
        );
    }
    assert!(connection.keys().is_empty());
}
