//! How far people get in a funnel, by looking at each event of everybody in order.

use crate::event::Event;
use crate::oracle::Oracle;
use std::collections::HashMap;

/// From the first step to the last, at most.
pub const WITHIN: i64 = 24 * 3_600_000;
/// The event of each step, and its page where that matters.
pub const CHECKOUT: [(&str, Option<&str>); 5] = [
    ("add_to_cart", None),
    ("pageview", Some("/cart")),
    ("pageview", Some("/checkout")),
    ("pageview", Some("/checkout/payment")),
    ("purchase", None),
];

/// An attempt: what it began with, and how many steps were reached.
struct Attempt<'a> {
    first: &'a Event,
    reached: usize,
}

pub struct Funnel<'a>(Vec<Attempt<'a>>);

/// The steps of the funnel, as a condition of `ANALYTICS.FUNNEL ... SET`.
pub fn conditions() -> Vec<String> {
    let steps = CHECKOUT.iter();
    steps
        .map(|(event, page)| match page {
            Some(page) => format!("event={event}&page={page}"),
            None => format!("event={event}"),
        })
        .collect()
}

fn is_step(event: &Event, step: usize) -> bool {
    let (name, page) = CHECKOUT[step];
    event.name == name && page.is_none_or(|page| event.dimension("page") == Some(page))
}

/// How many steps the chain reaches that begins with the first of these.
fn reached(events: &[&Event]) -> usize {
    let mut steps = 1;
    for event in &events[1..] {
        if steps == CHECKOUT.len() || event.time - events[0].time > WITHIN {
            break;
        }
        steps += usize::from(is_step(event, steps));
    }
    steps
}

impl<'a> Funnel<'a> {
    pub fn of(oracle: &'a Oracle) -> Funnel<'a> {
        let mut users: HashMap<&str, Vec<&Event>> = HashMap::new();
        for event in &oracle.0 {
            users.entry(&event.user).or_default().push(event);
        }
        let mut all: Vec<Attempt> = Vec::new();
        for events in users.values() {
            let mut begun: Option<&Event> = None;
            for (at, event) in events.iter().enumerate() {
                if !is_step(event, 0) {
                    continue;
                }
                let steps = reached(&events[at..]);
                let goes_on = begun.is_some_and(|first| event.time - first.time <= WITHIN);
                match all.last_mut().filter(|_| goes_on) {
                    Some(attempt) => attempt.reached = attempt.reached.max(steps),
                    None => {
                        begun = Some(event);
                        all.push(Attempt {
                            first: event,
                            reached: steps,
                        });
                    }
                }
            }
        }
        Funnel(all)
    }

    /// How many attempts that began in the window reached each step.
    pub fn steps(&self, window: (i64, i64)) -> [u64; CHECKOUT.len()] {
        self.count(window, |_| true)
    }

    /// The same, of those whose first step has this value.
    pub fn steps_of(
        &self,
        window: (i64, i64),
        dimension: &str,
        value: &str,
    ) -> [u64; CHECKOUT.len()] {
        self.count(window, |event| event.dimension(dimension) == Some(value))
    }

    fn count(
        &self,
        (from, to): (i64, i64),
        wanted: impl Fn(&Event) -> bool,
    ) -> [u64; CHECKOUT.len()] {
        let mut counts = [0; CHECKOUT.len()];
        for attempt in &self.0 {
            if (from..to).contains(&attempt.first.time) && wanted(attempt.first) {
                counts[..attempt.reached]
                    .iter_mut()
                    .for_each(|count| *count += 1);
            }
        }
        counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(time: i64, user: &str, name: &'static str, page: &str) -> Event {
        Event {
            time,
            name,
            user: String::from(user),
            dimensions: vec![("page", String::from(page))],
            values: Vec::new(),
            passive: false,
        }
    }

    #[test]
    fn an_attempt_gets_as_far_as_its_best_chain_within_a_day() {
        let oracle = Oracle(vec![
            event(0, "ann", "add_to_cart", "/product/a"),
            event(1, "ann", "pageview", "/checkout"),
            event(2, "bob", "add_to_cart", "/product/b"),
            event(3, "bob", "pageview", "/cart"),
            event(4, "bob", "pageview", "/checkout"),
            // Another first step of the same attempt, from which a day is counted anew.
            event(WITHIN, "ann", "add_to_cart", "/product/a"),
            event(WITHIN + 1, "ann", "pageview", "/cart"),
            event(WITHIN + 3, "bob", "pageview", "/checkout/payment"),
            event(2 * WITHIN, "ann", "pageview", "/checkout"),
            event(2 * WITHIN + 1, "ann", "add_to_cart", "/product/c"),
        ]);
        let funnel = Funnel::of(&oracle);
        assert_eq!(funnel.steps((0, WITHIN)), [2, 2, 2, 0, 0]);
        assert_eq!(funnel.steps((WITHIN, 4 * WITHIN)), [1, 0, 0, 0, 0]);
        let of_b = funnel.steps_of((0, WITHIN), "page", "/product/b");
        assert_eq!(of_b, [1, 1, 1, 0, 0]);
    }
}
