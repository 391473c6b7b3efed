//! New and returning users of a row, over many buckets.

use super::state::{events_of, less};
use crate::bucket::tally::Tally;
use crate::bucket::Bucket;
use crate::query::answer::{rate, Answer};
use crate::query::metric::PeopleMeasure;
use crate::time::Piece;

pub struct NewUsers {
    /// The beginning of the window, where it is given.
    from: i64,
    count: u64,
    /// What `count` has of parts of slots that do not count.
    trimmed: f64,
    /// There are events that were counted before the site remembered who was there, or users that were imported.
    is_unknown: bool,
    pieces: u32,
    /// Those who return, as counted in the one bucket that was added.
    counted: Option<u64>,
}

impl Default for NewUsers {
    fn default() -> NewUsers {
        NewUsers {
            from: i64::MIN,
            count: 0,
            trimmed: 0.0,
            is_unknown: false,
            pieces: 0,
            counted: None,
        }
    }
}

impl NewUsers {
    pub fn set_from(&mut self, from: i64) {
        self.from = from;
    }

    /// Adds what a piece counts of a row.
    pub fn add(&mut self, piece: &Piece, bucket: &Bucket, tally: &Tally, trims: bool) {
        let events = events_of(piece, tally);
        let is_imported = tally.events() == 0 && !tally.users().is_empty();
        if events == 0 && !is_imported {
            return;
        }
        let people = bucket.people();
        self.is_unknown |= people.is_none_or(|people| !people.is_complete());
        // The cells of cohorts are of the whole site, and of all of the bucket's events. A bucket that begins
        // before the window takes users from a list, who came in between, for users of its own.
        let is_all = events == tally.events() && std::ptr::eq(tally, bucket.total());
        let has_cells = piece.period.granularity() >= crate::time::Granularity::Day
            && piece.period.start() >= self.from;
        self.counted = people
            .filter(|_| self.pieces == 0 && is_all && has_cells && !trims)
            .map(|people| people.returning());
        self.pieces += 1;
        let Some(new_users) = tally.new_users() else {
            return;
        };
        let slots = piece.slots();
        let sum = new_users.sum(slots.start.into(), slots.end.into());
        self.count = self.count.saturating_add(sum);
        if trims && piece.is_trimmed() {
            for (slot, outside) in piece.trims() {
                self.trimmed += outside * new_users.get(slot.into()) as f64;
            }
        }
    }

    pub fn merge(&mut self, other: &NewUsers) {
        self.count = self.count.saturating_add(other.count);
        self.trimmed += other.trimmed;
        self.is_unknown |= other.is_unknown;
        self.pieces += other.pieces;
        self.counted = None;
    }

    /// Those who return, where they were counted.
    pub fn counted(&self) -> Option<u64> {
        self.counted.filter(|_| !self.is_unknown)
    }

    /// `users`: the distinct users. `seconds`: the time that rates divide by.
    pub fn answer(&self, measure: PeopleMeasure, users: f64, seconds: f64) -> Answer {
        if self.is_unknown {
            return Answer::Nothing;
        }
        let new = less(self.count, self.trimmed);
        let users = (users.round() as u64).max(new);
        let returning = self.counted.unwrap_or(users - new);
        let share = |of: u64| match new.saturating_add(returning) {
            0 => Answer::Nothing,
            all => Answer::Number(of as f64 / all as f64),
        };
        match measure {
            PeopleMeasure::New => Answer::Count(new),
            PeopleMeasure::NewRate => rate(new, seconds),
            PeopleMeasure::NewShare => share(new),
            PeopleMeasure::Returning => Answer::Count(returning),
            PeopleMeasure::ReturningShare => share(returning),
        }
    }
}

/// The sum by which the error of sampling is estimated, in the part that the piece has of a bucket's new users.
pub fn excess_of(piece: &Piece, bucket: &Bucket) -> f64 {
    let excess = bucket.people().map_or(0, |people| people.excess());
    let Some(new_users) = bucket.total().new_users().filter(|_| excess > 0) else {
        return 0.0;
    };
    let slots = piece.slots();
    let here = new_users.sum(slots.start.into(), slots.end.into());
    excess as f64 * here as f64 / new_users.total().max(1) as f64
}
