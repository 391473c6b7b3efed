//! What was counted of the visits of a row, over many buckets.

use crate::bucket::visits::Visits;
use crate::bucket::Bucket;
use crate::bucket::OTHER;
use crate::schema::Selector;
use crate::time::Piece;
use crate::visitors::{Amounts, Seed, Spread};

/// Of the whole site, or of one value.
pub struct Sum {
    pub row: Option<Selector>,
    seed: Seed,
    amounts: Amounts,
    /// Slots at the edges of the window count in part, as by time.
    trims: bool,
}

impl Sum {
    pub fn new(row: Option<Selector>, seed: Seed) -> Sum {
        Sum {
            row,
            seed,
            amounts: Amounts::default(),
            trims: false,
        }
    }

    pub fn trim(&mut self) {
        self.trims = true;
    }

    pub fn clear(&mut self) {
        self.amounts = Amounts::default();
    }

    pub fn amounts(&self) -> Amounts {
        self.amounts
    }

    /// Adds a piece of a cover without minutes.
    pub fn add(&mut self, piece: &Piece, bucket: &Bucket) {
        let Some(visits) = bucket.visits() else {
            return;
        };
        let cells = match &self.row {
            None => Some(visits.whole()),
            Some(row) => visits.table(row.name()).and_then(|table| {
                let value = row.value().bytes;
                if value == OTHER {
                    return table.other();
                }
                table.named(value, visits.id_of(self.seed, table.axis(), value))
            }),
        };
        if let Some(cells) = cells {
            let slots = piece.slots();
            self.amounts = self.amounts.plus(cells.sum(slots.start, slots.end));
            if self.trims {
                for (slot, outside) in piece.trims() {
                    let edge = cells.sum(slot, slot.saturating_add(1));
                    self.amounts = self.amounts.plus(edge.part(-outside));
                }
            }
        }
    }
}

/// The sums of squares of a piece, by which sampling is judged: those of a bucket, in the part that the
/// piece has of its visits.
pub fn spread_of(piece: &Piece, visits: &Visits) -> [f64; 4] {
    const NONE: &Spread = &Spread {
        visits: 0,
        bounces: 0,
        time: 0,
        events: 0,
    };
    let spread = visits.spread().unwrap_or(NONE);
    let slots = piece.slots();
    let here = visits.whole().sum(slots.start, slots.end).visits as f64;
    let all = visits.whole().total().visits as f64;
    let part = if all > 0.0 {
        (here / all).clamp(0.0, 1.0)
    } else {
        0.0
    };
    let time = spread.time as f64 / 1_000_000.0;
    [
        spread.visits as f64,
        spread.bounces as f64,
        time,
        spread.events as f64,
    ]
    .map(|number| number.max(0.0) * part)
}

/// The most visits of a row in a piece that its own cells do not have.
pub fn moved_visits(piece: &Piece, bucket: &Bucket, row: &Selector) -> u64 {
    let table = bucket.visits().and_then(|visits| visits.table(row.name()));
    let Some((table, other)) = table.and_then(|table| Some((table, table.other()?))) else {
        return 0;
    };
    let value = row.value().bytes;
    if value == OTHER {
        return 0;
    }
    let slots = piece.slots();
    let other = other.sum(slots.start, slots.end).visits;
    let place = table.rows().iter().position(|row| row.value() == value);
    let most = place.map_or(table.floor(), |place| table.error(place));
    most.min(u64::try_from(other).unwrap_or(0))
}
