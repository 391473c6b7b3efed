//! Many keys to save: originals that are filled by commands, and copies of them.

use testkit::bench::{Event, Requests};
use testkit::{cmd, Connection, Filler, Random};

/// The number of originals, which are copied in turn.
const ORIGINALS: usize = 40;
const DAY: i64 = 86_400_000;

#[derive(Clone, Copy)]
pub struct Kind {
    pub name: &'static str,
    pub keys: usize,
    /// Events of a bucket, each of another user.
    pub users: usize,
    /// Events have two dimensions of 20 and of 50 values, a session and two values.
    pub is_rich: bool,
}

pub const KINDS: [Kind; 4] = [
    Kind {
        name: "one user",
        keys: 100_000,
        users: 1,
        is_rich: false,
    },
    Kind {
        name: "500 users",
        keys: 20_000,
        users: 500,
        is_rich: false,
    },
    Kind {
        name: "dense",
        keys: 10_000,
        users: 10_000,
        is_rich: false,
    },
    Kind {
        name: "500 users, 80 rows, sessions, 2 values",
        keys: 1_000,
        users: 500,
        is_rich: true,
    },
];

/// Fills the originals, and returns the bytes that they take.
pub fn buckets(connection: &mut Connection, kind: Kind) -> f64 {
    let today = connection.now().div_euclid(DAY) * DAY;
    connection
        .run("ANALYTICS.CREATE shop RETENTION minute off RETENTION hour off RETENTION week off RETENTION month off DIM event NOUSERS")
        .ok();
    let mut random = Random::new(42);
    let mut filler = Filler::of_site(connection, "shop");
    for (day, user) in users(kind) {
        let at = today - day as i64 * DAY - random.below(DAY as u64) as i64;
        if kind.is_rich {
            let event = Event::random(&mut random);
            let page = format!("/page/{}", random.below(50));
            filler.add(&[
                &event.kind,
                &user,
                &"AT",
                &at,
                &"SESSION",
                &user,
                &"DIM",
                &"country",
                &event.country,
                &"DIM",
                &"page",
                &page,
                &"VAL",
                &"revenue",
                &event.revenue,
                &"VAL",
                &"latency",
                &event.latency,
            ]);
        } else {
            filler.add(&[&"view", &user, &"AT", &at]);
        }
    }
    filler.finish();
    let mut keys = connection.keys();
    keys.retain(|key| key.starts_with("{shop}:"));
    copy(connection, &keys, kind.keys)
}

/// The same number of native HyperLogLogs, with the same users.
pub fn native(connection: &mut Connection, kind: Kind) -> f64 {
    let mut keys = Vec::new();
    for day in 0..ORIGINALS {
        keys.push(format!("users:{day}"));
        let mut filler = Filler::of_hll(connection, &keys[day]);
        let users = users(kind).filter(|(of, _)| *of == day);
        users.for_each(|(_, user)| filler.add(&[&user]));
        filler.finish();
        // They expire, as buckets do.
        connection.run(&format!("EXPIRE {} 86400", keys[day]));
    }
    copy(connection, &keys, kind.keys)
}

/// The users of all originals, with the number of the original.
fn users(kind: Kind) -> impl Iterator<Item = (usize, String)> {
    let count = kind.users;
    (0..ORIGINALS * count)
        .map(move |n| (n / count, format!("user{}", n / count * 1_000 + n % count)))
}

/// Copies the keys in turn until there are so many.
fn copy(connection: &mut Connection, originals: &[String], count: usize) -> f64 {
    let mut bytes = 0;
    let mut requests = Requests::default();
    let usage: Vec<i64> = originals
        .iter()
        .map(|key| cmd!(connection, "MEMORY", "USAGE", key).int())
        .collect();
    for copy in 0..count {
        let place = copy % originals.len();
        bytes += usage[place];
        if copy >= originals.len() {
            requests.push(&[&"COPY", &originals[place], &format!("copy:{copy:08}")]);
        }
    }
    let replies = connection.exchange(&requests.bytes, requests.replies as usize);
    assert!(
        replies.iter().all(|reply| *reply == 1),
        "every copy is made"
    );
    bytes as f64
}
