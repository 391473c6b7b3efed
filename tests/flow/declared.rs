//! What a site declares: names that it learns, leaves out, refuses or forgets, rows of a dimension's own, and
//! cubes of up to four dimensions.

use testkit::calendar::HOUR;
use testkit::state::{assert_same_data, refused_line};
use testkit::{cmd, Connection, Server, State};

fn names(connection: &mut Connection, field: &str) -> Vec<String> {
    let info = connection.run("ANALYTICS.INFO shop");
    let rows = info.get(field).array().iter();
    rows.map(|row| row.at(0).text().to_owned()).collect()
}

fn forgotten(connection: &mut Connection) -> Vec<String> {
    let info = connection.run("ANALYTICS.INFO shop");
    let names = info.get("forgotten").texts();
    names.into_iter().map(str::to_owned).collect()
}

/// The same event, by every command that takes one.
fn events(rest: &str, json: &str) -> [String; 3] {
    [
        format!("ANALYTICS.TRACK shop view ann {rest}"),
        format!("ANALYTICS.MTRACK shop EVENT view ann {rest} EVENT view bob"),
        format!("ANALYTICS.TRACKJSON shop {{\"event\":\"view\",\"user_id\":\"ann\",\"properties\":{json}}}"),
    ]
}

const UNKNOWN: &str = "DIM country FR DIM planet Mars VAL price 5 VAL weight 7";
const UNKNOWN_JSON: &str = r#"{"country":"FR","planet":"Mars","price":5,"weight":7}"#;

#[test]
fn a_site_that_ignores_unknown_names_counts_events_without_them() {
    let server = Server::with().aof().start();
    let replica = Server::with().replica_of(&server).start();
    let mut connection = server.connection();
    let create =
        "ANALYTICS.CREATE shop DIM country CUBE event,country VAL price UNDECLARED ignore LOG 100";
    connection.run(create).ok();
    for (line, counted) in events(UNKNOWN, UNKNOWN_JSON).iter().zip([1, 2, 1]) {
        assert_eq!(connection.run(line), counted, "{line}");
    }
    let many: Vec<String> = (0..12).map(|n| format!("DIM d{n} x VAL v{n} 1")).collect();
    let many = format!("ANALYTICS.TRACK shop view ann {}", many.join(" "));
    assert_eq!(connection.run(&many), 1);
    assert_eq!(names(&mut connection, "dimensions"), ["event", "country"]);
    assert_eq!(names(&mut connection, "values"), ["price"]);
    let info = connection.run("ANALYTICS.INFO shop");
    assert_eq!(info.get("undeclared").text(), "ignore");
    assert_eq!(*info.get("strict"), 0);
    assert_eq!(*info.get("ignored-names"), 3 * 2 + 24);
    let answer = connection.run(
        "ANALYTICS.GET shop 1h events events@country=FR price:count events@event=view&country=FR",
    );
    assert_eq!(answer.ints(), [5, 3, 3, 3]);
    // What nothing was counted of is not in the log, and a replay counts alike.
    connection
        .run("ANALYTICS.CREATE other DIM country VAL price STRICT")
        .ok();
    let replayed = connection.run("ANALYTICS.REPLAY other FROM {shop}:events");
    assert_eq!(*replayed.at(0), 5);
    // What is left out of a refused event is not counted either.
    let far = connection.now() + 8_760 * HOUR;
    refused_line(
        &mut connection,
        &format!("ANALYTICS.TRACK shop view ann DIM planet Mars AT {far}"),
        &["in the future"],
    );
    let info = connection.run("ANALYTICS.INFO shop");
    assert_eq!(*info.get("ignored-names"), 3 * 2 + 24);
    // A wrong name is an error, although it would be left out.
    refused_line(
        &mut connection,
        "ANALYTICS.TRACK shop view ann DIM a,b x",
        &["a,b"],
    );
    server.wait_for_replica(&replica);
    assert_same_data(&mut connection, &mut replica.connection(), "the replica");
    connection.run("ANALYTICS.ALTER shop UNDECLARED learn").ok();
    assert_eq!(connection.run(&events(UNKNOWN, UNKNOWN_JSON)[0]), 1);
    assert_eq!(
        names(&mut connection, "dimensions"),
        ["event", "country", "planet"]
    );
}

#[test]
fn strict_is_refuse_and_the_last_one_holds() {
    let server = Server::start();
    let mut connection = server.connection();
    for (number, (option, mode)) in [
        ("STRICT", "refuse"),
        ("undeclared refuse", "refuse"),
        ("NOSTRICT", "learn"),
        ("UNDECLARED LEARN", "learn"),
        ("UNDECLARED ignore", "ignore"),
        ("", "learn"),
    ]
    .into_iter()
    .enumerate()
    {
        connection
            .run(&format!("ANALYTICS.CREATE s{number} DIM country {option}"))
            .ok();
        let info = connection.run(&format!("ANALYTICS.INFO s{number}"));
        assert_eq!(info.get("undeclared").text(), mode);
        assert_eq!(*info.get("strict"), i64::from(mode == "refuse"));
        let reply = connection.run(&format!(
            "ANALYTICS.TRACK s{number} view ann DIM planet Mars"
        ));
        assert_eq!(reply.is_error(), mode == "refuse", "{reply:?}");
    }
    for line in [
        "ANALYTICS.ALTER s0 STRICT UNDECLARED learn",
        "ANALYTICS.ALTER s0 UNDECLARED learn UNDECLARED learn",
    ] {
        refused_line(&mut connection, line, &["given twice"]);
    }
    for word in ["", "strict", "off", "\u{0}"] {
        let reply = cmd!(connection, "ANALYTICS.ALTER", "s0", "UNDECLARED", word);
        assert!(
            reply.error().contains("learn, ignore or refuse"),
            "{reply:?}"
        );
    }
}

#[test]
fn a_forgotten_dimension_is_neither_counted_nor_answered_until_it_is_declared_again() {
    let mut server = Server::with().aof().start();
    let replica = Server::with().replica_of(&server).start();
    let mut connection = server.connection();
    connection
        .run("ANALYTICS.CREATE shop DIM country CUBE event,country CUBE country,page,plan NOUSERS")
        .ok();
    let event =
        "ANALYTICS.TRACK shop view ann DIM country FR DIM page / DIM plan pro DIM city Lyon";
    assert_eq!(connection.run(event), 1);
    connection
        .run("ANALYTICS.ALERT shop SET fr events@country=FR 1h > 5")
        .ok();
    let before = State::of(&mut connection);
    connection
        .run("ANALYTICS.ALTER shop FORGET DIM country FORGET DIM city")
        .ok();
    assert_eq!(
        names(&mut connection, "dimensions"),
        ["event", "page", "plan"]
    );
    assert_eq!(names(&mut connection, "cubes"), Vec::<String>::new());
    assert_eq!(forgotten(&mut connection), ["city", "country"]);
    // Stored rows stay.
    let after = State::of(&mut connection);
    let buckets = |state: &State| -> Vec<(Vec<u8>, Vec<u8>)> {
        let entries = state.entries().filter(|(key, ..)| key.starts_with(b"{"));
        entries
            .map(|(key, dump, _)| (key.to_vec(), dump.to_vec()))
            .collect()
    };
    assert!(buckets(&before) == buckets(&after));
    for line in [
        "GET shop 1h events@country=FR",
        "GET shop 1h events users@city=Lyon",
        "RANGE shop 1h 1m events@country=FR",
        "COMPARE shop 1h events@country=FR",
        "TOP shop 1h country",
        "UNIQUE shop 1h country FR",
        "EXPORT shop hour now country FR",
        "ALERT shop SET x events@country=FR 5m > 1",
        "LIVE shop SET x 5s events@city=Lyon",
        "GET shop 1h events@event=view&country=FR",
        "TOP shop 1h event,country",
    ] {
        let line = format!("ANALYTICS.{line}");
        refused_line(&mut connection, &line, &[]);
    }
    let error = connection.run("ANALYTICS.GET shop 1h events@country=FR");
    assert!(error.error().contains("was forgotten"), "{error:?}");
    // Events go on without it, and do not teach it again.
    let json = r#"{"country":"FR","page":"/","plan":"pro"}"#;
    for (line, counted) in events("DIM country FR DIM page / DIM plan pro", json)
        .iter()
        .zip([1, 2, 1])
    {
        assert_eq!(connection.run(line), counted, "{line}");
    }
    assert_eq!(
        names(&mut connection, "dimensions"),
        ["event", "page", "plan"]
    );
    assert_eq!(
        *connection.run("ANALYTICS.INFO shop").get("ignored-names"),
        3
    );
    server.wait_for_replica(&replica);
    assert_same_data(&mut connection, &mut replica.connection(), "the replica");
    server.restart();
    let mut connection = server.connection();
    assert_eq!(forgotten(&mut connection), ["city", "country"]);
    // Declared again it is counted from then on, beside what is there still of before.
    connection.run("ANALYTICS.ALTER shop DIM country").ok();
    assert_eq!(forgotten(&mut connection), ["city"]);
    assert_eq!(connection.run(event), 1);
    assert_eq!(
        connection
            .run("ANALYTICS.GET shop 1h events@country=FR")
            .ints(),
        [2]
    );
    // Without the cube, which was forgotten with it.
    let error = connection.run("ANALYTICS.GET shop 1h events@event=view&country=FR");
    assert!(error.error().contains("not a cube"), "{error:?}");
}

#[test]
fn forget_takes_a_dimension_that_is_there() {
    let server = Server::start();
    let mut connection = server.connection();
    connection
        .run("ANALYTICS.CREATE shop DIM country VAL price")
        .ok();
    for (line, parts) in [
        (
            "ALTER shop FORGET DIM planet",
            &["planet", "no such dimension", "country"][..],
        ),
        ("ALTER shop FORGET DIM event", &["built in"]),
        ("ALTER shop FORGET DIM price", &["no such dimension"]),
        ("ALTER shop FORGET country", &["DIM"]),
        ("ALTER shop FORGET", &["FORGET needs"]),
        ("ALTER shop FORGET DIM", &["FORGET needs"]),
        (
            "ALTER shop FORGET DIM country FORGET DIM country",
            &["no such dimension"],
        ),
        ("ALTER shop FORGET DIM a=b", &["a=b"]),
        (
            "CREATE new FORGET DIM country",
            &["unknown option 'FORGET'"],
        ),
        ("ALTER nosuch FORGET DIM country", &["does not exist"]),
    ] {
        refused_line(&mut connection, &format!("ANALYTICS.{line}"), parts);
    }
    connection
        .run("ANALYTICS.ALTER shop FORGET DIM country DIM country NOUSERS")
        .ok();
    assert_eq!(forgotten(&mut connection), Vec::<String>::new());
    // Their number is bounded.
    for n in 0..64 {
        let line = format!("ANALYTICS.ALTER shop DIM d{n} FORGET DIM d{n}");
        connection.run(&line).ok();
    }
    let line = "ANALYTICS.ALTER shop DIM one FORGET DIM one";
    refused_line(&mut connection, line, &["at most 64"]);
}

#[test]
fn a_dimension_and_a_cube_keep_as_many_rows_as_they_say() {
    let server = Server::with().aof().start();
    let replica = Server::with().replica_of(&server).start();
    let mut connection = server.connection();
    connection
        .run("ANALYTICS.CREATE shop CAPACITY 10 DIM page CAPACITY 60 DIM plan NOUSERS DIM city CAPACITY 1 NOUSERS CUBE page,plan NOUSERS CAPACITY 100 CUBE plan,city")
        .ok();
    // One by one, waiting, and in one call.
    let event = |n: u32| {
        format!(
            "view u{n} DIM page p{} DIM plan n{} DIM city c{}",
            n % 60,
            n % 25,
            n % 5
        )
    };
    let single: Vec<String> = (0..150)
        .map(|n| format!("ANALYTICS.TRACK shop {}", event(n)))
        .collect();
    connection.pipeline(&single);
    let call: Vec<String> = (150..300).map(|n| format!("EVENT {}", event(n))).collect();
    connection
        .run(&format!("ANALYTICS.MTRACK shop {}", call.join(" ")))
        .int();
    let mut rows = |of: &str| {
        let reply = connection.run(&format!("ANALYTICS.TOP shop 1h {of} LIMIT 1000"));
        let rows = reply.array().iter();
        rows.filter(|row| *row.at(0) != "~other").count()
    };
    assert_eq!(rows("page"), 60);
    assert!(rows("plan") <= 10);
    assert_eq!(rows("city"), 1);
    assert!((90..=100).contains(&rows("page,plan")));
    assert!(rows("plan,city") <= 10);
    let capacities = connection
        .run("ANALYTICS.INFO shop")
        .get("capacities")
        .clone();
    let own: Vec<(String, i64)> = capacities
        .array()
        .iter()
        .map(|row| (row.at(0).text().to_owned(), row.at(1).int()))
        .collect();
    let expected = [("page", 60), ("city", 1), ("page,plan", 100)];
    assert_eq!(own, expected.map(|(name, rows)| (name.to_owned(), rows)));
    // Declared without one, it has that of the site.
    connection
        .run("ANALYTICS.ALTER shop CAPACITY 20 DIM page DIM event CAPACITY 7")
        .ok();
    server.wait_for_replica(&replica);
    assert_same_data(&mut connection, &mut replica.connection(), "the replica");
    for (line, part) in [
        ("DIM page CAPACITY", "CAPACITY needs"),
        ("DIM page CAPACITY 0", "CAPACITY '0'"),
        (
            "CUBE page,plan NOUSERS CAPACITY 100001",
            "CAPACITY '100001'",
        ),
        ("DIM page CAPACITY 5 CAPACITY 6 CAPACITY 7", "given twice"),
    ] {
        refused_line(
            &mut connection,
            &format!("ANALYTICS.ALTER shop {line}"),
            &[part],
        );
    }
}

#[test]
fn a_cube_has_up_to_four_dimensions() {
    let server = Server::start();
    let mut connection = server.connection();
    connection
        .run("ANALYTICS.CREATE shop CUBE event,a,b,c")
        .ok();
    let now = connection.now();
    for n in 0..20 {
        let line = format!(
            "ANALYTICS.TRACK shop view u{n} AT {} DIM a {} DIM b {} DIM c {}",
            now - HOUR,
            n % 2,
            n % 3,
            n % 5
        );
        assert_eq!(connection.run(&line), 1);
    }
    let answer = connection
        .run("ANALYTICS.GET shop 1d events@event=view&a=1&b=1&c=2 users@c=0&b=0&a=0&event=view");
    // 7 of 20, and 0.
    assert_eq!(answer.ints(), [1, 1]);
    let top = connection.run("ANALYTICS.TOP shop 1d event,a,b,c LIMIT 1000");
    assert_eq!(top.array().len(), 20);
    assert_eq!(top.at(0).at(0).texts().len(), 4);
    let x = "x".repeat(512);
    let long = format!("ANALYTICS.TRACK shop view ann DIM a {x} DIM b {x} DIM c {x}");
    assert_eq!(connection.run(&long), 1);
    let dump = connection.dump("shop");
    cmd!(connection, "RESTORE", "copy", 0, dump).ok();
    connection.run("DEBUG RELOAD").ok();
    let long = format!("ANALYTICS.GET shop 1h events@event=view&a={x}&b={x}&c={x}");
    assert_eq!(connection.run(&long).ints(), [1]);
    for list in ["a", "a,b,c,d,e", "a,b,c,a", "a,b,,c", ""] {
        let reply = cmd!(connection, "ANALYTICS.ALTER", "shop", "CUBE", list);
        assert!(reply.is_error(), "{list}");
    }
}
