//! What was counted by the slot in which something began: a visit, or an attempt of a funnel.
//!
//! ```text
//! stored:  n | n × (slot | numbers)     slots ascending, none with zeros alone
//! visits:  visits | engaged | time | events
//! ```

use crate::codec::{corrupt, Reader, Writer};
use crate::error::Corrupt;
use crate::memory::allocated;
use crate::time::Slots;
use crate::visitors::Amounts;

/// Numbers that are added up.
pub trait Sums: Copy + Default + PartialEq {
    /// The fewest bytes that they are stored in.
    const LEAST_BYTES: usize;

    fn plus(self, other: Self) -> Self;
    fn is_zero(&self) -> bool;

    /// How many began: rows with few of them move into `~other` first.
    fn began(&self) -> u64;

    fn encode(&self, writer: &mut Writer);
    fn decode(reader: &mut Reader) -> Result<Self, Corrupt>;
}

/// In the order of their slots.
#[derive(Debug, Clone)]
pub struct Cells<A = Amounts>(Vec<(u8, A)>);

impl<A> Default for Cells<A> {
    fn default() -> Cells<A> {
        Cells(Vec::new())
    }
}

impl<A: Sums> Cells<A> {
    #[inline]
    pub fn add(&mut self, slot: u8, amounts: A) {
        // Most visits begin in the last slot.
        let at = match self.0.last() {
            Some((last, _)) if *last > slot => self.0.partition_point(|(other, _)| *other < slot),
            Some((last, _)) if *last == slot => self.0.len() - 1,
            _ => self.0.len(),
        };
        match self.0.get_mut(at) {
            Some((own, sum)) if *own == slot => *sum = sum.plus(amounts),
            _ => {
                if self.0.len() == self.0.capacity() {
                    self.0.reserve_exact(1 + self.0.len() / 4);
                }
                self.0.insert(at, (slot, amounts));
            }
        }
    }

    pub fn merge(&mut self, other: &Cells<A>) {
        for (slot, amounts) in &other.0 {
            self.add(*slot, *amounts);
        }
    }

    /// The sum of the slots `from <= slot < to`.
    #[inline]
    pub fn sum(&self, from: u8, to: u8) -> A {
        let within = self.0.iter().filter(|(slot, _)| (from..to).contains(slot));
        within.fold(A::default(), |sum, (_, amounts)| sum.plus(*amounts))
    }

    pub fn total(&self) -> A {
        self.sum(0, u8::MAX)
    }

    fn counted(&self) -> impl Iterator<Item = &(u8, A)> + Clone {
        self.0.iter().filter(|(_, amounts)| !amounts.is_zero())
    }

    pub fn heap_bytes(&self) -> usize {
        allocated(self.0.capacity() * size_of::<(u8, A)>())
    }

    pub fn encode(&self, writer: &mut Writer) {
        writer.varint(self.counted().count() as u64);
        for (slot, amounts) in self.counted() {
            writer.u8(*slot);
            amounts.encode(writer);
        }
    }

    /// `slots`: how many the bucket has.
    pub fn decode(reader: &mut Reader, slots: u8) -> Result<Cells<A>, Corrupt> {
        let count = reader.count("slots", Slots::MAX, 1 + A::LEAST_BYTES)?;
        let mut cells = Cells(Vec::with_capacity(count));
        for _ in 0..count {
            let slot = reader.u8("slot")?;
            if slot >= slots || cells.0.last().is_some_and(|(last, _)| *last >= slot) {
                return Err(corrupt("slot", "not ascending, or not in the bucket"));
            }
            let amounts = A::decode(reader)?;
            if amounts.is_zero() {
                return Err(corrupt("slot", "nothing in it"));
            }
            cells.0.push((slot, amounts));
        }
        Ok(cells)
    }
}

/// Compares what was counted.
impl<A: Sums> PartialEq for Cells<A> {
    fn eq(&self, other: &Cells<A>) -> bool {
        self.counted().eq(other.counted())
    }
}

impl Sums for Amounts {
    /// Four numbers, each of a byte at least.
    const LEAST_BYTES: usize = 4;

    #[inline]
    fn plus(self, other: Amounts) -> Amounts {
        self.plus(other)
    }

    #[inline]
    fn is_zero(&self) -> bool {
        self.is_zero()
    }

    fn began(&self) -> u64 {
        u64::try_from(self.visits).unwrap_or(0)
    }

    fn encode(&self, writer: &mut Writer) {
        for number in [self.visits, self.engaged, self.time, self.events] {
            writer.signed(number);
        }
    }

    fn decode(reader: &mut Reader) -> Result<Amounts, Corrupt> {
        let mut number = || reader.signed("visits");
        Ok(Amounts {
            visits: number()?,
            engaged: number()?,
            time: number()?,
            events: number()?,
        })
    }
}
