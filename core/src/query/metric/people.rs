//! What is measured of new and returning users.
//!
//! | subject           | aggregates             | alone    |                                             |
//! |-------------------|------------------------|----------|---------------------------------------------|
//! | `users:new`       | `count` `rate` `share` | `:count` | whose first event is in the window          |
//! | `users:returning` | `count` `share`        | `:count` | all others; shares are of the users, 0 to 1 |
//!
//! New users are kept by slot. Those who return are counted where the window is one day, week or month, and are
//! else the users less the new ones.

use crate::error::{shown, Error, Result};
use crate::text::nearest::did_you_mean;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PeopleMeasure {
    New,
    /// Per second.
    NewRate,
    NewShare,
    Returning,
    ReturningShare,
}

use PeopleMeasure::{New, NewRate, NewShare, Returning, ReturningShare};

/// A subject, its aggregates, and what it is without one.
type Subject = (
    &'static str,
    &'static [(&'static str, PeopleMeasure)],
    PeopleMeasure,
);

const SUBJECTS: [Subject; 2] = [
    (
        "users:new",
        &[("count", New), ("rate", NewRate), ("share", NewShare)],
        New,
    ),
    (
        "users:returning",
        &[("count", Returning), ("share", ReturningShare)],
        Returning,
    ),
];

impl PeopleMeasure {
    /// The measure of a subject, which may have a colon, and of what comes behind its last colon. None where it
    /// is none of new or returning users.
    pub fn parse(subject: &[u8], aggregate: Option<&[u8]>) -> Option<Result<PeopleMeasure>> {
        let word = aggregate?;
        let whole = [subject, b":", word].concat();
        let is_whole = |(name, ..): &&Subject| name.as_bytes().eq_ignore_ascii_case(&whole);
        if let Some((.., alone)) = SUBJECTS.iter().find(is_whole) {
            return Some(Ok(*alone));
        }
        let is_it = |(name, ..): &&Subject| name.as_bytes().eq_ignore_ascii_case(subject);
        let (name, aggregates, _) = SUBJECTS.iter().find(is_it)?;
        let named = |(name, _): &&(&str, PeopleMeasure)| word.eq_ignore_ascii_case(name.as_bytes());
        let found = aggregates.iter().find(named).map(|(_, measure)| *measure);
        Some(found.ok_or_else(|| {
            let names: Vec<&str> = aggregates.iter().map(|(name, _)| *name).collect();
            Error::new(format!(
                "{name} has no aggregate '{}', only {}{}",
                shown(word),
                names.join(" and "),
                did_you_mean(word, names.iter().map(|name| name.as_bytes()))
            ))
        }))
    }

    /// Whether the numbers of rows add up to the number of the whole.
    pub fn is_additive(self) -> bool {
        matches!(self, New | NewRate)
    }

    /// Whether the distinct users are needed for it, which are kept by bucket.
    pub fn needs_users(self) -> bool {
        !self.is_additive()
    }
}
