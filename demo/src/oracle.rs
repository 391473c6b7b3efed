//! Exact answers about the events of a plan, by looking at each of them.

use crate::event::Event;
use crate::year::Plan;
use std::collections::{HashMap, HashSet};

/// The events of one site.
pub struct Oracle(pub Vec<Event>);

/// Values of dimensions that an event has to have.
pub type Filter<'a> = &'a [(&'a str, &'a str)];

impl Oracle {
    pub fn of(plan: &Plan, wanted: &str) -> Oracle {
        let mut all = Vec::new();
        plan.past(|site, events| {
            if site == wanted {
                all.extend(events);
            }
        });
        Oracle(all)
    }

    /// From the first instant to just before the second.
    fn within<'a>(
        &'a self,
        (from, to): (i64, i64),
        filter: Filter<'a>,
    ) -> impl Iterator<Item = &'a Event> {
        self.0.iter().filter(move |event| {
            let has = |(name, value): &(&str, &str)| event.dimension(name) == Some(*value);
            (from..to).contains(&event.time) && filter.iter().all(has)
        })
    }

    pub fn events(&self, window: (i64, i64), filter: Filter) -> u64 {
        self.within(window, filter).count() as u64
    }

    pub fn users(&self, window: (i64, i64), filter: Filter) -> u64 {
        let users = self.within(window, filter).map(|event| event.user.as_str());
        users.collect::<HashSet<_>>().len() as u64
    }

    /// Users whose first event of all is in the window and has these values.
    pub fn new_users(&self, window: (i64, i64), filter: Filter) -> u64 {
        let before = self.within((i64::MIN, window.0), &[]);
        let mut known: HashSet<&str> = before.map(|event| event.user.as_str()).collect();
        let first = self
            .within(window, &[])
            .filter(|event| known.insert(&event.user));
        let has = |event: &&Event| {
            filter
                .iter()
                .all(|(name, value)| event.dimension(name) == Some(*value))
        };
        first.filter(has).count() as u64
    }

    pub fn sum(&self, window: (i64, i64), filter: Filter, value: &str) -> f64 {
        let events = self.within(window, filter);
        events.filter_map(|event| event.value(value)).sum()
    }

    /// The value at this rank, of 0 to 100.
    pub fn percentile(&self, window: (i64, i64), filter: Filter, value: &str, rank: f64) -> f64 {
        let events = self.within(window, filter);
        let mut all: Vec<f64> = events.filter_map(|event| event.value(value)).collect();
        all.sort_by(f64::total_cmp);
        let place = (rank / 100.0 * all.len() as f64).ceil() as usize;
        all.get(place.max(1) - 1).copied().unwrap_or(f64::NAN)
    }

    /// The users of each value of a dimension, most first.
    pub fn top(&self, window: (i64, i64), filter: Filter, dimension: &str) -> Vec<(String, u64)> {
        let mut users: HashMap<&str, HashSet<&str>> = HashMap::new();
        for event in self.within(window, filter) {
            if let Some(value) = event.dimension(dimension) {
                users.entry(value).or_default().insert(&event.user);
            }
        }
        let counts = users.into_iter();
        let mut rows: Vec<(String, u64)> = counts
            .map(|(value, users)| (String::from(value), users.len() as u64))
            .collect();
        rows.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shop;

    const PLAN: Plan = Plan {
        seed: 7,
        until: 1_796_036_400_000,
        days: 40,
        scale: 0.2,
    };

    #[test]
    fn the_same_seed_gives_the_same_events_in_order() {
        let (a, b) = (Oracle::of(&PLAN, shop::SITE), Oracle::of(&PLAN, shop::SITE));
        assert!(a.0.len() > 5_000, "{}", a.0.len());
        assert!(a.0 == b.0);
        assert!(a.0.windows(2).all(|pair| pair[0].time <= pair[1].time));
        let other = Plan { seed: 8, ..PLAN };
        assert!(Oracle::of(&other, shop::SITE).0 != a.0);
    }

    #[test]
    fn somebody_is_new_once() {
        let oracle = Oracle::of(&PLAN, shop::SITE);
        let all = (i64::MIN, i64::MAX);
        let middle = PLAN.until - 10 * 86_400_000;
        let halves = [(i64::MIN, middle), (middle, i64::MAX)];
        let [early, late] = halves.map(|window| oracle.new_users(window, &[]));
        assert_eq!(early + late, oracle.users(all, &[]));
        assert!(0 < late && late < oracle.users(halves[1], &[]));
        let french: Filter = &[("country", "FR")];
        assert_eq!(oracle.new_users(all, french), oracle.users(all, french));
    }

    #[test]
    fn the_past_ends_where_what_is_live_begins() {
        let plan = Plan {
            days: 10,
            scale: 2.0,
            ..PLAN
        };
        let oracle = Oracle::of(&plan, shop::SITE);
        assert!(oracle.0.iter().all(|event| event.time < plan.until));
        let live = plan.live(plan.until - 600_000, plan.until + 600_000);
        let window = (plan.until - 600_000, plan.until);
        let known: HashSet<(i64, &str, &str)> = oracle
            .within(window, &[])
            .map(|event| (event.time, event.name, event.user.as_str()))
            .collect();
        let before = live[0].1.iter().filter(|event| event.time < plan.until);
        let mut count = 0;
        for event in before {
            count += 1;
            assert!(known.contains(&(event.time, event.name, event.user.as_str())));
        }
        assert!(count > 100, "{count}");
    }

    #[test]
    fn the_year_has_an_outage_a_campaign_and_a_weak_step() {
        let plan = Plan {
            days: 80,
            scale: 0.25,
            ..PLAN
        };
        let calendar = plan.calendar();
        let oracle = Oracle::of(&plan, shop::SITE);
        let day = |back| {
            let day = calendar.back(back);
            (calendar.start(day), calendar.start(day + 1))
        };
        let hours = |back: u64, from: i64, to: i64| {
            let start = day(back).0;
            (start + from * 3_600_000, start + to * 3_600_000)
        };
        let views: Filter = &[("event", "pageview")];
        let down = oracle.events(hours(shop::OUTAGE, 14, 17), views);
        let week_before = oracle.events(hours(shop::OUTAGE + 7, 14, 17), views);
        assert!(down * 10 < week_before, "{down} {week_before}");
        assert!(oracle.users(day(60), &[("utm_campaign", "autumn-outlet")]) > 50);
        assert_eq!(
            oracle.users(day(30), &[("utm_campaign", "autumn-outlet")]),
            0
        );
        let all = (calendar.start(0), plan.until);
        let at = |page| oracle.users(all, &[("event", "pageview"), ("page", page)]) as f64;
        let kept = [
            ("/cart", "/checkout"),
            ("/checkout", "/checkout/payment"),
            ("/checkout/payment", "/thanks"),
        ]
        .map(|(from, to)| at(to) / at(from));
        assert!(kept[2] < 0.5 && kept[0] > 0.7 && kept[1] > 0.6, "{kept:?}");
    }
}
