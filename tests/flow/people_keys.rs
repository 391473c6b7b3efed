//! The keys of people under `maxmemory`: what is lost with an evicted key, and what goes on.

use crate::visits_keys::evict;
use testkit::calendar::{floor, DAY, MINUTE};
use testkit::{Connection, Reply, Server};

const OTHERS: i64 = 7_000;

/// New users, and users of each step.
fn counted(connection: &mut Connection) -> [i64; 3] {
    let reply =
        connection.run("ANALYTICS.GET shop 9d users:new funnel:buy:users funnel:buy:converted");
    [0, 1, 2].map(|place| reply.at(place).int())
}

/// The rows of the cohorts of the last ten days.
fn cohorts(connection: &mut Connection) -> Vec<Reply> {
    let reply = connection.run("ANALYTICS.RETENTION shop 10d day");
    reply.get("rows").array().to_vec()
}

#[test]
fn after_an_eviction_users_are_new_again_attempts_are_over_and_nothing_counted_is_lost() {
    let server = Server::with().config("maxmemory-clients", "0").start();
    let replica = Server::with().replica_of(&server).start();
    let mut connection = server.connection();
    connection
        .run(
            "ANALYTICS.CREATE shop RETURNING 31d VISITORS 8000 DIM event NOUSERS RETENTION minute off \
             RETENTION hour 400d RETENTION day 400d",
        )
        .ok();
    connection
        .run("ANALYTICS.FUNNEL shop SET buy WITHIN 7d STEP event=view STEP event=pay")
        .ok();
    let now = floor(connection.now(), MINUTE);
    let event = |kind: &str, user: &str, back: i64| {
        format!("ANALYTICS.TRACK shop {kind} {user} AT {}", now - back)
    };
    // Others, so that the partition is what takes the most memory, by far.
    let at = now - 3 * DAY;
    let others = (0..OTHERS).map(|other| format!("EVENT view other{other} AT {at}"));
    let others = others.collect::<Vec<_>>().join(" ");
    let line = format!("ANALYTICS.MTRACK shop {others}");
    assert_eq!(connection.run(&line), OTHERS);
    assert_eq!(connection.run(&event("view", "ann", 3 * DAY)), 1);
    assert_eq!(connection.run(&event("view", "ann", 2 * DAY)), 1);
    assert_eq!(counted(&mut connection), [OTHERS + 1, OTHERS + 1, 0]);
    let before = cohorts(&mut connection);
    // Of all its keys, this one ends first.
    evict(&mut connection, "{shop}:people:0");
    let keys = connection.keys();
    assert!(keys.iter().any(|key| key.contains(":hour:")), "{keys:?}");
    assert_eq!(counted(&mut connection), [OTHERS + 1, OTHERS + 1, 0]);
    assert_eq!(cohorts(&mut connection), before);
    // The attempt that was under way is over.
    assert_eq!(connection.run(&event("pay", "ann", DAY)), 1);
    assert_eq!(counted(&mut connection), [OTHERS + 2, OTHERS + 1, 0]);
    // Another one is followed to its end, and the user is known from then on.
    assert_eq!(connection.run(&event("view", "ann", 2 * MINUTE)), 1);
    assert_eq!(connection.run(&event("pay", "ann", MINUTE)), 1);
    assert_eq!(counted(&mut connection), [OTHERS + 2, OTHERS + 2, 1]);
    let after = cohorts(&mut connection);
    let row = |days: usize| after[after.len() - 1 - days].array().to_vec();
    // In the cohort of three days ago, ann came back once; in that of yesterday, she is another user.
    assert_eq!(row(3)[1], OTHERS + 1);
    assert_eq!(row(3)[2].ints(), [1, 0, 0]);
    assert_eq!((row(1)[1].int(), row(1)[2].ints()), (1, vec![1]));
    let info = connection.run("ANALYTICS.INFO shop");
    assert_eq!(*info.get("people"), 1);
    server.wait_for_replica(&replica);
    testkit::state::assert_same_data(&mut connection, &mut replica.connection(), "the replica");
}

/// Where the bucket of a beginning is gone, no later step is added to other attempts, and no share is above one.
#[test]
fn what_follows_the_eviction_of_a_bucket_is_added_to_no_other_attempts() {
    let server = Server::start();
    let mut connection = server.connection();
    connection
        .run("ANALYTICS.CREATE shop RETURNING 90d RETENTION minute off RETENTION hour 90d")
        .ok();
    connection
        .run("ANALYTICS.FUNNEL shop SET buy WITHIN 2d STEP event=view STEP event=pay BY country")
        .ok();
    let begun = floor(connection.now(), DAY) - 3 * DAY + 10 * MINUTE;
    let event = |kind: &str, user: &str, after: i64| {
        let at = begun + after;
        format!("ANALYTICS.TRACK shop {kind} {user} AT {at} DIM country FR")
    };
    for user in ["ann", "bob"] {
        assert_eq!(connection.run(&event("view", user, 0)), 1);
    }
    let [_, hour, ..] = testkit::calendar::buckets("shop", "UTC", begun);
    assert_eq!(connection.run(&format!("DEL {}", hour.key)), 1);
    assert_eq!(connection.run(&event("view", "cleo", MINUTE)), 1);
    assert_eq!(connection.run(&event("pay", "ann", 2 * MINUTE)), 1);
    let window = format!("{}..{}", begun - 10 * MINUTE, begun + 50 * MINUTE);
    let asked = |connection: &mut Connection, window: &str| {
        let line = format!(
            "ANALYTICS.GET shop {window} funnel:buy:users funnel:buy:converted \
             funnel:buy:users@country=FR funnel:buy:converted@country=FR users:new"
        );
        connection.run(&line).ints()
    };
    // The hour is made anew by what happens in it: one begins, and nobody of these gets further.
    assert_eq!(asked(&mut connection, &window), [1, 0, 1, 0, 1]);
    assert_eq!(connection.run(&event("pay", "cleo", 3 * MINUTE)), 1);
    assert_eq!(asked(&mut connection, &window), [1, 1, 1, 1, 1]);
    // The day was there all the time.
    connection
        .run("ANALYTICS.ALTER shop RETENTION hour off")
        .ok();
    let day = format!("{}..{}", floor(begun, DAY), floor(begun, DAY) + DAY);
    assert_eq!(asked(&mut connection, &day), [3, 2, 3, 2, 3]);
}
