//! The distinct count of many sketches, as queries need it: add, add, add, estimate.

use super::dense::Dense;
use super::estimate;
use super::layout::MAX_ENTRIES;
use super::registers::Registers;
use super::sparse::Sparse;
use super::{Form, Sketch};

/// Entries while every sketch was sparse and their union fits, registers of a byte beyond: at any
/// time the estimate is that of the sketches merged. Cleared, it keeps its memory for the next one.
#[derive(Default)]
pub struct Union {
    sparse: Sparse,
    /// In use when `dense`; else kept for later.
    registers: Option<Registers>,
    dense: bool,
    /// The number of entries at the last check, when they were not too many.
    fitted: usize,
    /// How many sketches were added.
    added: u64,
}

/// From so many entries on, a copy takes less time than reusing the memory.
const WORTH_COPYING: usize = 64;

/// After so many more, it is checked again whether they are too many.
const GROWN: usize = 128;

impl Union {
    pub fn new() -> Union {
        Union::default()
    }

    pub fn add(&mut self, sketch: &Sketch) {
        self.added += 1;
        match &sketch.form {
            Form::Sparse(sparse) => self.add_sparse(sparse),
            Form::Dense(dense) => self.add_dense(dense),
        }
    }

    /// Adds every sketch of another union.
    pub fn merge(&mut self, other: &Union) {
        self.added += other.added;
        match &other.registers {
            Some(theirs) if other.dense => {
                let ours = self.move_to_registers().ranks_mut();
                for (rank, other) in ours.iter_mut().zip(theirs.ranks()) {
                    *rank = (*rank).max(*other);
                }
            }
            _ => self.add_sparse(&other.sparse),
        }
    }

    /// All sketches of both.
    pub fn with(&self, other: &Union) -> Union {
        let mut both = Union::new();
        both.merge(self);
        both.merge(other);
        both
    }

    /// How many sketches it is the union of.
    pub fn added(&self) -> u64 {
        self.added
    }

    pub fn estimate(&self) -> f64 {
        match &self.registers {
            Some(registers) if self.dense => estimate::of_registers(&registers.histogram()),
            _ => estimate::of_entries(self.sparse.len()),
        }
    }

    /// The highest estimate of near exact sketches of so many entries together; None where their union
    /// may be too large for entries.
    pub fn most(entries: usize) -> Option<u64> {
        (entries <= MAX_ENTRIES).then(|| estimate::of_entries(entries).round() as u64)
    }

    /// Whether it is near exact.
    pub fn is_sparse(&self) -> bool {
        !self.dense
    }

    /// Of the estimate, relative: about how far off it is.
    pub fn standard_error(&self) -> f64 {
        if self.is_sparse() {
            estimate::ERROR_OF_ENTRIES
        } else {
            estimate::ERROR_OF_REGISTERS
        }
    }

    pub fn clear(&mut self) {
        self.sparse.clear();
        self.dense = false;
        self.fitted = 0;
        self.added = 0;
    }

    fn add_sparse(&mut self, sparse: &Sparse) {
        if self.dense {
            return sparse.add_to(self.move_to_registers());
        }
        let is_first = self.sparse.len() == 0;
        let added = if is_first && sparse.len() >= WORTH_COPYING {
            self.sparse.merge(sparse)
        } else if self.outgrow(sparse) {
            return;
        } else {
            self.sparse.absorb(sparse)
        };
        if added.is_err() {
            sparse.add_to(self.move_to_registers());
        }
    }

    /// Moves on to registers where there are certainly too many entries with these: at least as many as
    /// registers with a rank. To raise those is quicker than to look for each entry among the others.
    fn outgrow(&mut self, sparse: &Sparse) -> bool {
        let ours = self.sparse.len();
        let has_grown = self.fitted == 0 || ours >= self.fitted + GROWN;
        if ours + sparse.len() <= MAX_ENTRIES || !has_grown {
            return false;
        }
        let registers = self.registers.get_or_insert_with(Registers::zeroed);
        registers.clear();
        self.sparse.add_to(registers);
        sparse.add_to(registers);
        self.dense = registers.occupied() > MAX_ENTRIES;
        self.fitted = ours;
        self.dense
    }

    fn add_dense(&mut self, dense: &Dense) {
        dense.add_to(self.move_to_registers());
    }

    /// Moves all that was added so far to the registers.
    fn move_to_registers(&mut self) -> &mut Registers {
        let registers = self.registers.get_or_insert_with(Registers::zeroed);
        if !self.dense {
            registers.clear();
            self.sparse.add_to(registers);
            self.dense = true;
        }
        registers
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash::hash;

    #[test]
    fn merged_unions_are_the_union_of_all_their_sketches() {
        // Empty, sparse, sparse but too many together, dense.
        let sizes = [0, 1, 1_500, 2_500, 9_000];
        for (index, ours) in sizes.into_iter().enumerate() {
            for theirs in sizes {
                let sketch = |from: u32, len: u32| {
                    let mut sketch = Sketch::new();
                    for user in from..from + len {
                        sketch.insert(hash(&user.to_le_bytes()));
                    }
                    sketch
                };
                let (a, b) = (sketch(0, ours), sketch(500 * index as u32, theirs));
                let union = |sketches: &[&Sketch]| {
                    let mut union = Union::new();
                    sketches.iter().for_each(|sketch| union.add(sketch));
                    union
                };
                let mut merged = union(&[&a]);
                merged.merge(&union(&[&b]));
                let expected = union(&[&a, &b]);
                assert_eq!(merged.estimate(), expected.estimate());
                assert_eq!(merged.is_sparse(), expected.is_sparse());
            }
        }
    }

    #[test]
    fn a_union_is_that_of_the_merged_sketch_and_within_its_bound() {
        // Around as many as stay entries, and around as many registers as entries are too many for.
        for (len, count) in [
            (70, 30),
            (640, 4),
            (641, 4),
            (1_280, 2),
            (1_281, 2),
            (1_420, 2),
            (1_500, 2),
        ] {
            let (mut union, mut merged, mut entries) = (Union::new(), Sketch::new(), 0);
            for user in (0u32..len * count).step_by(len as usize) {
                let mut sketch = Sketch::new();
                for user in user..user + len {
                    sketch.insert(hash(&user.to_le_bytes()));
                }
                union.add(&sketch);
                merged.merge(&sketch);
                entries += sketch.entries().unwrap();
                assert_eq!(union.estimate(), merged.estimate());
                assert_eq!(union.is_sparse(), merged.is_sparse());
                let most = Union::most(entries);
                assert!(most.is_none_or(|most| union.estimate().round() as u64 <= most));
                assert_eq!(most.is_some(), entries <= MAX_ENTRIES);
            }
        }
    }
}
