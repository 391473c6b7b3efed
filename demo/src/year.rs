//! The whole demo: the past of both sites up to an instant, and what comes after it.

use crate::api::{self, Api};
use crate::calendar::Calendar;
use crate::event::Event;
use crate::shop::{self, Shop};

const MINUTE: i64 = 60_000;
/// The last minutes of the past are made as what follows, so that visits go on.
const LIVELY: i64 = 45;

pub struct Plan {
    pub seed: u64,
    /// The end of the past, in milliseconds.
    pub until: i64,
    pub days: u64,
    /// Visits and requests, relative to the usual ones.
    pub scale: f64,
}

impl Plan {
    pub fn calendar(&self) -> Calendar {
        Calendar::new(self.until, self.days)
    }

    fn shop<'c>(&self, calendar: &'c Calendar) -> Shop<'c> {
        Shop::new(calendar, self.seed, 2_600.0 * self.scale)
    }

    fn api<'c>(&self, calendar: &'c Calendar) -> Api<'c> {
        let requests = 20_000.0 * self.scale;
        Api {
            calendar,
            seed: self.seed,
            requests,
        }
    }

    /// About which part of all events of the past comes up to and with each day.
    pub fn shares(&self) -> Vec<f64> {
        const EVENTS_A_VISIT: f64 = 4.5;
        let calendar = self.calendar();
        let (shop, api) = (self.shop(&calendar), self.api(&calendar));
        let mut sum = 0.0;
        let sums = (0..self.days).map(|day| {
            sum += EVENTS_A_VISIT * shop.visits_of(day) as f64 + api.requests_of(day);
            sum
        });
        let sums: Vec<f64> = sums.collect();
        sums.iter().map(|up_to| up_to / sum.max(1.0)).collect()
    }

    /// The past of a site, in order, a call for each day.
    pub fn past(&self, mut each: impl FnMut(&'static str, Vec<Event>)) {
        let calendar = self.calendar();
        let (shop, api) = (self.shop(&calendar), self.api(&calendar));
        let last = self.until / MINUTE;
        // Visits go on after midnight: what is later than the day comes with the next one.
        let mut kept: [Vec<Event>; 2] = [Vec::new(), Vec::new()];
        for day in 0..self.days {
            let next = calendar.start(day + 1);
            let end = next.min(self.until);
            let minutes = (last - LIVELY..=last)
                .filter(|minute| (calendar.start(day)..next).contains(&(minute * MINUTE)));
            for (site, kept) in [shop::SITE, api::SITE].into_iter().zip(&mut kept) {
                let is_shop = site == shop::SITE;
                let until = (last - LIVELY) * MINUTE;
                kept.extend(if is_shop {
                    shop.day(day, until)
                } else {
                    api.day(day, until)
                });
                for minute in minutes.clone() {
                    kept.extend(if is_shop {
                        shop.minute(minute)
                    } else {
                        api.minute(minute)
                    });
                }
                kept.sort_by_key(|event| event.time);
                let later = kept.split_off(kept.partition_point(|event| event.time < end));
                each(site, std::mem::replace(kept, later));
            }
        }
    }

    /// What comes after the past, from one instant to another.
    pub fn live(&self, from: i64, to: i64) -> Vec<(&'static str, Vec<Event>)> {
        let calendar = self.calendar();
        let (shop, api) = (self.shop(&calendar), self.api(&calendar));
        let mut all = vec![(shop::SITE, Vec::new()), (api::SITE, Vec::new())];
        // A visit may have begun long before.
        for minute in from / MINUTE - LIVELY..=to / MINUTE {
            all[0].1.extend(shop.minute(minute));
            all[1].1.extend(api.minute(minute));
        }
        for (_, events) in &mut all {
            events.retain(|event| (from..to).contains(&event.time));
            events.sort_by_key(|event| event.time);
        }
        all
    }
}
