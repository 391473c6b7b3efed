//! The figures of docs/people.md and docs/funnels.md are those of the bench "people" in docs/speed.md, and each is
//! within its target.

use crate::figures::{between, mutated, part, row};

const SPEED: &str = include_str!("../../docs/speed.md");
const PEOPLE: &str = include_str!("../../docs/people.md");
const FUNNELS: &str = include_str!("../../docs/funnels.md");

/// A page, the texts around a figure, and the row of the bench that it is of.
const FIGURES: [(&str, &str, &str, &str); 3] = [
    (
        PEOPLE,
        "ten million of them take ",
        " bytes each",
        "a remembered user, of 10,000,000",
    ),
    (
        PEOPLE,
        "users of 365 cohorts takes ",
        " bytes more",
        "the cohorts of a day, 365 of them",
    ),
    (
        FUNNELS,
        "four for every `BY`: ",
        " bytes",
        "a user of a funnel of five steps, of 1,000,000",
    ),
];

const QUESTIONS: [&str; 2] = ["`FUNNEL shop GET buy 30d`", "`RETENTION shop 12w week`"];

/// What is not as the bench printed it.
fn differences(speed: &str) -> Vec<String> {
    let bench = part(speed, "people");
    let mut differences = Vec::new();
    for (page, before, after, label) in FIGURES {
        let expected = row(bench, label).map(|cells| cells[1].to_owned());
        let found = between(page, before, after).concat().replace(',', "");
        if expected.as_ref() != Some(&found) {
            differences.push(format!(
                "'{before}{found}{after}': the bench says {expected:?}"
            ));
        }
    }
    differences
}

#[test]
fn every_figure_of_people_and_funnels_is_that_of_the_bench_and_on_target() {
    let none: [String; 0] = [];
    assert_eq!(differences(SPEED), none);
    let bench = part(SPEED, "people");
    assert!(!bench.contains("missed"), "{bench}");
    // Three of bytes, and two questions over each number of events, all beside ClickHouse.
    assert_eq!(bench.matches(": met |").count(), 7, "{bench}");
    for question in QUESTIONS {
        let rows = bench.lines().filter(|line| line.contains(question));
        let rows: Vec<&str> = rows.collect();
        assert_eq!(rows.len(), 2, "{question}");
        assert!(!rows.concat().contains("not measured"), "{rows:?}");
    }
}

#[test]
fn a_figure_of_people_that_is_measured_anew_is_found() {
    let from = SPEED
        .find("<!-- people -->")
        .expect("the bench is on the page");
    for (.., label) in FIGURES {
        let start = format!("| {label} | ");
        let at = SPEED[from..].find(&start).expect("a row") + from + start.len();
        assert_eq!(differences(&mutated(SPEED, at)).len(), 1, "{label}");
    }
}
