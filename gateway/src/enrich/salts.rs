//! Ids of visitors that send none: a keyed hash of site, address and user agent. The key is a salt
//! that all gateways share and that is deleted after its period. Without it an id cannot be traced to
//! a visitor, and ids of two periods cannot be matched.
//!
//! ```text
//! {analytics-gateway}:salts     period (day:2026-11-30, month:2026-11, in UTC) → 32 hexadecimals
//! ```
//!
//! A visitor who is active when a salt ends keeps the id until a pause of half an hour, so that a
//! visit over midnight is one. Each gateway remembers these visitors for itself.

use crate::sites::key::hex;
use crate::store::{pairs, text, Redis, StoreError};
use jiff::{tz::TimeZone, Timestamp, ToSpan};
use quick_cache::sync::Cache;
use redis::{cmd, Value};
use siphasher::sip128::{Hasher128, SipHasher13};
use std::collections::HashMap;
use std::hash::Hasher;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

const KEY: &str = "{analytics-gateway}:salts";
const LOOK: Duration = Duration::from_secs(30);
/// The pause that ends a visit.
const VISIT: i64 = 30 * 60 * 1_000;
/// A visit is at most this long, and so is the time for which an old salt is of use.
const LONGEST_VISIT: i64 = 24 * 60 * 60 * 1_000;
/// Visitors around the end of a salt that a gateway remembers.
const REMEMBERED: usize = 100_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rotation {
    Daily,
    Monthly,
}

type Salt = [u8; 16];

pub struct Salts {
    known: RwLock<Arc<HashMap<String, Salt>>>,
    /// When a visitor was seen last, by the id under the salt that ends or has ended.
    active: Cache<u128, i64>,
}

impl Default for Salts {
    fn default() -> Salts {
        Salts {
            known: RwLock::default(),
            active: Cache::new(REMEMBERED),
        }
    }
}

/// The name of the period that the time lies in, shifted by so many periods; and when it begins.
fn period(rotation: Rotation, ms: i64, shift: i64) -> Option<(String, i64)> {
    let date = Timestamp::from_millisecond(ms)
        .ok()?
        .to_zoned(TimeZone::UTC)
        .date();
    let (name, date) = match rotation {
        Rotation::Daily => {
            let date = date.checked_add(shift.days()).ok()?;
            (date.strftime("day:%Y-%m-%d").to_string(), date)
        }
        Rotation::Monthly => {
            let date = date.first_of_month().checked_add(shift.months()).ok()?;
            (date.strftime("month:%Y-%m").to_string(), date)
        }
    };
    let begin = date.to_zoned(TimeZone::UTC).ok()?;
    Some((name, begin.timestamp().as_millisecond()))
}

fn id_under(salt: &Salt, parts: &[&[u8]]) -> u128 {
    let mut hasher = SipHasher13::new_with_key(salt);
    for part in parts {
        // With the length before it, no two lists of parts are the same bytes.
        hasher.write_usize(part.len());
        hasher.write(part);
    }
    hasher.finish128().as_u128()
}

impl Salts {
    /// The id of the visitor with these parts, at this time; None while no salt is known.
    pub fn visitor(&self, rotation: Rotation, parts: &[&[u8]], now: i64) -> Option<String> {
        let known = Arc::clone(&self.known.read().unwrap_or_else(PoisonError::into_inner));
        let (name, begin) = period(rotation, now, 0)?;
        let (_, end) = period(rotation, now, 1)?;
        let current = id_under(known.get(&name)?, parts);
        if now + VISIT >= end {
            self.active.insert(current, now);
        }
        if now < begin + LONGEST_VISIT && !self.active.is_empty() {
            let before = period(rotation, now, -1).and_then(|(name, _)| known.get(&name).copied());
            if let Some(salt) = before {
                let old = id_under(&salt, parts);
                if self.active.get(&old).is_some_and(|last| now - last < VISIT) {
                    self.active.insert(old, now);
                    return Some(format!("{old:032x}"));
                }
            }
        }
        Some(format!("{current:032x}"))
    }

    /// Whether ids can be made: the salts have been read at least once.
    pub fn are_read(&self) -> bool {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        !known.is_empty()
    }

    /// Reads the salts, makes those of this period and the next, removes those that are over.
    pub async fn refresh(&self, redis: &Redis) -> Result<(), StoreError> {
        let now = crate::time::now_ms();
        let mut wanted = Vec::new();
        for rotation in [Rotation::Daily, Rotation::Monthly] {
            wanted.extend((-1..=1).filter_map(|shift| Some(period(rotation, now, shift)?.0)));
            for shift in [0, 1] {
                let mut random = [0_u8; 16];
                let made = getrandom::fill(&mut random);
                if let (Ok(()), Some((name, _))) = (made, period(rotation, now, shift)) {
                    let mut set = cmd("HSETNX");
                    set.arg(KEY).arg(name).arg(hex(&random));
                    redis.query(&set).await?;
                }
            }
        }
        let known = read(redis.query(cmd("HGETALL").arg(KEY)).await?);
        for over in known.keys().filter(|name| !wanted.contains(name)) {
            redis.query(cmd("HDEL").arg(KEY).arg(over)).await?;
        }
        let mut held = self.known.write().unwrap_or_else(PoisonError::into_inner);
        *held = Arc::new(known);
        Ok(())
    }

    /// Refreshes for as long as the process lives.
    pub async fn keep_fresh(&self, redis: &Redis) {
        loop {
            let pause = match self.refresh(redis).await {
                Ok(()) => LOOK,
                Err(error) => {
                    tracing::warn!(%error, "the salts of visitor ids cannot be read");
                    Duration::from_secs(1)
                }
            };
            tokio::time::sleep(pause).await;
        }
    }
}

/// The salts of a hash; a field that holds no salt is left out.
fn read(reply: Value) -> HashMap<String, Salt> {
    let salts = pairs(reply).into_iter().filter_map(|(name, value)| {
        let bytes = u128::from_str_radix(text(&value)?, 16).ok()?.to_be_bytes();
        Some((String::from(text(&name)?), bytes))
    });
    salts.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIDNIGHT: i64 = 1_796_083_200_000;

    fn salts() -> Salts {
        let known = [
            ("day:2026-11-30", [1; 16]),
            ("day:2026-12-01", [2; 16]),
            ("month:2026-11", [3; 16]),
            ("month:2026-12", [4; 16]),
        ];
        let known = known.map(|(name, salt)| (String::from(name), salt));
        Salts {
            known: RwLock::new(Arc::new(HashMap::from(known))),
            ..Salts::default()
        }
    }

    fn of(salts: &Salts, address: &str, at: i64) -> String {
        let parts: [&[u8]; 3] = [b"shop", address.as_bytes(), b"Firefox"];
        let id = salts.visitor(Rotation::Daily, &parts, at);
        id.expect("the salt is known")
    }

    #[test]
    fn an_id_lasts_a_day_and_tells_sites_and_addresses_apart() {
        let salts = salts();
        let noon = MIDNIGHT - 12 * 3_600_000;
        let id = of(&salts, "1.2.3.4", noon);
        assert_eq!(id.len(), 32);
        assert_eq!(id, of(&salts, "1.2.3.4", noon + 1_000));
        assert_ne!(id, of(&salts, "1.2.3.5", noon));
        assert_ne!(id, of(&salts, "1.2.3.4", noon + 24 * 3_600_000));
        let other_site: [&[u8]; 3] = [b"blog", b"1.2.3.4", b"Firefox"];
        assert_ne!(
            Some(&id),
            salts.visitor(Rotation::Daily, &other_site, noon).as_ref()
        );
        let monthly = salts.visitor(Rotation::Monthly, &other_site, noon);
        assert_ne!(salts.visitor(Rotation::Daily, &other_site, noon), monthly);
    }

    #[test]
    fn a_visit_over_midnight_keeps_its_id_until_it_pauses() {
        let salts = salts();
        let minute = 60_000;
        let before = of(&salts, "1.2.3.4", MIDNIGHT - 10 * minute);
        assert_eq!(before, of(&salts, "1.2.3.4", MIDNIGHT + 5 * minute));
        assert_eq!(before, of(&salts, "1.2.3.4", MIDNIGHT + 30 * minute));
        let after = of(&salts, "1.2.3.4", MIDNIGHT + 61 * minute);
        assert_ne!(before, after);
        // Who comes for the first time after midnight has the new salt at once.
        assert_eq!(
            of(&salts, "9.9.9.9", MIDNIGHT + minute),
            of(&salts, "9.9.9.9", MIDNIGHT + 61 * minute)
        );
    }

    #[test]
    fn without_a_salt_there_is_no_id() {
        let salts = Salts::default();
        assert_eq!(salts.visitor(Rotation::Daily, &[b"x"], MIDNIGHT), None);
    }
}
