//! What was counted of visits by the slot in which they began.
//!
//! ```text
//! stored:  n | n × (slot | visits | engaged | time | events)     slots ascending, none with zeros alone
//! ```

use crate::codec::{corrupt, Reader, Writer};
use crate::error::Corrupt;
use crate::memory::allocated;
use crate::time::Slots;
use crate::visitors::Amounts;

/// In the order of their slots.
#[derive(Debug, Clone, Default)]
pub struct Cells(Vec<(u8, Amounts)>);

/// A slot, and four numbers, each of a byte at least.
const LEAST_BYTES: usize = 5;

impl Cells {
    #[inline]
    pub fn add(&mut self, slot: u8, amounts: Amounts) {
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

    pub fn merge(&mut self, other: &Cells) {
        for (slot, amounts) in &other.0 {
            self.add(*slot, *amounts);
        }
    }

    /// The sum of the slots `from <= slot < to`.
    #[inline]
    pub fn sum(&self, from: u8, to: u8) -> Amounts {
        let within = self.0.iter().filter(|(slot, _)| (from..to).contains(slot));
        within.fold(Amounts::default(), |sum, (_, amounts)| sum.plus(*amounts))
    }

    pub fn total(&self) -> Amounts {
        self.sum(0, u8::MAX)
    }

    fn counted(&self) -> impl Iterator<Item = &(u8, Amounts)> + Clone {
        self.0.iter().filter(|(_, amounts)| !amounts.is_zero())
    }

    pub fn heap_bytes(&self) -> usize {
        allocated(self.0.capacity() * size_of::<(u8, Amounts)>())
    }

    pub fn encode(&self, writer: &mut Writer) {
        writer.varint(self.counted().count() as u64);
        for (slot, amounts) in self.counted() {
            writer.u8(*slot);
            for number in [
                amounts.visits,
                amounts.engaged,
                amounts.time,
                amounts.events,
            ] {
                writer.signed(number);
            }
        }
    }

    /// `slots`: how many the bucket has.
    pub fn decode(reader: &mut Reader, slots: u8) -> Result<Cells, Corrupt> {
        let count = reader.count("slots of visits", Slots::MAX, LEAST_BYTES)?;
        let mut cells = Cells(Vec::with_capacity(count));
        for _ in 0..count {
            let slot = reader.u8("slot of visits")?;
            if slot >= slots || cells.0.last().is_some_and(|(last, _)| *last >= slot) {
                return Err(corrupt(
                    "slot of visits",
                    "not ascending, or not in the bucket",
                ));
            }
            let mut number = || reader.signed("visits");
            let amounts = Amounts {
                visits: number()?,
                engaged: number()?,
                time: number()?,
                events: number()?,
            };
            if amounts.is_zero() {
                return Err(corrupt("visits", "nothing in a slot"));
            }
            cells.0.push((slot, amounts));
        }
        Ok(cells)
    }
}

/// Compares what was counted.
impl PartialEq for Cells {
    fn eq(&self, other: &Cells) -> bool {
        self.counted().eq(other.counted())
    }
}
