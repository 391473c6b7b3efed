//! A half-open stretch of time.

/// From `from` up to, and without, `to`. Empty when `to` is not after `from`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    pub from: i64,
    pub to: i64,
}

impl Range {
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

    pub const fn is_empty(&self) -> bool {
        self.to <= self.from
    }

    #[inline]
    pub const fn contains(&self, ms: i64) -> bool {
        self.from <= ms && ms < self.to
    }
}
