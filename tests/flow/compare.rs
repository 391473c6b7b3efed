//! `ANALYTICS.COMPARE`.

use testkit::{Reply, Server};

const DAY: i64 = 86_400_000;
const HOUR: i64 = 3_600_000;

#[test]
fn a_window_is_compared_with_the_one_before() {
    let server = Server::start();
    let mut connection = server.connection();
    let hour = connection.now().div_euclid(HOUR) * HOUR;
    for (hours, events) in [(2, 3), (3, 2)] {
        for user in 0..events {
            let at = hour - hours * HOUR + user;
            let line = format!("ANALYTICS.TRACK shop buy {user} AT {at} VAL price {hours}");
            assert_eq!(connection.run(&line), 1);
        }
    }
    let (from, to) = (hour - 2 * HOUR, hour - HOUR);
    let query = format!(
        "ANALYTICS.COMPARE shop {from}..{to} events users price:sum price:avg weight:sum weight:avg"
    );
    connection.hello3();
    let number = |number: f64| Reply::Double(number);
    let change = 100.0 * (2.0 - 3.0) / 3.0;
    let rows = [
        [Reply::Int(3), Reply::Int(2), number(50.0)],
        [Reply::Int(3), Reply::Int(2), number(50.0)],
        [number(6.0), number(6.0), number(0.0)],
        [number(2.0), number(3.0), number(change)],
        [number(0.0), number(0.0), Reply::Nil],
        [Reply::Nil, Reply::Nil, Reply::Nil],
    ];
    let rows: Vec<Reply> = rows
        .into_iter()
        .map(|row| Reply::Array(row.into()))
        .collect();
    assert_eq!(connection.run(&query), Reply::Array(rows));
    connection.run("HELLO 2");
    let two = connection.run(&query);
    assert_eq!(two.at(0).at(2), &"50");
    assert_eq!(two.at(0).at(0), &Reply::Int(3));
}

#[test]
fn today_is_compared_with_yesterday_up_to_the_same_time() {
    let server = Server::start();
    let mut connection = server.connection();
    let now = connection.now();
    let midnight = now.div_euclid(DAY) * DAY;
    let mut times = vec![midnight, midnight - DAY];
    // Yesterday's hours are kept by the minute: what comes two minutes after this time is not counted.
    let later = now - DAY + 120_000;
    times.extend((later < midnight).then_some(later));
    for at in times {
        let line = format!("ANALYTICS.TRACK shop buy ada AT {at}");
        assert_eq!(connection.run(&line), 1);
    }
    let reply = connection.run("ANALYTICS.COMPARE shop today events");
    assert_eq!(
        reply.at(0).array()[..2],
        [Reply::Int(1), Reply::Int(1)],
        "at {now}"
    );
}

#[test]
fn arity_and_errors_are_those_of_get() {
    let server = Server::start();
    let mut connection = server.connection();
    assert!(connection
        .run("ANALYTICS.COMPARE shop 1h")
        .error()
        .contains("wrong number"));
    let reply = connection.run("ANALYTICS.COMPARE shop 1h latency:agv");
    assert!(
        reply.error().starts_with("ERR metric 'latency:agv'"),
        "{reply:?}"
    );
    let reply = connection.run("ANALYTICS.COMPARE nosite this-week events price:max");
    let nothing = Reply::Array(vec![Reply::Nil; 3]);
    assert_eq!(
        reply.at(0).array(),
        [Reply::Int(0), Reply::Int(0), Reply::Nil]
    );
    assert_eq!(reply.at(1), &nothing);
}
