//! What `TRACK` and `MTRACK` refuse: the error names what is wrong, and nothing at all has changed.

use testkit::state::{refused, refused_line};
use testkit::{cmd, Arg, Connection, Reply, Server, Trace};

/// A server with an AOF, so that what is appended to it can be seen, and a site in it.
fn server() -> Server {
    let server = Server::with().aof().start();
    let mut connection = server.connection();
    let event = "ANALYTICS.TRACK shop view ann ID first DIM country FR VAL revenue 5";
    assert_eq!(connection.run(event), 1);
    server
}

/// Refuses these words in a TRACK of a known and of a new site, and in an MTRACK by its number.
#[track_caller]
fn refused_everywhere(connection: &mut Connection, event: &[&dyn Arg], parts: &[&str]) {
    for site in ["shop", "new"] {
        let mut track: Vec<&dyn Arg> = vec![&"ANALYTICS.TRACK", &site];
        track.extend(event);
        refused(connection, &track, parts);

        let good: [&dyn Arg; 3] = [&"EVENT", &"view", &"bob"];
        let mut mtrack: Vec<&dyn Arg> = vec![&"ANALYTICS.MTRACK", &site];
        mtrack.extend(good);
        mtrack.extend(good);
        mtrack.push(&"EVENT");
        mtrack.extend(event);
        mtrack.extend(good);
        let mut with_number = parts.to_vec();
        with_number.push("event 3");
        refused(connection, &mtrack, &with_number);
    }
}

#[test]
fn every_limit_of_an_event_names_itself() {
    let server = server();
    let connection = &mut server.connection();
    let long = |length: usize| "x".repeat(length);
    let e: &dyn Arg = &"view";
    let u: &dyn Arg = &"ann";
    refused_everywhere(connection, &[&long(129), u], &["event", "128"]);
    refused_everywhere(connection, &[e, &long(1025)], &["user", "1024"]);
    refused_everywhere(connection, &[e, u, &"ID", &long(1025)], &["id", "1024"]);
    refused_everywhere(
        connection,
        &[e, u, &"SESSION", &long(1025)],
        &["session", "1024"],
    );
    refused_everywhere(
        connection,
        &[e, u, &"DIM", &long(129), &"FR"],
        &["dimension", "128"],
    );
    refused_everywhere(
        connection,
        &[e, u, &"DIM", &"country", &long(513)],
        &["country", "512"],
    );
    refused_everywhere(
        connection,
        &[e, u, &"VAL", &long(129), &"1"],
        &["value", "128"],
    );

    let names: Vec<String> = (0..17).map(|n| format!("n{n}")).collect();
    for (option, what) in [("DIM", "dimension"), ("VAL", "value")] {
        let mut event: Vec<&dyn Arg> = vec![e, u];
        for name in &names {
            event.extend::<[&dyn Arg; 3]>([
                if option == "DIM" { &"DIM" } else { &"VAL" },
                name,
                &"1",
            ]);
        }
        refused_everywhere(connection, &event, &[what, "n16", "16"]);
    }
}

#[test]
fn what_is_exactly_at_its_limit_is_accepted() {
    let server = Server::start();
    let mut connection = server.connection();
    let x = |length: usize| "x".repeat(length);
    let (site, event, user, name) = (x(128), x(128), x(1024), x(125));
    let names: Vec<String> = (0..16).map(|n| format!("{name}-{n:02}")).collect();
    let mut args: Vec<&dyn Arg> = vec![&"ANALYTICS.TRACK", &site, &event, &user];
    let (value, id) = (x(512), x(1024));
    args.extend::<[&dyn Arg; 4]>([&"ID", &id, &"SESSION", &id]);
    for name in &names {
        args.extend::<[&dyn Arg; 6]>([&"DIM", name, &value, &"VAL", name, &"1"]);
    }
    assert_eq!(connection.call(&args), 1);
    // The site, five buckets and the ids.
    assert_eq!(connection.keys().len(), 7);
}

#[test]
fn a_site_has_a_name() {
    let server = server();
    let connection = &mut server.connection();
    for args in [
        &["TRACK", "", "view", "ann"][..],
        &["MTRACK", "", "EVENT", "view", "ann"],
        &["CREATE", ""],
        &["DROP", ""],
        &["UNIQUE", "", "1h"],
    ] {
        let command = format!("ANALYTICS.{}", args[0]);
        let mut words: Vec<&dyn Arg> = vec![&command];
        words.extend(args[1..].iter().map(|word| word as &dyn Arg));
        refused(connection, &words, &["site", "empty"]);
    }
}

#[test]
fn a_name_of_a_site_is_neither_long_nor_a_broken_hash_tag() {
    let server = server();
    let connection = &mut server.connection();
    let long = "x".repeat(129);
    for (name, part) in [
        (&long[..], "128"),
        ("a{}b", "brace"),
        ("a}b", "brace"),
        ("{shop}", "shop"),
    ] {
        refused(
            connection,
            &[&"ANALYTICS.TRACK", &name, &"view", &"ann"],
            &["site", part],
        );
        refused(
            connection,
            &[&"ANALYTICS.MTRACK", &name, &"EVENT", &"view", &"ann"],
            &["site", part],
        );
        refused(connection, &[&"ANALYTICS.CREATE", &name], &["site", part]);
        refused(connection, &[&"ANALYTICS.DROP", &name], &["site", part]);
        refused(
            connection,
            &[&"ANALYTICS.UNIQUE", &name, &"1h"],
            &["site", part],
        );
    }
}

#[test]
fn a_bad_word_is_named_with_what_is_accepted() {
    let server = server();
    let connection = &mut server.connection();
    let e: &dyn Arg = &"view";
    let u: &dyn Arg = &"ann";
    let cases: &[(&[&dyn Arg], &[&str])] = &[
        (&[&"", u], &["event", "empty"]),
        (&[e, &""], &["user", "empty"]),
        (&[e, u, &"ID", &""], &["id", "empty"]),
        (&[e, u, &"SESSION", &""], &["session", "empty"]),
        (&[e, u, &"DIM", &"", &"FR"], &["dimension", "empty"]),
        (&[e, u, &"DIM", &"event", &"x"], &["event", "built in"]),
        (&[e, u, &"DIM", &"a=b", &"x"], &["a=b", "="]),
        (&[e, u, &"DIM", &"a,b", &"x"], &["a,b", ","]),
        (&[e, u, &"DIM", &"a&b", &"x"], &["a&b", "&"]),
        (&[e, u, &"VAL", &"", &"1"], &["value", "empty"]),
        (&[e, u, &"VAL", &"a@b", &"1"], &["a@b", "@"]),
        (&[e, u, &"VAL", &"events", &"1"], &["events"]),
        (&[e, u, &"VAL", &"users", &"1"], &["users"]),
        (&[e, u, &"VAL", &"sessions", &"1"], &["sessions"]),
        (
            &[e, u, &"VAL", &"revenue", &"nan"],
            &["revenue", "nan", "finite"],
        ),
        (&[e, u, &"VAL", &"revenue", &"-inf"], &["revenue", "finite"]),
        (
            &[e, u, &"VAL", &"revenue", &"1e309"],
            &["revenue", "finite"],
        ),
        (&[e, u, &"VAL", &"revenue", &"0x10"], &["revenue", "0x10"]),
        (&[e, u, &"VAL", &"revenue", &""], &["revenue"]),
        (&[e, u, &"VAL", &"revenue", &" 1"], &["revenue"]),
        (&[e, u, &"VAL", &"revenue", &"1\0"], &["revenue", "\\x00"]),
        (
            &[e, u, &"AT", &"yesterday"],
            &["AT", "yesterday", "ISO 8601"],
        ),
        (&[e, u, &"AT", &""], &["AT", "ISO 8601"]),
        (&[e, u, &"AT", &"2024-13-01"], &["AT", "2024-13-01"]),
        (&[e, u, &"AT", &"99999999999999999999"], &["AT"]),
        (&[e, u, &"AT", &"9223372036854775807"], &["AT"]),
        (&[e, u, &"AT", &"-9223372036854775808"], &["AT"]),
        (&[e, u, &"AT", &"12.5"], &["AT"]),
        (&[e, u, &"AT", &"5", &"AT", &"5"], &["AT", "twice"]),
        (&[e, u, &"ID", &"a", &"ID", &"a"], &["ID", "twice"]),
        (
            &[e, u, &"SESSION", &"a", &"SESSION", &"b"],
            &["SESSION", "twice"],
        ),
        (
            &[e, u, &"DIM", &"a", &"1", &"DIM", &"a", &"1"],
            &["dimension", "a", "twice"],
        ),
        (
            &[e, u, &"VAL", &"a", &"1", &"VAL", &"a", &"2"],
            &["value", "a", "twice"],
        ),
    ];
    for (event, parts) in cases {
        refused_everywhere(connection, event, parts);
    }
}

#[test]
fn an_unknown_option_is_named_with_those_there_are() {
    let server = server();
    let connection = &mut server.connection();
    let (e, u): (&dyn Arg, &dyn Arg) = (&"view", &"ann");
    refused_everywhere(
        connection,
        &[e, u, &"COUNTRY", &"FR"],
        &["COUNTRY", "DIM name value"],
    );
    refused_everywhere(connection, &[e, u, &"bad\r\nword"], &["bad\\r\\nword"]);
}

#[test]
fn an_option_without_its_words_is_named() {
    let server = server();
    let connection = &mut server.connection();
    for (rest, option) in [
        ("AT", "AT"),
        ("ID", "ID"),
        ("session", "SESSION"),
        ("DIM", "DIM"),
        ("DIM country", "DIM"),
        ("VAL", "VAL"),
        ("val revenue", "VAL"),
    ] {
        for command in ["ANALYTICS.TRACK shop", "ANALYTICS.MTRACK shop EVENT"] {
            let line = format!("{command} view ann {rest}");
            refused_line(connection, &line, &[option, "needs"]);
        }
    }
    for line in [
        "ANALYTICS.MTRACK shop EVENT view",
        "ANALYTICS.TRACK shop view",
        "ANALYTICS.TRACK shop",
        "ANALYTICS.TRACK",
        "ANALYTICS.MTRACK",
        "ANALYTICS.MTRACK shop",
    ] {
        let before = Trace::of(connection);
        let reply = connection.run(line);
        assert!(
            reply.error().contains("wrong number of arguments"),
            "{line}: {reply:?}"
        );
        assert_eq!(Trace::of(connection), before);
    }
    for (line, part) in [
        ("ANALYTICS.MTRACK shop EVENT view ann EVENT", "event 2"),
        ("ANALYTICS.MTRACK shop EVENT view ann EVENT view", "event 2"),
        (
            "ANALYTICS.MTRACK shop view ann EVENT view",
            "EVENT event user",
        ),
    ] {
        refused_line(connection, line, &[part]);
    }
}

#[test]
fn a_site_learns_thirty_two_dimensions_and_values_and_no_more() {
    let server = Server::with().aof().start();
    let connection = &mut server.connection();
    for n in 0..32 {
        let event = format!("ANALYTICS.TRACK shop view ann DIM d{n} x VAL v{n} 1");
        assert_eq!(connection.run(&event), 1);
    }
    let track: [&dyn Arg; 4] = [&"ANALYTICS.TRACK", &"shop", &"view", &"ann"];
    for (option, part) in [("DIM", "dimension"), ("VAL", "value")] {
        let mut args = track.to_vec();
        args.extend::<[&dyn Arg; 3]>([&option, &"one-more", &"1"]);
        refused(connection, &args, &[part, "one-more", "32"]);
    }
    assert_eq!(
        connection.run("ANALYTICS.TRACK shop view ann DIM d31 y VAL v31 1"),
        1
    );

    // All events of a call together.
    let mut args: Vec<&dyn Arg> = vec![&"ANALYTICS.MTRACK", &"other"];
    let names: Vec<String> = (0..33).map(|n| format!("d{n}")).collect();
    for name in &names {
        args.extend::<[&dyn Arg; 6]>([&"EVENT", &"view", &"ann", &"DIM", name, &"x"]);
    }
    refused(connection, &args, &["d32", "32"]);
    assert_eq!(connection.call(&args[..args.len() - 6]), 32);
}

#[test]
fn a_strict_site_refuses_what_was_not_declared() {
    let server = Server::with().aof().start();
    let connection = &mut server.connection();
    connection
        .run("ANALYTICS.CREATE shop DIM country VAL revenue STRICT")
        .ok();
    refused(
        connection,
        &[
            &"ANALYTICS.TRACK",
            &"shop",
            &"view",
            &"ann",
            &"DIM",
            &"planet",
            &"earth",
        ],
        &["planet", "strict", "country"],
    );
    refused(
        connection,
        &[
            &"ANALYTICS.MTRACK",
            &"shop",
            &"EVENT",
            &"view",
            &"ann",
            &"EVENT",
            &"buy",
            &"ann",
            &"VAL",
            &"size",
            &"4",
        ],
        &["size", "strict", "revenue"],
    );
    assert_eq!(
        connection.run("ANALYTICS.TRACK shop view ann DIM country FR VAL revenue 1"),
        1
    );
}

#[test]
fn a_call_has_at_most_ten_thousand_events() {
    let server = Server::with().aof().start();
    let connection = &mut server.connection();
    let mut args: Vec<&dyn Arg> = vec![&"ANALYTICS.MTRACK", &"shop"];
    for _ in 0..10_001 {
        args.extend::<[&dyn Arg; 3]>([&"EVENT", &"view", &"ann"]);
    }
    refused(connection, &args, &["10000"]);
    assert_eq!(connection.call(&args[..args.len() - 3]), 10_000);
}

#[test]
fn a_key_of_another_type_is_left_alone() {
    let server = Server::with().aof().start();
    let connection = &mut server.connection();
    let now = connection.now();
    let wrong = |reply: Reply| assert!(reply.error().starts_with("WRONGTYPE "), "{reply:?}");
    // The site's own key, and each of its buckets'.
    let time = now - 60_000;
    let buckets = testkit::calendar::buckets("shop", "UTC", time);
    let keys = buckets.map(|bucket| bucket.key);
    for key in ["shop"].into_iter().chain(keys.iter().map(String::as_str)) {
        connection.run("FLUSHALL").ok();
        connection.run(&format!("SET {key} mine")).ok();
        let before = Trace::of(connection);
        wrong(cmd!(
            connection,
            "ANALYTICS.TRACK",
            "shop",
            "view",
            "ann",
            "AT",
            time
        ));
        wrong(cmd!(
            connection,
            "ANALYTICS.MTRACK",
            "shop",
            "EVENT",
            "view",
            "ann",
            "AT",
            now - 7_200_000,
            "EVENT",
            "view",
            "bob",
            "AT",
            time
        ));
        assert_eq!(Trace::of(connection), before, "{key}");
        assert_eq!(cmd!(connection, "GET", key), "mine");
    }
    connection.run("FLUSHALL").ok();
    connection.run("SET shop mine").ok();
    for command in [
        "CREATE shop",
        "ALTER shop",
        "DROP shop",
        "INFO shop",
        "UNIQUE shop 1h",
        "EXPLAIN shop 1h",
    ] {
        let before = Trace::of(connection);
        wrong(connection.run(&format!("ANALYTICS.{command}")));
        assert_eq!(Trace::of(connection), before, "{command}");
    }
    // A bucket is no site.
    connection.run("FLUSHALL").ok();
    cmd!(
        connection,
        "ANALYTICS.TRACK",
        "shop",
        "view",
        "ann",
        "AT",
        time
    )
    .int();
    cmd!(connection, "RENAME", keys[1], "site").ok();
    wrong(connection.run("ANALYTICS.TRACK site view ann"));
    wrong(connection.run("ANALYTICS.INFO site"));
}

#[test]
fn a_bucket_under_the_name_of_another_period_is_refused() {
    let server = Server::with().aof().start();
    let connection = &mut server.connection();
    let time = connection.now() - 60_000;
    let earlier = time - 3 * 3_600_000;
    cmd!(
        connection,
        "ANALYTICS.TRACK",
        "shop",
        "view",
        "ann",
        "AT",
        earlier
    )
    .int();
    let hour = |time| {
        testkit::calendar::buckets("shop", "UTC", time)[1]
            .key
            .clone()
    };
    cmd!(connection, "RENAME", hour(earlier), hour(time)).ok();
    refused(
        connection,
        &[&"ANALYTICS.TRACK", &"shop", &"view", &"ann", &"AT", &time],
        &[&hour(time), "renamed"],
    );
}

#[test]
fn out_of_memory_refuses_events_and_still_answers_questions() {
    let server = server();
    let connection = &mut server.connection();
    connection
        .run("CONFIG SET maxmemory-policy noeviction")
        .ok();
    connection.run("CONFIG SET maxmemory 1").ok();
    let before = connection.digest_of_all();
    for line in [
        "TRACK shop view bob",
        "MTRACK shop EVENT view bob",
        "CREATE other",
        "ALTER shop STRICT",
    ] {
        let reply = connection.run(&format!("ANALYTICS.{line}"));
        assert!(reply.error().starts_with("OOM "), "{reply:?}");
    }
    assert_eq!(connection.digest_of_all(), before);
    assert_eq!(connection.run("ANALYTICS.UNIQUE shop today"), 1);
    assert_eq!(connection.run("ANALYTICS.DROP shop"), 5);
}
