//! One side of zero: how many numbers fell into which bin of magnitudes.
//!
//! In memory the bins are a window of counters where they are close to each other, and a sorted list
//! where they do not, so that a mix of 1e-300 and 1e300 costs bytes and not a window of 130,000
//! bins. Which of the two it is, is no part of the content and is not stored.

use std::iter::Peekable;

use super::bins::Bins;
use crate::sketch::counters::{Counters, Width};

#[derive(Clone)]
pub(super) struct Side(pub(super) Form);

#[derive(Clone)]
pub(super) enum Form {
    Window(Counters),
    List(Bins),
}

/// From so many bins on, speed is worth more than a few bytes.
const MANY: usize = 32;
/// What a window takes without an allocation.
const SMALL_SPAN: usize = 16;

/// The span up to which a list of so many bins becomes a window. A bin takes 4 bytes in a list
/// and one in a window as long as counts are small; the wider they are, the closer together the bins
/// have to lie.
fn dense_span(bins: usize, width: Width) -> usize {
    let positions_a_bin = match (bins, width) {
        (_, Width::Eight) => 2,
        (..MANY, Width::Four) => 2,
        (..MANY, _) | (_, Width::Four) => 4,
        _ => 8,
    };
    (bins * positions_a_bin).max(SMALL_SPAN)
}

/// The span up to which a window stays one. It takes many new bins to get from the one bound to the
/// other, so that conversions are rare.
fn loose_span(bins: usize, width: Width) -> usize {
    match bins {
        0..4 => SMALL_SPAN,
        _ => 2 * dense_span(bins, width),
    }
}

impl Side {
    pub const fn new() -> Side {
        Side(Form::Window(Counters::new()))
    }

    #[inline]
    pub fn add(&mut self, position: i32, n: u64) {
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
                if stays_window(window, position, n) {
                    return window.add(position, n);
                }
                let mut list = listed(window);
                list.add(position, n);
                self.0 = Form::List(list);
            }
            Form::List(list) => {
                let new = list.add(position, n);
                if new && list.span() <= dense_span(list.len(), list.width()) {
                    let mut window = Counters::new();
                    for (position, n) in list.iter() {
                        window.add(position, n);
                    }
                    self.0 = Form::Window(window);
                }
            }
        }
    }

    pub fn merge(&mut self, other: &Side) {
        if let (Form::Window(ours), Form::Window(theirs)) = (&mut self.0, &other.0) {
            let is_spanned = ours.width() >= theirs.width() && ours.spans(theirs);
            if is_spanned || stays_merged(ours, theirs) {
                let width = ours.width();
                ours.merge(theirs);
                // Sums may be wider than what was summed up.
                if ours.width() > width && ours.span() > loose_span(ours.len(), ours.width()) {
                    self.0 = Form::List(listed(ours));
                }
                return;
            }
        }
        let (ours, theirs) = (self.len(), other.len());
        if 4 * theirs <= ours {
            self.add_all(other.bins());
        } else if 4 * ours <= theirs {
            let few = std::mem::replace(self, other.clone());
            self.add_all(few.bins());
        } else {
            // In order, every bin is appended to the list.
            let mut merged = Side::new();
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

    /// The bin of the number at a rank, counted from one.
    pub fn at_rank(&self, rank: u64) -> Option<i32> {
        match &self.0 {
            Form::Window(window) => window.at_rank(rank),
            Form::List(list) => at_rank(list, rank),
        }
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

    /// The bins that are not empty, in the order of their positions.
    pub fn bins(&self) -> impl Iterator<Item = (i32, u64)> + Clone + '_ {
        let (window, list) = match &self.0 {
            Form::Window(window) => (Some(window), None),
            Form::List(list) => (None, Some(list)),
        };
        let in_window = window.into_iter().flat_map(Counters::iter);
        in_window.chain(list.into_iter().flat_map(Bins::iter))
    }
}

fn listed(window: &Counters) -> Bins {
    let mut list = Bins::new();
    for (position, n) in window.iter() {
        list.add(position, n);
    }
    list
}

/// Whether a window is still the better form when it counts `n` more at `position`.
fn stays_window(window: &Counters, position: i32, n: u64) -> bool {
    let (Some(first), Some(last)) = (window.first(), window.last()) else {
        return true;
    };
    let count = window.get(position).saturating_add(n);
    let width = window.width().max(Width::of(count));
    let span = last.max(position).abs_diff(first.min(position)) as usize + 1;
    // The first test is nearly always true, and the second one has to count bins.
    span <= SMALL_SPAN
        || (width == window.width() && span <= window.span())
        || span <= loose_span(window.len() + 1, width)
}

/// Whether one window is the better form for the bins of two.
fn stays_merged(a: &Counters, b: &Counters) -> bool {
    let first = a.first().into_iter().chain(b.first()).min();
    let last = a.last().into_iter().chain(b.last()).max();
    let (Some(first), Some(last)) = (first, last) else {
        return true;
    };
    let span = last.abs_diff(first) as usize + 1;
    span <= loose_span(a.len().max(b.len()), a.width().max(b.width()))
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

impl Default for Side {
    fn default() -> Side {
        Side::new()
    }
}
