//! Where an event is looked at before it is counted: as its site sees it. The desk keeps its memory from
//! one event to the next.

use super::event::{recycle, Batch, Event, Facet, Occurrence};
use super::hll::Member;
use super::number::Number;
use super::site::Site;
use super::text::Text;

#[derive(Default)]
pub struct Desk<'a> {
    facets: Vec<Facet<'a>>,
    /// The texts of cube cells.
    cells: Vec<u8>,
    names: Vec<Text<'a>>,
    numbers: Vec<Number>,
}

impl<'a> Desk<'a> {
    /// Keeps the memory.
    pub fn clear(&mut self) {
        self.facets.clear();
        self.names.clear();
        self.numbers.clear();
    }

    /// Hands on an event of the batch, in the rows that it has in this site.
    #[inline]
    pub fn see(
        &mut self,
        site: &Site,
        event: &Event<'a>,
        batch: &Batch<'a>,
        count: impl FnOnce(&Occurrence),
    ) {
        let mut facets: Vec<Facet> = recycle(std::mem::take(&mut self.facets));
        let dimensions = batch.dimensions_of(event);
        site.facets(event, dimensions, &mut self.cells, &mut facets);
        self.names.clear();
        self.numbers.clear();
        for (name, x) in batch.values_of(event) {
            self.names.push(*name);
            self.numbers.push(Number::of(*x));
        }
        count(&Occurrence {
            user: Member::of(event.user),
            session: event.session.map(Member::of),
            facets: &facets,
            names: &self.names,
            numbers: &self.numbers,
        });
        self.facets = recycle(facets);
    }
}
