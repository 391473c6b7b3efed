//! Resolving an event: the rows that it counts in, by the settings of its site, and the hashes and
//! numbers that every bucket needs of it.

use crate::event::{recycle, Batch, Event, Facet, ResolvedEvent, RowKind, EVENT};
use crate::people::Seen;
use crate::schema::visits::FROM;
use crate::schema::{limits, Cube, Settings};
use crate::sketch::hll::Member;
use crate::sketch::Number;
use crate::text::Text;

/// Resolves events one by one. It keeps its memory from one to the next.
#[derive(Default)]
pub struct RowResolver<'a> {
    facets: Vec<Facet<'a>>,
    /// The texts of cube cells.
    cells: Vec<u8>,
    names: Vec<Text<'a>>,
    numbers: Vec<Number>,
    /// The dimensions of an event, and `from`.
    dimensions: Vec<(Text<'a>, Text<'a>)>,
}

impl<'a> RowResolver<'a> {
    /// Keeps the memory.
    pub fn clear(&mut self) {
        self.facets.clear();
        self.names.clear();
        self.numbers.clear();
    }

    /// Resolves an event of the batch by these settings, and passes it to `take`. `from`: the page path before,
    /// where that is a dimension of the event. `seen`: what is counted of its user.
    #[inline]
    pub fn resolve_rows(
        &mut self,
        settings: &Settings,
        event: &Event<'a>,
        batch: &Batch<'a>,
        (from, seen): (Option<&[u8]>, Option<Seen>),
        take: impl FnOnce(&ResolvedEvent),
    ) {
        let mut facets: Vec<Facet> = recycle(std::mem::take(&mut self.facets));
        let mut own = batch.dimensions_of(event);
        let mut with_from: Vec<(Text, Text)> = Vec::new();
        if let Some(from) = from {
            with_from = recycle(std::mem::take(&mut self.dimensions));
            with_from.extend_from_slice(own);
            with_from.push((Text::new(FROM), Text::new(from)));
            own = &with_from;
        }
        push_facets(settings, event, own, &mut self.cells, &mut facets);
        self.names.clear();
        self.numbers.clear();
        for (name, x) in batch.values_of(event) {
            self.names.push(*name);
            self.numbers.push(Number::of(*x));
        }
        take(&ResolvedEvent {
            user: Member::of(event.user),
            session: event.session.map(Member::of),
            facets: &facets,
            names: &self.names,
            numbers: &self.numbers,
            counts_people: settings.counts_people(),
            seen,
        });
        self.facets = recycle(facets);
        if from.is_some() {
            self.dimensions = recycle(with_from);
        }
    }
}

/// The rows in which an event counts. `cells` holds the texts of its cube cells.
fn push_facets<'e>(
    settings: &'e Settings,
    event: &Event<'e>,
    dimensions: &[(Text<'e>, Text<'e>)],
    cells: &'e mut Vec<u8>,
    facets: &mut Vec<Facet<'e>>,
) {
    facets.push(Facet {
        kind: RowKind::Event,
        name: EVENT,
        value: event.kind,
        users: settings.event_users(),
        capacity: settings.event_capacity(),
    });
    for (name, value) in dimensions {
        let known = settings.dimension(*name);
        facets.push(Facet {
            kind: RowKind::Dimension,
            name: *name,
            value: *value,
            users: known.is_none_or(|dimension| dimension.users),
            capacity: known.map_or(0, |dimension| dimension.capacity),
        });
    }
    if !settings.cubes().is_empty() {
        push_cube_facets(settings, event, dimensions, cells, facets);
    }
}

fn push_cube_facets<'e>(
    settings: &'e Settings,
    event: &Event<'e>,
    dimensions: &[(Text<'e>, Text<'e>)],
    cells: &'e mut Vec<u8>,
    facets: &mut Vec<Facet<'e>>,
) {
    let mut found: [Option<(&Cube, usize, usize)>; limits::CUBES_PER_SITE] =
        [None; limits::CUBES_PER_SITE];
    cells.clear();
    for (cube, index) in settings.cubes().iter().zip(&mut found) {
        let start = cells.len();
        if cube.write_cell(event.kind, dimensions, cells) {
            *index = Some((cube, start, cells.len()));
        } else {
            cells.truncate(start);
        }
    }
    let cells: &'e [u8] = cells;
    for (cube, start, end) in found.into_iter().flatten() {
        facets.push(Facet {
            kind: RowKind::Cube,
            name: cube.name.text(),
            value: Text::new(cells.get(start..end).unwrap_or_default()),
            users: cube.users,
            capacity: cube.capacity,
        });
    }
}
