//! An AOF as it grows: the commands themselves are executed again.

use crate::files::time_of_load;
use testkit::bench::{median, user, Event, Requests};
use testkit::{Connection, Random, Server};

const EVENTS: u64 = 300_000;
const ROUNDS: usize = 3;

pub fn run() {
    println!("| an AOF of {EVENTS} events as they came | ns an event to load |\n|---|---|");
    let mut random = Random::new(42);
    let minute = 60_000;
    let now = Server::start().connection().now() / minute * minute;
    let mut track = |with_dimension: bool| {
        Requests::of(EVENTS, |to, _| {
            let event = Event::random(&mut random);
            let at = now + random.below(minute as u64) as i64;
            if with_dimension {
                to.push(&[
                    &"ANALYTICS.TRACK",
                    &"shop",
                    &event.kind,
                    &event.user,
                    &"AT",
                    &at,
                    &"DIM",
                    &"country",
                    &event.country,
                ]);
            } else {
                to.push(&[
                    &"ANALYTICS.TRACK",
                    &"shop",
                    &event.kind,
                    &event.user,
                    &"AT",
                    &at,
                ]);
            }
        })
    };
    let (bare, dimension) = (track(false), track(true));
    // A PFADD that changes nothing is in no AOF, a SET always is.
    let set = Requests::of(EVENTS, |to, _| to.push(&[&"SET", &user(&mut random), &"1"]));
    let empty = Requests::default();
    let idle = time(&empty);
    for (name, requests) in [
        ("SET", set),
        ("TRACK, 5 arguments: AT", bare),
        ("TRACK, 8 arguments: AT DIM", dimension),
    ] {
        let nanoseconds = (time(&requests) - idle) * 1e9 / EVENTS as f64;
        println!("| {name} | {nanoseconds:.0} |");
    }
    println!();
}

fn time(requests: &Requests) -> f64 {
    let mut server = Server::with().aof().start();
    send(&mut server.connection(), requests);
    median(
        (0..ROUNDS)
            .map(|_| time_of_load(&mut server))
            .collect::<Vec<_>>()
            .into_iter(),
    )
}

/// Sends in parts: the replies to all requests would not fit into the buffers of the connection.
fn send(connection: &mut Connection, requests: &Requests) {
    let mut rest = &requests.bytes[..];
    while !rest.is_empty() {
        let part = rest.len().min(1 << 16);
        let end = rest[part..]
            .windows(3)
            .position(|window| window == b"\r\n*");
        let (head, tail) = rest.split_at(end.map_or(rest.len(), |end| part + end + 2));
        let replies = head.windows(3).filter(|window| *window == b"\r\n*").count() + 1;
        connection.exchange(head, replies);
        rest = tail;
    }
}
