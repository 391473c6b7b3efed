//! What is stored is read again, in its one form; what could not be written is refused, with the field
//! that is wrong.

use super::bounded::Bytes;
use super::settings::StoredRows;
use super::watch::StoredState;
use super::*;
use crate::alert::live::{Feed, FeedWindow};
use crate::alert::watch::Watch;
use crate::alert::{Rule, State};
use crate::schema::{parse_options, Names, Settings};
use crate::text::Text;
use crate::time::{Retention, Window, Zone};
use proptest::prelude::*;

const EVENT_TIME: i64 = 1_733_927_467_000;

fn words(line: &str) -> Vec<&[u8]> {
    line.split_ascii_whitespace().map(str::as_bytes).collect()
}

fn site(options: &str) -> Site {
    let changes = parse_options(&words(options)).unwrap();
    let settings = Settings::new(Zone::UTC, Retention::default(), 1_000);
    Site::new(settings.with(&changes, false, 0).unwrap())
}

fn add_rule(site: &mut Site, line: &str) {
    let rule = Rule::parse(&words(line), Names::all(Some(&site.settings))).unwrap();
    site.change_watch(|watch| watch.set_rule(rule));
}

fn add_feed(site: &mut Site, line: &str) {
    let feed = Feed::parse(&words(line), Names::all(Some(&site.settings))).unwrap();
    site.change_watch(|watch| watch.set_feed(feed));
}

fn page(site: &Site) -> Page {
    let [page] = <[Page; 1]>::try_from(site.encode()).unwrap();
    page
}

/// A page of these fields, for payloads that no site is written as.
fn page_of(settings: &StoredSettings, rules: Option<Rules>) -> Page {
    let mut page = vec![VERSION, if rules.is_some() { RULES } else { 0 }];
    write(&StoredCounters::of(&site("")), &mut page);
    write(settings, &mut page);
    rules.iter().for_each(|rules| write(rules, &mut page));
    page
}

fn error_of(page: Page) -> String {
    Site::decode(&[page]).unwrap_err().to_string()
}

#[test]
fn the_bytes_of_a_site_are_those_of_the_layout() {
    let mut shop = site("DIM plan NOUSERS RETENTION minute off");
    shop.count(5);
    let written = page(&shop);
    assert_eq!(&written[..2], [1, 0]);
    // One event, at 5 ms, nothing imported, no stream; the time zone.
    assert_eq!(&written[2..9], [1, 1, 10, 10, 0, 0, 0]);
    assert_eq!(&written[9..13], b"\x03UTC");
    // Minutes off, then a week of hours: 604,800,000 ms in four bytes.
    assert_eq!(&written[13..16], [0, 1, 0]);
    assert_eq!(&written[16..21], b"\xfc\x00\x84\x0c\x24");
    assert!(written.ends_with(b"\x01\x04plan\0\0\0\0\0\0\0"));
}

#[test]
fn equal_content_is_equal_bytes_in_whatever_order_it_came() {
    let learn = |site: &mut Site, names: [&'static str; 2]| {
        for name in names {
            let name = Text::new(name.as_bytes());
            site.learn(&[(name, name)], &[(name, 1.0)]);
        }
    };
    let (mut one, mut other) = (site("DIM c"), site("DIM c"));
    learn(&mut one, ["b", "a"]);
    learn(&mut other, ["a", "b"]);
    for line in ["x events 5m > 1", "y events 1h < 1"] {
        add_rule(&mut one, line);
    }
    for line in ["y events 1h < 1", "x events 5m > 1"] {
        add_rule(&mut other, line);
    }
    assert_eq!(page(&one), page(&other));
}

#[test]
fn an_error_names_the_field() {
    let good = site("DIM plan DIM country CUBE plan,country VAL price");
    let mut zone = StoredSettings::of(&good.settings);
    zone.zone = Bytes::from(&b"Europe/Atlantis"[..]);
    assert_eq!(
        error_of(page_of(&zone, None)),
        "time zone: not one of IANA's"
    );
    let mut capacity = StoredSettings::of(&good.settings);
    capacity.capacity = 0;
    assert!(error_of(page_of(&capacity, None)).starts_with("capacity: "));
    let mut value = StoredSettings::of(&good.settings);
    value.values = std::iter::once(Bytes::from(&b"users"[..])).collect();
    assert!(error_of(page_of(&value, None)).starts_with("value: "));
    let mut learned = StoredSettings::of(&good.settings);
    learned.learned_dimensions = std::iter::once(Bytes::from(&b"event"[..])).collect();
    assert!(error_of(page_of(&learned, None)).starts_with("learned dimension: "));
    let mut retention = StoredSettings::of(&good.settings);
    retention.retention = Default::default();
    assert!(error_of(page_of(&retention, None)).starts_with("retention: "));

    let mut watched = site("");
    add_rule(&mut watched, "busy events 5m > 1 CLEAR 0");
    let settings = StoredSettings::of(&watched.settings);
    let refused = |change: fn(&mut StoredRule)| {
        let mut rule = StoredRule::of(&watched.watch().unwrap().alarms()[0]);
        change(&mut rule);
        error_of(page_of(&settings, Some(std::iter::once(rule).collect())))
    };
    assert!(refused(|it| it.every = 1).starts_with("every: "));
    assert!(refused(|it| it.hold = Some(u64::MAX)).starts_with("for: "));
    assert!(refused(|it| it.threshold = f64::NAN).starts_with("threshold or clear: "));
    assert!(refused(|it| it.clear = Some(2.0)).starts_with("threshold or clear: "));
    assert!(refused(|it| it.metric = Bytes::from(&b""[..])).starts_with("rule's metric: "));
    assert!(refused(|it| it.window = Bytes::from(&b"1h..now"[..])).starts_with("window: "));
    let later = |it: &mut StoredRule| it.state = StoredState::Pending { since: i64::MAX };
    assert!(refused(later).starts_with("time of a state: "));
    // What a command would take in another form.
    let same = "payload: not as it is written";
    assert_eq!(refused(|it| it.window = Bytes::from(&b"300s"[..])), same);
    assert_eq!(refused(|it| it.clear = Some(-0.0)), same);
}

#[test]
fn what_is_declared_or_listed_twice_is_refused() {
    let good = site("DIM plan DIM country CUBE plan,country VAL price");
    let dimension = |name: &'static [u8]| StoredRows {
        name: Bytes::from(name),
        users: true,
        capacity: 0,
    };
    let mut twice = StoredSettings::of(&good.settings);
    twice.dimensions = [b"plan", b"plan"]
        .map(|it| dimension(it))
        .into_iter()
        .collect();
    assert!(Site::decode(&[page_of(&twice, None)]).is_err());
    let mut undeclared = StoredSettings::of(&good.settings);
    undeclared.dimensions = std::iter::once(dimension(b"plan")).collect();
    assert!(Site::decode(&[page_of(&undeclared, None)]).is_err());
    let mut both = StoredSettings::of(&good.settings);
    both.learned_dimensions = std::iter::once(Bytes::from(&b"plan"[..])).collect();
    assert!(Site::decode(&[page_of(&both, None)]).is_err());
    let mut unsorted = StoredSettings::of(&good.settings);
    unsorted.learned_values = [b"n", b"m"]
        .map(|it| Bytes::from(&it[..]))
        .into_iter()
        .collect();
    assert!(Site::decode(&[page_of(&unsorted, None)]).is_err());

    let mut watched = site("");
    add_rule(&mut watched, "busy events 5m > 1");
    let alarm = &watched.watch().unwrap().alarms()[0];
    let settings = StoredSettings::of(&watched.settings);
    let twice = [alarm, alarm].map(StoredRule::of).into_iter().collect();
    assert!(Site::decode(&[page_of(&settings, Some(twice))]).is_err());
    assert!(Site::decode(&[page_of(&settings, Some(Rules::default()))]).is_err());
}

#[test]
fn parts_and_versions_of_later_modules_are_refused() {
    let mut watched = site("");
    add_rule(&mut watched, "busy events 5m > 1");
    let written = page(&watched);
    for parts in [0, 2, 3, 5, 0x81] {
        let mut page = written.clone();
        page[1] = parts;
        assert!(Site::decode(&[page]).is_err(), "{parts}");
    }
    let mut page = written.clone();
    page[0] = 2;
    assert_eq!(error_of(page), "version: not one that this module reads");
    assert!(error_of([&written[..], b"\0"].concat()).contains("bytes after its end"));
    assert!(Site::decode(&[written.clone(), Vec::new()]).is_err());
}

#[test]
fn lengths_and_counts_that_no_site_has_are_refused_before_they_are_read() {
    let mut settings = vec![VERSION, 0];
    write(&StoredCounters::of(&site("")), &mut settings);
    let claimed = |len: u64| {
        let mut page = settings.clone();
        write(&len, &mut page);
        page.extend([b'x'; 200]);
        error_of(page)
    };
    let too_long = "settings: too many items, or one that is too long";
    assert_eq!(claimed(129), too_long);
    assert_eq!(claimed(1 << 20), "settings: truncated");
    assert_eq!(claimed(1 << 40), "settings: longer than any is");
    assert_eq!(claimed(u64::MAX), "settings: longer than any is");

    let mut page = page(&site(""));
    page[1] = FEEDS;
    write(&33u64, &mut page);
    page.extend([1; 500]);
    assert_eq!(
        error_of(page),
        "live metrics: too many items, or one that is too long"
    );
}

#[test]
fn the_largest_site_is_written_and_read() {
    let name = |n: usize| format!("{n:0>128}");
    let metric = |n: usize| format!("{}:{:0>895}", name(0), format!("p{n}"));
    let mut large = site("");
    for n in 0..limits::RULES_PER_SITE {
        let mut line = format!("{} events 1h > 1 FOR 1h EVERY 1h REPEAT 1h", name(n));
        line += &format!(" SEVERITY {}", name(n));
        add_rule(&mut large, &line);
        large.change_watch(|watch| {
            let alarm = watch.alarm_mut(name(n).as_bytes()).unwrap();
            alarm.rule.metric = metric(n).into_bytes().into();
            let (since, sent) = (EVENT_TIME, EVENT_TIME);
            alarm.state = State::Firing { since, sent };
        });
    }
    for n in 0..limits::FEEDS_PER_SITE {
        add_feed(&mut large, &format!("{} 1h events", name(n)));
        let metrics = (0..limits::METRICS_PER_QUERY).map(|n| metric(n).into_bytes().into());
        large.change_watch(|watch| {
            let mut feed = watch.feeds()[n].clone();
            feed.windows[0].metrics = metrics.collect();
            if n % 2 == 0 {
                // As many windows as there may be.
                let metrics = feed.windows[0].metrics.clone().into_iter().zip(1..);
                let window = |(metric, days)| FeedWindow {
                    window: Window::parse_moving(format!("{days}d").as_bytes()).unwrap(),
                    metrics: vec![metric],
                };
                feed.windows = metrics.map(window).collect();
            }
            watch.set_feed(feed);
        });
    }
    let written = page(&large);
    assert!(written.len() > 2 << 20, "{}", written.len());
    let read = Site::decode(std::slice::from_ref(&written)).unwrap();
    assert_eq!(read, large);
}

proptest! {
    #[test]
    fn rules_and_live_metrics_are_read_as_they_were_stored(
        rules in prop::collection::vec((0..9u8, prop::option::of(1..99i64), prop::option::of(-5..5i32), 0..3u8, any::<bool>()), 0..5),
        feeds in prop::collection::vec((0..9u8, 1..99i64, 0..3usize), 0..4),
    ) {
        let mut site = site("");
        for (name, hold, clear, state, paused) in rules {
            let mut line = format!("r{name} events 5m change> 5");
            line += &hold.map_or(String::new(), |it| format!(" FOR {it}s REPEAT {it}m"));
            line += &clear.map_or(String::new(), |it| format!(" CLEAR {it}"));
            add_rule(&mut site, &line);
            site.change_watch(|watch| {
                let alarm = watch.alarm_mut(format!("r{name}").as_bytes()).unwrap();
                alarm.paused = paused;
                alarm.state = match state {
                    0 => State::Ok,
                    1 => State::Pending { since: -5 },
                    _ => State::Firing { since: 5, sent: 1_795_273_743_146 },
                };
            });
        }
        let mut has_more = false;
        for (name, every, more) in feeds {
            let more = ["", " WINDOW 5m users", " WINDOW 1h events WINDOW 1y users"][more];
            add_feed(&mut site, &format!("f{name} {every}s WINDOW today events users{more}"));
        }
        for feed in site.watch().into_iter().flat_map(Watch::feeds) {
            has_more |= feed.windows.len() > 1;
        }
        // A site whose live metrics have one window each is written as before.
        prop_assert_eq!(page(&site)[1] & WINDOWS != 0, has_more);
        prop_assert_eq!(Site::decode(&site.encode()), Ok(site));
    }

    #[test]
    fn any_bytes_are_refused_or_written_again(bytes: Vec<u8>, parts in 0..8u8) {
        let page = [&[VERSION, parts], &bytes[..]].concat();
        if let Ok(site) = Site::decode(std::slice::from_ref(&page)) {
            prop_assert_eq!(site.encode(), vec![page]);
        }
    }
}
