//! Rules as they are written, and the state machine against a slow oracle.

use super::*;
use crate::schema::{Names, Settings};
use crate::time::{Duration, Retention, Zone};
use proptest::prelude::*;

fn site() -> Settings {
    Settings::new(Zone::UTC, Retention::default(), 1_000)
}

fn parse(words: &str) -> crate::error::Result<Rule> {
    let words: Vec<&[u8]> = words.split_ascii_whitespace().map(str::as_bytes).collect();
    Rule::parse(&words, Names::all(Some(&site())))
}

fn shown(rule: &Rule) -> String {
    String::from_utf8(rule.words().join(&b' ')).unwrap()
}

#[test]
fn the_words_of_a_rule_include_all_defaults() {
    for (words, resolved) in [
        ("r events 5m > 10", "r events 5m > 10 EVERY 10s SEVERITY warning"),
        ("r events 1h < 1", "r events 1h < 1 EVERY 1m SEVERITY warning"),
        ("r events 700s = 1", "r events 700s = 1 EVERY 23s SEVERITY warning"),
        ("r events TODAY >= -0", "r events today >= 0 EVERY 1m SEVERITY warning"),
        ("r events 3mo <= 1", "r events 3mo <= 1 EVERY 1m SEVERITY warning"),
        (
            "r latency:p95@event=buy 60s CHANGE> 50 severity page repeat 90s for 60s every 2s clear 20.5",
            "r latency:p95@event=buy 1m change> 50 CLEAR 20.5 FOR 1m EVERY 2s REPEAT 90s SEVERITY page",
        ),
    ] {
        let rule = parse(words).unwrap();
        assert_eq!(shown(&rule), resolved);
        assert_eq!(parse(&shown(&rule)), Ok(rule));
    }
}

#[test]
fn an_error_names_the_problem() {
    for (words, says) in [
        ("", "SET needs a name"),
        ("r events 5m >", "SET needs a name"),
        ("r evnts:sm 5m > 1", "metric 'evnts:sm'"),
        ("r events soon > 1", "window 'soon'"),
        ("r events 2024-07-04..now > 1", "does not go with the clock"),
        ("r events 5m => 1", "op '=>' is not one of"),
        ("r events 5m > many", "threshold 'many'"),
        ("r events 5m > nan", "threshold 'nan'"),
        ("r events 5m > 1 FOR", "FOR needs a duration"),
        (
            "r events 5m > 1 FOR 1mo",
            "FOR '1mo' is not from 1s to 366d",
        ),
        (
            "r events 5m > 1 EVERY 999ms",
            "EVERY '999ms' is not from 1s to 1d",
        ),
        ("r events 5m > 1 EVERY soon", "EVERY: duration 'soon'"),
        ("r events 5m > 1 REPEAT 0s", "REPEAT: duration '0s'"),
        ("r events 5m > 1 CLEAR 2", "CLEAR must not be more"),
        ("r events 5m < 1 CLEAR 0", "CLEAR must not be less"),
        ("r events 5m = 1 CLEAR 1", "CLEAR does not go with"),
        ("r events 5m > 1 FOR 5s FOR 5s", "FOR is given twice"),
        (
            "r events 5m > 1 COLOUR red",
            "unknown option 'COLOUR': expected CLEAR threshold, FOR duration",
        ),
    ] {
        let error = parse(words).unwrap_err().to_string();
        assert!(error.contains(says), "{words}: {error}");
    }
}

#[test]
fn every_op_compares_as_its_name() {
    for (op, below, equal, above) in [
        (Op::Above, false, false, true),
        (Op::AtLeast, false, true, true),
        (Op::Below, true, false, false),
        (Op::AtMost, true, true, false),
        (Op::Equal, false, true, false),
        (Op::ChangeAbove, false, false, true),
        (Op::ChangeBelow, true, false, false),
    ] {
        let condition = Condition::new(op, 5.0, None).unwrap();
        assert_eq!(
            [4.0, 5.0, 6.0].map(|it| condition.holds(it)),
            [below, equal, above]
        );
        assert_eq!(
            [4.0, 5.0, 6.0].map(|it| condition.keeps_firing(it)),
            [below, equal, above]
        );
        assert_eq!(Op::parse(op.name().as_bytes()), Ok(op));
    }
}

#[test]
fn another_rule_of_the_name_cancels_a_firing_one() {
    let firing = State::Firing { since: 1, sent: 2 };
    let mut alarm = Alarm::new(parse("r events 5m > 10").unwrap());
    alarm.state = firing;
    for (words, same) in [
        ("r events 5m > 10 EVERY 2s REPEAT 1m SEVERITY page", true),
        ("r events 5m > 11", false),
        ("r events 6m > 10", false),
        ("r users 5m > 10", false),
        ("r events 5m >= 10", false),
        ("r events 5m > 10 CLEAR 5", false),
        ("r events 5m > 10 FOR 5m", false),
    ] {
        let (after, notice) = alarm.with_rule(parse(words).unwrap());
        assert_eq!(
            after.state,
            if same { firing } else { State::Ok },
            "{words}"
        );
        assert_eq!(notice, (!same).then_some(Notice::Cancelled));
    }
}

#[test]
fn a_message_is_an_entry_and_json() {
    let rule = parse("r\"1 events 5m > 10.5 SEVERITY page").unwrap();
    let message = Message {
        rule: &rule,
        notice: Notice::Firing,
        value: Some(11.0),
        time: 1_000,
    };
    let fields = message
        .fields()
        .map(|(name, text)| format!("{name}={}", text.escape_ascii()));
    assert_eq!(
        fields.join(" "),
        "rule=r\\\"1 state=firing value=11 threshold=10.5 window=5m time=1000 severity=page \
         metric=events op=>"
    );
    assert_eq!(
        String::from_utf8(message.json(b"shop")).unwrap(),
        "{\"site\":\"shop\",\"rule\":\"r\\\"1\",\"state\":\"firing\",\"value\":11,\"threshold\":10.5,\
         \"window\":\"5m\",\"time\":1000,\"severity\":\"page\",\"metric\":\"events\",\"op\":\">\"}"
    );
}

/// One evaluation: when, and what was measured.
type Look = (i64, Option<f64>);

/// An evaluation by everything that was ever measured and sent.
fn expected(rule: &Rule, looks: &[Look], said: &[(i64, Notice)]) -> Option<Notice> {
    let (now, measured) = *looks.last()?;
    let value = measured?;
    let over = |value: f64, limit: f64| match rule.condition.op() {
        Op::Above | Op::ChangeAbove => value > limit,
        Op::AtLeast => value >= limit,
        Op::Below | Op::ChangeBelow => value < limit,
        Op::AtMost => value <= limit,
        Op::Equal => value == limit,
    };
    let threshold = rule.condition.threshold();
    let clear = rule.condition.clear().unwrap_or(threshold);
    let millis = |length: Option<Duration>| length.map(|it| it.as_millis().unwrap());
    match said
        .last()
        .filter(|(_, notice)| *notice != Notice::Resolved)
    {
        Some((sent, _)) => {
            if !over(value, clear) {
                Some(Notice::Resolved)
            } else if millis(rule.repeat).is_some_and(|repeat| sent + repeat <= now) {
                Some(Notice::Repeat)
            } else {
                None
            }
        }
        None => {
            let held = looks.iter().rev();
            let held = held.take_while(|(_, it)| it.is_some_and(|it| over(it, threshold)));
            let (first, _) = held.last()?;
            (first + millis(rule.hold).unwrap_or(0) <= now).then_some(Notice::Firing)
        }
    }
}

prop_compose! {
    fn any_rule()(
        op in 0..7usize,
        threshold in -3..4i32,
        apart in prop::option::of(0..3i32),
        hold in prop::option::of(1..20i64),
        repeat in prop::option::of(1..20i64),
    ) -> Rule {
        let (_, op) = super::condition::OPS[op];
        let clear = apart.map(|apart| f64::from(match op {
            Op::Below | Op::AtMost | Op::ChangeBelow => threshold + apart,
            _ => threshold - apart,
        }));
        let mut rule = parse("r events 5m > 0").unwrap();
        rule.condition = Condition::new(op, threshold.into(), clear.filter(|_| op != Op::Equal)).unwrap();
        rule.hold = hold.and_then(|it| Duration::of_millis(it * 1_000));
        rule.repeat = repeat.and_then(|it| Duration::of_millis(it * 1_000));
        rule
    }
}

proptest! {
    #[test]
    fn messages_are_those_of_an_evaluation_of_the_whole_past(
        rule in any_rule(),
        steps in prop::collection::vec((1..9_000i64, prop::option::weighted(0.8, -5..6i32)), 1..60),
    ) {
        let (mut now, mut state) = (1_000_000, State::Ok);
        let (mut looks, mut said) = (Vec::new(), Vec::new());
        for (later, measured) in steps {
            now += later;
            let measured = measured.map(f64::from);
            looks.push((now, measured));
            let (next, notice) = state.step(&rule, measured, now);
            prop_assert_eq!(notice, expected(&rule, &looks, &said));
            prop_assert!(notice.is_none() || next != state, "what is said is kept");
            prop_assert_eq!(next.is_firing(), match notice {
                Some(notice) => notice != Notice::Resolved,
                None => state.is_firing(),
            });
            said.extend(notice.map(|notice| (now, notice)));
            state = next;
        }
    }

    #[test]
    fn after_the_clock_was_set_back_a_rule_waits_no_longer(
        rule in any_rule(),
        before in 0..1_000_000i64,
        back in 0..2_000_000i64,
    ) {
        let holding = (-9..9).map(f64::from).find(|it| rule.condition.holds(*it)).unwrap();
        let state = [
            State::Pending { since: before },
            State::Firing { since: before, sent: before },
        ];
        let now = before - back;
        let (pending, _) = state[0].step(&rule, Some(holding), now);
        let hold = rule.hold.map_or(0, |it| it.as_millis().unwrap());
        prop_assert!(pending.step(&rule, Some(holding), now + hold).0.is_firing());
        let (firing, _) = state[1].step(&rule, Some(holding), now);
        if let Some(repeat) = rule.repeat {
            let later = now + repeat.as_millis().unwrap();
            prop_assert_eq!(firing.step(&rule, Some(holding), later).1, Some(Notice::Repeat));
        }
    }

    #[test]
    fn any_words_are_a_rule_or_refused(words in prop::collection::vec(prop_oneof![
        "(r|events|5m|>|change<|1|CLEAR|FOR|EVERY|10s|REPEAT|SEVERITY|x)".prop_map(String::into_bytes),
        prop::collection::vec(any::<u8>(), 0..10),
    ], 0..14)) {
        let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
        if let Ok(rule) = Rule::parse(&words, Names::all(Some(&site()))) {
            let again = rule.words();
            let again: Vec<&[u8]> = again.iter().map(Vec::as_slice).collect();
            prop_assert_eq!(Rule::parse(&again, Names::all(Some(&site()))), Ok(rule));
        }
    }
}
