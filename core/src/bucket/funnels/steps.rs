//! How many attempts reached each step of a funnel.
//!
//! ```text
//! stored:  n | n × attempts     up to the last step that any reached
//! ```

use crate::bucket::visits::Sums;
use crate::codec::{corrupt, Reader, Writer};
use crate::error::Corrupt;
use crate::funnel::MOST_STEPS;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Steps([u64; MOST_STEPS]);

impl Steps {
    /// So many that reached the steps behind `from`, up to `to`.
    pub fn reached(from: u8, to: u8, attempts: u64) -> Steps {
        let mut steps = Steps::default();
        let reached = usize::from(from)..usize::from(to);
        if let Some(reached) = steps.0.get_mut(reached) {
            reached.fill(attempts);
        }
        steps
    }

    /// How many reached the step of this number, from 0.
    #[inline]
    pub fn at(&self, step: usize) -> u64 {
        self.0.get(step).copied().unwrap_or(0)
    }

    pub fn all(&self) -> &[u64; MOST_STEPS] {
        &self.0
    }
}

impl Sums for Steps {
    const LEAST_BYTES: usize = 2;

    #[inline]
    fn plus(mut self, other: Steps) -> Steps {
        for (sum, more) in self.0.iter_mut().zip(other.0) {
            *sum = sum.saturating_add(more);
        }
        self
    }

    fn is_zero(&self) -> bool {
        *self == Steps::default()
    }

    fn began(&self) -> u64 {
        self.at(0)
    }

    fn encode(&self, writer: &mut Writer) {
        let last = self.0.iter().rposition(|attempts| *attempts > 0);
        let count = last.map_or(0, |last| last + 1);
        writer.u8(count as u8);
        for attempts in self.0.iter().take(count) {
            writer.varint(*attempts);
        }
    }

    fn decode(reader: &mut Reader) -> Result<Steps, Corrupt> {
        let count = reader.count("steps", MOST_STEPS, 1)?;
        let mut steps = Steps::default();
        for attempts in steps.0.iter_mut().take(count) {
            *attempts = reader.varint("attempts")?;
        }
        match count.checked_sub(1).map(|last| steps.at(last)) {
            None | Some(0) => Err(corrupt("steps", "none at the end")),
            Some(_) => Ok(steps),
        }
    }
}
