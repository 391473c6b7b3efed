//! The calendar: periods of a zone, their names and slots, windows, retention, and the plan of which
//! buckets answer a window.
//!
//! An instant is an `i64` of milliseconds since the epoch, a period is half-open. Instants outside
//! [`MIN_TIME`]..=[`MAX_TIME`] are refused on input; inside, no arithmetic can overflow and every
//! year has four digits in every zone.

mod civil;
pub mod cover;
#[cfg(test)]
pub(crate) mod cover_oracle;
mod cuts;
pub mod duration;
pub mod granularity;
pub mod grid;
pub mod instant;
pub mod label;
mod local;
mod named;
pub mod period;
#[cfg(test)]
pub(crate) mod period_oracle;
pub mod piece;
pub mod range;
pub mod retention;
mod scan;
pub mod slots;
mod unit;
pub mod window;
pub mod zone;

pub use civil::DayNumber;
pub use cover::{cover, Cover, Sources};
pub use cuts::bit;
pub use duration::Duration;
pub use granularity::{Granularities, Granularity};
pub use grid::{Grain, Grid, Step};
pub use instant::{has_offset, parse_instant, parse_iso};
pub use label::{parse_label, Label};
pub use named::instant_in;
pub use period::{first_day_of, Period};
pub use piece::Piece;
pub use range::Range;
pub use retention::Retention;
pub use slots::Slots;
pub use window::Window;
pub use zone::Zone;

pub const SECOND: i64 = 1_000;
pub const MINUTE: i64 = 60 * SECOND;
pub const HOUR: i64 = 60 * MINUTE;
pub const DAY: i64 = 24 * HOUR;
pub const WEEK: i64 = 7 * DAY;

/// 0001-01-02T00:00:00Z: a day of margin keeps every local date in year 1.
pub const MIN_TIME: i64 = -719_161 * DAY;

/// The last millisecond of 9999-12-29Z: every local date, and its ISO year, is in year 9999.
pub const MAX_TIME: i64 = 2_932_895 * DAY - 1;

/// Whether the calendar has this instant.
#[inline]
pub const fn is_supported(ms: i64) -> bool {
    MIN_TIME <= ms && ms <= MAX_TIME
}
