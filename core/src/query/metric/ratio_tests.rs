use super::tests::{parse, refusal};
use super::*;
use proptest::prelude::*;

fn ratio(text: &str) -> (Term, Term) {
    let Metric { of, per } = parse(text).unwrap();
    (of, per.unwrap_or_else(|| panic!("{text} is no ratio")))
}

fn term(text: &str) -> Term {
    let metric = parse(text).unwrap();
    assert_eq!(metric.per, None, "{text}");
    metric.of
}

#[test]
fn a_ratio_has_a_term_on_either_side() {
    for (text, of, per) in [
        ("events@status=5xx/events", "events@status=5xx", "events"),
        ("users@event=buy/users", "users@event=buy", "users"),
        ("revenue:sum/users", "revenue:sum", "users"),
        ("users/latency:p95", "users", "latency:p95"),
        ("events/events@country=FR", "events", "events@country=FR"),
        (
            "users@event=buy&country=FR/users@country=FR",
            "users@event=buy&country=FR",
            "users@country=FR",
        ),
        (
            "events@page=/pricing&country=FR/events",
            "events@page=/pricing&country=FR",
            "events",
        ),
        ("events/events@page=/a/b", "events", "events@page=/a/b"),
        ("a/b:sum/users", "(a/b:sum)", "users"),
        ("events/a/b:sum", "events", "(a/b:sum)"),
        // Parentheses on either side say what is divided.
        ("(events@page=/a/b)/users", "events@page=/a/b", "users"),
        ("events@page=/a/b/(users)", "events@page=/a/b", "users"),
        ("(events)/(users)", "events", "users"),
        ("(events@page=)/users", "events@page=", "users"),
        ("(events@page=a)/b)/users", "events@page=a)/b", "users"),
        (
            "(events@page=/a/users)/(events@page=/b/users)",
            "(events@page=/a/users)",
            "(events@page=/b/users)",
        ),
    ] {
        assert_eq!(ratio(text), (term(of), term(per)), "{text}");
    }
}

#[test]
fn a_value_keeps_its_slashes_where_no_term_follows() {
    for (text, value) in [
        ("events@page=/pricing", "/pricing"),
        ("events@page=/events", "/events"),
        ("users@page=/users", "/users"),
        ("events@page=/", "/"),
        ("events@page=/event", "/event"),
        ("events@page=/api/user", "/api/user"),
        ("events@page=a/b", "a/b"),
        ("events@page=https://a.b/c?d=e/f", "https://a.b/c?d=e/f"),
        ("events@page=text/html", "text/html"),
        ("(events@page=/api/users)", "/api/users"),
        ("(events@page=google/users)", "google/users"),
        ("(events@page=5xx/evnts)", "5xx/evnts"),
        ("(events@page=a)b)", "a)b"),
    ] {
        let row = term(text).row.unwrap();
        assert_eq!(row.value().bytes, value.as_bytes(), "{text}");
    }
    let long = format!("(events@page={})", "/".repeat(512));
    assert_eq!(term(&long).row.unwrap().value().bytes.len(), 512);
}

#[test]
fn what_has_two_readings_is_refused_and_both_are_written_out() {
    for (text, value, ratio) in [
        (
            "users@page=/api/users",
            "(users@page=/api/users)",
            "(users@page=/api)/users",
        ),
        (
            "latency:p95@page=/v1/events",
            "(latency:p95@page=/v1/events)",
            "(latency:p95@page=/v1)/events",
        ),
        (
            "events@page=/a/users@event=buy",
            "(events@page=/a/users@event=buy)",
            "(events@page=/a)/users@event=buy",
        ),
        (
            "events@page=https://x.y/revenue:sum",
            "(events@page=https://x.y/revenue:sum)",
            "(events@page=https://x.y)/revenue:sum",
        ),
    ] {
        let refusal = refusal(text);
        assert!(refusal.contains(&format!("write {value} for the value")));
        assert!(refusal.ends_with(&format!("{ratio} for the ratio")));
        assert!(parse(value).unwrap().per.is_none() && parse(ratio).unwrap().per.is_some());
    }
    // A ratio has two terms.
    assert!(refusal("events/users/sessions").contains("a value needs an aggregate"));
    let twice = refusal("events@country=a/users@event=b/events");
    assert!(twice.contains("for the ratio"), "{twice}");
}

#[test]
fn what_is_nearly_a_ratio_is_refused() {
    for (text, says) in [
        ("events@status=5xx/evnts", "or did you mean events?"),
        ("events@status=5xx/user", "or did you mean users?"),
        ("events@status=5xx/latency", "a value needs an aggregate"),
        ("events@status=5xx/events:cuont", "did you mean count?"),
        ("events@status=5xx/events@", "after the @ comes"),
        ("events@country=5xx/latancy:p95", "did you mean latency?"),
        ("events@page=/x&country=5xx/evnts", "did you mean events?"),
        ("events/usrs", "or did you mean users?"),
        ("events/users@agent=x", "declared NOUSERS"),
        ("events/users@contry=x", "did you mean country?"),
        ("(events)/usrs", "or did you mean users?"),
        ("(events)/", "value '': a name is not empty"),
        ("()/events", "value '': a name is not empty"),
        ("(events", "or did you mean events?"),
        ("()", "value '': a name is not empty"),
        ("(", "a value needs an aggregate"),
    ] {
        let refusal = refusal(text);
        assert!(
            refusal.contains(says) && refusal.starts_with("metric '"),
            "{refusal}"
        );
    }
    assert!(refusal("events@status=5xx/evnts").ends_with("written (events@status=5xx/evnts)"));
    let slashes = refusal(&format!("events@page={}", "/".repeat(65)));
    assert!(slashes.contains("more than 64 /"), "{slashes}");
}

const TERMS: [&str; 8] = [
    "events",
    "users",
    "latency:p95",
    "a/b:sum",
    "events@page=",
    "users@page=/",
    "events@page=/api/users",
    "events@event=x&country=a/b",
];

proptest! {
    /// Any two terms divide in parentheses; without, the same ratio or an error that says so.
    #[test]
    fn parentheses_are_the_way_to_write_any_term_and_any_ratio(
        of in prop::sample::select(&TERMS[..]),
        per in prop::sample::select(&TERMS[..]),
        value in "[a(/=]{0,4}(/(events|users|pricing))?",
    ) {
        let of = format!("{of}{}", if of.contains('@') { &value } else { "" });
        let enclosed = |text: &str| term(&format!("({text})"));
        prop_assume!(!of.contains(")/") && !per.contains(")/"));
        let expected = (enclosed(&of), enclosed(per));
        let both = format!("({of})/({per})");
        prop_assert_eq!(&ratio(&both), &expected);
        if let Ok(Metric { of, per: Some(per) }) = parse(&format!("{of}/{per}")) {
            prop_assert_eq!((of, per), expected);
        }
    }

    /// Nothing is taken for a value that ends with a division, unless the value in front of it is empty.
    #[test]
    fn a_term_never_ends_with_a_division(
        value in "[a/=x.]{1,8}",
        per in prop::sample::select(&["events", "users", "latency:avg", "users@event=buy"][..]),
    ) {
        let text = format!("events@page={value}/{per}");
        match parse(&text) {
            Ok(Metric { per: None, .. }) => prop_assert!(false, "{text}"),
            Ok(ratio) => prop_assert!(!value.contains('/') && ratio.per == Some(term(per))),
            Err(error) => prop_assert!(error.to_string().contains("for the ratio")),
        }
    }

    #[test]
    fn any_bytes_are_divided_or_refused(bytes: Vec<u8>, text in "([(]?(events|a:sum|@page=|/|[)])){0,9}") {
        for text in [&bytes[..], text.as_bytes()] {
            let _ = Metric::parse(text, None);
            let _ = parse(&String::from_utf8_lossy(text));
        }
    }
}
