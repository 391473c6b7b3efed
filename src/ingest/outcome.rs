//! What became of the events of a command.

use analytics_core::event::Batch;

#[derive(Debug, Default)]
pub struct TrackOutcome {
    /// Which events did not count, by their place in the batch.
    pub dropped: Vec<usize>,
}

impl TrackOutcome {
    /// How many events of the batch counted.
    #[inline]
    pub fn counted(&self, batch: &Batch) -> u64 {
        (batch.events.len() - self.dropped.len()) as u64
    }

    /// Filters items that belong to the events, one each: those of the events that counted, each with its
    /// place.
    pub fn retain<'e, T>(
        &'e self,
        each: impl Iterator<Item = T> + 'e,
    ) -> impl Iterator<Item = (usize, T)> + 'e {
        let mut dropped = &self.dropped[..];
        each.enumerate()
            .filter(move |(number, _)| match dropped.strip_prefix(&[*number]) {
                Some(rest) => {
                    dropped = rest;
                    false
                }
                None => true,
            })
    }
}
