//! Payloads to begin with: together they have every field of both formats.

use super::setup::{one_page, site, TIME};
use super::{funnels, people, visits};
use crate::alert::live::Feed;
use crate::alert::{Rule, State};
use crate::apply::RowResolver;
use crate::apply::{Import, Row};
use crate::bucket::tally::Distinct;
use crate::bucket::Bucket;
use crate::codec::Page;
use crate::event::Fingerprint;
use crate::event::{Batch, Event, Run};
use crate::hash::hash;
use crate::ids::RecentIds;
use crate::schema::{parse_alter, Names};
use crate::site::{Replayed, Site};
use crate::sketch::hll::Sketch;
use crate::text::Text;
use crate::time::{Granularity, Period, Zone};
use std::ops::Range;

/// Of what site and period a bucket is.
#[derive(Clone)]
pub struct Kind {
    pub site: Site,
    pub period: Period,
    pub zone: Zone,
}

/// With every option of a site.
const RICH: &str = "TZ Europe/Paris RETENTION minute 2h RETENTION week off RETENTION month 36mo \
    DIM plan NOUSERS DIM country CUBE event,country CUBE plan,country,city NOUSERS VAL price VAL ms";

/// The hash of a user: from here on such that registers are higher than those of any real users.
const HIGH: u64 = 1_000_000;

fn user(n: u64) -> u64 {
    match n.checked_sub(HIGH) {
        Some(n) => (n * 5) & 0x3fff | 1 << 32,
        None => hash(&(n / 2).to_le_bytes()),
    }
}

/// The `n`th of many different events.
pub fn record(bucket: &mut Bucket, kind: &Kind, n: u64) {
    let texts = [n % 3, n % 7, n % 11, n % 2].map(|n| format!("{n}"));
    let [country, plan, city, event] = texts.each_ref().map(|text| Text::new(text.as_bytes()));
    let dimensions = [
        (Text::new(b"country"), country),
        (Text::new(b"plan"), plan),
        (Text::new(b"city"), city),
    ];
    let values = [
        (Text::new(b"price"), (n * n) as f64 / 100.0 - 5.0),
        (Text::new(b"ms"), 10f64.powi(n as i32 % 40 - 20)),
    ];
    let batch = Batch {
        events: Vec::new(),
        dimensions: dimensions[..n as usize % 4].to_vec(),
        values: values[..n as usize % 3].to_vec(),
    };
    let event = Event {
        time: TIME,
        kind: event,
        user: user(n),
        session: n.is_multiple_of(2).then(|| hash(&n.to_le_bytes())),
        id: None,
        passive: false,
        dimensions: Run::behind::<()>(&[], batch.dimensions.len()),
        values: Run::behind::<()>(&[], batch.values.len()),
    };
    let period = kind.zone.period(kind.period.granularity(), TIME).unwrap();
    let slot = (n * 7) as u8 % period.slot_count();
    RowResolver::default().resolve_rows(
        &kind.site.settings,
        &event,
        &batch,
        (None, None),
        |resolved| {
            bucket.count_alone(resolved, slot, kind.site.settings.capacity);
        },
    );
}

fn kind(granularity: Granularity, options: &str, capacity: usize) -> Kind {
    let site = site(options, capacity);
    let zone = site.settings.zone.clone();
    Kind {
        period: zone.period(granularity, TIME).unwrap(),
        site,
        zone,
    }
}

fn bucket(kind: &Kind, events: Range<u64>) -> Bucket {
    let mut bucket = Bucket::new(&kind.period);
    events.for_each(|n| record(&mut bucket, kind, n));
    bucket
}

/// With the names under which `tests/golden` keeps them.
pub fn buckets() -> Vec<(&'static str, Kind, Page)> {
    use Granularity::{Day, Hour, Minute, Month, Week};
    let few = "DIM event NOUSERS DIM country NOUSERS DIM plan NOUSERS DIM city NOUSERS";
    let made = [
        ("minute-one-event", Minute, "", 1_000, 0..1),
        ("minute-rich", Minute, RICH, 1_000, 0..6),
        ("hour-spilled", Hour, RICH, 3, 0..40),
        ("day-rich", Day, RICH, 1_000, 0..12),
        ("week-rich", Week, "DIM event NOUSERS", 1_000, 0..9),
        ("month-spilled", Month, RICH, 2, 0..9),
        ("day-sparse", Day, few, 1_000, 0..2_000),
        ("week-nibbles", Week, few, 1_000, 0..12_000),
        ("month-packed", Month, few, 1_000, HIGH..HIGH + 4_000),
    ];
    made.into_iter()
        .map(|(name, granularity, options, capacity, events)| {
            let kind = kind(granularity, options, capacity);
            let page = one_page(bucket(&kind, events).encode());
            (name, kind, page)
        })
        .chain(std::iter::once(imported()).map(|(kind, page)| ("day-imported", kind, page)))
        .collect()
}

/// Users and sessions without an event, in rows that stayed and one for which there was no room.
fn imported() -> (Kind, Page) {
    let kind = kind(Granularity::Day, "CUBE event,country", 1);
    let mut bucket = Bucket::new(&kind.period);
    import(&mut bucket, &kind, Distinct::Users, 0..3);
    import(&mut bucket, &kind, Distinct::Sessions, 5..7);
    (kind, one_page(bucket.encode()))
}

pub fn import(bucket: &mut Bucket, kind: &Kind, what: Distinct, users: Range<u64>) {
    let mut sketch = Sketch::new();
    users.clone().for_each(|n| {
        sketch.insert(user(2 * n));
    });
    let country = (users.end % 3).to_string();
    let pairs: [(&[u8], &[u8]); 2] = [(b"event", b"1"), (b"country", country.as_bytes())];
    // Some of the sites have no such cube, or keep no users.
    for pairs in [&pairs[..0], &pairs[..1], &pairs[1..], &pairs] {
        if let Ok(row) = Row::new(pairs, &kind.site.settings) {
            let sketch = sketch.clone();
            Import { what, sketch, row }.apply(bucket, &kind.site.settings);
        }
    }
}

/// Short enough to be mutated at every position, and yet with every field: two events of one slot, and
/// with a capacity of one a row that left.
pub fn small_buckets() -> Vec<(Kind, Page)> {
    let made = [1_000, 1].map(|capacity| {
        let kind = kind(Granularity::Minute, "CUBE event,country", capacity);
        let mut bucket = bucket(&kind, 0..0);
        for n in [2, 62] {
            record(&mut bucket, &kind, n);
        }
        let page = one_page(bucket.encode());
        (kind, page)
    });
    let mut made = Vec::from(made);
    made.push(imported());
    made
}

pub fn bucket_of_many_pages() -> Vec<Page> {
    let kind = kind(Granularity::Minute, RICH, 10_000);
    let mut bucket = bucket(&kind, 0..20);
    for n in 0..5_000 {
        let page = format!("{n:0512}");
        let batch = Batch {
            events: Vec::new(),
            dimensions: vec![(Text::new(b"page"), Text::new(page.as_bytes()))],
            values: Vec::new(),
        };
        let event = Event {
            time: TIME,
            kind: Text::new(b"view"),
            user: hash(page.as_bytes()),
            session: None,
            id: None,
            passive: false,
            dimensions: Run::behind::<()>(&[], 1),
            values: Run::default(),
        };
        let mut settings = kind.site.settings.clone();
        settings.learn(&batch.dimensions, &[]).unwrap();
        RowResolver::default().resolve_rows(&settings, &event, &batch, (None, None), |resolved| {
            bucket.count_alone(resolved, 0, settings.capacity);
        });
    }
    bucket.encode()
}

/// The ids of events, over several periods.
pub fn ids() -> Vec<(&'static str, Page)> {
    let arrivals = |count: u64, apart: i64| {
        let mut ids = RecentIds::default();
        for n in 0..count {
            let id = Fingerprint::of(&n.to_le_bytes());
            ids.insert(id, TIME + n as i64 * apart, 40);
        }
        one_page(ids.encode())
    };
    vec![
        ("one", arrivals(1, 0)),
        ("hour", arrivals(20, 400_000)),
        ("forgotten", arrivals(100, 1_000)),
    ]
}

pub fn sites() -> Vec<(&'static str, Page)> {
    let own = "DIM event CAPACITY 300 DIM own CAPACITY 5 DIM gone \
        CUBE own,plan,event,country NOUSERS CAPACITY 9 UNDECLARED learn";
    let mut rich = site(&format!("{RICH} {own}"), 20);
    let forget = parse_alter(&[b"FORGET", b"DIM", b"gone"]).unwrap();
    rich.settings = rich.settings.with(&forget, false, 0).unwrap();
    let text = |text: &'static str| Text::new(text.as_bytes());
    let batch = Batch {
        events: Vec::new(),
        dimensions: vec![(text("learned"), text("x")), (text("another"), text("x"))],
        values: vec![(text("weight"), 1.0), (text("age"), 1.0)],
    };
    rich.settings = *rich.settings_for(&batch).unwrap().unwrap();
    rich.count(TIME);
    rich.count(TIME + 5);
    let strict = site(
        "DIM event NOUSERS DIM a VAL b STRICT RETENTION minute off",
        1,
    );
    let plain = site("", 1_000);
    let mut imported = site("TZ Europe/Paris", 1_000);
    imported.import(TIME - 5, TIME);
    for (stream, last) in [(&b"log"[..], (1, 2)), (b"other", (u64::MAX, 0))] {
        let stream = Fingerprint::of(stream);
        imported.set_replayed(Replayed { stream, last });
    }
    let made = [
        ("plain", plain),
        ("strict", strict),
        ("rich", rich),
        ("imported", imported),
    ];
    made.map(|(name, site)| (name, one_page(site.encode())))
        .into()
}

/// With rules in every state, and live metrics.
pub fn watched_sites() -> Vec<(&'static str, Page)> {
    let words = |line: &'static str| line.split_ascii_whitespace().map(str::as_bytes).collect();
    let made = [
        ("alert", &["quiet events 5m < 1"][..], &[][..]),
        ("live", &[], &["main 5s WINDOW today events users"]),
        (
            "watched",
            &[
                "busy events 1h change> 50 CLEAR 20 FOR 5m EVERY 30s REPEAT 1h SEVERITY page",
                "late ms:p95@country=FR today > 250.5 FOR 1m",
                "slow ms:avg 90s >= 10 REPEAT 5m",
            ],
            &["main 1s events", "page 10s WINDOW 3mo users price:sum"],
        ),
    ];
    let made = made.into_iter().map(|(name, rules, feeds)| {
        let mut site = site("DIM country VAL ms VAL price", 1_000);
        for line in rules {
            let words: Vec<&[u8]> = words(line);
            let rule = Rule::parse(&words, Names::all(Some(&site.settings))).unwrap();
            site.change_watch(|watch| watch.set_rule(rule));
        }
        for line in feeds {
            let words: Vec<&[u8]> = words(line);
            let feed = Feed::parse(&words, Names::all(Some(&site.settings))).unwrap();
            site.change_watch(|watch| watch.set_feed(feed));
        }
        let states = [
            (b"busy", State::Pending { since: TIME }),
            (
                b"late",
                State::Firing {
                    since: TIME - 60_000,
                    sent: TIME,
                },
            ),
        ];
        for (name, state) in states {
            site.change_watch(|watch| {
                if let Some(alarm) = watch.alarm_mut(name) {
                    alarm.state = state;
                    alarm.paused = name == b"late";
                }
            });
        }
        (name, one_page(site.encode()))
    });
    made.collect()
}

pub fn all_sites() -> impl Iterator<Item = (&'static str, Page)> {
    let sites = sites().into_iter().chain(watched_sites());
    let sites = sites.chain(logged_sites()).chain(visits::sites());
    sites.chain(people::sites()).chain(funnels::sites())
}

/// With an event log, and nothing else or everything beside it.
pub fn logged_sites() -> Vec<(&'static str, Page)> {
    let everything = "TZ Europe/Paris DIM country CUBE event,country VAL ms STRICT LOG 1000";
    let mut rich = site(everything, 50);
    let words: Vec<&[u8]> = vec![b"quiet", b"events", b"5m", b"<", b"1"];
    let rule = Rule::parse(&words, Names::all(Some(&rich.settings))).unwrap();
    rich.change_watch(|watch| watch.set_rule(rule));
    rich.count(TIME);
    vec![
        ("log", one_page(site("LOG 100000", 1_000).encode())),
        (
            "log-users",
            one_page(site("LOGUSERS yes LOG 3mo 70", 1_000).encode()),
        ),
        ("log-rich", one_page(rich.encode())),
    ]
}

/// Dense ones, and sparse ones as Redis writes them.
pub fn hyperloglogs() -> Vec<Vec<u8>> {
    let mut sketch = Sketch::new();
    let empty = sketch.to_redis();
    (0..5_000u64).for_each(|n| {
        sketch.insert(hash(&n.to_le_bytes()));
    });
    let header = b"HYLL\x01\0\0\0\0\0\0\0\0\0\0\x80";
    let sparse = |opcodes: &[u8]| [&header[..], opcodes].concat();
    vec![
        empty,
        sketch.to_redis(),
        sparse(&[0x7f, 0xff]),
        sparse(&[0x60, 0x00, 0x84, 0x5f, 0xfa, 0x8a]),
    ]
}

#[test]
fn the_payloads_have_every_form() {
    let forms: Vec<String> = buckets()
        .iter()
        .map(|(_, _, page)| format!("{:?}", Bucket::decode(std::slice::from_ref(page)).unwrap()))
        .collect();
    let forms = forms.concat();
    for form in [
        "sparse",
        "nibbles",
        "packed",
        "Cube",
        "spill: Some",
        "sessions",
    ] {
        assert!(forms.contains(form), "{form}");
    }
    for hyperloglog in hyperloglogs() {
        assert!(Sketch::from_redis(&hyperloglog).is_ok());
    }
}

/// Writes the golden files that are not there yet, and never one again: run it with `--ignored` when
/// a format got a new version, after `tests/golden.rs` has learned the new names.
#[test]
#[ignore = "writes to tests/golden"]
fn write_the_golden_files() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden");
    let buckets = buckets().into_iter();
    let buckets = buckets.map(|(name, _, page)| (format!("bucket-v1-{name}.bin"), page));
    let sites = all_sites();
    let sites = sites.map(|(name, page)| (format!("site-v1-{name}.bin"), page));
    let ids = ids().into_iter();
    let ids = ids.map(|(name, page)| (format!("ids-v1-{name}.bin"), page));
    let visits = visits::buckets().into_iter();
    let visits = visits.map(|(name, page)| (format!("bucket-v2-{name}.bin"), page));
    let partitions = visits::partitions().into_iter();
    let partitions = partitions.map(|(name, page)| (format!("visitors-v1-{name}.bin"), page));
    let people = people::buckets().into_iter();
    let people = people.map(|(name, page)| (format!("bucket-v3-{name}.bin"), page));
    let funnels = funnels::buckets().into_iter();
    let funnels = funnels.map(|(name, page)| (format!("bucket-v3-{name}.bin"), page));
    let attempts = funnels::partitions().into_iter();
    let attempts = attempts.map(|(name, page)| (format!("people-v1-{name}.bin"), page));
    let users = people::partitions().into_iter();
    let users = users.map(|(name, page)| (format!("people-v1-{name}.bin"), page));
    for (name, page) in buckets
        .chain(sites)
        .chain(ids)
        .chain(visits)
        .chain(partitions)
        .chain(people)
        .chain(users)
        .chain(funnels)
        .chain(attempts)
    {
        let file = folder.join(name);
        if !file.exists() {
            std::fs::write(file, page).unwrap();
        }
    }
}
