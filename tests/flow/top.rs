//! `ANALYTICS.TOP`.

use testkit::{Connection, Reply, Server};

#[track_caller]
fn track(connection: &mut Connection, line: &str) {
    let reply = connection.run(&format!("ANALYTICS.TRACK shop {line}"));
    assert_eq!(reply, 1);
}

/// Five events: three in FR by two users, one in DE, one without a country.
fn shop() -> (Server, Connection) {
    let server = Server::start();
    let mut connection = server.connection();
    connection
        .run("ANALYTICS.CREATE shop CUBE event,country DIM agent NOUSERS VAL price")
        .ok();
    track(&mut connection, "buy ada DIM country FR VAL price 10");
    track(&mut connection, "view ada DIM country FR");
    track(&mut connection, "buy bob DIM country FR VAL price 5");
    track(
        &mut connection,
        "buy eve DIM country DE VAL price 45 DIM agent cli",
    );
    track(&mut connection, "view eve");
    (server, connection)
}

/// The rows as text: value, number, share, error bound.
fn rows(reply: &Reply) -> Vec<String> {
    let row = |row: &Reply| format!("{row:?}").replace("(double) ", "").replace('"', "");
    reply.array().iter().map(row).collect()
}

#[test]
fn rows_come_heaviest_first_with_their_shares() {
    let (_server, mut connection) = shop();
    for (query, expected) in [
        ("country", &["[FR, 3, 0.75, 0]", "[DE, 1, 0.25, 0]"][..]),
        (
            "country LIMIT 1",
            &["[FR, 3, 0.75, 0]", "[~other, 1, 0.25, 0]"],
        ),
        (
            "event BY users",
            &["[buy, 3, 1, (nil)]", "[view, 2, 0.6666666666666666, (nil)]"],
        ),
        (
            "country BY price:sum",
            &["[DE, 45, 0.75, 0]", "[FR, 15, 0.25, 0]"],
        ),
        (
            "country BY price:avg",
            &["[DE, 45, 0.25, 0]", "[FR, 7.5, 0.75, 0]"],
        ),
        (
            "country by weight:sum limit 1",
            &["[DE, 0, (nil), 0]", "[~other, 0, (nil), 0]"],
        ),
        (
            "country LIMIT 1 BY price:count",
            &[
                "[FR, 2, 0.6666666666666666, 0]",
                "[~other, 1, 0.3333333333333333, 0]",
            ],
        ),
        (
            "event,country",
            &[
                "[[buy, FR], 2, 0.5, 0]",
                "[[buy, DE], 1, 0.25, 0]",
                "[[view, FR], 1, 0.25, 0]",
            ],
        ),
        (
            "country,event LIMIT 1",
            &["[[FR, buy], 2, 0.5, 0]", "[~other, 2, 0.5, 0]"],
        ),
        ("agent", &["[cli, 1, 1, 0]"]),
        ("weather", &[]),
    ] {
        let reply = connection.run(&format!("ANALYTICS.TOP shop 1h {query}"));
        assert_eq!(rows(&reply), expected, "{query}");
    }
    connection.hello3();
    let three = connection.run("ANALYTICS.TOP shop 1h country LIMIT 1");
    let row = [
        Reply::Bulk(b"FR".to_vec()),
        Reply::Int(3),
        Reply::Double(0.75),
        Reply::Int(0),
    ];
    assert_eq!(three.at(0), &Reply::Array(row.into()));
    assert_eq!(
        connection.run("ANALYTICS.TOP nosite 1h a,b"),
        Reply::Array(vec![])
    );
}

#[test]
fn beyond_capacity_rows_bound_the_truth() {
    let server = Server::start();
    let mut connection = server.connection();
    connection.run("ANALYTICS.CREATE shop CAPACITY 20").ok();
    let mut lines = Vec::new();
    for page in 1..=200u64 {
        // Page 1 has 60 events, page 2 has 30, and so on.
        for n in 0..(60 / page).max(1) {
            lines.push((
                n * 7_919 % 60,
                format!("ANALYTICS.TRACK shop view u DIM page {page}"),
            ));
        }
    }
    lines.sort();
    let lines: Vec<String> = lines.into_iter().map(|(_, line)| line).collect();
    connection.pipeline(&lines);
    let reply = connection.run("ANALYTICS.TOP shop 1h page LIMIT 5");
    assert_eq!(reply.array().len(), 6);
    let mut total = 0;
    for row in reply.array() {
        total += row.at(1).int();
        if let Ok(page) = row.at(0).text().parse::<i64>() {
            let truth = (60 / page).max(1);
            let (seen, error) = (row.at(1).int(), row.at(3).int());
            assert!((seen..=seen + error).contains(&truth), "{row:?}");
        }
    }
    assert_eq!(total, lines.len() as i64);
    assert_eq!(reply.at(0).at(0), &"1");
    assert_eq!(reply.at(5).at(0), &"~other");
}

#[test]
fn errors_teach() {
    let (_server, mut connection) = shop();
    for (query, error) in [
        ("", "ERR wrong number of arguments"),
        ("country LIMIT", "ERR LIMIT needs a number of rows"),
        (
            "country LIMIT 0",
            "ERR LIMIT '0' is not a number of rows from 1 to 10000",
        ),
        ("country LIMIT 10001", "ERR LIMIT '10001' is not a number"),
        ("country BY", "ERR BY needs a metric, as in BY users"),
        (
            "country BY latency",
            "ERR BY 'latency': a value needs an aggregate",
        ),
        (
            "country BY users@agent=x",
            "ERR BY 'users@agent=x': 'country,agent' is not a cube of this site, which has: event,country",
        ),
        (
            "country FIRST 5",
            "ERR unknown option 'FIRST': expected WHERE dimension value, BY metric, WITH metric [metric \
             ...], LIMIT n",
        ),
        (
            "agent BY users",
            "ERR BY 'users': dimension 'agent' is declared NOUSERS",
        ),
        (
            "agent,country",
            "ERR 'agent,country' is not a cube of this site, which has: event,country",
        ),
        (
            "a=b",
            "ERR dimension 'a=b': a name may not contain , = or &",
        ),
    ] {
        let reply = connection.run(&format!("ANALYTICS.TOP shop 1h {query}"));
        assert!(reply.error().starts_with(error), "{query}: {reply:?}");
    }
}

fn stats() -> (Server, Connection) {
    let server = Server::start();
    let mut connection = server.connection();
    let create =
        "ANALYTICS.CREATE shop CUBE page,country CUBE page,status CUBE page,country,status VAL ms";
    connection.run(create).ok();
    for line in [
        "view ann DIM page /a DIM country FR DIM status 2xx VAL ms 10",
        "view ann DIM page /a DIM country FR DIM status 5xx VAL ms 30",
        "view bob DIM page /a DIM country FR DIM status 2xx VAL ms 20",
        "view bob DIM page /b DIM country FR DIM status 2xx VAL ms 50",
        "view eve DIM page /a DIM country DE DIM status 5xx VAL ms 90",
        "view dan DIM page /c DIM country DE DIM status 2xx VAL ms 70",
    ] {
        track(&mut connection, line);
    }
    (server, connection)
}

#[test]
fn rows_are_held_at_a_value_and_have_further_columns() {
    let (server, mut connection) = stats();
    let replica = Server::with().replica_of(&server).start();
    server.wait_for_replica(&replica);
    for (query, expected) in [
        (
            "page WHERE country FR",
            &["[/a, 3, 0.75, 0]", "[/b, 1, 0.25, 0]"][..],
        ),
        (
            "page where country DE by users limit 1",
            &["[/a, 1, 0.5, (nil)]", "[~other, 1, 0.5, (nil)]"],
        ),
        (
            "page WHERE country FR BY ms:sum WITH users ms:avg ms:max",
            &[
                "[/a, 60, 0.5454545454545454, 0, 2, 20, 30]",
                "[/b, 50, 0.45454545454545453, 0, 1, 50, 50]",
            ],
        ),
        (
            "page BY events@status=5xx/events WITH events",
            &[
                "[/a, 0.5, 0.6666666666666666, 0, 4]",
                "[/b, 0, 0.16666666666666666, 0, 1]",
                "[/c, 0, 0.16666666666666666, 0, 1]",
            ],
        ),
        (
            "page WHERE country FR BY events@status=5xx/events LIMIT 1 WITH events@status=2xx",
            &[
                "[/a, 0.3333333333333333, 0.75, 0, 2]",
                "[~other, 0, 0.25, 0, 1]",
            ],
        ),
        (
            "page,country WHERE status 5xx WITH users/events",
            &["[[/a, DE], 1, 0.5, 0, 1]", "[[/a, FR], 1, 0.5, 0, 1]"],
        ),
        ("page WHERE country FR WHERE status 5xx", &["[/a, 1, 1, 0]"]),
        ("page WHERE country nowhere", &[]),
    ] {
        let line = format!("ANALYTICS.TOP shop 1h {query}");
        let reply = connection.run(&line);
        assert_eq!(rows(&reply), expected, "{query}");
        assert_eq!(replica.connection().run(&line), reply);
        let mut three = server.connection();
        three.hello3();
        assert_eq!(rows(&three.run(&line)), expected, "{query}");
    }
}

#[test]
fn what_a_table_lacks_is_named() {
    let (_server, mut connection) = stats();
    for (query, part) in [
        (
            "status WHERE country FR",
            "'status,country' is not a cube of this site, which has: page,country page,status \
             page,country,status; ANALYTICS.ALTER with CUBE status,country counts it from then on",
        ),
        (
            "status BY users@country=FR/users",
            "BY 'users@country=FR/users': 'status,country' is not a cube",
        ),
        ("page WHERE contry FR", "did you mean country?"),
        (
            "page WHERE country",
            "WHERE needs a value behind its dimension",
        ),
        ("page WHERE", "WHERE needs a dimension and a value"),
        ("page WHERE page /a", "dimension 'page' is given twice"),
        ("page WITH", "WITH needs a metric"),
        (
            "page WITH LIMIT 5",
            "WITH 'LIMIT': a value needs an aggregate",
        ),
        (
            "page WITH users LIMT 5",
            "WITH 'LIMT': a value needs an aggregate",
        ),
        ("page WITH users WITH events", "WITH is given twice"),
        ("page BY users BY events", "BY is given twice"),
        ("page BY events@page=/a", "dimension 'page' is given twice"),
        ("page WERE country FR", "did you mean WHERE?"),
    ] {
        let reply = connection.run(&format!("ANALYTICS.TOP shop 1h {query}"));
        assert!(reply.error().contains(part), "{query}: {reply:?}");
    }
    let many = format!("ANALYTICS.TOP shop 1h page WITH{}", " users".repeat(17));
    assert!(connection.run(&many).error().contains("at most 16"));
}
