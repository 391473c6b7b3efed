//! The distinct-count sketch: HyperLogLog with Redis's hash, registers and ranks.
//!
//! ```text
//! form       holds                                      bytes            until
//! sparse     25-bit entries, near exact                 0, 32 to 10,240  2,560 entries
//! nibbles    16,384 registers of 4 bits + exceptions    8,192 + few      512 registers of 15 or more
//! packed     16,384 registers of 6 bits                 12,288           ever
//! ```
//!
//! Content alone decides the form, and content only grows: the same users in any order, by any
//! mixture of inserts and merges, make the same sketch, byte for byte.

mod codec;
mod dense;
mod entry;
mod estimate;
mod exceptions;
mod layout;
mod nibbles;
mod order;
mod packed;
mod redis;
mod registers;
mod sparse;
mod tight;
mod union;
mod wide;
mod widen;

#[cfg(test)]
mod accuracy;
#[cfg(test)]
mod tests;

use crate::prefetch::prefetch_slice;
use dense::Dense;
use layout::Full;
use registers::Registers;
use sparse::Sparse;
use std::fmt;

pub use entry::Member;
pub use union::Union;

/// A set of hashes of which only the size can be estimated.
#[derive(Clone, PartialEq, Eq)]
pub struct Sketch {
    form: Form,
}

#[derive(Clone, PartialEq, Eq)]
enum Form {
    Sparse(Sparse),
    Dense(Dense),
}

impl Sketch {
    pub fn new() -> Sketch {
        Sketch::default()
    }

    pub fn is_empty(&self) -> bool {
        matches!(&self.form, Form::Sparse(sparse) if sparse.len() == 0)
    }

    /// Whether it is in the near exact form.
    pub fn is_sparse(&self) -> bool {
        matches!(self.form, Form::Sparse(_))
    }

    /// The number of entries of the sparse form, nearly one a user; None in the other forms.
    #[inline]
    pub fn entries(&self) -> Option<usize> {
        match &self.form {
            Form::Sparse(sparse) => Some(sparse.len()),
            Form::Dense(_) => None,
        }
    }

    /// Prefetches the memory of the sketch.
    #[inline]
    pub fn prefetch(&self) {
        match &self.form {
            Form::Sparse(Sparse::Few { .. }) => (),
            Form::Sparse(Sparse::Many { slots, .. }) => prefetch_slice(slots),
            Form::Sparse(Sparse::Tight { slots, .. }) => prefetch_slice(slots),
            Form::Dense(Dense::Nibbles(nibbles)) => prefetch_slice(nibbles.bytes()),
            Form::Dense(Dense::Packed(packed)) => prefetch_slice(packed.bytes()),
        }
    }

    /// Adds what has this hash (`crate::hash::hash`). Returns whether the sketch changed.
    pub fn insert(&mut self, hash: u64) -> bool {
        self.add(Member::of(hash))
    }

    /// Returns whether the sketch changed.
    #[inline]
    pub fn add(&mut self, member: Member) -> bool {
        match &mut self.form {
            Form::Dense(Dense::Nibbles(nibbles)) if member.fits_nibble() => {
                nibbles.raise_nibble(member.register, member.rank)
            }
            _ => self.add_otherwise(member),
        }
    }

    #[inline(never)]
    fn add_otherwise(&mut self, member: Member) -> bool {
        match &mut self.form {
            Form::Dense(dense) => dense.raise(member.register, member.rank),
            Form::Sparse(sparse) => match sparse.insert(member.entry) {
                Ok(changed) => changed,
                Err(Full) => {
                    let mut dense = Dense::from_sparse(sparse);
                    dense.raise(member.register, member.rank);
                    self.form = Form::Dense(dense);
                    true
                }
            },
        }
    }

    pub fn merge(&mut self, other: &Sketch) {
        match (&mut self.form, &other.form) {
            (Form::Dense(mine), Form::Dense(theirs)) => mine.merge(theirs),
            (Form::Dense(mine), Form::Sparse(theirs)) => mine.add_sparse(theirs),
            (Form::Sparse(mine), Form::Dense(theirs)) => {
                let mut dense = theirs.clone();
                dense.add_sparse(mine);
                self.form = Form::Dense(dense);
            }
            (Form::Sparse(mine), Form::Sparse(theirs)) => {
                if mine.merge(theirs) == Err(Full) {
                    let mut dense = Dense::from_sparse(mine);
                    dense.add_sparse(theirs);
                    self.form = Form::Dense(dense);
                }
            }
        }
    }

    /// Merges registers that were filled elsewhere. Returns whether any rose: where none does, the sketch
    /// is not changed, and stays near exact.
    pub fn import(&mut self, other: &Sketch) -> bool {
        let before = self.to_registers();
        let mut after = before.clone();
        match &other.form {
            Form::Sparse(sparse) => sparse.add_to(&mut after),
            Form::Dense(dense) => dense.add_to(&mut after),
        }
        if after == before {
            return false;
        }
        self.merge(other);
        true
    }

    fn to_registers(&self) -> Registers {
        match &self.form {
            Form::Sparse(sparse) => {
                let mut registers = Registers::zeroed();
                sparse.add_to(&mut registers);
                registers
            }
            Form::Dense(dense) => dense.to_registers(),
        }
    }

    pub fn estimate(&self) -> f64 {
        match &self.form {
            Form::Sparse(sparse) => estimate::of_entries(sparse.len()),
            Form::Dense(dense) => estimate::of_registers(&dense.to_registers().histogram()),
        }
    }

    pub fn heap_bytes(&self) -> usize {
        match &self.form {
            Form::Sparse(sparse) => sparse.heap_bytes(),
            Form::Dense(dense) => dense.heap_bytes(),
        }
    }

    /// Registers from outside. When none is set, that is the empty sketch and no other.
    fn from_registers(registers: &Registers) -> Sketch {
        if registers.is_zero() {
            return Sketch::new();
        }
        Sketch {
            form: Form::Dense(Dense::from_registers(registers)),
        }
    }
}

impl Default for Sketch {
    fn default() -> Sketch {
        Sketch {
            form: Form::Sparse(Sparse::default()),
        }
    }
}

impl fmt::Debug for Sketch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let form = match &self.form {
            Form::Sparse(_) => "sparse",
            Form::Dense(Dense::Nibbles(_)) => "nibbles",
            Form::Dense(Dense::Packed(_)) => "packed",
        };
        write!(f, "Sketch({form}, about {:.0})", self.estimate())
    }
}
