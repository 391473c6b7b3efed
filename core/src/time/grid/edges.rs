//! Where the cells of a series begin and end.
//!
//! ```text
//! window                 [ 14:17 .................... 16:42 )
//! cells of an hour    | 14:00   | 15:00   | 16:00   |
//! edges               0         1         2         3
//! ```
//!
//! A cell is answered exactly, so its edges are edges of slots or buckets. Hours therefore
//! begin with the local day, as its slots do; and where whole buckets are needed, with the hour of UTC
//! that the local one begins in: in Kolkata, counts come from 10:00 and distinct users from 09:30.

use super::super::civil::{Date, DayNumber};
use super::super::local::Local;
use super::super::{Granularity, Range, DAY, HOUR};
use super::grain::Grain;
use super::step::{Length, Pace};
use crate::error::{Error, Result};

/// The most points that a series may have.
pub const MAX_POINTS: usize = 20_000;

/// The edges of the cells that hold a window: one more than there are cells.
pub fn edges(
    length: Length,
    grain: Grain,
    window: Range,
    local: &mut Local<'_>,
) -> Result<Vec<i64>> {
    let mut edges = Edges {
        length,
        window,
        edges: Vec::new(),
    };
    let mut first_day = |granularity| local.period(granularity, window.from).first_day;
    match length.pace() {
        Pace::Even(step) => edges.even(step),
        Pace::Hours(1) if grain == Grain::Bucket => edges.even(HOUR),
        Pace::Hours(hours) => {
            let day = first_day(Granularity::Day);
            edges.hours(hours, day, grain, local)
        }
        Pace::Days(days) => {
            let day = first_day(Granularity::Day);
            edges.dates(|n| day_number(day, days, 0, n), local)
        }
        Pace::Weeks(weeks) => {
            let monday = first_day(Granularity::Week);
            // 1970-01-05 was a Monday.
            edges.dates(|n| day_number(monday, 7 * weeks, 4, n), local)
        }
        Pace::Months(months) => {
            let date = Date::of(first_day(Granularity::Month));
            let into = (12 * date.year + date.month - 1).rem_euclid(months);
            edges.dates(|n| date.month_start(n * months - into), local)
        }
    }?;
    Ok(edges.edges)
}

/// The day that begins the `n`th cell from the one that `day` is in; one cell begins at `phase`.
fn day_number(day: DayNumber, days: i32, phase: DayNumber, n: i32) -> DayNumber {
    day - (day - phase).rem_euclid(days) + n * days
}

struct Edges {
    length: Length,
    window: Range,
    edges: Vec<i64>,
}

impl Edges {
    /// Takes the next edge; false when that is the last one needed.
    fn push(&mut self, edge: i64) -> Result<bool> {
        if edge <= self.window.from {
            self.edges.clear();
        }
        // A date or hour that the clocks skip is no cell.
        if self.edges.last().is_some_and(|last| edge <= *last) {
            return Ok(true);
        }
        if self.edges.len() > MAX_POINTS {
            return Err(Error::new(format!(
                "step {} cuts the window into more than {MAX_POINTS} points: ask for a longer one, or \
                 auto",
                self.length
            )));
        }
        self.edges.push(edge);
        Ok(edge < self.window.to)
    }

    fn even(&mut self, step: i64) -> Result<()> {
        let mut edge = self.window.from - self.window.from.rem_euclid(step);
        while self.push(edge)? {
            edge += step;
        }
        Ok(())
    }

    fn dates(&mut self, date: impl Fn(i32) -> DayNumber, local: &mut Local<'_>) -> Result<()> {
        let mut n = 0;
        while self.push(local.day_start(date(n)))? {
            n += 1;
        }
        Ok(())
    }

    fn hours(
        &mut self,
        hours: i64,
        mut day: DayNumber,
        grain: Grain,
        local: &mut Local<'_>,
    ) -> Result<()> {
        let mut start = local.day_start(day);
        loop {
            let end = local.day_start(day + 1);
            let mut hour = 0;
            loop {
                let edge = match hours {
                    // Every hour that passes: a clock may show the same one twice.
                    1 => start + hour * HOUR,
                    _ => local.instant(i64::from(day) * DAY + hour * HOUR),
                };
                if edge >= end {
                    break;
                }
                let edge = match grain {
                    Grain::Slot => edge - (edge - start) % HOUR,
                    Grain::Bucket => edge - edge.rem_euclid(HOUR),
                };
                if !self.push(edge)? {
                    return Ok(());
                }
                hour += hours;
            }
            (day, start) = (day + 1, end);
        }
    }
}
