//! Users or sessions that were counted elsewhere, such as by `PFADD`, and the rows that they count in.
//!
//! A user of `country=FR` is also a user of the whole site, and a user of a cell of a cube is one of each
//! of its values. So an import counts in all rows that an event with these dimensions counts in, except
//! that of its type, which is not given. It does not change events and values.

use crate::bucket::tally::Distinct;
use crate::bucket::Bucket;
use crate::error::Result;
use crate::event::{Batch, Facet, RowKind, EVENT};
use crate::schema::{Names, Selector, Settings};
use crate::sketch::hll::Sketch;
use crate::text::Text;

/// `'a`: borrows the arguments.
pub struct Import<'a> {
    pub what: Distinct,
    pub sketch: Sketch,
    pub row: Row<'a>,
}

/// The dimensions that are imported: none, a value of one, or a value of each of a cube.
#[derive(Debug, Default)]
pub struct Row<'a> {
    pairs: Vec<(Text<'a>, Text<'a>)>,
}

impl<'a> Row<'a> {
    /// Refuses dimensions for which the site counts no users.
    pub fn new(pairs: &[(&'a [u8], &'a [u8])], settings: &Settings) -> Result<Row<'a>> {
        if !pairs.is_empty() {
            Selector::of_pairs(pairs, Names::all(Some(settings)))?.check_users()?;
        }
        let text = |(name, value): &(&'a [u8], &'a [u8])| (Text::new(name), Text::new(value));
        Ok(Row {
            pairs: pairs.iter().map(text).collect(),
        })
    }

    /// A batch with these dimensions and no event.
    pub fn batch(&self) -> Batch<'a> {
        Batch {
            dimensions: self.dimensions().copied().collect(),
            ..Batch::default()
        }
    }

    fn dimensions(&self) -> impl Iterator<Item = &(Text<'a>, Text<'a>)> {
        self.pairs.iter().filter(|(name, _)| name.bytes != b"event")
    }

    fn facets<'f>(&'f self, settings: &'f Settings, cell: &'f mut Vec<u8>) -> Vec<Facet<'f>> {
        let facet = |(name, value): &(Text<'f>, Text<'f>)| match name.bytes {
            b"event" => Facet {
                kind: RowKind::Event,
                name: EVENT,
                value: *value,
                users: settings.event_users(),
                capacity: settings.event_capacity(),
            },
            _ => Facet {
                kind: RowKind::Dimension,
                name: *name,
                value: *value,
                users: settings.dimension(*name).is_none_or(|known| known.users),
                capacity: settings.dimension(*name).map_or(0, |known| known.capacity),
            },
        };
        let mut facets: Vec<Facet> = self.pairs.iter().map(facet).collect();
        let names: Vec<&[u8]> = self.pairs.iter().map(|(name, _)| name.bytes).collect();
        if names.len() < 2 {
            return facets;
        }
        if let Ok(cube) = settings.cube_of(&names) {
            let event = self.pairs.iter().find(|(name, _)| name.bytes == b"event");
            let event = event.map_or(EVENT, |(_, value)| *value);
            cube.write_cell(event, &self.pairs, cell);
            facets.push(Facet {
                kind: RowKind::Cube,
                name: cube.name.text(),
                value: Text::new(cell),
                users: cube.users,
                capacity: cube.capacity,
            });
        }
        facets
    }
}

impl Import<'_> {
    /// Whether the bucket changed. `settings` hold the dimensions.
    pub fn apply(&self, bucket: &mut Bucket, settings: &Settings) -> bool {
        let mut cell = Vec::new();
        let facets = self.row.facets(settings, &mut cell);
        bucket.import(&facets, self.what, &self.sketch, settings.capacity)
    }
}
