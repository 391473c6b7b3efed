//! Room for one more entry, in tables that share a bound.
//!
//! - **Growth.** A table that is full, of more than a few entries, first drops those that are over, and grows only
//!   where that frees little.
//! - **Bound.** At the most entries, half of the keys are given up: those that do not end with one more zero bit.
//!   From then on every key that is left counts for twice as many.
//!
//! However much is given up, a table is gone through twice at most, and filled anew once. All of it follows from
//! the entries and their order, so that replicas agree.

use super::{Shape, Table};

/// So few entries are all kept, whether or not they are over.
const FEW: usize = 64;

/// Whether a key is followed where one in `1 << shift` is.
#[inline]
pub fn is_followed(key: u64, shift: u32) -> bool {
    key.trailing_zeros() >= shift
}

#[derive(Debug, Clone, Copy)]
pub struct Bound {
    /// The most entries of all tables together.
    pub most: usize,
    /// A key counts for at most `1 << most_shift`.
    pub most_shift: u32,
    /// Keys that were given up are followed again when few entries are left.
    pub is_lifted: bool,
}

/// Why there is no room for one more entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shortage {
    /// A table is full, and all together have few entries.
    Few,
    /// A table is full.
    Slots,
    /// The bound is reached.
    Bound,
}

impl Shortage {
    /// Of the table that takes one more.
    #[inline]
    pub fn of<S: Shape>(tables: &[Table<S>], taking: usize, most: usize) -> Option<Shortage> {
        let len: usize = tables.iter().map(Table::len).sum();
        if len >= most.max(1) {
            return Some(Shortage::Bound);
        }
        let is_full = tables.get(taking).is_some_and(Table::is_full);
        is_full.then_some(match len < FEW {
            true => Shortage::Few,
            false => Shortage::Slots,
        })
    }

    /// Makes room in the table that takes one more: by entries that are over, and by growth. Returns the shift
    /// from then on.
    #[cold]
    pub fn make_room<S: Shape>(
        self,
        tables: &mut [Table<S>],
        taking: usize,
        shift: u32,
        bound: &Bound,
        is_current: impl Fn(&[u8]) -> bool,
    ) -> u32 {
        let shift = match self {
            Shortage::Few => shift,
            _ => self.drop_entries(tables, shift, bound, is_current),
        };
        if let Some(table) = { tables.get_mut(taking) }.filter(|table| table.is_nearly_full()) {
            table.grow();
        }
        shift
    }

    fn drop_entries<S: Shape>(
        self,
        tables: &mut [Table<S>],
        shift: u32,
        bound: &Bound,
        is_current: impl Fn(&[u8]) -> bool,
    ) -> u32 {
        // How many keys end with how many zero bits.
        let mut endings = [0; 1 + u64::BITS as usize];
        for table in &mut *tables {
            table.retain(|entry| {
                let is_kept = is_current(entry);
                let zeros = S::key(entry).trailing_zeros() as usize;
                if let Some(count) = endings.get_mut(zeros).filter(|_| is_kept) {
                    *count += 1;
                }
                is_kept
            });
        }
        let most = bound.most.max(1);
        let len: usize = endings.iter().sum();
        if bound.is_lifted && shift > 0 && len < most / 8 {
            return shift - 1;
        }
        if self != Shortage::Bound || len < most - most / 8 {
            return shift;
        }
        let followed = |shift: u32| endings.iter().skip(shift as usize).sum::<usize>();
        let is_enough = |shift: &u32| followed(*shift) <= most / 4 * 3;
        let shift = (shift..bound.most_shift)
            .find(is_enough)
            .unwrap_or(bound.most_shift);
        for table in tables {
            table.retain(|entry| is_followed(S::key(entry), shift));
        }
        shift
    }
}
