//! `ANALYTICS.MTRACK`: the same as so many `TRACK`s, or nothing at all.

use testkit::calendar::{floor, HOUR, MINUTE};
use testkit::state::{assert_same_data, refused, refused_line};
use testkit::{encode, Arg, Connection, Random, Server, State};

/// The words of an event: type, user, options.
type Event = Vec<String>;

/// Events of the last half hour and of earlier weeks, every one with its time, some with ids that
/// come again at the same time.
fn events(count: usize, now: i64, random: &mut Random) -> Vec<Event> {
    let mut events: Vec<Event> = Vec::new();
    while events.len() < count {
        if random.one_in(10) && !events.is_empty() {
            let again = random.pick(&events).clone();
            events.push(again);
            continue;
        }
        let age = [20 * MINUTE, 20 * HOUR, 60 * 24 * HOUR][random.below(3) as usize];
        let age = 10 * MINUTE + random.below(age as u64) as i64;
        // Minutes are kept for an hour: about there the clock would decide which events are late.
        if (age - HOUR).abs() < 5 * MINUTE {
            continue;
        }
        let time = now - age;
        let kind = *random.pick(&["view", "buy", "click"]);
        let mut event: Event = vec![kind.into(), format!("user-{}", random.below(300))];
        event.extend(["AT".into(), time.to_string()]);
        event.extend(["ID".into(), format!("id-{}", random.next_u64())]);
        if random.one_in(2) {
            let country = *random.pick(&["FR", "DE", "IN", "US"]);
            event.extend(["DIM".into(), "country".into(), country.into()]);
        }
        if random.one_in(3) {
            event.extend(["SESSION".into(), format!("s-{}", random.below(100))]);
        }
        if random.one_in(2) {
            // Sums of these depend on the order when they are made the simple way.
            let revenue = random.below(2_000_000) as f64 / 1_000.0 - 700.1;
            event.extend(["VAL".into(), "revenue".into(), revenue.to_string()]);
        }
        events.push(event);
    }
    events
}

fn track(connection: &mut Connection, events: &[Event]) -> i64 {
    let mut request = Vec::new();
    for event in events {
        let mut args: Vec<&dyn Arg> = vec![&"ANALYTICS.TRACK", &"shop"];
        args.extend(event.iter().map(|word| word as &dyn Arg));
        encode(&mut request, &args);
    }
    let replies = connection.exchange(&request, events.len());
    replies.iter().map(|reply| reply.int()).sum()
}

fn mtrack(connection: &mut Connection, events: &[Event]) -> i64 {
    let mut args: Vec<&dyn Arg> = vec![&"ANALYTICS.MTRACK", &"shop"];
    for event in events {
        args.push(&"EVENT");
        args.extend(event.iter().map(|word| word as &dyn Arg));
    }
    connection.call(&args).int()
}

#[test]
fn one_call_equals_as_many_tracks() {
    let (a, b) = (Server::start(), Server::start());
    let (mut a, mut b) = (a.connection(), b.connection());
    let events = events(1_000, a.now(), &mut Random::new(1));
    let counted = track(&mut a, &events);
    assert!(counted < 1_000, "no duplicate among the events");
    assert_eq!(mtrack(&mut b, &events), counted);
    assert_same_data(&mut a, &mut b, "one MTRACK");
    for field in ["events", "duplicates", "late"] {
        let info =
            |connection: &mut Connection| connection.run("ANALYTICS.INFO shop").get(field).int();
        assert_eq!(info(&mut a), info(&mut b), "{field}");
    }
}

#[test]
fn the_order_of_events_and_how_they_are_cut_into_calls_do_not_matter() {
    let server = Server::start();
    let mut connection = server.connection();
    let mut random = Random::new(2);
    let mut events = events(1_200, connection.now(), &mut random);
    let mut states = Vec::new();
    for _ in 0..4 {
        random.shuffle(&mut events);
        let mut rest = &events[..];
        while !rest.is_empty() {
            let (now, later) = rest.split_at((1 + random.below(200) as usize).min(rest.len()));
            if random.one_in(2) {
                track(&mut connection, now);
            } else {
                mtrack(&mut connection, now);
            }
            rest = later;
        }
        states.push((State::of(&mut connection), connection.digest_of_all()));
        connection.run("FLUSHALL").ok();
    }
    for (state, digest) in &states[1..] {
        state.assert_is(&states[0].0, "another order");
        assert_eq!(*digest, states[0].1);
    }
}

#[test]
fn an_id_counts_once_in_a_call() {
    let server = Server::start();
    let mut connection = server.connection();
    let time = floor(connection.now(), MINUTE) - 5 * MINUTE;
    let call = format!(
        "ANALYTICS.MTRACK shop EVENT a ann AT {time} ID x EVENT b bob AT {time} ID x \
         EVENT a ann AT {time} ID y EVENT a ann AT {} ID x EVENT b cleo AT {} ID x",
        time + 59_999,
        time + MINUTE
    );
    assert_eq!(connection.run(&call), 2);
    assert_eq!(connection.run(&call), 0);
    assert_eq!(connection.run("ANALYTICS.UNIQUE shop 1h"), 1);
    assert_eq!(connection.run("ANALYTICS.UNIQUE shop 1h event b"), 0);
    let info = connection.run("ANALYTICS.INFO shop");
    assert_eq!(*info.get("duplicates"), 3 + 5);
}

#[test]
fn a_call_of_which_nothing_counts_replies_0_and_makes_nothing() {
    let server = Server::start();
    let mut connection = server.connection();
    let call = "ANALYTICS.MTRACK shop EVENT a ann AT 1 DIM d x EVENT a bob AT 1971-01-01";
    assert_eq!(connection.run(call), 0);
    assert!(connection.keys().is_empty());
}

#[test]
fn what_is_dropped_leaves_no_name_behind() {
    let server = Server::start();
    let mut connection = server.connection();
    let call = "ANALYTICS.MTRACK shop EVENT a ann AT 1 DIM old x VAL ancient 1 EVENT a bob DIM new x VAL fresh 1";
    assert_eq!(connection.run(call), 1);
    let info = connection.run("ANALYTICS.INFO shop");
    assert_eq!(info.get("dimensions").array().len(), 2);
    assert_eq!(*info.get("dimensions").at(1).at(0), "new");
    assert_eq!(info.get("values").array().len(), 1);
    assert_eq!(*info.get("values").at(0).at(0), "fresh");
}

#[test]
fn one_bad_event_fails_the_call_by_its_number() {
    let server = Server::with().aof().start();
    let connection = &mut server.connection();
    for site in ["shop", "new"] {
        connection
            .run("ANALYTICS.TRACK shop view ann ID known DIM country FR")
            .int();
        for (number, bad) in [
            (1, "EVENT view ann VAL revenue x EVENT view bob"),
            (
                2,
                "EVENT view ann DIM fresh x EVENT view bob AT never EVENT view cleo",
            ),
            (
                3,
                "EVENT view ann EVENT view bob EVENT view cleo DIM a b DIM a c",
            ),
            (
                2,
                "EVENT view ann EVENT view bob AT 9999-01-01 EVENT view cleo",
            ),
        ] {
            let call = format!("ANALYTICS.MTRACK {site} {bad}");
            refused_line(connection, &call, &[&format!("event {number}: ")]);
        }
    }
    let mut args: Vec<&dyn Arg> = vec![&"ANALYTICS.MTRACK", &"shop"];
    for _ in 0..9_999 {
        args.extend::<[&dyn Arg; 3]>([&"EVENT", &"view", &"ann"]);
    }
    args.extend::<[&dyn Arg; 3]>([&"EVENT", &"view", &""]);
    refused(connection, &args, &["event 10000: ", "user"]);
}

#[test]
fn a_wide_call_makes_every_bucket_that_it_needs() {
    let server = Server::start();
    let mut connection = server.connection();
    let now = connection.now();
    let mut words = vec!["ANALYTICS.MTRACK".to_owned(), "shop".to_owned()];
    for minutes in 1..=50 {
        let time = now - minutes * MINUTE;
        words.extend([
            "EVENT".into(),
            "view".into(),
            minutes.to_string(),
            "AT".into(),
            time.to_string(),
        ]);
    }
    assert_eq!(connection.run(&words.join(" ")), 50);
    let minutes = connection
        .keys()
        .into_iter()
        .filter(|key| key.contains(":minute:"))
        .count();
    assert_eq!(minutes, 50);
    assert_eq!(connection.run("ANALYTICS.UNIQUE shop 55m"), 50);
}
