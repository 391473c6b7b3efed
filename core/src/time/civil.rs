//! Dates of the proleptic Gregorian calendar as day numbers since 1970-01-01.
//!
//! A day number is what periods are made of, so the conversions are plain integer arithmetic
//! (Howard Hinnant's `days_from_civil`); `jiff` is used only for the offsets of zones.

/// Days since 1970-01-01.
pub type DayNumber = i32;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Date {
    pub year: i32,
    /// 1 to 12.
    pub month: i32,
    /// 1 to 31.
    pub day: i32,
}

/// Days from 0000-03-01, where Hinnant's years begin, to 1970-01-01.
const EPOCH: i32 = 719_468;
const DAYS_OF_400_YEARS: i32 = 146_097;

impl Date {
    pub const fn of(day: DayNumber) -> Date {
        let days = day + EPOCH;
        let era = days.div_euclid(DAYS_OF_400_YEARS);
        let day_of_era = days.rem_euclid(DAYS_OF_400_YEARS);
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_from_march = (5 * day_of_year + 2) / 153;
        let month = if month_from_march < 10 {
            month_from_march + 3
        } else {
            month_from_march - 9
        };
        Date {
            year: 400 * era + year_of_era + (month <= 2) as i32,
            month,
            day: day_of_year - (153 * month_from_march + 2) / 5 + 1,
        }
    }

    /// The day number of a date that exists.
    pub const fn number(self) -> DayNumber {
        let year = self.year - (self.month <= 2) as i32;
        let year_of_era = year.rem_euclid(400);
        let month_from_march = (self.month + 9) % 12;
        let day_of_year = (153 * month_from_march + 2) / 5 + self.day - 1;
        let day_of_era = 365 * year_of_era + year_of_era / 4 - year_of_era / 100 + day_of_year;
        DAYS_OF_400_YEARS * year.div_euclid(400) + day_of_era - EPOCH
    }

    /// The day number of what a user wrote, if there is such a date.
    pub fn checked(year: i32, month: i32, day: i32) -> Option<DayNumber> {
        let number = (1..=12).contains(&month) && (1..=31).contains(&day);
        let number = number.then(|| Date { year, month, day }.number())?;
        (Date::of(number) == Date { year, month, day }).then_some(number)
    }

    /// The first day of the month that is `months` after this one.
    pub const fn month_start(self, months: i32) -> DayNumber {
        let months = 12 * self.year + self.month - 1 + months;
        Date {
            year: months.div_euclid(12),
            month: months.rem_euclid(12) + 1,
            day: 1,
        }
        .number()
    }

    /// The same day of another month, or that month's last day.
    pub fn plus_months(self, months: i32) -> DayNumber {
        let first = self.month_start(months);
        (first + self.day - 1).min(self.month_start(months.saturating_add(1)) - 1)
    }

    /// The same day of another month, or the first of the next one where there is no such day.
    pub fn plus_full_months(self, months: i32) -> DayNumber {
        let first = self.month_start(months);
        (first + self.day - 1).min(self.month_start(months.saturating_add(1)))
    }
}

/// The Monday of the week a day is in.
pub const fn monday(day: DayNumber) -> DayNumber {
    // 1970-01-01 was a Thursday.
    day - (day + 3).rem_euclid(7)
}

/// The ISO year and week of a day: those of its week's Thursday.
pub const fn iso_week(day: DayNumber) -> (i32, i32) {
    let thursday = monday(day) + 3;
    let year = Date::of(thursday).year;
    (year, (thursday - new_year(year)) / 7 + 1)
}

/// The Monday of an ISO week, if that year has such a week.
pub fn iso_monday(year: i32, week: i32) -> Option<DayNumber> {
    // The 4th of January is always in week 1.
    let monday = monday(new_year(year) + 3).checked_add(week.checked_sub(1)?.checked_mul(7)?)?;
    (iso_week(monday) == (year, week)).then_some(monday)
}

const fn new_year(year: i32) -> DayNumber {
    Date {
        year,
        month: 1,
        day: 1,
    }
    .number()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_day_of_the_supported_years_is_that_of_jiff() {
        let mut expected = jiff::civil::date(0, 12, 25);
        let mut number = Date {
            year: 0,
            month: 12,
            day: 25,
        }
        .number();
        // Every day around our own time, a prime stride elsewhere.
        while expected < jiff::civil::date(9999, 11, 1) {
            let date = Date::of(number);
            assert_eq!(
                (date.year, date.month, date.day),
                (
                    i32::from(expected.year()),
                    i32::from(expected.month()),
                    i32::from(expected.day())
                )
            );
            assert_eq!(date.number(), number);
            let iso = expected.iso_week_date();
            assert_eq!(
                iso_week(number),
                (i32::from(iso.year()), i32::from(iso.week()))
            );
            assert_eq!(
                iso_monday(i32::from(iso.year()), i32::from(iso.week())),
                Some(monday(number))
            );
            let stride = if (1890..2110).contains(&date.year) {
                1
            } else {
                41
            };
            number += stride;
            expected = expected
                .checked_add(jiff::Span::new().days(stride))
                .unwrap();
        }
    }

    #[test]
    fn dates_that_do_not_exist_are_none() {
        assert_eq!(Date::checked(1970, 1, 2), Some(1));
        assert!(Date::checked(2024, 2, 29).is_some());
        for (year, month, day) in [(2023, 2, 29), (2024, 4, 31), (2024, 13, 1), (2024, 1, 0)] {
            assert_eq!(Date::checked(year, month, day), None);
        }
        assert_eq!(iso_monday(2021, 53), None);
        assert_eq!(iso_monday(2021, 0), None);
        assert!(iso_monday(2020, 53).is_some());
    }

    #[test]
    fn months_are_added_up_to_the_end_of_the_month() {
        let date = |year, month, day| Date { year, month, day };
        let sum = |from: Date, months| Date::of(from.plus_months(months));
        assert_eq!(sum(date(2024, 1, 31), 1), date(2024, 2, 29));
        assert_eq!(sum(date(2024, 3, 31), -1), date(2024, 2, 29));
        assert_eq!(sum(date(2024, 3, 31), -13), date(2023, 2, 28));
        assert_eq!(sum(date(2024, 12, 15), 1), date(2025, 1, 15));
        assert_eq!(sum(date(2024, 1, 15), -1), date(2023, 12, 15));
        let full = |from: Date, months| Date::of(from.plus_full_months(months));
        assert_eq!(full(date(2024, 1, 31), 1), date(2024, 3, 1));
        assert_eq!(full(date(2024, 1, 29), 1), date(2024, 2, 29));
    }
}
