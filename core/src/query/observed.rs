//! From when to when there are events, by the buckets that there are.
//!
//! A site records the times of its first and its last event. Its buckets may have others: where the key of the
//! site was deleted, evicted or replaced by an older copy. What a window answers must not depend on that.
//!
//! The coarsest buckets give the first and the last event to a slot: to a day, for a month. The finer
//! bucket of that slot gives it more closely, if it has all of its events.

use crate::bucket::Bucket;
use crate::time::{
    cover, Granularity, Period, Range, Retention, Sources, DAY, HOUR, MAX_TIME, MINUTE, MIN_TIME,
    WEEK,
};

/// The most buckets that are looked for: each takes half a microsecond where there is none.
const MOST_PERIODS: i64 = 10_000;

/// The slots of the first and of the last event in any bucket; None where there is no event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span(Option<(Range, Range)>);

impl Span {
    /// The first and the last time of both. Of a slot that a recorded time is in, that time is taken: what
    /// else is in the slot counts with it in any case.
    pub fn with(self, recorded: Option<(i64, i64)>) -> Option<(i64, i64)> {
        let Some((first, last)) = self.0 else {
            return recorded;
        };
        let found = (first.from, last.to.saturating_sub(1));
        let Some((from, to)) = recorded else {
            return Some(found);
        };
        Some((
            if first.contains(from) {
                from
            } else {
                from.min(found.0)
            },
            if last.contains(to) {
                to
            } else {
                to.max(found.1)
            },
        ))
    }
}

/// A time at which there were so many events.
#[derive(Clone, Copy)]
struct Slot {
    range: Range,
    events: u64,
    granularity: Granularity,
}

/// The span of the buckets up to a time, of which `find` returns those that exist; None where there
/// may be too many to look at.
pub fn observed<'b>(
    sources: &Sources<'_>,
    until: i64,
    mut find: impl FnMut(&Period) -> Option<&'b Bucket>,
) -> Option<Span> {
    let (mut first, mut last): (Option<Slot>, Option<Slot>) = (None, None);
    for period in periods(sources, until)? {
        let Some([from, to]) = find(&period).map(|bucket| ends(bucket, &period, sources)) else {
            continue;
        };
        if first.is_none_or(|first| from.range.from < first.range.from) {
            first = Some(from);
        }
        if last.is_none_or(|last| to.range.to > last.range.to) {
            last = Some(to);
        }
    }
    let (Some(first), Some(last)) = (first, last) else {
        return Some(Span(None));
    };
    let first = closer(first, sources, &mut find, false).range;
    let last = closer(last, sources, &mut find, true).range;
    Some(Span(Some((first, last))))
}

/// The periods of the coarsest buckets of every time, and of all weeks: what was imported into a week of
/// two months is in no other.
fn periods(sources: &Sources<'_>, until: i64) -> Option<Vec<Period>> {
    let mut weeks = Retention::default();
    for granularity in Granularity::ALL {
        let kept = match granularity {
            Granularity::Week => sources.retention.get(granularity),
            _ => None,
        };
        weeks.set(granularity, kept).ok()?;
    }
    // Where there are too many in the running period of the longest bucket, that one says what they have.
    let is_kept = |granularity: &Granularity| sources.retention.get(*granularity).is_some();
    let longest = { Granularity::ALL.into_iter() }.rfind(is_kept)?;
    let running = sources.zone.period(longest, until)?;
    let ends = [until.saturating_add(1), running.end()];
    let to = { ends.into_iter() }.find(|to| about(sources, *to) <= MOST_PERIODS)?;
    let window = Range::new(MIN_TIME, to);
    let mut periods = Vec::new();
    for retention in [sources.retention, &weeks] {
        let sources = Sources {
            retention,
            observed: None,
            ..*sources
        };
        let cover = cover(window, &sources).ok()?;
        periods.extend(cover.pieces.iter().map(|piece| piece.period));
    }
    Some(periods)
}

/// About how many buckets a cover up to here has: of every granularity those that nothing longer covers.
fn about(sources: &Sources<'_>, to: i64) -> i64 {
    const SHORTEST: [i64; Granularity::COUNT] = [MINUTE, HOUR, DAY, WEEK, 28 * DAY];
    let lengths = Granularity::ALL
        .into_iter()
        .zip(sources.since)
        .zip(SHORTEST);
    let mut number = 0i64;
    // What longer buckets cover: from their first whole period to their running one.
    let mut covered: Option<Range> = None;
    for ((granularity, since), length) in lengths.rev() {
        let kept_from = { sources.retention }.kept_from(granularity, sources.now, sources.zone);
        let running = sources.zone.period(granularity, to.min(MAX_TIME));
        let Some((kept_from, running)) = kept_from.zip(running) else {
            continue;
        };
        let whole = Range::new(kept_from.max(since), running.start());
        if whole.is_empty() {
            continue;
        }
        // All weeks are looked for.
        let by_longer = covered.filter(|_| granularity != Granularity::Week);
        let left = by_longer.map_or(whole.len(), |by| {
            let before = by.from.saturating_sub(whole.from).max(0);
            let after = whole.to.saturating_sub(by.to.max(whole.from)).max(0);
            before.saturating_add(after)
        });
        number = number.saturating_add(left / length);
        covered = Some(covered.map_or(whole, |by| {
            Range::new(by.from.min(whole.from), by.to.max(whole.to))
        }));
    }
    number
}

/// The first and the last slot with events; where users were imported without any, all of the bucket.
fn ends(bucket: &Bucket, period: &Period, sources: &Sources<'_>) -> [Slot; 2] {
    let slots = period.slots(sources.zone);
    let counts = bucket.total().slots();
    // Nobody was imported of a time to come.
    let past = sources.now.saturating_add(1).max(period.start() + 1);
    let all = Range::new(period.start(), period.end().min(past));
    [counts.first(), counts.last()].map(|slot| {
        let slot = slot.and_then(|slot| u8::try_from(slot).ok());
        Slot {
            range: slot.map_or(all, |slot| slots.bounds(slot)),
            events: slot.map_or(0, |slot| counts.get(i32::from(slot))),
            granularity: period.granularity(),
        }
    })
}

/// The first or the last slot of the finest buckets that have all events of this one.
fn closer<'b>(
    mut slot: Slot,
    sources: &Sources<'_>,
    find: &mut impl FnMut(&Period) -> Option<&'b Bucket>,
    is_last: bool,
) -> Slot {
    for granularity in Granularity::ALL.into_iter().rev() {
        let is_finer = granularity < slot.granularity.min(Granularity::Week);
        if !is_finer || slot.events == 0 {
            continue;
        }
        let mut found: Vec<Slot> = Vec::new();
        let mut period = sources.zone.period(granularity, slot.range.from);
        while let Some(it) = period.filter(|it| it.start() < slot.range.to) {
            if let Some(bucket) = find(&it) {
                let slots = it.slots(sources.zone);
                let inside = bucket.total().slots().iter().map(|(slot, events)| Slot {
                    range: slots.bounds(u8::try_from(slot).unwrap_or(u8::MAX)),
                    events,
                    granularity,
                });
                found.extend(inside.filter(|it| it.range.common(slot.range) == it.range));
            }
            period = it.next(sources.zone);
        }
        let events = found.iter().map(|it| it.events);
        if events.fold(0, u64::saturating_add) != slot.events {
            continue;
        }
        let with_events = |it: &&Slot| it.events > 0;
        let end = match is_last {
            true => found.iter().rfind(with_events),
            false => found.iter().find(with_events),
        };
        slot = end.copied().unwrap_or(slot);
    }
    slot
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::{Duration, Zone};

    #[test]
    fn buckets_are_looked_for_only_where_they_are_not_too_many() {
        // Late in a month.
        let now = 1_721_500_000_000;
        let looked_for = |kept: [i64; Granularity::COUNT]| {
            let mut retention = Retention::default();
            for (granularity, kept) in Granularity::ALL.into_iter().zip(kept) {
                let kept = (kept > 0).then(|| Duration::of_millis(kept).unwrap());
                retention.set(granularity, kept).unwrap();
            }
            let sources = Sources {
                zone: &Zone::UTC,
                retention: &retention,
                since: [i64::MIN; Granularity::COUNT],
                now,
                observed: None,
            };
            let mut count = 0;
            let found = observed(&sources, now, |_| {
                count += 1;
                None
            });
            (found.is_some(), count)
        };
        let months = 1_096 * DAY;
        let (is_known, count) = looked_for([HOUR, 7 * DAY, 365 * DAY, 728 * DAY, months]);
        assert!(is_known && (140..240).contains(&count), "{count}");
        let (is_known, count) = looked_for([HOUR, 365 * DAY, 0, 0, 0]);
        assert!(is_known && (8_760..8_900).contains(&count), "{count}");
        // Minutes of two months, which something coarser holds, and which nothing else holds.
        let (is_known, count) = looked_for([60 * DAY, 0, 0, 0, months]);
        assert!(is_known && count < 60, "{count}");
        assert_eq!(looked_for([60 * DAY, 0, 0, 0, 0]), (false, 0));
        assert_eq!(looked_for([60 * DAY, 7 * DAY, 0, 0, 0]), (false, 0));
    }

    #[test]
    fn a_recorded_time_is_as_close_as_it_can_be_and_an_event_elsewhere_moves_the_ends() {
        let slots = |first: i64, last: i64| {
            Span(Some((
                Range::new(first, first + 10),
                Range::new(last, last + 10),
            )))
        };
        assert_eq!(Span(None).with(Some((3, 5))), Some((3, 5)));
        assert_eq!(Span(None).with(None), None);
        assert_eq!(slots(20, 40).with(None), Some((20, 49)));
        assert_eq!(slots(20, 40).with(Some((23, 41))), Some((23, 41)));
        assert_eq!(slots(20, 40).with(Some((33, 33))), Some((20, 49)));
        assert_eq!(slots(20, 40).with(Some((5, 77))), Some((5, 77)));
    }
}
