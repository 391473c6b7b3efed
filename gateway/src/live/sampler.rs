//! At most 50 events a second; beyond, a sample in which each event has the number that it stands for.
//!
//! A second with up to 50 events is passed on whole. Once there are more, events are passed on at
//! an even pace, so that the sample is of the whole second and not of its beginning.

use super::event::LiveEvent;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

pub const PER_SECOND: usize = 50;
const SECOND: Duration = Duration::from_secs(1);
const PACE: Duration = Duration::from_millis(20);

#[derive(Default)]
pub struct Sampler {
    /// When the events of the last second were passed on.
    passed: VecDeque<Instant>,
    /// Events are passed on at the pace until then.
    paced_until: Option<Instant>,
    skipped: u64,
    latest: Option<LiveEvent>,
}

impl Sampler {
    /// The event if it is passed on now. One that is not is counted, and kept until a later one.
    pub fn offer(&mut self, mut event: LiveEvent, now: Instant) -> Option<LiveEvent> {
        if self.passes(now) {
            event.sampled += std::mem::take(&mut self.skipped);
            self.latest = None;
            return Some(event);
        }
        self.skipped += event.sampled;
        self.latest = Some(event);
        None
    }

    /// Counts events that are not at hand.
    pub fn skip(&mut self, count: u64) {
        self.skipped += count;
    }

    /// The latest event that was not passed on, once there is room for it.
    pub fn flush(&mut self, now: Instant) -> Option<LiveEvent> {
        if self.latest.is_none() || !self.passes(now) {
            return None;
        }
        let mut event = self.latest.take()?;
        event.sampled = std::mem::take(&mut self.skipped);
        Some(event)
    }

    fn passes(&mut self, now: Instant) -> bool {
        while self
            .passed
            .front()
            .is_some_and(|at| now.saturating_duration_since(*at) >= SECOND)
        {
            self.passed.pop_front();
        }
        if self.passed.len() >= PER_SECOND {
            self.paced_until = Some(now + SECOND);
            return false;
        }
        let last = self.passed.back();
        let is_paced = self.paced_until.is_some_and(|until| now < until);
        if is_paced && last.is_some_and(|at| now.saturating_duration_since(*at) < PACE) {
            return false;
        }
        self.passed.push_back(now);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event() -> LiveEvent {
        LiveEvent {
            sampled: 1,
            ..LiveEvent::default()
        }
    }

    #[test]
    fn fifty_a_second_are_all_passed_on() {
        let (mut sampler, start) = (Sampler::default(), Instant::now());
        for n in 0..500_u32 {
            let now = start + Duration::from_millis(20) * n;
            let passed = sampler.offer(event(), now).expect("is within the limit");
            assert_eq!(passed.sampled, 1);
        }
    }

    #[test]
    fn more_are_sampled_evenly_and_every_event_is_counted() {
        let (mut sampler, start) = (Sampler::default(), Instant::now());
        let mut passed = Vec::new();
        for n in 0..5_000_u32 {
            let now = start + Duration::from_millis(1) * n;
            if let Some(event) = sampler.offer(event(), now) {
                passed.push((now, event.sampled));
            }
        }
        let end = start + Duration::from_secs(7);
        let rest = sampler.flush(end);
        let told: u64 = passed.iter().map(|(_, n)| n).sum();
        assert_eq!(told + rest.map_or(0, |event| event.sampled), 5_000);
        for (at, _) in &passed {
            let second = passed
                .iter()
                .filter(|(other, _)| *other >= *at && *other < *at + SECOND);
            assert!(second.count() <= PER_SECOND);
        }
        // After the first second none stands for more than the events of a few paces.
        let late = passed
            .iter()
            .filter(|(at, _)| *at > start + Duration::from_secs(2));
        assert!(late.clone().count() > 100);
        assert!(late.map(|(_, n)| *n).max() < Some(100));
        assert!(sampler.flush(end).is_none());
    }
}
