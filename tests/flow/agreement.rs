//! Questions against each other, and against the raw events, over random windows of sites in many zones with
//! granularities off or gone: what two commands say of the same events is the same, at edges that are
//! interpolated, too. `ANALYTICS_AGREEMENT_SITES=200` asks more of them.

use testkit::calendar::{floor, DAY, HOUR, MINUTE};
use testkit::{cmd, encode, Arg, Connection, ManualClock, Random, Reply, Server};

const ZONES: [&str; 10] = [
    "UTC",
    "Asia/Kolkata",
    "Asia/Kathmandu",
    "Europe/Paris",
    "America/New_York",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "America/St_Johns",
    "Pacific/Chatham",
    "Antarctica/Troll",
];
const KEPT: [(&str, [&str; 3]); 5] = [
    ("minute", ["off", "3h", "26h"]),
    ("hour", ["off", "30h", "60d"]),
    ("day", ["off", "20d", "400d"]),
    ("week", ["off", "5w", "104w"]),
    ("month", ["off", "4mo", "36mo"]),
];
const SPANS: [i64; 6] = [HOUR, 3 * HOUR, 30 * HOUR, 9 * DAY, 80 * DAY, 500 * DAY];
/// Of the whole site.
const METRICS: [&str; 14] = [
    "events",
    "users",
    "sessions",
    "events:rate",
    "revenue:sum",
    "revenue:avg",
    "revenue:min",
    "revenue:p50",
    "revenue:p95",
    "users@page=/0",
    "events@page=/0&country=c0",
    "users@event=buy/users",
    "revenue:p95@country=c1",
    "(events@event=buy&page=/0)/(events@page=/0)",
];
/// Of the rows of `TOP`: what is measured, and of which further row.
const OF_ROWS: [&str; 13] = [
    "events",
    "users",
    "sessions",
    "events:rate",
    "revenue:sum",
    "revenue:avg",
    "revenue:min",
    "revenue:p50",
    "revenue:count",
    "revenue:sum/users",
    "events@event=buy/events",
    "users@event=buy/users",
    "users@event=buy",
];

struct Raw {
    time: i64,
    user: u64,
    event: &'static str,
    page: String,
    country: String,
    revenue: f64,
}

/// A site, and the events that it has.
struct Site {
    name: String,
    events: Vec<Raw>,
}

impl Site {
    fn random(connection: &mut Connection, random: &mut Random, now: i64, number: u64) -> Site {
        let name = format!("site{number}");
        loop {
            let mut line = format!("ANALYTICS.CREATE {name} TZ {}", random.pick(&ZONES));
            for (granularity, durations) in KEPT.iter().filter(|_| !number.is_multiple_of(3)) {
                if random.one_in(2) {
                    let kept = random.pick(durations);
                    line += &format!(" RETENTION {granularity} {kept}");
                }
            }
            line += " CUBE event,page CUBE page,country CUBE country,event,page";
            // Not everything may be switched off.
            if !connection.run(&line).is_error() {
                break;
            }
        }
        let count = *random.pick(&[60, 300, 700]);
        let mut events: Vec<Raw> = (0..count)
            .map(|_| {
                let span = *random.pick(&SPANS);
                Raw {
                    time: now - random.below(span as u64) as i64,
                    user: random.below(150),
                    event: ["view", "view", "buy"][random.below(3) as usize],
                    page: format!("/{}", random.below(5) * random.below(3)),
                    country: format!("c{}", random.below(4)),
                    revenue: random.below(800) as f64 / 8.0,
                }
            })
            .collect();
        let mut request = Vec::new();
        for raw in &events {
            let user = format!("u{}", raw.user);
            let session = format!("s{}", raw.user / 2);
            let words: [&dyn Arg; 16] = [
                &"ANALYTICS.TRACK",
                &name,
                &raw.event,
                &user,
                &"AT",
                &raw.time,
                &"SESSION",
                &session,
                &"DIM",
                &"page",
                &raw.page,
                &"DIM",
                &"country",
                &raw.country,
                &"VAL",
                &"revenue",
            ];
            let revenue = raw.revenue.to_string();
            let words: Vec<&dyn Arg> = words.into_iter().chain([&revenue as &dyn Arg]).collect();
            encode(&mut request, &words);
        }
        let replies = connection.exchange(&request, events.len());
        // What is older than every retention is not there.
        let mut counted = replies.iter().map(|reply| reply.int() == 1);
        events.retain(|_| counted.next() == Some(true));
        Site { name, events }
    }
}

/// Windows that do not end now come with their ends.
fn window(random: &mut Random, now: i64) -> (String, Option<(i64, i64)>) {
    const WORDS: [&str; 14] = [
        "5m",
        "68m",
        "3h",
        "26h",
        "9d",
        "3mo",
        "today",
        "yesterday",
        "this-week",
        "last-week",
        "last-month",
        "2024-11-03",
        "2024-W44",
        "2024-10",
    ];
    if random.one_in(3) {
        return ((*random.pick(&WORDS)).to_owned(), None);
    }
    let span = *random.pick(&SPANS);
    let unit = *random.pick(&[1, 1, MINUTE, HOUR, DAY]);
    let from = floor(now - random.below(span as u64) as i64, unit);
    let to = from + unit.max(random.below(span as u64) as i64 / unit * unit);
    let to = to.min(floor(now, unit)).max(from + 1);
    (format!("{from}..{to}"), Some((from, to)))
}

fn ask(connection: &mut Connection, words: &[&str]) -> Reply {
    let words: Vec<&dyn Arg> = words.iter().map(|word| word as &dyn Arg).collect();
    connection.call(&words)
}

fn question<'w>(
    command: &'w str,
    site: &'w Site,
    window: &'w str,
    words: &[&'w str],
) -> Vec<&'w str> {
    [&[command, site.name.as_str(), window][..], words].concat()
}

fn get(connection: &mut Connection, site: &Site, window: &str, metrics: &[&str]) -> Reply {
    let words = question("ANALYTICS.GET", site, window, metrics);
    let reply = ask(connection, &words);
    assert!(!reply.is_error(), "{words:?}: {reply:?}");
    reply
}

/// What was asked, how it is answered, and of which range.
struct Answered {
    window: String,
    reply: Reply,
    counts: (i64, i64),
    is_interpolated: bool,
    is_exact: bool,
}

fn answered(connection: &mut Connection, site: &Site, window: &str) -> Answered {
    let reply = get(connection, site, window, &METRICS);
    let words = question("ANALYTICS.EXPLAIN", site, window, &METRICS);
    let explained = ask(connection, &words);
    let counts = explained.get("counts").ints();
    for (metric, value) in METRICS.iter().zip(reply.array()) {
        let metric_of = explained.get("metrics").get(metric);
        assert_eq!(metric_of.get("value"), value, "{metric} {window}");
    }
    let (inner, outer) = (explained.get("inner").int(), explained.get("outer").int());
    let users = reply.at(1).int();
    assert!(
        inner - 1 <= users && users <= outer + 1,
        "{inner}..{outer}: {users}"
    );
    Answered {
        counts: (counts[0], counts[1]),
        is_interpolated: explained.get("interpolated").int() == 1,
        is_exact: explained.get("window").ints() == counts,
        window: window.to_owned(),
        reply,
    }
}

/// No more events than the range has, and where nothing was cut its users.
fn against_the_events(site: &Site, answered: &Answered) {
    let (from, to) = answered.counts;
    let inside = || {
        site.events
            .iter()
            .filter(|raw| (from..to).contains(&raw.time))
    };
    let (events, users) = (answered.reply.at(0).int(), answered.reply.at(1).int());
    let truth = inside().count() as i64;
    assert!(events <= truth, "{}: {events} of {truth}", answered.window);
    if events == truth && !answered.is_interpolated {
        let mut truth: Vec<u64> = inside().map(|raw| raw.user).collect();
        truth.sort_unstable();
        truth.dedup();
        assert_eq!(users, truth.len() as i64, "{}", answered.window);
        let sum: f64 = inside().map(|raw| raw.revenue).sum();
        assert_eq!(answered.reply.at(4).double(), sum);
        let cell = inside().filter(|raw| raw.page == "/0" && raw.country == "c0");
        assert_eq!(answered.reply.at(10).int(), cell.count() as i64);
    }
}

/// A metric of the rows of `TOP`, as `GET` takes it of one of them.
fn of_row(metric: &str, page: &str, held: Option<(&str, &str)>) -> String {
    let term = |text: &str| {
        let (measure, row) = text.split_once('@').unwrap_or((text, ""));
        let held = held.map(|(name, value)| format!("{name}={value}"));
        let rows = [
            format!("page={page}"),
            held.unwrap_or_default(),
            row.to_owned(),
        ];
        let rows: Vec<String> = rows.into_iter().filter(|row| !row.is_empty()).collect();
        format!("({measure}@{})", rows.join("&"))
    };
    match metric.split_once('/') {
        Some((of, per)) => format!("{}/{}", term(of), term(per)),
        None => term(metric),
    }
}

fn top(
    connection: &mut Connection,
    random: &mut Random,
    site: &Site,
    answered: &Answered,
) -> usize {
    let held = *random.pick(&[None, None, Some(("country", "c0")), Some(("event", "buy"))]);
    let is_possible = |metric: &&&str| !(held.is_some_and(|(name, _)| metric.contains(name)));
    let possible: Vec<&str> = OF_ROWS.iter().filter(is_possible).copied().collect();
    let metrics: Vec<&str> = (0..1 + random.below(4))
        .map(|_| *random.pick(&possible))
        .collect();
    let mut words = question("ANALYTICS.TOP", site, &answered.window, &["page"]);
    if let Some((name, value)) = held {
        words.extend(["WHERE", name, value]);
    }
    words.extend(["BY", metrics[0]]);
    if metrics.len() > 1 {
        words.push("WITH");
        words.extend(&metrics[1..]);
    }
    words.extend(["LIMIT", *random.pick(&["1", "3", "50"])]);
    let ranking = ask(connection, &words);
    let rows = ranking.array().iter().filter(|row| *row.at(0) != "~other");
    let mut compared = 0;
    for row in rows {
        let of_row: Vec<String> = { metrics.iter() }
            .map(|metric| of_row(metric, row.at(0).text(), held))
            .collect();
        let of_row: Vec<&str> = of_row.iter().map(String::as_str).collect();
        let expected = get(connection, site, &answered.window, &of_row);
        let numbers = [&[row.at(1).clone()][..], &row.array()[4..]].concat();
        assert_eq!(numbers, expected.array(), "{words:?}: {row:?}");
        compared += numbers.len();
    }
    if held.is_none() && ["events", "revenue:sum", "revenue:count"].contains(&metrics[0]) {
        let sum: f64 = ranking.array().iter().map(|row| row.at(1).double()).sum();
        let all = get(connection, site, &answered.window, &metrics[..1]);
        assert_eq!(all.at(0).double(), sum, "{words:?}");
    }
    compared
}

/// The cells of a series that lie in the window, against what is asked of each of them.
fn range(
    connection: &mut Connection,
    random: &mut Random,
    site: &Site,
    answered: &Answered,
) -> usize {
    let step = *random.pick(&["auto", "1m", "10m", "1h", "6h", "1d", "1w", "1mo"]);
    let metrics: Vec<&str> = (0..3).map(|_| *random.pick(&METRICS)).collect();
    let rest = [&[step][..], &metrics[..]].concat();
    let words = question("ANALYTICS.RANGE", site, &answered.window, &rest);
    let series = ask(connection, &words);
    if series.is_error() {
        assert!(series.error().contains("kept") || series.error().contains("points"));
        return 0;
    }
    let times: Vec<i64> = series
        .at(0)
        .array()
        .iter()
        .map(|point| point.at(0).int())
        .collect();
    let mut compared = 0;
    for cell in 1..times.len().saturating_sub(1).min(4) {
        let (from, to) = (times[cell], times[cell + 1]);
        let expected = self::answered(connection, site, &format!("{from}..{to}"));
        if !expected.is_exact || expected.is_interpolated {
            continue;
        }
        let expected = get(connection, site, &expected.window, &metrics);
        for (metric, expected) in expected.array().iter().enumerate() {
            let found = series.at(metric).at(cell).at(1);
            assert_eq!(found, expected, "{words:?} from {from} to {to}");
            compared += 1;
        }
    }
    compared
}

/// The window and the one before, against what is asked of each, where neither is cut.
fn compare(
    connection: &mut Connection,
    site: &Site,
    answered: &Answered,
    ends: Option<(i64, i64)>,
) -> usize {
    let words = question("ANALYTICS.COMPARE", site, &answered.window, &METRICS);
    let compared = ask(connection, &words);
    let number = |reply: &Reply| (!reply.is_nil()).then(|| reply.double());
    for (row, metric) in compared.array().iter().zip(METRICS) {
        let [now, before, change] = [0, 1, 2].map(|place| number(row.at(place)));
        let expected = match (now, before) {
            (Some(now), Some(before)) if before != 0.0 => {
                Some(100.0 * (now - before) / before.abs())
            }
            _ => None,
        };
        assert_eq!(change, expected, "{words:?}: {metric} {row:?}");
    }
    let Some((from, to)) = ends.filter(|_| answered.is_exact) else {
        return 0;
    };
    let before = self::answered(connection, site, &format!("{}..{from}", 2 * from - to));
    if !before.is_exact || compared.at(0).at(1).is_nil() {
        return 0;
    }
    let numbers = compared.array().iter();
    for (row, (now, before)) in numbers.zip(answered.reply.array().iter().zip(before.reply.array()))
    {
        assert_eq!([row.at(0), row.at(1)], [now, before], "{words:?}");
    }
    METRICS.len()
}

#[test]
fn questions_say_the_same_of_the_same_events() {
    let mut clock = ManualClock::new();
    let server = Server::with().manual_clock(&clock).start();
    let mut connection = server.connection();
    let mut random = Random::new(17);
    let sites = std::env::var("ANALYTICS_AGREEMENT_SITES");
    let sites: u64 = sites.map_or(8, |sites| sites.parse().expect("a number"));
    let mut compared = [0; 4];
    for number in 0..sites {
        // Clocks were set back in New York two days before, and in Paris and Lord Howe some weeks.
        let now = 1_730_810_096_789 + random.below(40 * HOUR as u64) as i64;
        clock.set(now);
        let site = Site::random(&mut connection, &mut random, now, number);
        let mut before: Option<Answered> = None;
        for _ in 0..25 {
            let (window, ends) = window(&mut random, now);
            let answered = answered(&mut connection, &site, &window);
            against_the_events(&site, &answered);
            compared[0] += top(&mut connection, &mut random, &site, &answered);
            compared[1] += range(&mut connection, &mut random, &site, &answered);
            compared[2] += compare(&mut connection, &site, &answered, ends);
            if let Some(before) = before {
                let more = ["WINDOW", before.window.as_str()];
                let both = [&METRICS[..6], &more, &METRICS[6..]].concat();
                let both = get(&mut connection, &site, &window, &both);
                let expected = [&answered.reply.array()[..6], &before.reply.array()[6..]].concat();
                assert_eq!(both.array(), expected);
                compared[3] += 1;
            }
            before = Some(answered);
        }
        cmd!(connection, "ANALYTICS.DROP", site.name).int();
    }
    assert!(compared.iter().all(|count| *count > 100), "{compared:?}");
}
