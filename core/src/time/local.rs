//! Local time in a zone, and back.
//!
//! A zone is a sequence of spans with one offset each. Finding a span costs some 200 ns, another time in
//! the same span nothing: code that goes through the calendar in order keeps one `Local`.

use super::civil::{Date, DayNumber};
use super::period::{first_day_of, next_first_day};
use super::{Granularity, Period, DAY, HOUR, MINUTE, SECOND};
use jiff::tz::TimeZone;
use jiff::Timestamp;

/// More than the offset of any zone: jiff's own bound.
const MAX_OFFSET: i64 = 26 * HOUR;

/// A zone, and the span of it that was used last.
pub struct Local<'a> {
    zone: &'a TimeZone,
    span: Span,
}

/// The instants from one change of the clocks to the next.
struct Span {
    from: i64,
    to: i64,
    offset: i64,
}

impl Span {
    fn of(from: i64, to: i64) -> Span {
        Span {
            from,
            to,
            offset: 0,
        }
    }
}

impl<'a> Local<'a> {
    pub fn new(zone: &'a TimeZone) -> Local<'a> {
        let span = if *zone == TimeZone::UTC {
            Span::of(i64::MIN, i64::MAX)
        } else {
            // Empty: the first use finds it.
            Span::of(0, 0)
        };
        Local { zone, span }
    }

    /// The local time at an instant, as milliseconds of a clock that never changes.
    pub fn time(&mut self, ms: i64) -> i64 {
        self.seek(ms);
        ms.saturating_add(self.span.offset)
    }

    /// The local date at an instant.
    pub fn day(&mut self, ms: i64) -> DayNumber {
        day_of(self.time(ms))
    }

    /// The first instant at which the local clock shows this time or a later one: the earlier one of
    /// a repeated time, the end of the gap for a skipped time.
    pub fn instant(&mut self, time: i64) -> i64 {
        self.seek(time.saturating_sub(MAX_OFFSET));
        loop {
            let reached = time.saturating_sub(self.span.offset).max(self.span.from);
            if reached < self.span.to || self.span.to == i64::MAX {
                return reached;
            }
            self.seek(self.span.to);
        }
    }

    /// The first instant of a local date; of the next one, where the date was skipped.
    pub fn day_start(&mut self, day: DayNumber) -> i64 {
        self.instant(i64::from(day) * DAY)
    }

    /// Calendar months later (or earlier) at the same local time, at most on the month's last day.
    pub fn plus_months(&mut self, ms: i64, months: i32) -> i64 {
        let time = self.time(ms);
        let day = Date::of(day_of(time)).plus_months(months);
        self.instant(i64::from(day) * DAY + time.rem_euclid(DAY))
    }

    /// The period an instant is in.
    ///
    /// A local period starts at the first instant of its first date. Where the clocks go back across
    /// midnight, the old date repeats for a while; those instants stay in the new period, so that
    /// periods are contiguous and no date has two.
    pub fn period(&mut self, granularity: Granularity, ms: i64) -> Period {
        let step = match granularity {
            Granularity::Minute => MINUTE,
            Granularity::Hour => HOUR,
            _ => return self.local_period(granularity, ms),
        };
        let start = ms.div_euclid(step) * step;
        Period {
            granularity,
            start,
            end: start + step,
            first_day: day_of(start),
        }
    }

    /// The first period that begins at an instant or after it: where that is.
    pub fn first_start(&mut self, granularity: Granularity, ms: i64) -> i64 {
        let period = self.period(granularity, ms);
        if period.start == ms {
            ms
        } else {
            period.end
        }
    }

    fn local_period(&mut self, granularity: Granularity, ms: i64) -> Period {
        let mut first_day = first_day_of(granularity, self.day(ms));
        let mut start = self.day_start(first_day);
        loop {
            let next = next_first_day(granularity, first_day);
            let end = self.day_start(next);
            if ms < end {
                return Period {
                    granularity,
                    start,
                    end,
                    first_day,
                };
            }
            (first_day, start) = (next, end);
        }
    }

    fn seek(&mut self, ms: i64) {
        if self.span.from <= ms && ms < self.span.to {
            return;
        }
        let at = timestamp(ms);
        let millis = |at: Timestamp| at.as_second().saturating_mul(SECOND);
        let before = self.zone.preceding(timestamp(ms.saturating_add(SECOND)));
        let after = self.zone.following(at);
        self.span = Span {
            from: { before }
                .next()
                .map_or(i64::MIN, |t| millis(t.timestamp())),
            to: { after }.next().map_or(i64::MAX, |t| millis(t.timestamp())),
            offset: i64::from(self.zone.to_offset(at).seconds()) * SECOND,
        };
    }
}

/// The second an instant is in, as far as jiff's calendar reaches.
fn timestamp(ms: i64) -> Timestamp {
    let (min, max) = (Timestamp::MIN.as_second(), Timestamp::MAX.as_second());
    Timestamp::from_second(ms.div_euclid(SECOND).clamp(min, max)).unwrap_or(Timestamp::MAX)
}

/// The date of a local time.
pub fn day_of(time: i64) -> DayNumber {
    time.div_euclid(DAY) as DayNumber
}
