//! Distinct counts of a window whose edges cut buckets.
//!
//! A sketch is of a whole bucket. Where a bucket reaches beyond the window, the users that only it has
//! are counted in part:
//!
//! ```text
//! inner                    users of the buckets inside the window
//! outer                    the same, with those of the buckets at its edges
//! inner + f (outer-inner)  f: the events of an edge inside the window, of all that it alone counts
//! ```

use crate::bucket::tally::Tally;
use crate::sketch::hll::{Sketch, Union};
use crate::time::{bit, Period, Piece};

/// The sketches of a window: those of whole buckets, and of each edge.
#[derive(Default)]
pub(super) struct Distinct {
    inner: Union,
    edges: Vec<Edge>,
    held: Vec<Held>,
}

/// A bucket of which only a part is inside the window.
struct Edge {
    number: u8,
    period: Period,
    union: Union,
    /// Its events in the piece, in slots that the piece of a longer edge counts, in slots of a longer bucket
    /// inside the window, and in all.
    counted: f64,
    lent: f64,
    inner: f64,
    events: f64,
    part_by_time: f64,
}

/// The events of buckets inside cut ones.
#[derive(Clone, Copy)]
struct Held {
    /// The bits of those that contain them, and of the one that counts some of their slots.
    within: u32,
    borrower: u32,
    events: f64,
    lent: f64,
    /// The bit of one that has only some of their slots, and the events in those.
    crosses: u32,
    crossing: f64,
}

/// A distinct count, and its bounds.
#[derive(Debug, Clone, PartialEq)]
pub struct Estimate {
    /// Without the edges.
    pub inner: f64,
    /// With all of the edges.
    pub outer: f64,
    pub count: f64,
    /// The parts of the edges, in the order in which they are counted: the shortest buckets first.
    pub edges: Vec<EdgePart>,
    pub standard_error: f64,
}

/// A bucket at an edge, and the part of it that is counted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EdgePart {
    pub period: Period,
    pub part: f64,
}

impl Distinct {
    /// Adds sketches of rows of one bucket. `trims`: whether parts of slots are cut.
    pub(super) fn add_all<'b>(
        &mut self,
        piece: &Piece,
        rows: impl Iterator<Item = (&'b Tally, &'b Sketch)>,
        trims: bool,
    ) {
        if is_inside(piece, trims) && !is_held(piece) {
            rows.for_each(|(_, sketch)| self.inner.add(sketch));
        } else {
            rows.for_each(|(tally, sketch)| self.add(piece, tally, sketch, trims));
        }
    }

    /// Adds the sketch of a row of a bucket. `trims`: whether parts of slots are cut.
    pub(super) fn add(&mut self, piece: &Piece, tally: &Tally, sketch: &Sketch, trims: bool) {
        if is_held(piece) {
            self.hold(Held {
                within: piece.within(),
                borrower: piece.borrower(),
                events: tally.events() as f64,
                lent: lent(piece, tally),
                crosses: piece.crosses(),
                crossing: events(tally, piece.crossing()),
            });
        }
        if is_inside(piece, trims) {
            self.inner.add(sketch);
        } else {
            self.add_edge(piece, tally, sketch, trims);
        }
    }

    #[inline(never)]
    fn add_edge(&mut self, piece: &Piece, tally: &Tally, sketch: &Sketch, trims: bool) {
        let trimmed = match trims {
            true => trimmed_events(piece, tally),
            false => 0.0,
        };
        let edge = Edge {
            number: piece.number(),
            period: piece.period,
            union: Union::new(),
            counted: events(tally, piece.slots()) - trimmed,
            lent: lent(piece, tally),
            events: tally.events() as f64,
            inner: match piece.borrower_is_edge() {
                true => 0.0,
                false => events(tally, piece.shared()),
            },
            part_by_time: match trims {
                true => piece.trimmed_part_by_time(),
                false => piece.part_by_time(),
            },
        };
        self.edge(edge).union.add(sketch);
    }

    /// The edge of this number, with these events added.
    fn edge(&mut self, added: Edge) -> &mut Edge {
        let found = { self.edges.iter() }.position(|edge| edge.number == added.number);
        let index = found.unwrap_or(self.edges.len());
        if found.is_none() {
            self.edges.push(added);
        } else if let Some(edge) = self.edges.get_mut(index) {
            edge.counted += added.counted;
            edge.lent += added.lent;
            edge.events += added.events;
            edge.inner += added.inner;
        }
        // It was found, or has just been pushed.
        #[allow(clippy::indexing_slicing)]
        &mut self.edges[index]
    }

    fn hold(&mut self, added: Held) {
        let key = |it: &Held| (it.within, it.borrower, it.crosses);
        match { self.held.iter_mut() }.find(|it| key(it) == key(&added)) {
            Some(held) => {
                held.events += added.events;
                held.crossing += added.crossing;
                held.lent += added.lent;
            }
            None => self.held.push(added),
        }
    }

    pub(super) fn merge(&mut self, other: &Distinct) {
        self.inner.merge(&other.inner);
        for edge in &other.edges {
            let own = self.edge(Edge {
                union: Union::new(),
                ..*edge
            });
            own.union.merge(&edge.union);
        }
        other.held.iter().for_each(|held| self.hold(*held));
    }

    pub(super) fn clear(&mut self) {
        self.inner.clear();
        self.edges.clear();
        self.held.clear();
    }

    /// How many sketches were united.
    pub(super) fn added(&self) -> u64 {
        let edges = self.edges.iter().map(|edge| edge.union.added());
        self.inner.added() + edges.sum::<u64>()
    }

    /// Never outside of what the buckets inside the window count and what all of them do.
    pub(super) fn count(&self) -> f64 {
        match self.edges.is_empty() {
            true => self.inner.estimate(),
            false => self.estimate().count,
        }
    }

    pub(super) fn estimate(&self) -> Estimate {
        let inner = self.inner.estimate();
        let mut order: Vec<&Edge> = self.edges.iter().collect();
        order.sort_by_key(|edge| (edge.period.granularity(), edge.period.start()));
        let mut so_far = None;
        let mut estimate = Estimate {
            inner,
            outer: inner,
            count: inner,
            edges: Vec::with_capacity(order.len()),
            standard_error: self.inner.standard_error(),
        };
        for edge in order {
            let union = so_far.as_ref().unwrap_or(&self.inner).with(&edge.union);
            let united = union.estimate();
            let gain = (united - estimate.outer).max(0.0);
            // Both estimates that the gain is the difference of may be off.
            let noise = 3.0 * union.standard_error() * (united + estimate.outer);
            let part = edge.part(gain - noise, self.held_in(edge));
            estimate.count += part * gain;
            if let [before] = estimate.edges.as_slice() {
                if before.period.range().common(edge.period.range()).is_empty() {
                    // A user at both edges and nowhere between may be inside the window by either.
                    let alone = self.inner.with(&edge.union).estimate() - inner;
                    estimate.count += part * (1.0 - before.part) * (alone - gain).max(0.0);
                }
            }
            estimate.outer += gain;
            estimate.standard_error = union.standard_error();
            estimate.edges.push(EdgePart {
                period: edge.period,
                part,
            });
            so_far = Some(union);
        }
        estimate.count = estimate.count.min(estimate.outer);
        estimate
    }

    /// The events that shorter buckets have of an edge, and those of them in the slots of its piece.
    fn held_in(&self, edge: &Edge) -> (f64, f64) {
        let bit = bit(edge.number);
        let (mut held, mut borrowed) = (0.0, 0.0);
        for it in &self.held {
            let if_of = |bits: u32, events: f64| if bits & bit != 0 { events } else { 0.0 };
            borrowed += if_of(it.borrower, it.lent);
            held += if_of(it.within, it.events) + if_of(it.crosses, it.crossing);
        }
        (held, borrowed)
    }
}

impl Edge {
    /// The part of the users that only this edge has, of which there are at least `gain`. `held`: the events that
    /// shorter buckets have of it, `borrowed`: those of them in the slots of its piece. Where there are more
    /// users than events explain, they were imported: then the time decides.
    fn part(&self, gain: f64, (held, borrowed): (f64, f64)) -> f64 {
        let counted = self.counted + self.lent - borrowed;
        let residue = (self.events - held - self.inner).max(counted);
        let is_imported = gain > 1.05 * residue + 1.0;
        let part = match residue > 0.0 && !is_imported {
            true => counted / residue,
            false => self.part_by_time,
        };
        part.clamp(0.0, 1.0)
    }
}

/// The events in slots that the piece of a longer edge counts.
fn lent(piece: &Piece, tally: &Tally) -> f64 {
    match piece.borrower_is_edge() {
        true => events(tally, piece.shared()),
        false => 0.0,
    }
}

/// The events in these slots.
fn events(tally: &Tally, slots: std::ops::Range<u8>) -> f64 {
    match slots.is_empty() {
        true => 0.0,
        false => {
            let (from, to) = (i32::from(slots.start), i32::from(slots.end));
            tally.slots().sum(from, to) as f64
        }
    }
}

/// Whether edges have events of the bucket.
fn is_held(piece: &Piece) -> bool {
    piece.within() != 0 || piece.borrower_is_edge() || piece.crosses() != 0
}

/// Whether all of the bucket counts.
pub(super) fn is_inside(piece: &Piece, trims: bool) -> bool {
    let is_cut = piece.reaches_outside() || trims && piece.is_trimmed();
    !is_cut
}

/// The events of the parts of slots that are outside the window.
pub(super) fn trimmed_events(piece: &Piece, tally: &Tally) -> f64 {
    let trims = piece.trims().into_iter();
    let trims = trims.filter(|(_, outside)| *outside > 0.0);
    trims
        .map(|(slot, outside)| outside * tally.slots().get(i32::from(slot)) as f64)
        .sum()
}
