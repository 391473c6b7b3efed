//! A site's time zone.

use super::local::Local;
use super::{is_supported, Granularity, Period};
use crate::error::{shown, Error, Result};
use crate::text::nearest::did_you_mean;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use std::fmt;

/// An IANA time zone out of the bundled database: the same on every server, whatever its own files hold.
/// Cheap to clone.
#[derive(Clone)]
pub struct Zone(TimeZone);

impl Zone {
    pub const UTC: Zone = Zone(TimeZone::UTC);

    /// An IANA name in any case. Offsets are no zones: they have no daylight saving.
    pub fn parse(text: &[u8]) -> Result<Zone> {
        std::str::from_utf8(text)
            .ok()
            .and_then(|name| TimeZoneDatabase::bundled().get(name).ok())
            .filter(|zone| !zone.is_unknown())
            .map(Zone)
            .ok_or_else(|| {
                let database = TimeZoneDatabase::bundled();
                let names: Vec<_> = database.available().collect();
                let names = names.iter().map(|name| name.as_str().as_bytes());
                Error::new(format!(
                    "TZ '{}' is not an IANA time zone such as UTC or Europe/Paris{}",
                    shown(text),
                    did_you_mean(text, names)
                ))
            })
    }

    /// The canonical spelling, which `parse` takes back.
    pub fn name(&self) -> &str {
        self.0.iana_name().unwrap_or("UTC")
    }

    /// The period an instant is in. It can be kept for all instants of its `start..end`.
    pub fn period(&self, granularity: Granularity, ms: i64) -> Option<Period> {
        is_supported(ms).then(|| self.local().period(granularity, ms))
    }

    pub(super) fn local(&self) -> Local<'_> {
        Local::new(&self.0)
    }
}

impl Period {
    /// The period that begins where this one ends.
    pub fn next(&self, zone: &Zone) -> Option<Period> {
        zone.period(self.granularity, self.end)
    }

    /// The period that ends where this one begins.
    pub fn previous(&self, zone: &Zone) -> Option<Period> {
        // Part of the very first period is before the calendar; nothing before it counts.
        let last = self.start.saturating_sub(1);
        is_supported(last).then(|| zone.local().period(self.granularity, last))
    }
}

impl PartialEq for Zone {
    fn eq(&self, other: &Zone) -> bool {
        self.name() == other.name()
    }
}

impl Eq for Zone {}

impl Default for Zone {
    fn default() -> Zone {
        Zone::UTC
    }
}

impl fmt::Debug for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_is_found_in_any_case_and_keeps_its_canonical_name() {
        for (text, name) in [
            ("utc", "UTC"),
            ("europe/PARIS", "Europe/Paris"),
            ("Asia/Calcutta", "Asia/Calcutta"),
            ("etc/gmt+5", "Etc/GMT+5"),
        ] {
            let zone = Zone::parse(text.as_bytes()).unwrap();
            assert_eq!(zone.name(), name);
            assert_eq!(Zone::parse(name.as_bytes()).unwrap(), zone);
        }
        assert_eq!(Zone::default().name(), "UTC");
        assert_ne!(
            Zone::parse(b"Europe/Paris").unwrap(),
            Zone::parse(b"Europe/Rome").unwrap()
        );
    }

    #[test]
    fn offsets_and_unknown_names_are_no_zones() {
        for text in [
            &b"+02:00"[..],
            b"UTC+2",
            b"",
            b"Etc/Unknown",
            b"Mars",
            b"\xff\0",
        ] {
            let message = Zone::parse(text).unwrap_err().to_string();
            assert!(message.starts_with("TZ '"), "{message}");
            assert!(message.contains("Europe/Paris"), "{message}");
        }
    }

    #[test]
    fn instants_outside_of_the_calendar_have_no_period() {
        for granularity in Granularity::ALL {
            for ms in [
                i64::MIN,
                super::super::MIN_TIME - 1,
                super::super::MAX_TIME + 1,
                i64::MAX,
            ] {
                assert_eq!(Zone::UTC.period(granularity, ms), None);
            }
        }
    }
}
