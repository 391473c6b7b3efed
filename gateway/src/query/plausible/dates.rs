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

fn bad() -> Refused {
    refuse(
        "date_range: day, 7d, 28d, 30d, 91d, month, 6mo, 12mo, year, 24h, or two dates or times \
         in ISO 8601 is accepted",
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
/// Plausible do; `day`, `month` and `year` are the current ones.
pub fn dates(given: &Value, zone: &TimeZone, now: i64) -> Result<Dates, Refused> {
    if let Value::Array(ends) = given {
        return between(ends, zone);
    }
    let instant = Timestamp::from_millisecond(now).map_err(|_| bad())?;
    let today = instant.to_zoned(zone.clone()).date();
    let month = today.first_of_month();
    let days = |days: i64| Ok::<_, Refused>((moved(today, (-days).days())?, today));
    let months = |months: i64| Ok::<_, Refused>((moved(month, (-months).months())?, month));
    let (from, to) = match given.as_str().unwrap_or_default() {
        "day" => (today, moved(today, 1.day())?),
        "24h" => {
            return Ok(Dates {
                from: now.saturating_sub(86_400_000),
                to: now,
            })
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

impl Step {
    /// None for what is no dimension of time.
    pub fn of(dimension: &str, range: Dates) -> Option<Step> {
        const DAY: i64 = 86_400_000;
        Some(match dimension {
            "time:hour" => Step::Hour,
            "time:day" => Step::Day,
            "time:week" => Step::Week,
            "time:month" => Step::Month,
            "time" => match range.to.saturating_sub(range.from) / DAY {
                0..=2 => Step::Hour,
                3..=91 => Step::Day,
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

    /// The steps that touch the range, each with its label and the part of it inside.
    pub fn cut(
        self,
        range: Dates,
        zone: &TimeZone,
        most: usize,
    ) -> Result<Vec<(String, Dates)>, Refused> {
        let from = Timestamp::from_millisecond(range.from).map_err(|_| bad())?;
        let mut begin = self.begin(&from.to_zoned(zone.clone())).ok_or_else(bad)?;
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
                _ => begin.strftime("%Y-%m-%d"),
            };
            let part = Dates {
                from: begin.timestamp().as_millisecond().max(range.from),
                to: end.timestamp().as_millisecond().min(range.to),
            };
            steps.push((label.to_string(), part));
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
            (json!("24h"), "2024-07-09T12:00", "2024-07-10T12:00"),
            (
                json!(["2024-07-01", "2024-07-02"]),
                "2024-07-01T00:00",
                "2024-07-03T00:00",
            ),
        ] {
            let range = dates(&given, &paris, now).map_err(|_| given.to_string());
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
            assert!(dates(&given, &paris, now).is_err(), "{given}");
        }
    }

    #[test]
    fn the_day_on_which_clocks_change_has_25_hours() {
        let paris = time::zone("Europe/Paris").expect("is a zone");
        let range = dates(&json!(["2024-10-27", "2024-10-27"]), &paris, 0);
        let range = range.map_err(|_| "").expect("is a range");
        let hours = Step::Hour.cut(range, &paris, 100).map_err(|_| "");
        assert_eq!(hours.expect("are few").len(), 25);
    }
}
