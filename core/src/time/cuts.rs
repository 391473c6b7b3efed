//! Which pieces of a cover are cut, and where.

use super::local::Local;
use super::piece::part_of;
use super::{Granularity, Piece, Range};

/// Marks the pieces that are not whole or reach beyond the window. `busy`: when there may be events.
pub(super) fn mark(pieces: &mut [Piece], window: Range, busy: Range, local: &mut Local<'_>) {
    let mut cut: Vec<Piece> = Vec::new();
    for piece in pieces.iter_mut() {
        let period = piece.period.range();
        if piece.is_whole() && window.common(period) == period {
            continue;
        }
        mark_one(piece, window, busy, local);
        piece.number = u8::try_from(cut.len() + 1).unwrap_or(u8::MAX);
        cut.push(*piece);
    }
    for index in 0..cut.len() {
        let holders = cut.get(index).map_or(0, |piece| holders(piece, &cut));
        if let Some(piece) = cut.get_mut(index) {
            piece.within = holders;
        }
    }
    share(&mut cut, pieces, local);
    for piece in pieces.iter_mut().filter(|_| !cut.is_empty()) {
        if let Some(cut) = cut.iter().find(|cut| cut.number == piece.number) {
            *piece = *cut;
        }
        let all = holders(piece, &cut);
        let of_holders = { cut.iter() }
            .filter(|holder| all & bit(holder.number) != 0)
            .fold(0, |bits, holder| bits | holder.within);
        piece.within = all & !of_holders;
        cross(piece, &cut, local);
    }
}

/// Finds the slots of cut pieces that the piece of a longer one counts.
fn share(cut: &mut [Piece], pieces: &[Piece], local: &mut Local<'_>) {
    for piece in cut.iter_mut() {
        let period = piece.period;
        let longer = { pieces.iter() }
            .filter(|longer| longer.period.granularity() > period.granularity())
            .filter(|longer| !longer.period.range().common(period.range()).is_empty());
        for longer in longer {
            let shared = counted(longer, local).common(period.range());
            if !shared.is_empty() {
                let slots = period.slots_in(local);
                piece.shared = (slots.of(shared.from), slots.of(shared.to - 1) + 1);
                piece.borrower = if longer.is_whole() {
                    0
                } else {
                    bit(longer.number)
                };
                piece.borrower_is_edge = longer.reaches_outside();
            }
        }
    }
}

/// Finds the slots of a piece that are also of a longer cut bucket, which does not contain all of it.
fn cross(piece: &mut Piece, cut: &[Piece], local: &mut Local<'_>) {
    let period = piece.period;
    for longer in cut {
        let common = longer.period.range().common(period.range());
        let is_longer = longer.period.granularity() > period.granularity();
        if is_longer && !common.is_empty() && !longer.contains(piece) {
            let slots = period.slots_in(local);
            piece.crossing = (slots.of(common.from), slots.of(common.to - 1) + 1);
            piece.crosses = bit(longer.number);
        }
    }
}

/// The range of the slots of a piece.
fn counted(piece: &Piece, local: &mut Local<'_>) -> Range {
    let slots = piece.period.slots_in(local);
    let last = piece.end_slot.saturating_sub(1);
    Range::new(slots.bounds(piece.first_slot).from, slots.bounds(last).to)
}

/// The bit of a number; none of a number that is too large.
pub fn bit(number: u8) -> u32 {
    1u32.checked_shl(number.into()).unwrap_or(0)
}

/// A bit for each cut piece whose bucket contains this one.
fn holders(piece: &Piece, cut: &[Piece]) -> u32 {
    let holders = cut.iter().filter(|holder| holder.contains(piece));
    holders.fold(0, |bits, holder| bits | bit(holder.number))
}

fn mark_one(piece: &mut Piece, window: Range, busy: Range, local: &mut Local<'_>) {
    let period = piece.period;
    let slots = period.slots_in(local);
    let last_slot = piece.end_slot.saturating_sub(1);
    if period.start() < window.from {
        let first = slots.of(window.from);
        piece.inside.0 = first;
        // A slot that is cut counts as a whole, unless finer pieces count it.
        piece.reaches_outside |= first > 0 || first != piece.first_slot;
        if first == piece.first_slot {
            let slot = slots.bounds(first).common(busy);
            piece.head = part_of(slot, Range::new(window.from, i64::MAX));
        }
    }
    if window.to < period.end() {
        let last = slots.of(window.to.saturating_sub(1));
        piece.inside.1 = last.saturating_add(1);
        piece.reaches_outside |= piece.inside.1 < slots.count() || last != last_slot;
        if last == last_slot {
            let slot = slots.bounds(last).common(busy);
            piece.tail = part_of(slot, Range::new(i64::MIN, window.to));
        }
    }
    let time = |from: u8, to: u8| match from < to {
        true => {
            let range = Range::new(slots.bounds(from).from, slots.bounds(to - 1).to);
            range.common(busy).len() as f64
        }
        false => 0.0,
    };
    let counted = time(piece.first_slot, piece.end_slot);
    let [before, after] = piece.outside();
    let residue = counted + time(before.start, before.end) + time(after.start, after.end);
    piece.part = if residue > 0.0 {
        counted / residue
    } else {
        1.0
    };
}

/// Whether anything is measured, and not only estimated from a part of a slot: slots of seconds
/// always are, and of longer ones one has to be inside the window.
pub(super) fn has_whole_slots(pieces: &[Piece]) -> bool {
    pieces.is_empty()
        || pieces.iter().any(|piece| {
            let cut = match piece.end_slot.saturating_sub(piece.first_slot) {
                1 => usize::from(piece.is_trimmed()),
                _ => { piece.trims().into_iter() }
                    .filter(|(_, outside)| *outside > 0.0)
                    .count(),
            };
            piece.period.granularity() == Granularity::Minute || piece.slots().len() > cut
        })
}
