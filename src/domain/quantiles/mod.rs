//! A quantile sketch: how many numbers fell into which bin.
//!
//! Bins are so narrow that any number of one is at most one part in 129 away from the value that
//! stands for it, so that every quantile is exact to 1 %. A sketch merges by adding up counts: parts
//! merged in any order are the sketch of the whole, byte for byte.
//!
//! In memory the bins are a window of counters where they lie close together, and a sorted list
//! where they do not, so that a mix of 1e-300 and 1e300 costs bytes and not a window of 260,000
//! bins. Which of the two says nothing about the content and is not stored.

mod bin;
mod bins;

use std::fmt;
use std::iter::Peekable;

use super::codec::{Reader, Writer};
use super::counters::{stored, Counters};
use super::error::Corrupt;
use bins::Bins;

#[derive(Clone)]
pub struct Quantiles(Form);

#[derive(Clone)]
enum Form {
    Window(Counters),
    List(Bins),
}

/// From so many bins on, speed is worth more than a few bytes.
const MANY: usize = 32;
/// What a window takes without an allocation.
const SMALL_SPAN: usize = 16;

/// The span up to which a list of so many bins is better a window. A bin takes 4 bytes in a list
/// and one in a window as long as counts are small.
fn dense_span(bins: usize) -> usize {
    let positions_a_bin = if bins < MANY { 4 } else { 8 };
    (bins * positions_a_bin).max(SMALL_SPAN)
}

/// The span up to which a window stays one. It takes many new bins to get from the one bound to the
/// other, so that conversions are rare.
fn loose_span(bins: usize) -> usize {
    match bins {
        0..4 => SMALL_SPAN,
        _ => 2 * dense_span(bins),
    }
}

impl Quantiles {
    pub const fn new() -> Quantiles {
        Quantiles(Form::Window(Counters::new()))
    }

    /// Infinities are taken as the largest numbers, and what is no number is ignored.
    #[inline]
    pub fn insert(&mut self, x: f64) {
        if x.is_finite() {
            self.add(bin::position(x), 1);
        } else if !x.is_nan() {
            self.add(if x < 0.0 { bin::MIN } else { bin::MAX }, 1);
        }
    }

    #[inline]
    fn add(&mut self, position: i32, n: u64) {
        if let Form::Window(window) = &mut self.0 {
            if window.add_in_window(position, n) {
                return;
            }
        }
        self.add_or_convert(position, n);
    }

    #[inline(never)]
    fn add_or_convert(&mut self, position: i32, n: u64) {
        match &mut self.0 {
            Form::Window(window) => {
                if stays_window(window, position) {
                    return window.add(position, n);
                }
                let mut list = Bins::new();
                for (position, n) in window.iter() {
                    list.add(position, n);
                }
                list.add(position, n);
                self.0 = Form::List(list);
            }
            Form::List(list) => {
                let new = list.add(position, n);
                if new && list.span() <= dense_span(list.len()) {
                    let mut window = Counters::new();
                    for (position, n) in list.iter() {
                        window.add(position, n);
                    }
                    self.0 = Form::Window(window);
                }
            }
        }
    }

    pub fn merge(&mut self, other: &Quantiles) {
        if let (Form::Window(ours), Form::Window(theirs)) = (&mut self.0, &other.0) {
            if ours.spans(theirs) || stays_merged(ours, theirs) {
                return ours.merge(theirs);
            }
        }
        let (ours, theirs) = (self.len(), other.len());
        if 4 * theirs <= ours {
            self.add_all(other.bins());
        } else if 4 * ours <= theirs {
            let few = std::mem::replace(self, other.clone());
            self.add_all(few.bins());
        } else {
            // In order, every bin of a list goes to its end.
            let mut merged = Quantiles::new();
            merged.add_all(in_order(self.bins(), other.bins()));
            *self = merged;
        }
    }

    fn add_all(&mut self, bins: impl Iterator<Item = (i32, u64)>) {
        for (position, n) in bins {
            self.add(position, n);
        }
    }

    /// How many numbers were inserted, at most `u64::MAX`.
    pub fn count(&self) -> u64 {
        match &self.0 {
            Form::Window(window) => window.total(),
            Form::List(list) => list.iter().fold(0, |sum, (_, n)| sum.saturating_add(n)),
        }
    }

    /// The number at rank `ceil(q * count)`, counted from one, within 1 %.
    pub fn quantile(&self, q: f64) -> Option<f64> {
        let count = self.count();
        if count == 0 || q.is_nan() {
            return None;
        }
        // 0.07 of a hundred is the seventh, though the float for 0.07 is a little more than that.
        const ROUNDED: f64 = 1.0 - 4.0 * f64::EPSILON;
        let rank = (q.clamp(0.0, 1.0) * count as f64 * ROUNDED).ceil() as u64;
        let rank = rank.clamp(1, count);
        let position = match &self.0 {
            Form::Window(window) => window.at_rank(rank),
            Form::List(list) => at_rank(list, rank),
        };
        position.map(bin::value)
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many bins are not empty.
    fn len(&self) -> usize {
        match &self.0 {
            Form::Window(window) => window.len(),
            Form::List(list) => list.len(),
        }
    }

    pub fn heap_bytes(&self) -> usize {
        match &self.0 {
            Form::Window(window) => window.heap_bytes(),
            Form::List(list) => list.heap_bytes(),
        }
    }

    pub fn encode(&self, writer: &mut Writer) {
        stored::encode(self.bins(), writer);
    }

    pub fn decode(reader: &mut Reader) -> Result<Quantiles, Corrupt> {
        let mut quantiles = Quantiles::new();
        stored::decode(reader, bin::MIN, bin::MAX, |position, n| {
            quantiles.add(position, n);
        })?;
        Ok(quantiles)
    }

    /// The bins that are not empty, in the order of their positions.
    fn bins(&self) -> impl Iterator<Item = (i32, u64)> + Clone + '_ {
        let (window, list) = match &self.0 {
            Form::Window(window) => (Some(window), None),
            Form::List(list) => (None, Some(list)),
        };
        let in_window = window.into_iter().flat_map(Counters::iter);
        in_window.chain(list.into_iter().flat_map(Bins::iter))
    }
}

/// Whether a window is still the better form when it counts `position` too.
fn stays_window(window: &Counters, position: i32) -> bool {
    let (Some(first), Some(last)) = (window.first(), window.last()) else {
        return true;
    };
    let span = last.max(position).abs_diff(first.min(position)) as usize + 1;
    // The first test nearly always spares the second one its count.
    span <= window.span().max(SMALL_SPAN) || span <= loose_span(window.len() + 1)
}

/// Whether one window is the better form for the bins of two.
fn stays_merged(a: &Counters, b: &Counters) -> bool {
    let first = a.first().into_iter().chain(b.first()).min();
    let last = a.last().into_iter().chain(b.last()).max();
    let (Some(first), Some(last)) = (first, last) else {
        return true;
    };
    let span = last.abs_diff(first) as usize + 1;
    span <= loose_span(a.len().max(b.len()))
}

fn at_rank(list: &Bins, rank: u64) -> Option<i32> {
    let mut left = rank;
    for (position, n) in list.iter() {
        if n >= left {
            return Some(position);
        }
        left -= n;
    }
    None
}

/// The bins of both; one that is in both comes twice.
fn in_order(
    a: impl Iterator<Item = (i32, u64)>,
    b: impl Iterator<Item = (i32, u64)>,
) -> impl Iterator<Item = (i32, u64)> {
    let (mut a, mut b): (Peekable<_>, Peekable<_>) = (a.peekable(), b.peekable());
    std::iter::from_fn(move || match (a.peek(), b.peek()) {
        (Some(x), Some(y)) if x.0 <= y.0 => a.next(),
        (_, Some(_)) => b.next(),
        (_, None) => a.next(),
    })
}

impl Default for Quantiles {
    fn default() -> Quantiles {
        Quantiles::new()
    }
}

/// By content, whatever the form.
impl PartialEq for Quantiles {
    fn eq(&self, other: &Quantiles) -> bool {
        self.bins().eq(other.bins())
    }
}

impl fmt::Debug for Quantiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.bins()).finish()
    }
}

#[cfg(test)]
mod tests;
