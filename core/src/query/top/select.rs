//! Selects the heaviest values, as many as rows are shown; all others are the rest.

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
    /// The time that rates divide by.
    pub(super) seconds: f64,
    pub(super) limit: usize,
    pub(super) is_cube: bool,
    /// A heap whose top is the lightest.
    pub(super) shown: BinaryHeap<Candidate<'l, 'b>>,
    pub(super) others: Others,
    /// The state of the value that is offered next.
    pub(super) state: State,
}

/// All values that are in no row of the reply.
pub(super) struct Others {
    pub(super) state: State,
    /// Where lines do not sum up their events: 0 or more than 0, for whether there are any.
    pub(super) events: u64,
}

impl Others {
    fn add(&mut self, events: u64, state: &State) {
        self.state.merge(state);
        self.events = self.events.saturating_add(events);
    }
}

impl<'l, 'b> Selection<'l, 'b> {
    /// Adds this value with `state` to the selection, and leaves a cleared state.
    pub(super) fn offer(&mut self, line: &'l Line<'b>) {
        let rank = Rank {
            number: self.state.answer(self.measure, self.seconds),
            line,
            is_cell: self.is_cube,
        };
        if !is_nothing(rank.number) || self.lines.has_events(self.parts, line) {
            if self.shown.len() < self.limit {
                let state = std::mem::replace(&mut self.state, State::of(self.measure));
                self.shown.push(Candidate { rank, state });
                return;
            }
            let mut lightest = rank;
            if let Some(mut first) = self.shown.peek_mut().filter(|first| rank < first.rank) {
                lightest = std::mem::replace(&mut first.rank, rank);
                std::mem::swap(&mut first.state, &mut self.state);
            }
            let events = match self.lines.needs.events {
                true => lightest.line.events,
                false => 1,
            };
            self.others.add(events, &self.state);
        }
        self.state.clear();
    }

    /// Whether a value of at most this number cannot be among the rows any more.
    pub(super) fn is_beyond(&self, most: u64) -> bool {
        let lightest = self.shown.peek().map(|first| first.rank.number);
        self.shown.len() >= self.limit
            && matches!(lightest, Some(Answer::Count(count)) if count > most)
    }
}

pub(super) fn is_nothing(number: Answer) -> bool {
    number.number().unwrap_or(0.0) == 0.0
}
