//! The stored form of counters at positions, whatever holds them in memory.
//!
//! ```text
//! entries  varint               how many counters are not zero
//! first    signed               position of the first of them; absent when there are none
//! then for each, in the order of their positions:
//!   head   varint               gap << 1 | many
//!   rest   varint               count - 2; only when many, a count of one has none
//! ```
//!
//! The gap is the number of positions skipped since the counter before, 0 for the first. Every
//! entry takes a byte at least, so that a payload never has more counters than bytes.

use crate::codec::{corrupt, Reader, Writer};
use crate::error::Corrupt;

/// So many entries, in the order of their positions, of which none is zero.
pub fn encode(len: usize, entries: impl Iterator<Item = (i32, u64)>, writer: &mut Writer) {
    writer.varint(len as u64);
    let mut next = None;
    for (position, count) in entries {
        let position = i64::from(position);
        let expected = next.unwrap_or_else(|| {
            writer.signed(position);
            position
        });
        let gap = position.abs_diff(expected);
        writer.varint(gap << 1 | u64::from(count > 1));
        if count > 1 {
            writer.varint(count - 2);
        }
        next = Some(position + 1);
    }
}

/// Passes every entry to `take`; positions are between `min` and `max`, both included.
pub fn decode(
    reader: &mut Reader,
    min: i32,
    max: i32,
    mut take: impl FnMut(i32, u64),
) -> Result<(), Corrupt> {
    let (min, max) = (i64::from(min), i64::from(max));
    let positions = (max - min + 1).max(0) as usize;
    let entries = reader.count("counters", positions, 1)?;
    let mut next = None;
    for _ in 0..entries {
        let expected = match next {
            Some(position) => position,
            None => reader.signed("first counter")?,
        };
        let head = reader.varint("counter")?;
        let gap = head >> 1;
        if next.is_none() && gap != 0 {
            return Err(corrupt("counter", "a gap before the first"));
        }
        let position = expected
            .checked_add_unsigned(gap)
            .filter(|position| (min..=max).contains(position))
            .and_then(|position| i32::try_from(position).ok())
            .ok_or(corrupt("counter", "not in order"))?;
        let count = match head & 1 {
            0 => 1,
            _ => reader.varint_to("count", u64::MAX - 2)? + 2,
        };
        take(position, count);
        next = Some(i64::from(position) + 1);
    }
    Ok(())
}
