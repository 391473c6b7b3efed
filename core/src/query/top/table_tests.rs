//! The oracle counts the raw events of each page.

use super::*;
use crate::apply::RowResolver;
use crate::event::{Batch, Event, Run};
use crate::query::fold::events_of;
use crate::query::moved::moved;
use crate::schema::{parse_options, Names, Selector, Settings};
use crate::text::Text;
use crate::time::{Granularity, Period, Retention, Zone, HOUR};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet, HashSet};

#[derive(Debug, Clone)]
struct Raw {
    time: i64,
    buys: bool,
    country: u8,
    page: u8,
    user: u8,
    /// In eighths, so that sums are exact.
    revenue: f64,
}

fn raw(most: u8) -> impl Strategy<Value = Raw> {
    let values = (
        0..3 * HOUR,
        any::<bool>(),
        0..most,
        0..most,
        0..40u8,
        1..80u8,
    );
    values.prop_map(move |(time, buys, country, page, user, revenue)| Raw {
        time,
        buys,
        country: country * country / most,
        page: page * page / most,
        user,
        revenue: f64::from(revenue) / 8.0,
    })
}

impl Raw {
    fn event(&self) -> &'static str {
        if self.buys {
            "buy"
        } else {
            "view"
        }
    }

    fn country(&self) -> String {
        format!("c{}", self.country)
    }

    fn page(&self) -> String {
        format!("/{}", self.page)
    }

    fn has(&self, dimension: &str, value: &str) -> bool {
        match dimension {
            "event" => self.event() == value,
            "country" => self.country() == value,
            _ => self.page() == value,
        }
    }
}

fn settings() -> Settings {
    let words = "CUBE event,page CUBE page,country CUBE country,event,page VAL revenue";
    let words: Vec<&[u8]> = words.split(' ').map(str::as_bytes).collect();
    let settings = Settings::new(Zone::UTC, Retention::default(), 10);
    let changes = parse_options(&words).unwrap();
    settings.with(&changes, false, 0).unwrap()
}

fn hours(events: &[Raw], capacity: usize) -> Vec<(Period, Bucket)> {
    let settings = settings();
    let mut buckets: BTreeMap<i64, (Period, Bucket)> = BTreeMap::new();
    for raw in events {
        let period = Zone::UTC.period(Granularity::Hour, raw.time).unwrap();
        let entry = buckets.entry(period.start());
        let (_, bucket) = entry.or_insert_with(|| (period, Bucket::new(&period)));
        let (country, page) = (raw.country(), raw.page());
        let batch = Batch {
            events: Vec::new(),
            dimensions: vec![
                (Text::new(b"country"), Text::new(country.as_bytes())),
                (Text::new(b"page"), Text::new(page.as_bytes())),
            ],
            values: vec![(Text::new(b"revenue"), raw.revenue)],
        };
        let event = Event {
            time: raw.time,
            kind: Text::new(raw.event().as_bytes()),
            user: crate::hash::hash(&[raw.user]),
            session: None,
            id: None,
            passive: false,
            dimensions: Run { start: 0, len: 2 },
            values: Run { start: 0, len: 1 },
        };
        let slot = period.slots(&Zone::UTC).of(raw.time);
        RowResolver::default().resolve_rows(&settings, &event, &batch, (None, None), |resolved| {
            bucket.count_alone(resolved, slot, capacity);
        });
    }
    buckets.into_values().collect()
}

fn parts(buckets: &[(Period, Bucket)], first_slot: u8) -> Vec<(Piece, &Bucket)> {
    let piece = |period: &Period| Piece::of_slots(*period, first_slot, period.slot_count());
    { buckets.iter() }
        .map(|(period, bucket)| (piece(period), bucket))
        .collect()
}

/// `country=c1&event=buy`.
fn pairs(text: &str) -> Vec<(&str, &str)> {
    let pairs = text.split('&').filter(|pair| !pair.is_empty());
    pairs.map(|pair| pair.split_once('=').unwrap()).collect()
}

fn table(held: &str, by: &str, with: &[&str], limit: usize) -> Result<Table, String> {
    let held = pairs(held);
    let asked = Asked {
        listed: b"page",
        held: { held.iter() }
            .map(|(name, value)| (name.as_bytes(), value.as_bytes()))
            .collect(),
        by: Some(by.as_bytes()),
        with: with.iter().map(|metric| metric.as_bytes()).collect(),
    };
    Table::parse(&asked, limit, Names::of(Some(&settings()))).map_err(|error| error.to_string())
}

/// What a metric is of these events.
fn truth(metric: &str, events: &[&Raw]) -> Option<f64> {
    if let Some((of, per)) = metric.split_once('/') {
        let (of, per) = (truth(of, events)?, truth(per, events)?);
        return (per != 0.0).then(|| of / per);
    }
    let (measure, row) = metric.split_once('@').unwrap_or((metric, ""));
    let row = pairs(row);
    let inside = |raw: &&&Raw| row.iter().all(|(name, value)| raw.has(name, value));
    let events: Vec<&Raw> = events.iter().filter(inside).copied().collect();
    let sum: f64 = events.iter().map(|raw| raw.revenue).sum();
    match measure {
        "events" => Some(events.len() as f64),
        "users" => Some(
            events
                .iter()
                .map(|raw| raw.user)
                .collect::<HashSet<_>>()
                .len() as f64,
        ),
        "revenue:sum" => Some(sum),
        "revenue:avg" => (!events.is_empty()).then(|| sum / events.len() as f64),
        _ => panic!("{metric}"),
    }
}

const METRICS: [&str; 10] = [
    "events",
    "users",
    "revenue:sum",
    "revenue:avg",
    "events@event=buy/events",
    "users@event=buy/users",
    "events@event=buy",
    "revenue:sum/users",
    "events/events@event=buy",
    "revenue:avg@event=view",
];
const HELD: [&str; 2] = ["", "country=c0"];

/// The text of the one listed value of a row.
fn page(axis: &Axis, row: &Ranked) -> String {
    String::from_utf8(axis.values_of(row.value)[0].to_vec()).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Held values, ratios and further columns, against the events of each page.
    #[test]
    fn every_column_is_that_of_the_events_of_its_row(
        events in prop::collection::vec(raw(9), 0..150),
        with in prop::collection::vec(prop::sample::select(&METRICS[..]), 0..4),
        limit in 1..12usize,
    ) {
        let buckets = hours(&events, 1_000);
        let parts = parts(&buckets, 0);
        for (held, by) in HELD.iter().flat_map(|held| METRICS.map(|by| (held, by))) {
            let inside = |raw: &&Raw| pairs(held).iter().all(|(name, value)| raw.has(name, value));
            let events: Vec<&Raw> = events.iter().filter(inside).collect();
            let of = |page: &str| -> Vec<&Raw> {
                events.iter().filter(|raw| raw.page() == page).copied().collect()
            };
            let pages: BTreeSet<String> = events.iter().map(|raw| raw.page()).collect();
            let mut expected: Vec<(Option<f64>, String)> =
                pages.into_iter().map(|page| (truth(by, &of(&page)), page)).collect();
            // A page that no event of the row of `by` has is no line where that alone is ranked.
            expected.sort_by(|a, b| {
                let number = |number: Option<f64>| number.unwrap_or(f64::NEG_INFINITY);
                number(b.0).total_cmp(&number(a.0)).then(a.1.cmp(&b.1))
            });
            let table = table(held, by, &with, limit).unwrap();
            let ranking = table.rank(&parts, 60.0);
            let rows: Vec<(Option<f64>, String)> = ranking
                .rows
                .iter()
                .map(|row| (row.number.number(), page(&table.axis, row)))
                .collect();
            prop_assert_eq!(&rows[..], &expected[..limit.min(expected.len())], "{} {}", held, by);
            prop_assert_eq!(ranking.other.is_some(), expected.len() > limit);
            let shown: Vec<&String> = rows.iter().map(|(_, page)| page).collect();
            let outside = |raw: &&Raw| !shown.contains(&&raw.page());
            let rest: Vec<&Raw> = events.iter().filter(|it| outside(it)).copied().collect();
            for (row, events) in ranking.rows.iter().map(|row| (row, of(&page(&table.axis, row))))
                .chain(ranking.other.iter().map(|row| (row, rest.clone())))
            {
                prop_assert_eq!(row.number.number(), truth(by, &events), "{}", by);
                prop_assert_eq!(row.with.len(), with.len());
                for (metric, answer) in with.iter().zip(&row.with) {
                    prop_assert_eq!(answer.number(), truth(metric, &events), "{}", metric);
                }
            }
            if by.contains('/') || by.contains(':') {
                let shares = ranking.rows.iter().chain(&ranking.other);
                let shares: f64 = shares.filter_map(|row| row.share.number()).sum();
                prop_assert!(events.is_empty() || by == "revenue:sum" || (shares - 1.0).abs() < 1e-9);
            }
        }
    }

    /// With held values a full cube says how many events it may lack, of each row and of the rest.
    #[test]
    fn beyond_capacity_rows_with_held_values_bound_the_truth(
        events in prop::collection::vec(raw(14), 1..400),
        capacity in 1..12usize,
        limit in 1..8usize,
        first_slot in 0..60u8,
        held in prop::sample::select(&["country=c0", "country=c5", "country=c12", "event=buy", "event=buy&country=c1"][..]),
    ) {
        let buckets = hours(&events, capacity);
        let parts = parts(&buckets, first_slot);
        let inside = |raw: &&Raw| {
            let is_held = pairs(held).iter().all(|(name, value)| raw.has(name, value));
            is_held && raw.time % HOUR >= i64::from(first_slot) * HOUR / 60
        };
        let events: Vec<&Raw> = events.iter().filter(inside).collect();
        let table = table(held, "events", &["events"], limit).unwrap();
        let ranking = table.rank(&parts, 60.0);
        let count = |answer: Answer| answer.number().unwrap();
        let mut shown = Vec::new();
        for row in &ranking.rows {
            let page = page(&table.axis, row);
            let truth = events.iter().filter(|raw| raw.page() == page).count() as f64;
            let seen = count(row.number);
            prop_assert!(seen <= truth && truth <= seen + count(row.error), "{page}: {row:?}, not {truth}");
            prop_assert_eq!(row.with[0], row.number);
            shown.push(page);
        }
        let truth = events.iter().filter(|raw| !shown.contains(&raw.page())).count() as f64;
        let (seen, error) = ranking.other.as_ref().map_or((0.0, 0.0), |other| {
            (count(other.number), count(other.error))
        });
        prop_assert!(seen <= truth && truth <= seen + error, "{seen} + {error}, not {truth}");
        // No more than the events of the held values are said to be missing.
        prop_assert!(seen + error <= 400.0);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// What a full bucket may have moved out of a row, and no more than there is in its `~other`.
    #[test]
    fn a_row_says_how_many_events_it_may_lack(
        events in prop::collection::vec(raw(14), 1..400),
        capacity in 1..12usize,
        first_slot in 0..60u8,
    ) {
        let buckets = hours(&events, capacity);
        let parts = parts(&buckets, first_slot);
        let inside = |raw: &&Raw| raw.time % HOUR >= i64::from(first_slot) * HOUR / 60;
        let events: Vec<&Raw> = events.iter().filter(inside).collect();
        let settings = settings();
        for page in 0..14 {
            for row in [format!("page=/{page}"), format!("page=/{page}&country=c0")] {
                let inside = |raw: &&&Raw| pairs(&row).iter().all(|(name, value)| raw.has(name, value));
                let truth = events.iter().filter(inside).count() as u64;
                let selector = Selector::parse(row.as_bytes(), Names::of(Some(&settings))).unwrap();
                let (mut seen, mut missing) = (0, 0);
                for (piece, bucket) in &parts {
                    seen += bucket.tally_of(&selector).map_or(0, |tally| events_of(piece, tally));
                    missing += moved(piece, bucket, &selector);
                }
                prop_assert!(seen <= truth && truth <= seen + missing, "{row}: {seen} + {missing}, not {truth}");
            }
        }
    }
}

#[test]
fn a_table_needs_the_cubes_of_its_axis_and_its_columns() {
    for (held, by, with, part) in [
        ("agent=x", "events", "", "the site has no"),
        (
            "country=c0",
            "events@country=c1",
            "",
            "BY 'events@country=c1': dimension 'country' is given twice",
        ),
        ("", "events@page=/1", "", "dimension 'page' is given twice"),
        ("page=/1", "events", "", "dimension 'page' is given twice"),
        (
            "",
            "events",
            "users@contry=x",
            "WITH 'users@contry=x': the site has no dimension",
        ),
        (
            "",
            "nothing",
            "",
            "BY 'nothing': a value needs an aggregate",
        ),
        ("country=c0", "events", "latency:", "WITH 'latency:'"),
        ("", "events/usrs", "", "BY 'events/usrs': behind its /"),
    ] {
        let with: Vec<&str> = Some(with).filter(|it| !it.is_empty()).into_iter().collect();
        let refused = table(held, by, &with, 5);
        if held == "agent=x" {
            // An unknown dimension that is near to none is in no cube.
            assert!(refused.unwrap_err().contains("'page,agent' is not a cube"));
            continue;
        }
        let refused = refused.unwrap_err();
        assert!(refused.contains(part), "{refused}");
    }
    let many = vec!["events"; 17];
    assert!(table("", "events", &many, 5)
        .unwrap_err()
        .contains("at most 16"));
}
