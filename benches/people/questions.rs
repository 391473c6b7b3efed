//! What a funnel over thirty days and the cohorts of twelve weeks take in the server, and the same questions to
//! ClickHouse over the same events, in one process on the same machine.

use testkit::bench::{median, microseconds};
use testkit::{Connection, Filler, Server};

use crate::click_house::ClickHouse;
use crate::events::{events, DAY, DAYS, KINDS, USERS};
use crate::verdict;

const ROUNDS: usize = 5;
const CALLS: usize = 100;
/// In microseconds.
const LIMIT: f64 = 1_000.0;

const QUESTIONS: [(&str, &str); 2] = [
    ("FUNNEL shop GET buy 30d", "funnel"),
    ("RETENTION shop 12w week", "retention"),
];

pub fn run(millions: u64) {
    let server = Server::start();
    let mut connection = server.connection();
    for line in [
        "ANALYTICS.CREATE shop RETURNING 365d RETENTION minute off RETENTION hour 100d",
        "ANALYTICS.FUNNEL shop SET buy WITHIN 7d STEP event=view STEP event=cart STEP event=pay",
    ] {
        assert_eq!(connection.run(line).text(), "OK", "{line}");
    }
    let end = connection.now() - 60_000;
    let mut click = ClickHouse::new();
    fill(&mut connection, &mut click, millions * 1_000_000, end);
    let (from, to) = (end - 30 * DAY, end);
    let theirs = click.answers(from, to);
    println!("| {millions} million events of {USERS} users, {DAYS} days | microseconds | target | ClickHouse, microseconds |");
    println!("|---|---|---|---|");
    for (question, name) in QUESTIONS {
        let line = format!("ANALYTICS.{question}");
        let rounds = (0..ROUNDS).map(|_| microseconds(&mut connection, &line, CALLS));
        let taken = median(rounds);
        let theirs = theirs.iter().find(|answer| answer.name == name);
        let theirs = theirs.map_or("not measured".to_owned(), |answer| {
            if name == "retention" {
                assert_eq!(answer.sum, sum_of_cohorts(&mut connection), "other cohorts");
            }
            format!("{:.0}", answer.taken)
        });
        let is_met = verdict(taken < LIMIT);
        println!("| `{question}` | {taken:.0} | {LIMIT}: {is_met} | {theirs} |");
    }
}

/// All numbers of all rows.
fn sum_of_cohorts(connection: &mut Connection) -> i64 {
    let reply = connection.run("ANALYTICS.RETENTION shop 12w week");
    let rows = reply.get("rows").array().iter();
    let row = |row: &testkit::Reply| {
        let row = row.array();
        row[1].int() + row[2].array().iter().map(|it| it.int()).sum::<i64>()
    };
    rows.map(row).sum()
}

fn fill(connection: &mut Connection, click: &mut ClickHouse, count: u64, end: i64) {
    let mut filler = Filler::of_site(connection, "shop");
    for (number, event) in (1u64..).zip(events(count, end)) {
        let user = format!("user{}", event.user);
        filler.add(&[&KINDS[usize::from(event.kind)], &user, &"AT", &event.at]);
        click.add(&event);
        if number.is_multiple_of(5_000_000) {
            eprintln!(
                "{} of {} million events",
                number / 1_000_000,
                count / 1_000_000
            );
        }
    }
    filler.finish();
}
