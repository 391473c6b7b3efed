//! The numbers behind percentiles, each counted once.
//!
//! A sketch is of a whole bucket. Where a piece is a part of one, the finer buckets of the cover that
//! are inside it are taken away, and the rest is weighted so that it has as many numbers as the
//! slots of the piece:
//!
//! ```text
//! hour of 9:00    bins of the hour - bins of 9:29, 9:30 ... 9:59 = bins of 9:00 up to 9:29
//! piece           slots 22 .. 29 have 70 of these 290 numbers: each bin counts 70 / 290
//! ```

use std::cell::OnceCell;

use crate::bucket::tally::Measured;
use crate::sketch::quantiles::{Mixture, Quantiles};
use crate::time::{bit, Granularity, Piece};

#[derive(Default)]
pub(super) struct Percentiles {
    /// Of whole buckets that no cut one contains.
    whole: Quantiles,
    cuts: Vec<Cut>,
    /// Of whole buckets inside cut ones, by the bits of those.
    finer: Vec<(u32, Quantiles)>,
    /// What `mix` returns, as soon as a percentile needs it. Most queries ask for several.
    mixture: OnceCell<Mixture>,
}

/// A bucket that counts in part.
struct Cut {
    number: u8,
    within: u32,
    granularity: Granularity,
    bins: Quantiles,
    /// The numbers in slots that the piece of a longer bucket counts, and the bit of that one.
    lent: f64,
    borrower: u32,
    /// The numbers in the slots of its piece.
    inside: f64,
}

impl Percentiles {
    /// `trims`: whether parts of slots are cut.
    pub(super) fn add(&mut self, piece: &Piece, measured: &Measured, trims: bool) {
        let count = |from, to| measured.slots.range(from, to).count();
        self.add_counted(piece, &measured.quantiles, count, trims);
    }

    /// `count`: how many of the numbers are of the slots from and up to these.
    pub(super) fn add_counted(
        &mut self,
        piece: &Piece,
        numbers: &Quantiles,
        count: impl Fn(u8, u8) -> u64,
        trims: bool,
    ) {
        self.mixture.take();
        if !is_plain(piece, trims) {
            self.add_cut(piece, numbers, count, trims);
        } else if piece.within() != 0 {
            self.finer(piece.within()).merge(numbers);
        } else {
            self.whole.merge(numbers);
        }
    }

    /// Adds whole buckets that no cut one contains, and passes the pieces of others to `add`.
    pub(super) fn add_all(&mut self, found: &[(&Piece, &Measured)], trims: bool) {
        let is_counted_once =
            |(piece, _): &&(&Piece, &Measured)| is_plain(piece, trims) && piece.within() == 0;
        let plain = found.iter().filter(is_counted_once);
        self.mixture.take();
        self.whole.merge_all(plain.map(|(_, it)| &it.quantiles));
        for (piece, measured) in found.iter().filter(|it| !is_counted_once(it)) {
            self.add(piece, measured, trims);
        }
    }

    fn add_cut(
        &mut self,
        piece: &Piece,
        numbers: &Quantiles,
        count: impl Fn(u8, u8) -> u64,
        trims: bool,
    ) {
        let mut inside = count(piece.first_slot, piece.end_slot) as f64;
        if trims {
            for (slot, outside) in piece.trims() {
                inside -= outside * count(slot, slot.saturating_add(1)) as f64;
            }
        }
        let lent = match piece.shared() {
            lent if lent.is_empty() || piece.borrower() == 0 => 0.0,
            lent => count(lent.start, lent.end) as f64,
        };
        let cut = self.cut(piece.number());
        cut.lent += lent;
        cut.borrower = piece.borrower();
        cut.within = piece.within();
        cut.granularity = piece.period.granularity();
        cut.bins.merge(numbers);
        cut.inside += inside;
    }

    fn cut(&mut self, number: u8) -> &mut Cut {
        let found = self.cuts.iter().position(|cut| cut.number == number);
        let index = found.unwrap_or(self.cuts.len());
        if found.is_none() {
            self.cuts.push(Cut {
                number,
                within: 0,
                granularity: Granularity::Month,
                bins: Quantiles::new(),
                lent: 0.0,
                borrower: 0,
                inside: 0.0,
            });
        }
        // It was found, or has just been pushed.
        #[allow(clippy::indexing_slicing)]
        &mut self.cuts[index]
    }

    fn finer(&mut self, within: u32) -> &mut Quantiles {
        let found = self
            .finer
            .iter()
            .position(|(holders, _)| *holders == within);
        let index = found.unwrap_or(self.finer.len());
        if found.is_none() {
            self.finer.push((within, Quantiles::new()));
        }
        // It was found, or has just been pushed.
        #[allow(clippy::indexing_slicing)]
        &mut self.finer[index].1
    }

    pub(super) fn merge(&mut self, other: &Percentiles) {
        self.mixture.take();
        self.whole.merge(&other.whole);
        for (within, finer) in &other.finer {
            self.finer(*within).merge(finer);
        }
        for theirs in &other.cuts {
            let cut = self.cut(theirs.number);
            cut.within |= theirs.within;
            cut.granularity = cut.granularity.min(theirs.granularity);
            cut.bins.merge(&theirs.bins);
            cut.inside += theirs.inside;
            cut.lent += theirs.lent;
            cut.borrower |= theirs.borrower;
        }
    }

    pub(super) fn clear(&mut self) {
        *self = Percentiles::default();
    }

    pub(super) fn quantile(&self, q: f64) -> Option<f64> {
        match self.cuts.is_empty() {
            true => self.whole.quantile(q),
            false => self.mixture.get_or_init(|| self.mix()).quantile(q),
        }
    }

    /// All numbers with their weights.
    fn mix(&self) -> Mixture {
        let mut order: Vec<&Cut> = self.cuts.iter().collect();
        // What is inside others comes before them.
        order.sort_by_key(|cut| cut.granularity);
        let mut all = vec![(1.0, &self.whole)];
        // What counts by itself inside of cut buckets, by the bits of those.
        let finer = self.finer.iter().map(|(within, finer)| (*within, finer));
        let mut inside: Vec<(u32, &Quantiles)> = finer.collect();
        all.extend(inside.iter().map(|(_, finer)| (1.0, *finer)));
        for cut in order {
            let is_inside = |(within, _): &&(u32, &Quantiles)| within & bit(cut.number) != 0;
            let others = inside.iter().filter(is_inside).map(|(_, bins)| *bins);
            let held: f64 = others.clone().map(|bins| bins.count() as f64).sum();
            let residue = cut.bins.count() as f64 - held;
            // What finer buckets have of the slots of this piece is counted there.
            let borrowed = self
                .cuts
                .iter()
                .filter(|it| it.borrower & bit(cut.number) != 0);
            let borrowed: f64 = borrowed.map(|it| it.lent).sum();
            let weight = match residue > 0.0 {
                true => ((cut.inside + cut.lent - borrowed) / residue).clamp(0.0, 1.0),
                false => 0.0,
            };
            all.push((weight, &cut.bins));
            all.extend(others.map(|bins| (-weight, bins)));
            inside.push((cut.within, &cut.bins));
        }
        Mixture::of(&all)
    }
}

fn is_plain(piece: &Piece, trims: bool) -> bool {
    piece.is_whole() && !(trims && piece.is_trimmed())
}
