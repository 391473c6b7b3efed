//! All that may happen to a site once a payload was accepted for one.

use super::setup::TIME;
use crate::alert::{Message, Rule};
use crate::apply::RowResolver;
use crate::event::{Batch, Event, Run};
use crate::hash::hash;
use crate::query::fold::Answer;
use crate::query::metric::Metric;
use crate::schema::{parse_options, Names, Settings};
use crate::site::Site;
use crate::text::Text;
use crate::time::{
    cover, Grain, Granularity, Grid, Range, Retention, Sources, Step, Window, Zone, MAX_TIME,
    MIN_TIME,
};

const WINDOWS: [&str; 6] = [
    "1h",
    "today",
    "last-month",
    "1000mo",
    "2024-12-11..now",
    "0002-01-01..9998-12-30",
];

pub fn check(site: &Site) {
    options_make_the_same_site(site);
    count_on(&mut site.clone());
    watch_for(&mut site.clone());
    for now in [TIME, MIN_TIME, MAX_TIME, i64::MAX] {
        ask(site, now);
    }
}

/// The options of a site make the same site, as on a replica.
fn options_make_the_same_site(site: &Site) {
    let words = site.settings.options();
    let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
    let changes = parse_options(&words).unwrap();
    let made = Settings::new(Zone::UTC, Retention::default(), 1);
    let made = made.with(&changes, false, 0).unwrap();
    assert_eq!(made.options(), site.settings.options());
}

/// Every rule is written as its words, evaluated and changed.
fn watch_for(site: &mut Site) {
    let Some(watch) = site.watch().cloned() else {
        return;
    };
    for item in watch.items() {
        let _ = item.pace(b"shop").map(|pace| pace.next(TIME));
    }
    for alarm in watch.alarms() {
        let words = alarm.rule.words();
        let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
        let again = Rule::parse(&words, Names::all(Some(&site.settings)));
        assert!(again.is_err() || again.as_ref() == Ok(&alarm.rule));
        let _ = Metric::parse(&alarm.rule.metric, Some(&site.settings));
        for (now, value) in [(MIN_TIME, None), (TIME, Some(0.0)), (MAX_TIME, Some(1e300))] {
            let (state, notice) = alarm.state.step(&alarm.rule, value, now);
            let message = notice.map(|notice| Message {
                rule: &alarm.rule,
                notice,
                value,
                time: now,
            });
            let json = message.map(|message| message.json(b"shop"));
            assert!(json.is_none_or(|json| std::str::from_utf8(&json).is_ok()));
            site.change_watch(|watch| watch.alarm_mut(&alarm.rule.name).map(|it| it.state = state));
        }
        assert!(site.encode().iter().map(Vec::len).sum::<usize>() > 0);
    }
    for feed in watch.feeds() {
        let metrics = feed.windows.iter().flat_map(|it| &it.metrics);
        let answers = metrics.map(|_| Answer::Nothing);
        assert!(std::str::from_utf8(&feed.json(b"shop", answers, TIME)).is_ok());
    }
    let pages = site.encode();
    assert!(Site::decode(&pages).is_ok_and(|again| again.encode() == pages));
}

fn count_on(site: &mut Site) {
    let text = |text: &'static str| Text::new(text.as_bytes());
    let batch = Batch {
        events: Vec::new(),
        dimensions: vec![(text("colour"), text("red"))],
        values: vec![(text("size"), 1.0)],
    };
    if let Ok(Some(settings)) = site.settings_for(&batch) {
        site.settings = *settings;
    }
    site.count(TIME);
    site.import(MIN_TIME - 1, TIME);
    let event = Event {
        time: TIME,
        kind: text("view"),
        user: hash(b"ann"),
        session: None,
        id: None,
        passive: false,
        dimensions: Run::default(),
        values: Run::default(),
    };
    let mut rows = 0;
    RowResolver::default().resolve_rows(&site.settings, &event, &batch, (None, None), |resolved| {
        rows = resolved.facets.len();
    });
    assert!(rows > 0 && site.bytes() > 0);
    let changes = parse_options(&[b"RETENTION", b"hour", b"9d", b"CUBE", b"x,y"]).unwrap();
    if let Ok(settings) = site.settings.with(&changes, true, TIME) {
        site.settings = settings;
    }
    let pages = site.encode();
    assert!(Site::decode(&pages).is_ok_and(|again| again.encode() == pages));
}

fn ask(site: &Site, now: i64) {
    let settings = &site.settings;
    let sources = Sources {
        zone: &settings.zone,
        retention: &settings.retention,
        since: settings.since,
        now,
        observed: site.span(),
    };
    for granularity in Granularity::ALL {
        let period = settings.zone.period(granularity, now);
        period.map(|period| settings.retention.expiry(&period, &settings.zone));
    }
    for window in WINDOWS {
        let window = Window::parse(window.as_bytes(), &settings.zone).unwrap();
        let ranges = [
            window.range(now, &settings.zone),
            window.before(now, &settings.zone),
        ];
        for range in ranges.into_iter().flatten() {
            read(range, &sources);
        }
    }
}

fn read(range: Range, sources: &Sources) {
    // Long covers are tested where covers are.
    if range.len() > 400 * 86_400_000 {
        return;
    }
    let _ = cover(range, sources);
    for step in ["auto", "1d"] {
        let step = Step::parse(step.as_bytes()).unwrap();
        let _ = Grid::new(step, Grain::Slot, range, sources);
    }
}
