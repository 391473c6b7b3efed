//! Tells the heaviest values, as far as rows are shown, from all that lies outside.

use std::collections::BinaryHeap;

use super::lines::{Line, Lines};
use super::rank::{Candidate, Rank};
use crate::bucket::Bucket;
use crate::query::fold::{Answer, State};
use crate::query::metric::Measure;
use crate::time::Piece;

pub(super) struct Selection<'l, 'b> {
    pub(super) lines: &'l Lines<'b>,
    pub(super) parts: &'l [(Piece, &'b Bucket)],
    pub(super) measure: &'l Measure,
    /// What rates are per.
    pub(super) seconds: f64,
    pub(super) limit: usize,
    pub(super) is_cube: bool,
    /// The lightest is at hand.
    pub(super) shown: BinaryHeap<Candidate<'l, 'b>>,
    pub(super) outside: Outside,
    /// Of the value that is offered next.
    pub(super) state: State,
}

/// All that is in no row.
pub(super) struct Outside {
    pub(super) state: State,
    /// Where those of the lines are not wanted, no more than whether there are any.
    pub(super) events: u64,
}

impl Outside {
    fn add(&mut self, events: u64, state: &State) {
        self.state.merge(state);
        self.events = self.events.saturating_add(events);
    }
}

impl<'l, 'b> Selection<'l, 'b> {
    /// Takes the state for that of this value, and leaves a clear one.
    pub(super) fn offer(&mut self, line: &'l Line<'b>) {
        let rank = Rank {
            number: self.state.answer(self.measure, self.seconds),
            line,
            is_cell: self.is_cube,
        };
        if !is_nothing(rank.number) || self.lines.has_events(self.parts, line) {
            if self.shown.len() < self.limit {
                let state = std::mem::replace(&mut self.state, State::wanting(self.measure));
                self.shown.push(Candidate { rank, state });
                return;
            }
            let mut lightest = rank;
            if let Some(mut first) = self.shown.peek_mut().filter(|first| rank < first.rank) {
                lightest = std::mem::replace(&mut first.rank, rank);
                std::mem::swap(&mut first.state, &mut self.state);
            }
            let events = match self.lines.wanted.events {
                true => lightest.line.events,
                false => 1,
            };
            self.outside.add(events, &self.state);
        }
        self.state.clear();
    }

    /// Whether there are rows enough without any that counts so much at most.
    pub(super) fn is_beyond(&self, most: u64) -> bool {
        let lightest = self.shown.peek().map(|first| first.rank.number);
        self.shown.len() >= self.limit
            && matches!(lightest, Some(Answer::Count(count)) if count > most)
    }
}

pub(super) fn is_nothing(number: Answer) -> bool {
    number.number().unwrap_or(0.0) == 0.0
}
