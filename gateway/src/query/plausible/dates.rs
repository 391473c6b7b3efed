//! `date_range` as two instants in the site's zone, the second exclusive, and the steps of a
//! dimension of time.

use super::refusal::{refuse, Refused};
use crate::time;
use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp, ToSpan, Zoned};
use serde_json::Value;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dates {
    pub from: i64,
    /// Exclusive.
    pub to: i64,
}

impl Dates {
    pub fn is_within(self, other: Dates) -> bool {
        other.from <= self.from && self.to <= other.to
    }
}

fn bad() -> Refused {
    refuse(
        "date_range: day, 24h, 7d, 28d, 30d, 91d, month, 6mo, 12mo, year, all, or two dates or \
         times in ISO 8601 is accepted",
    )
}

fn start(date: Date, zone: &TimeZone) -> Result<i64, Refused> {
    let zoned = date.to_zoned(zone.clone()).map_err(|_| bad())?;
    Ok(zoned.timestamp().as_millisecond())
}

fn moved(date: Date, span: Span) -> Result<Date, Refused> {
    date.checked_add(span).map_err(|_| bad())
}

/// Ranges of so many days or months end with the day or month before the current one, as those of
/// Plausible do; `day`, `month` and `year` are the current ones, and `all` begins with the day of the
/// first event.
pub fn dates(
    given: &Value,
    zone: &TimeZone,
    now: i64,
    first_event: Option<i64>,
) -> Result<Dates, Refused> {
    if let Value::Array(ends) = given {
        return between(ends, zone);
    }
    const MINUTE: i64 = 60_000;
    let instant = Timestamp::from_millisecond(now).map_err(|_| bad())?;
    let today = instant.to_zoned(zone.clone()).date();
    let month = today.first_of_month();
    let days = |days: i64| Ok::<_, Refused>((moved(today, (-days).days())?, today));
    let months = |months: i64| Ok::<_, Refused>((moved(month, (-months).months())?, month));
    let (from, to) = match given.as_str().unwrap_or_default() {
        "day" => (today, moved(today, 1.day())?),
        "24h" => {
            // 24 hours up to the end of this minute, for counts are kept by the minute.
            let to = now - now.rem_euclid(MINUTE) + MINUTE;
            return Ok(Dates {
                from: to - 24 * 60 * MINUTE,
                to,
            });
        }
        "7d" => days(7)?,
        "28d" => days(28)?,
        "30d" => days(30)?,
        "91d" => days(91)?,
        "month" => (month, moved(month, 1.month())?),
        "6mo" => months(6)?,
        "12mo" => months(12)?,
        "year" => {
            let year = today.first_of_year();
            (year, moved(year, 1.year())?)
        }
        "all" => {
            let first = Timestamp::from_millisecond(first_event.unwrap_or(now).min(now));
            let first = first.map_err(|_| bad())?.to_zoned(zone.clone()).date();
            (first, moved(today, 1.day())?)
        }
        _ => return Err(bad()),
    };
    Ok(Dates {
        from: start(from, zone)?,
        to: start(to, zone)?,
    })
}

/// Two dates, both inclusive, or two times.
fn between(ends: &[Value], zone: &TimeZone) -> Result<Dates, Refused> {
    let [Value::String(from), Value::String(to)] = ends else {
        return Err(bad());
    };
    let range = match (from.parse::<Date>(), to.parse::<Date>()) {
        (Ok(first), Ok(last)) if from.len() == 10 && to.len() == 10 => Dates {
            from: start(first, zone)?,
            to: start(moved(last, 1.day())?, zone)?,
        },
        _ => {
            let instant = |text: &String| time::parse(text, zone).ok_or_else(bad);
            Dates {
                from: instant(from)?,
                to: instant(to)?,
            }
        }
    };
    match range.from < range.to {
        true => Ok(range),
        false => Err(refuse("date_range: ends before it begins")),
    }
}

/// How long a step of `time`, `time:day` and so on is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    Hour,
    Day,
    Week,
    Month,
}

/// One step, and the part of it that the range has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepOfTime {
    pub label: String,
    pub whole: Dates,
    pub dates: Dates,
}

impl Step {
    /// None for what is no dimension of time.
    pub fn of(dimension: &str, range: Dates) -> Option<Step> {
        const HOUR: i64 = 3_600_000;
        // Whole hours and days up to the last second, as Plausible counts them.
        let hours = range.to.saturating_sub(range.from).saturating_sub(1_000) / HOUR;
        Some(match dimension {
            "time:hour" => Step::Hour,
            "time:day" => Step::Day,
            "time:week" => Step::Week,
            "time:month" => Step::Month,
            "time" => match (hours, hours / 24) {
                (..=48, _) => Step::Hour,
                (_, ..=40) => Step::Day,
                (_, ..371) => Step::Week,
                _ => Step::Month,
            },
            _ => return None,
        })
    }

    fn begin(self, time: &Zoned) -> Option<Zoned> {
        let date = time.date();
        match self {
            // An hour of UTC, so that none is missing or twice where clocks are put forward or back.
            Step::Hour => {
                let ms = time.timestamp().as_millisecond();
                let hour = Timestamp::from_millisecond(ms - ms.rem_euclid(3_600_000)).ok()?;
                Some(hour.to_zoned(time.time_zone().clone()))
            }
            Step::Day => date.to_zoned(time.time_zone().clone()).ok(),
            Step::Week => {
                let back = date.weekday().since(Weekday::Monday);
                let monday = date.checked_sub(i64::from(back).days()).ok()?;
                monday.to_zoned(time.time_zone().clone()).ok()
            }
            Step::Month => {
                let first = date.first_of_month();
                first.to_zoned(time.time_zone().clone()).ok()
            }
        }
    }

    fn span(self) -> Span {
        match self {
            Step::Hour => 1.hour(),
            Step::Day => 1.day(),
            Step::Week => 1.week(),
            Step::Month => 1.month(),
        }
    }

    /// The steps that touch the range.
    pub fn cut(
        self,
        range: Dates,
        zone: &TimeZone,
        most: usize,
    ) -> Result<Vec<StepOfTime>, Refused> {
        let from = Timestamp::from_millisecond(range.from).map_err(|_| bad())?;
        let first = from.to_zoned(zone.clone());
        let mut begin = self.begin(&first).ok_or_else(bad)?;
        let mut steps = Vec::new();
        while begin.timestamp().as_millisecond() < range.to {
            if steps.len() == most {
                return Err(refuse(format!(
                    "a query has at most {most} steps of time here; take longer ones, or a \
                     shorter date_range"
                )));
            }
            let end = begin.checked_add(self.span()).map_err(|_| bad())?;
            let label = match self {
                Step::Hour => begin.strftime("%Y-%m-%d %H:%M:%S"),
                // As Plausible does, a week that began before the range has the range's first day.
                Step::Week => (&begin).max(&first).strftime("%Y-%m-%d"),
                Step::Day | Step::Month => begin.strftime("%Y-%m-%d"),
            };
            let whole = Dates {
                from: begin.timestamp().as_millisecond(),
                to: end.timestamp().as_millisecond(),
            };
            steps.push(StepOfTime {
                label: label.to_string(),
                whole,
                dates: Dates {
                    from: whole.from.max(range.from),
                    to: whole.to.min(range.to),
                },
            });
            begin = end;
        }
        Ok(steps)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn ranges_are_of_local_days() {
        let paris = time::zone("Europe/Paris").expect("is a zone");
        let at = |text: &str| time::parse(text, &paris).expect("is a time");
        let now = at("2024-07-10T12:00:00");
        for (given, from, to) in [
            (json!("day"), "2024-07-10T00:00", "2024-07-11T00:00"),
            (json!("7d"), "2024-07-03T00:00", "2024-07-10T00:00"),
            (json!("month"), "2024-07-01T00:00", "2024-08-01T00:00"),
            (json!("6mo"), "2024-01-01T00:00", "2024-07-01T00:00"),
            (json!("24h"), "2024-07-09T12:01", "2024-07-10T12:01"),
            (json!("all"), "2023-03-05T00:00", "2024-07-11T00:00"),
            (
                json!(["2024-07-01", "2024-07-02"]),
                "2024-07-01T00:00",
                "2024-07-03T00:00",
            ),
        ] {
            let first = Some(at("2023-03-05T18:00:00"));
            let range = dates(&given, &paris, now, first).map_err(|_| given.to_string());
            let expected = Dates {
                from: at(&format!("{from}:00")),
                to: at(&format!("{to}:00")),
            };
            assert_eq!(range.expect("is a range"), expected);
        }
        for given in [
            json!("9d"),
            json!(5),
            json!(["2024-07-02", "2024-07-01"]),
            json!([]),
        ] {
            assert!(dates(&given, &paris, now, None).is_err(), "{given}");
        }
    }

    #[test]
    fn the_day_on_which_clocks_change_has_25_hours() {
        let paris = time::zone("Europe/Paris").expect("is a zone");
        let range = dates(&json!(["2024-10-27", "2024-10-27"]), &paris, 0, None);
        let range = range.map_err(|_| "").expect("is a range");
        let hours = Step::Hour.cut(range, &paris, 100).map_err(|_| "");
        assert_eq!(hours.expect("are few").len(), 25);
    }

    #[test]
    fn steps_are_as_long_and_have_the_labels_that_plausible_gives_them() {
        let utc = TimeZone::UTC;
        for (from, to, step, first, second) in [
            (
                "2024-07-01",
                "2024-07-02",
                Step::Hour,
                "2024-07-01 00:00:00",
                "2024-07-01 01:00:00",
            ),
            (
                "2024-07-01",
                "2024-07-03",
                Step::Day,
                "2024-07-01",
                "2024-07-02",
            ),
            (
                "2024-07-01",
                "2024-08-10",
                Step::Day,
                "2024-07-01",
                "2024-07-02",
            ),
            // The third of July is a Wednesday.
            (
                "2024-07-03",
                "2024-09-03",
                Step::Week,
                "2024-07-03",
                "2024-07-08",
            ),
            (
                "2024-01-01",
                "2024-12-31",
                Step::Week,
                "2024-01-01",
                "2024-01-08",
            ),
            (
                "2023-01-15",
                "2024-12-31",
                Step::Month,
                "2023-01-01",
                "2023-02-01",
            ),
        ] {
            let range = dates(&json!([from, to]), &utc, 0, None);
            let range = range.map_err(|_| "").expect("is a range");
            let found = Step::of("time", range).expect("is of time");
            assert_eq!(found, step, "{from} {to}");
            let steps = found.cut(range, &utc, 1_000).map_err(|_| "");
            let steps = steps.expect("are few");
            assert_eq!(steps[0].label, first);
            assert_eq!(steps[1].label, second);
            assert_eq!(steps[0].dates.from, range.from);
            assert_eq!(steps.last().map(|step| step.dates.to), Some(range.to));
        }
    }
}
