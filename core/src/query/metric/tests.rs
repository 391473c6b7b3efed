use super::*;
use crate::apply::RowResolver;
use crate::bucket::Bucket;
use crate::event::{Batch, Event, Run};
use crate::schema::parse_options;
use crate::site::Site;
use crate::text::{Name, Text};
use crate::time::{Granularity, Retention, Zone};
use proptest::prelude::*;

fn settings(options: &str) -> Settings {
    let words: Vec<&[u8]> = options.split_whitespace().map(str::as_bytes).collect();
    let changes = parse_options(&words).unwrap();
    let settings = Settings::new(Zone::UTC, Retention::default(), 100);
    settings.with(&changes, false, 0).unwrap()
}

fn shop() -> Settings {
    settings("DIM country DIM page DIM agent NOUSERS CUBE event,country CUBE page,country NOUSERS VAL latency VAL revenue")
}

pub(super) fn parse(text: &str) -> Result<Metric> {
    Metric::parse(text.as_bytes(), Some(&shop()))
}

fn measure(text: &str) -> Measure {
    let metric = parse(text).unwrap();
    assert_eq!((metric.of.row, metric.per), (None, None));
    metric.of.measure
}

pub(super) fn refusal(text: &str) -> String {
    parse(text).unwrap_err().to_string()
}

fn value(name: &str, aggregate: Aggregate) -> Measure {
    Measure::Value(Name::new(name.as_bytes()), aggregate)
}

#[test]
fn subjects_have_defaults_and_values_need_an_aggregate() {
    assert_eq!(measure("events"), Measure::Events);
    assert_eq!(measure("events:COUNT"), Measure::Events);
    assert_eq!(measure("events:rate"), Measure::EventRate);
    assert_eq!(measure("users"), measure("users:unique"));
    assert_eq!(measure("sessions:unique"), Measure::Sessions);
    for (word, aggregate) in measure::AGGREGATES {
        let text = format!("latency:{}", shown(word));
        assert_eq!(measure(&text), value("latency", aggregate));
    }
    assert_eq!(
        measure("latency:p99.9"),
        value("latency", Aggregate::Percentile(99.9))
    );
    assert_eq!(
        measure("latency:P0"),
        value("latency", Aggregate::Percentile(0.0))
    );
    assert_eq!(
        measure("a:b:events:p100"),
        value("a:b:events", Aggregate::Percentile(100.0))
    );
    assert_eq!(
        refusal("latency"),
        "metric 'latency': a value needs an aggregate after a colon: sum, avg, min, max, count, \
         rate or a percentile such as p50, p95, p99.9"
    );
}

#[test]
fn an_error_names_the_metric_what_is_accepted_and_a_suggestion() {
    for (text, part) in [
        (
            "events:sum",
            "events have no aggregate 'sum', only count and rate",
        ),
        (
            "users:count",
            "users have no aggregate 'count', only unique",
        ),
        ("latency:agv", "did you mean avg?"),
        ("latency:mean", "is not one of sum, avg, min, max"),
        (
            "latency:p101",
            "percentile 'p101' is not one from p0 to p100",
        ),
        ("latency:p9e1", "percentile 'p9e1' is not one"),
        ("latency:p1.", "percentile 'p1.' is not one"),
        ("latency:p1.2.3", "percentile 'p1.2.3' is not one"),
        ("latency:p-1", "aggregate 'p-1' of a value"),
        ("user", "or did you mean users?"),
        ("evnets:foo@country=FR", "or did you mean events?"),
        ("latncy", "or did you mean latency?"),
        ("", "value '': a name is not empty"),
        (":sum", "value '': a name is not empty"),
        ("events@", "after the @ comes dimension=value"),
        ("events@country", "such as @country=FR"),
        ("events@=FR", "dimension '': a name is not empty"),
        ("events@a,b=FR", "a name may not contain , = or &"),
        ("events@event=", "event '': a name is not empty"),
        ("events@country=FR&country=DE", "'country' is given twice"),
        (
            "events@agent=x&country=FR",
            "'agent,country' is not a cube of this site, which has: event,country page,country; \
             ANALYTICS.ALTER with CUBE agent,country counts it from then on",
        ),
        ("users@agent=x", "dimension 'agent' is declared NOUSERS"),
        ("sessions@agent=x", "dimension 'agent' is declared NOUSERS"),
        (
            "users@country=FR&page=/",
            "cube 'page,country' is declared NOUSERS",
        ),
        (
            "events@event=a&country=b&page=c&agent=d",
            "'event,country,page,agent' is not a cube of this site",
        ),
    ] {
        let message = refusal(text);
        assert!(message.starts_with("metric '"), "{message}");
        assert!(message.contains(part), "{message}");
    }
    let letters = settings("DIM a DIM b DIM c DIM d");
    let five = Metric::parse(b"events@event=1&a=1&b=1&c=1&d=1", Some(&letters)).unwrap_err();
    assert!(
        five.to_string().contains("a cube has at most 4 dimensions"),
        "{five}"
    );
    let long = format!("events@country={}", "x".repeat(513));
    assert!(refusal(&long).contains("at most 512 bytes"));
    let many = vec![&b"events"[..]; 65];
    assert_eq!(
        Metric::parse_all(many.into_iter(), None)
            .unwrap_err()
            .to_string(),
        "65 metrics are too many: a query has at most 64"
    );
}

const UNKNOWN: [&str; 4] = [
    "weight:avg",
    "events@weather=rain",
    "weight:sum@event=never",
    "events/weight:count",
];

#[test]
fn unknown_names_are_no_error_unless_the_site_is_strict() {
    let strict = settings("DIM country VAL latency STRICT");
    for text in UNKNOWN {
        assert!(parse(text).is_ok(), "{text}");
        assert!(Metric::parse(text.as_bytes(), None).is_ok(), "{text}");
        for names in [Names::of(Some(&strict)), Names::known(&shop())] {
            let error = Metric::parse_named(text.as_bytes(), names).unwrap_err();
            let error = error.to_string();
            assert!(error.contains("the site has no "), "{error}");
            assert!(error.contains("it has: "), "{error}");
        }
    }
    for text in [
        "users@event=never",
        "latency:p95@country=XX",
        "latency:p5/events",
    ] {
        for names in [Names::of(Some(&strict)), Names::known(&shop())] {
            assert!(
                Metric::parse_named(text.as_bytes(), names).is_ok(),
                "{text}"
            );
        }
    }
    let cube = Metric::parse(b"events@country=FR&event=x", None);
    assert!(cube.is_ok());
}

#[test]
fn a_name_that_is_nearly_one_of_the_site_is_an_error() {
    for (text, name, meant) in [
        ("events@contry=FR", "contry", "country"),
        ("events@Country=FR", "Country", "country"),
        ("events@countries=FR", "countries", ""),
        ("events@pge=/", "pge", "page"),
        ("events@evnt=buy", "evnt", "event"),
        ("events@event=buy&contry=FR", "contry", "country"),
        ("events@contry=FR&event=buy", "contry", "country"),
        ("latancy:p95", "latancy", "latency"),
        ("LATENCY:avg", "LATENCY", "latency"),
        ("event:count", "event", "events"),
        ("revenu:sum/users", "revenu", "revenue"),
        ("users/revenu:sum", "revenu", "revenue"),
    ] {
        if meant.is_empty() {
            assert!(parse(text).is_ok(), "{text}");
            continue;
        }
        let refusal = refusal(text);
        let says = refusal.contains(&format!("has no dimension '{name}'"))
            || refusal.contains(&format!("has no value '{name}'"))
            || refusal.contains(&format!("&{name}= "));
        assert!(
            says && refusal.ends_with(&format!("did you mean {meant}?")),
            "{refusal}"
        );
        assert!(Metric::parse(text.as_bytes(), None).is_ok(), "{text}");
        assert!(
            Metric::parse_named(text.as_bytes(), Names::all(None)).is_ok(),
            "{text}"
        );
    }
}

#[test]
fn an_ampersand_belongs_to_a_value_unless_a_known_dimension_follows() {
    let split = |text: &str| -> Vec<(String, String)> {
        let parts =
            crate::schema::selector::split(text.as_bytes(), Names::of(Some(&shop()))).unwrap();
        let text = |bytes: &[u8]| String::from_utf8(bytes.into()).unwrap();
        parts
            .iter()
            .map(|(name, value)| (text(name), text(value)))
            .collect()
    };
    let pairs = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
        pairs
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_string()))
            .collect()
    };
    for (text, expected) in [
        ("page=/x?a=1&b=2", &[("page", "/x?a=1&b=2")][..]),
        ("page=/x&country=FR", &[("page", "/x"), ("country", "FR")]),
        ("page=/x&&country=FR", &[("page", "/x&country=FR")]),
        ("page=/x&&&event=FR", &[("page", "/x&&event=FR")]),
        ("page=a&&b&", &[("page", "a&&b&")]),
        ("page=&country=", &[("page", ""), ("country", "")]),
        ("country=a=b&page=c=", &[("country", "a=b"), ("page", "c=")]),
        ("page=a&country", &[("page", "a&country")]),
        ("page=/x?pge=1&contry=FR", &[("page", "/x?pge=1&contry=FR")]),
        ("page=/x&&contry=FR", &[("page", "/x&contry=FR")]),
        ("page=/x&weather=FR", &[("page", "/x&weather=FR")]),
    ] {
        assert_eq!(split(text), pairs(expected), "{text}");
    }
}

#[test]
fn the_cell_of_a_cube_is_found_in_any_order_of_its_dimensions() {
    let mut site = Site::new(shop());
    site.count(0);
    let batch = Batch {
        events: Vec::new(),
        dimensions: vec![(Text::new(b"country"), Text::new(b"FR"))],
        values: Vec::new(),
    };
    let event = Event {
        time: 0,
        kind: Text::new(b"buy"),
        user: 1,
        session: None,
        id: None,
        passive: false,
        dimensions: Run { start: 0, len: 1 },
        values: Run::default(),
    };
    let period = Zone::UTC.period(Granularity::Hour, 0).unwrap();
    let mut bucket = Bucket::new(&period);
    RowResolver::default().resolve_rows(&site.settings, &event, &batch, (None, None), |resolved| {
        bucket.count_alone(resolved, 0, 10);
    });
    for (text, count) in [
        ("events@event=buy&country=FR", 1),
        ("events@country=FR&event=buy", 1),
        ("events@country=FR", 1),
        ("events@event=buy", 1),
        ("events@country=DE&event=buy", 0),
        ("events@country=FR&page=x", 0),
    ] {
        let row = parse(text).unwrap().of.row.unwrap();
        let events = bucket.tally_of(&row).map_or(0, |tally| tally.events());
        assert_eq!(events, count, "{text}");
    }
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes: Vec<u8>, text in "(events|users|a)?(:[a-z0-9.]*)?@?([a-z]*[=&:@]*){0,6}") {
        for site in [None, Some(&shop())] {
            let _ = Metric::parse(&bytes, site);
            let _ = Metric::parse(text.as_bytes(), site);
        }
    }

    #[test]
    fn every_value_of_every_cell_can_be_written(
        page in "([ab=&]|&country=|&event=|&page=){0,8}",
        country in "([ab=&]|&country=|&event=|&page=){0,8}",
    ) {
        prop_assume!(!page.ends_with('&') || !country.ends_with('&'));
        // A run of & in front of a dimension's name gets one more.
        let doubled = |value: &str| ["country", "event", "page"]
            .iter()
            .fold(value.to_owned(), |text, name| text.replace(&format!("&{name}="), &format!("&&{name}=")));
        let mut parts = [("page", page), ("country", country)];
        parts.sort_by_key(|(_, value)| value.ends_with('&'));
        let text = parts.clone().map(|(name, value)| format!("{name}={}", doubled(&value))).join("&");
        let settings = shop();
        let read = crate::schema::selector::split(text.as_bytes(), Names::of(Some(&settings))).unwrap();
        let read: Vec<(&[u8], &[u8])> = read.iter().map(|(name, value)| (*name, &**value)).collect();
        let expected: Vec<(&[u8], &[u8])> = parts.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())).collect();
        prop_assert_eq!(read, expected);
    }
}
