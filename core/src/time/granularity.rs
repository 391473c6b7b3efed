//! The five lengths of a bucket.

use crate::error::{shown, Error, Result};
use crate::text::nearest::did_you_mean;

/// Ordered from the finest to the coarsest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Granularity {
    Minute = 0,
    Hour = 1,
    Day = 2,
    Week = 3,
    Month = 4,
}

use Granularity::{Day, Hour, Minute, Month, Week};

impl Granularity {
    pub const COUNT: usize = 5;

    /// From the finest to the coarsest: `ALL[g.index()] == g`.
    pub const ALL: [Granularity; Granularity::COUNT] = [Minute, Hour, Day, Week, Month];

    #[inline]
    pub const fn index(self) -> usize {
        self as usize
    }

    pub const fn name(self) -> &'static str {
        match self {
            Minute => "minute",
            Hour => "hour",
            Day => "day",
            Week => "week",
            Month => "month",
        }
    }

    /// In any case.
    pub fn parse(text: &[u8]) -> Result<Granularity> {
        Granularity::ALL
            .into_iter()
            .find(|granularity| granularity.name().as_bytes().eq_ignore_ascii_case(text))
            .ok_or_else(|| {
                let names = Granularity::ALL.iter().map(|it| it.name().as_bytes());
                Error::new(format!(
                    "granularity '{}' is not one of minute, hour, day, week, month{}",
                    shown(text),
                    did_you_mean(text, names)
                ))
            })
    }
}

/// A set of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Granularities(u8);

impl Granularities {
    pub const NONE: Granularities = Granularities(0);

    #[inline]
    pub fn has(self, granularity: Granularity) -> bool {
        self.0 >> granularity.index() & 1 != 0
    }

    /// Whether it has all of these.
    #[inline]
    pub fn has_all(self, others: Granularities) -> bool {
        others.0 & !self.0 == 0
    }

    /// Those that are coarser.
    #[inline]
    pub fn beyond(self, granularity: Granularity) -> Granularities {
        Granularities(self.0 & !((2 << granularity.index()) - 1))
    }

    #[inline]
    pub fn add(&mut self, others: Granularities) {
        self.0 |= others.0;
    }

    #[inline]
    pub fn add_if(&mut self, is_in: bool, granularity: Granularity) {
        self.0 |= u8::from(is_in) << granularity.index();
    }
}

impl FromIterator<Granularity> for Granularities {
    fn from_iter<I: IntoIterator<Item = Granularity>>(granularities: I) -> Granularities {
        let mut set = Granularities::NONE;
        for granularity in granularities {
            set.add_if(true, granularity);
        }
        set
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_granularity_is_parsed_in_any_case() {
        for (index, granularity) in Granularity::ALL.into_iter().enumerate() {
            assert_eq!(granularity.index(), index);
            let upper = granularity.name().to_uppercase();
            assert_eq!(Granularity::parse(upper.as_bytes()), Ok(granularity));
        }
        assert_eq!(
            Granularity::parse(b"year\n\xff").unwrap_err().to_string(),
            "granularity 'year\\n\\xff' is not one of minute, hour, day, week, month"
        );
        assert_eq!(
            Granularity::parse(b"MINUTES").unwrap_err().to_string(),
            "granularity 'MINUTES' is not one of minute, hour, day, week, month; did you mean minute?"
        );
    }

    #[test]
    fn beyond_a_granularity_are_the_coarser_ones() {
        let set = |granularities: &[Granularity]| granularities.iter().copied().collect();
        let all: Granularities = set(&Granularity::ALL);
        assert_eq!(all.beyond(Minute), set(&[Hour, Day, Week, Month]));
        assert_eq!(all.beyond(Week), set(&[Month]));
        assert_eq!(all.beyond(Month), Granularities::NONE);
        assert_eq!(set(&[Minute, Week]).beyond(Hour), set(&[Week]));
        assert!(all.has_all(set(&[Day, Month])) && all.has_all(Granularities::NONE));
        assert!(!set(&[Day]).has_all(set(&[Day, Month])));
    }

    #[test]
    fn finer_is_less() {
        assert!(Granularity::ALL.is_sorted());
    }
}
