//! Settings as they are given, changed, stored and replicated.

use super::*;
use crate::apply::RowResolver;
use crate::event::{Event, Facet, RowKind, Run};
use crate::schema::{parse_options, Change};
use crate::time::{Granularity, Retention, Zone};
use proptest::prelude::*;

fn changes(options: &str) -> crate::error::Result<Vec<Change>> {
    let words: Vec<&[u8]> = options
        .split_ascii_whitespace()
        .map(str::as_bytes)
        .collect();
    parse_options(&words)
}

fn plain() -> Settings {
    Settings::new(Zone::UTC, Retention::default(), 1_000)
}

fn settings(options: &str) -> crate::error::Result<Settings> {
    plain().with(&changes(options)?, false, 0)
}

fn refused(options: &str) -> String {
    settings(options).unwrap_err().to_string()
}

fn batch(dimensions: &[(&'static str, &'static str)], values: &[&'static str]) -> Batch<'static> {
    let text = |text: &'static str| Text::new(text.as_bytes());
    Batch {
        events: vec![Event {
            time: 1_000,
            kind: text("view"),
            user: 7,
            session: None,
            id: None,
            passive: false,
            dimensions: Run {
                start: 0,
                len: dimensions.len() as u32,
            },
            values: Run {
                start: 0,
                len: values.len() as u32,
            },
        }],
        dimensions: dimensions
            .iter()
            .map(|(name, value)| (text(name), text(value)))
            .collect(),
        values: values.iter().map(|name| (text(name), 1.0)).collect(),
    }
}

#[test]
fn errors_of_options_name_the_problem() {
    for (options, says) in [
        ("TZ", "TZ needs a time zone"),
        ("TZ Mars/Base", "Mars/Base"),
        ("RETENTION fortnight 1d", "fortnight"),
        ("RETENTION hour soon", "soon"),
        ("RETENTION minute 1y", "100000 buckets"),
        ("DIM", "DIM needs a name"),
        ("DIM a=b", "may not contain"),
        ("VAL users", "counted already"),
        ("VAL a@b", "may not contain @"),
        ("CUBE a", "two to four"),
        ("CUBE a,a", "two to four"),
        ("CUBE a,b,c,d,e", "two to four"),
        ("CUBE a,b CUBE b,a", "there already as 'a,b'"),
        ("CAPACITY 0", "CAPACITY '0'"),
        ("CAPACITY many", "CAPACITY 'many'"),
        ("TZ UTC TZ UTC", "TZ is given twice"),
        ("CAPACITY 5 STRICT CAPACITY 5", "CAPACITY is given twice"),
        (
            "STRICT NOSTRICT",
            "STRICT or NOSTRICT or UNDECLARED is given twice",
        ),
        ("COLOUR red", "unknown option 'COLOUR': expected TZ zone"),
        (
            "RETENTION minute off RETENTION hour off RETENTION day off RETENTION week off \
             RETENTION month off",
            "at least one",
        ),
    ] {
        let refusal = refused(options);
        assert!(refusal.contains(says), "{options}: {refusal}");
    }
}

#[test]
fn a_cube_declares_its_dimensions() {
    let settings = settings("CUBE event,country,device NOUSERS DIM plan nousers").unwrap();
    let names: Vec<&[u8]> = settings
        .dimensions()
        .iter()
        .map(|it| it.name.bytes())
        .collect();
    assert_eq!(names, [&b"country"[..], b"device", b"plan"]);
    assert!(settings.dimensions().iter().all(|it| it.declared));
    assert!(!settings.cubes()[0].users && !settings.dimensions()[2].users);
}

#[test]
fn what_was_not_counted_cannot_be_counted_later() {
    let before = settings("DIM plan NOUSERS").unwrap();
    let with = |options: &str, counted| before.with(&changes(options).unwrap(), counted, 5_000);
    assert!(with("DIM plan", false).is_ok());
    assert!(with("DIM plan", true).is_err());
    assert!(with("DIM event NOUSERS", true).is_ok());
    assert!(with("TZ Europe/Paris", true).is_err());
    assert!(with("TZ utc", true).is_ok());
}

#[test]
fn a_granularity_is_complete_from_when_it_was_kept() {
    let hour = Granularity::Hour;
    let now = 1_733_925_600_000;
    let off = settings("RETENTION hour off").unwrap();
    let on = off
        .with(&changes("RETENTION hour 7d").unwrap(), true, now)
        .unwrap();
    assert_eq!(on.since[hour.index()], now);
    let longer = plain()
        .with(&changes("RETENTION hour 30d").unwrap(), true, now)
        .unwrap();
    let kept_from = plain().retention.kept_from(hour, now, &Zone::UTC).unwrap();
    assert_eq!(longer.since[hour.index()], kept_from);
    let before = plain()
        .with(&changes("RETENTION hour 30d").unwrap(), false, now)
        .unwrap();
    assert_eq!(before.since[hour.index()], i64::MIN);
}

#[test]
fn a_strict_site_refuses_undeclared_names() {
    let site = Site::new(settings("STRICT DIM country VAL revenue").unwrap());
    assert_eq!(
        site.settings_for(&batch(&[("country", "FR")], &["revenue"])),
        Ok(None)
    );
    let error = site
        .settings_for(&batch(&[("plan", "pro")], &[]))
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("'plan'") && error.contains("it has: country"),
        "{error}"
    );
    assert!(site.settings_for(&batch(&[], &["cost"])).is_err());
}

#[test]
fn what_is_learned_is_bounded() {
    let names: Vec<String> = (0..33).map(|i| format!("dim{i}")).collect();
    let all = |count: usize| Batch {
        dimensions: names
            .iter()
            .take(count)
            .map(|n| (Text::new(n.as_bytes()), Text::new(b"x")))
            .collect(),
        ..Batch::default()
    };
    let site = Site::new(plain());
    assert_eq!(
        site.settings_for(&all(32))
            .unwrap()
            .unwrap()
            .dimensions()
            .len(),
        32
    );
    let error = site.settings_for(&all(33)).unwrap_err().to_string();
    assert!(
        error.contains("'dim32'") && error.contains("at most 32"),
        "{error}"
    );
}

#[test]
fn an_event_counts_in_the_cells_whose_dimensions_it_has() {
    let site =
        Site::new(settings("CUBE event,country CUBE country,plan DIM country NOUSERS").unwrap());
    let batch = batch(&[("country", "FR"), ("page", "/")], &[]);
    let (event, mut rows) = (batch.events[0], Vec::new());
    RowResolver::default().resolve_rows(&site.settings, &event, &batch, (None, None), |resolved| {
        let row = |it: &Facet| {
            (
                it.kind,
                it.name.bytes.to_vec(),
                it.value.bytes.to_vec(),
                it.users,
            )
        };
        rows.extend(resolved.facets.iter().map(row));
    });
    let row = |kind, name: &[u8], value: &[u8], users| (kind, name.to_vec(), value.to_vec(), users);
    assert_eq!(
        rows,
        [
            row(RowKind::Event, b"", b"view", true),
            row(RowKind::Dimension, b"country", b"FR", false),
            row(RowKind::Dimension, b"page", b"/", true),
            row(
                RowKind::Cube,
                b"event,country",
                b"\x04\x00view\x02\x00FR",
                true
            ),
        ]
    );
}

fn any_settings() -> impl Strategy<Value = Settings> {
    let options = prop::collection::vec(
        prop_oneof![
            "(TZ (Europe/Paris|Asia/Kolkata|UTC))",
            "(RETENTION (minute|hour|day|week|month) ([1-9]h|[1-9]d|[1-9]mo|off))",
            "(DIM [a-f]( NOUSERS)?)",
            "(CUBE (a,b|b,c|event,a|a,b,c|event,d,e)( NOUSERS)?)",
            "(VAL [p-t])",
            "(CAPACITY [1-9][0-9]?)",
            "(STRICT)",
            "(LOG ([1-9][0-9]{0,3}|0|off))",
            "(LOGUSERS (yes|no))",
        ],
        0..12,
    );
    options.prop_filter_map("refused", |options| settings(&options.join(" ")).ok())
}

proptest! {
    #[test]
    fn the_options_of_a_site_make_the_same_site(settings in any_settings()) {
        let options = settings.options();
        let words: Vec<&[u8]> = options.iter().map(Vec::as_slice).collect();
        let told = plain().with(&parse_options(&words).unwrap(), false, 0).unwrap();
        prop_assert_eq!(told, settings);
    }

    #[test]
    fn stored_and_read_again_it_is_the_same(settings in any_settings(), times in prop::collection::vec(0i64..1 << 40, 0..5)) {
        let mut site = Site::new(settings);
        for time in times {
            site.count(time);
        }
        let learned = batch(&[("z", "1"), ("y", "2")], &["n", "m"]);
        if site.settings_for(&learned).is_ok() {
            site.learn(&learned.dimensions, &learned.values);
        }
        let pages = site.encode();
        let read = Site::decode(&pages).unwrap();
        prop_assert_eq!(read.encode(), pages);
        prop_assert_eq!(read.events(), site.events());
        prop_assert_eq!(read.settings.log, site.settings.log);
    }

    #[test]
    fn a_broken_payload_is_refused_or_as_good_as_one_of_ours(
        settings in any_settings(),
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut pages = Site::new(settings).encode();
        for (position, byte) in flips {
            let position = position.index(pages[0].len());
            pages[0][position] = byte;
        }
        if let Ok(site) = Site::decode(&pages) {
            prop_assert_eq!(site.encode(), pages.clone());
        }
        let cut = pages[0].len() / 2;
        prop_assert!(Site::decode(&[pages[0][..cut].to_vec()]).is_err());
    }

    #[test]
    fn any_words_are_options_or_refused(words in prop::collection::vec(prop_oneof![
        "(TZ|DIM|CUBE|VAL|RETENTION|minute|off|a,b|CAPACITY|STRICT|NOUSERS|LOG|LOGUSERS|yes)".prop_map(String::into_bytes),
        prop::collection::vec(any::<u8>(), 0..10),
    ], 0..10)) {
        let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
        if let Ok(changes) = parse_options(&words) {
            let _ = plain().with(&changes, true, 0);
        }
    }
}
