//! A half-open stretch of time.

/// From `from` up to, and without, `to`. Empty when `to` is not after `from`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Range {
    pub from: i64,
    pub to: i64,
}

impl Range {
    pub const ALL: Range = Range::new(i64::MIN, i64::MAX);

    pub const fn new(from: i64, to: i64) -> Range {
        Range { from, to }
    }

    /// In milliseconds.
    pub const fn len(&self) -> i64 {
        if self.is_empty() {
            0
        } else {
            self.to.saturating_sub(self.from)
        }
    }

    /// This range, planned for a wider window, for the window of the query: an end that was moved out is
    /// put back.
    pub(super) fn within(&self, requested: Range, wider: Range) -> Range {
        let from = if wider.from < requested.from {
            self.from.max(requested.from)
        } else {
            self.from
        };
        let to = if wider.to > requested.to {
            self.to.min(requested.to)
        } else {
            self.to
        };
        Range::new(from, to.max(from))
    }

    /// What is in both.
    pub fn common(self, other: Range) -> Range {
        Range::new(self.from.max(other.from), self.to.min(other.to))
    }

    pub const fn is_empty(&self) -> bool {
        self.to <= self.from
    }

    #[inline]
    pub const fn contains(&self, ms: i64) -> bool {
        self.from <= ms && ms < self.to
    }
}
