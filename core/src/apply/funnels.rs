//! What events add to the attempts of funnels, gathered for the buckets in which those began.

use super::beginnings::Beginnings;
use crate::bucket::funnels::Change;
use crate::bucket::visits::Axis;
use crate::bucket::Bucket;
use crate::event::{Batch, Event, Run};
use crate::funnel::{Moment, Observed, MOST_BY};
use crate::schema::{Funnel, Funnels};
use crate::visitors::{Seed, ValueId};

/// An event as a funnel takes it, with the texts of the values that an attempt remembers by their ids.
#[derive(Debug, Clone, Copy)]
pub struct FunnelEvent<'e> {
    pub moment: Moment,
    by: [Option<&'e [u8]>; MOST_BY],
}

impl<'e> FunnelEvent<'e> {
    /// None where the event matches neither a step nor the end of the funnel.
    #[inline]
    pub fn of(
        funnel: &Funnel,
        seed: Seed,
        event: &Event<'e>,
        batch: &Batch<'e>,
    ) -> Option<FunnelEvent<'e>> {
        let dimensions = batch.dimensions_of(event);
        let definition = funnel.definition();
        let matched = definition.matched(event.kind, dimensions);
        if matched.steps == 0 && !matched.ends {
            return None;
        }
        let (mut by, mut ids) = ([None; MOST_BY], [None; MOST_BY]);
        if matched.steps & 1 == 1 {
            for ((name, text), id) in definition.by().iter().zip(&mut by).zip(&mut ids) {
                *text = batch.value_of(event, name);
                *id = text.map(|text| seed.value(text));
            }
        }
        Some(FunnelEvent {
            moment: Moment {
                time: event.time,
                matched,
                by: ids,
            },
            by,
        })
    }
}

impl FunnelEvent<'_> {
    /// When an attempt may begin with it.
    pub fn begins(&self) -> Option<i64> {
        (self.moment.matched.steps & 1 == 1).then_some(self.moment.time)
    }
}

#[derive(Debug, Default)]
pub struct FunnelBatch {
    /// Of the seed that ids are made with, and the funnels of the site.
    seed: Option<Seed>,
    funnels: Vec<UsedFunnel>,
    changes: Vec<FunnelChange>,
    rows: Vec<BatchRow>,
    texts: Vec<u8>,
}

#[derive(Debug)]
struct UsedFunnel {
    tag: u64,
    steps: usize,
    by: Vec<Axis>,
}

#[derive(Debug)]
struct FunnelChange {
    /// The caller's number for the buckets of the beginning.
    path: u32,
    funnel: u8,
    change: Change,
    rows: Run,
}

#[derive(Debug)]
struct BatchRow {
    by: u8,
    id: ValueId,
    text: Option<Run>,
}

impl FunnelBatch {
    /// The memory that is in use.
    pub fn bytes(&self) -> usize {
        size_of_val(&*self.changes) + size_of_val(&*self.rows) + self.texts.len()
    }

    fn use_settings(&mut self, funnels: &Funnels, seed: Seed) {
        let tags = funnels.list().iter().map(Funnel::tag);
        let is_same = self.seed == Some(seed) && self.funnels.iter().map(|it| it.tag).eq(tags);
        if !is_same {
            self.seed = Some(seed);
            let used = funnels.list().iter().map(|funnel| UsedFunnel {
                tag: funnel.tag(),
                steps: funnel.steps(),
                by: { funnel.definition().by().iter() }
                    .cloned()
                    .map(Axis::By)
                    .collect(),
            });
            self.funnels = used.collect();
        }
    }

    /// Adds what an event did to the attempts of a funnel, by its place among those of the site. `path_of`: the
    /// number of the buckets in which an attempt of a time began.
    pub fn add(
        &mut self,
        (funnels, seed): (&Funnels, Seed),
        place: usize,
        attempting: &FunnelEvent,
        observed: &Observed,
        mut path_of: impl FnMut(i64) -> u32,
    ) {
        for rise in observed.rises.into_iter().flatten() {
            self.use_settings(funnels, seed);
            let first = self.rows.len();
            for (position, id) in (0..).zip(rise.by) {
                let Some(id) = id else { continue };
                let text = attempting.by.get(usize::from(position)).copied().flatten();
                let text = text.filter(|_| rise.from == 0);
                let text = text.map(|text| Run::extend(&mut self.texts, text));
                self.rows.push(BatchRow {
                    by: position,
                    id,
                    text,
                });
            }
            self.changes.push(FunnelChange {
                path: path_of(rise.anchor),
                funnel: place as u8,
                change: Change {
                    beginning: rise.anchor,
                    slot: 0,
                    from: rise.from,
                    to: rise.to,
                    gap: rise.gap,
                    weight: observed.weight.unsigned_abs(),
                },
                rows: Run {
                    start: first as u32,
                    len: (self.rows.len() - first) as u32,
                },
            });
        }
    }
}

impl Beginnings for FunnelBatch {
    fn beginnings(&self) -> impl Iterator<Item = (u32, i64)> {
        let changes = self.changes.iter();
        changes.map(|change| (change.path, change.change.beginning))
    }

    fn clear(&mut self) {
        self.changes.clear();
        self.rows.clear();
        self.texts.clear();
    }

    fn apply(
        &self,
        bucket: &mut Bucket,
        capacity: usize,
        slot_of: impl Fn(u32, i64) -> Option<u8>,
    ) {
        let Some(seed) = self.seed else { return };
        let is_current = |tag: u64| self.funnels.iter().any(|it| it.tag == tag);
        for change in &self.changes {
            let used = self.funnels.get(usize::from(change.funnel));
            let (Some(slot), Some(used)) = (slot_of(change.path, change.change.beginning), used)
            else {
                continue;
            };
            let counted = match change.change.from {
                0 => {
                    let funnels = bucket.funnels_mut().get_or_insert_default();
                    funnels.get_or_insert(used.tag, used.steps, is_current)
                }
                _ if bucket.funnels().is_none() => None,
                _ => { bucket.funnels_mut().as_mut() }
                    .and_then(|funnels| funnels.get_mut(used.tag))
                    .filter(|counted| counted.steps() == used.steps),
            };
            let Some(counted) = counted else { continue };
            let change_here = Change {
                slot,
                ..change.change
            };
            let rows = change.rows.of(&self.rows).iter().filter_map(|row| {
                let text = row.text.map(|text| text.of(&self.texts));
                Some((used.by.get(usize::from(row.by))?, row.id, text))
            });
            counted.add(&change_here, seed, rows, capacity);
        }
    }
}
