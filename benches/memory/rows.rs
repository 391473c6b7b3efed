//! The memory of one more row of a bucket: an event type, a value of a dimension, a cell of a cube.

use crate::{buckets, usage};
use testkit::{Arg, Connection, Filler};

/// Rows that are added, so that what vectors keep in reserve is shared out.
const ROWS: usize = 100;
const USERS: [usize; 5] = [1, 10, 100, 1_000, 10_000];

struct Case {
    name: &'static str,
    options: &'static str,
    /// The options that name the row, after the event's type and user.
    add: fn(&mut Filler, row: &str, user: &str, at: i64),
    /// What is there of the same events without the row.
    base: fn(&mut Filler, row: &str, user: &str, at: i64),
}

fn bare(to: &mut Filler, _: &str, user: &str, at: i64) {
    to.add(&[&"view", &user, &"AT", &at]);
}

fn of_page(to: &mut Filler, row: &str, user: &str, at: i64) {
    to.add(&[&"view", &user, &"AT", &at, &"DIM", &"page", &row]);
}

fn with_value(to: &mut Filler, row: &str, user: &str, at: i64) {
    let amount = amount(user);
    let words: [&dyn Arg; 10] = [
        &"view", &user, &"AT", &at, &"DIM", &"page", &row, &"VAL", &"revenue", &amount,
    ];
    to.add(&words);
}

/// Between 1 and 100, another one for every user.
fn amount(user: &str) -> String {
    let number: u64 = user[1..].parse().unwrap_or(0);
    format!("{:.2}", 1.0 + (number * 7_919 % 9_900) as f64 / 100.0)
}

const CASES: [Case; 6] = [
    Case {
        name: "an event type",
        options: "",
        add: |to, row, user, at| to.add(&[&row, &user, &"AT", &at]),
        base: bare,
    },
    Case {
        name: "an event type, `DIM event NOUSERS`",
        options: "DIM event NOUSERS",
        add: |to, row, user, at| to.add(&[&row, &user, &"AT", &at]),
        base: bare,
    },
    Case {
        name: "a dimension value",
        options: "DIM page",
        add: of_page,
        base: bare,
    },
    Case {
        name: "a dimension value, `NOUSERS`",
        options: "DIM page NOUSERS",
        add: of_page,
        base: bare,
    },
    Case {
        name: "a dimension value, `NOUSERS`, with a `VAL`",
        options: "DIM page NOUSERS VAL revenue",
        add: with_value,
        base: |to, _, user, at| {
            let amount = amount(user);
            to.add(&[&"view", &user, &"AT", &at, &"VAL", &"revenue", &amount]);
        },
    },
    Case {
        name: "a cell of a cube, its values counted",
        options: "DIM page CUBE event,page",
        add: of_page,
        base: |_, _, _, _| {},
    },
];

pub fn run(connection: &mut Connection) {
    print!("| one more row of a day bucket, by its users |");
    USERS.iter().for_each(|users| print!(" {users} |"));
    println!("\n|---|{}", "---|".repeat(USERS.len()));
    for case in &CASES {
        print!("| {} |", case.name);
        for users in USERS {
            print!(" {} |", bytes_of_row(connection, case, users));
        }
        println!();
    }
    println!();
}

/// The memory of a bucket with rows, less that of one with the same events and no rows.
fn bytes_of_row(connection: &mut Connection, case: &Case, users: usize) -> i64 {
    let full = bytes_of_bucket(connection, case.options, case.add, users);
    // A cell comes with its value: it is what the cube adds to that.
    let base = match case.options.contains("CUBE") {
        true => bytes_of_bucket(connection, "DIM page", of_page, users),
        false => bytes_of_bucket(connection, case.options, case.base, users),
    };
    (full - base) / ROWS as i64
}

fn bytes_of_bucket(
    connection: &mut Connection,
    options: &str,
    add: fn(&mut Filler, &str, &str, i64),
    users: usize,
) -> i64 {
    const DAY: i64 = 86_400_000;
    connection.run("FLUSHALL").ok();
    connection
        .run(&format!("ANALYTICS.CREATE shop RETENTION minute off RETENTION hour off RETENTION week off RETENTION month off {options}"))
        .ok();
    let day = connection.now().div_euclid(DAY) * DAY - DAY;
    let mut filler = Filler::of_site(connection, "shop");
    for row in 0..ROWS {
        let row = format!("row{row}");
        for user in 0..users {
            let at = day + (user as i64 * 7_919_000) % DAY;
            add(&mut filler, &row, &format!("u{user}"), at);
        }
    }
    filler.finish();
    let keys = buckets(connection, "shop");
    keys.iter().map(|key| usage(connection, key)).sum()
}
