//! Reading: the site, the cover of a window, and the buckets of the cover. A query opens keys for
//! reading and changes nothing.

use super::key::Key;
use super::keys::Place;
use super::redis::{bytes_of, Ctx, Failure, Outcome, OwnedString, Words};
use super::site_value::SiteValue;
use super::stats;
use crate::domain::bucket::Bucket;
use crate::domain::error::{shown, Error};
use crate::domain::site::keys::check_site_name;
use crate::domain::site::Site;
use crate::domain::time::{cover, Cover, Piece, Range, Sources, Window};

/// A site that is asked about, and the clock by which it is asked.
pub struct Query<'c> {
    ctx: Ctx<'c>,
    name: &'c [u8],
    key: *mut redis_module::raw::RedisModuleString,
    pub site: &'c Site,
    pub now: i64,
}

impl<'c> Query<'c> {
    /// None when there is no such site: it has counted nothing.
    pub fn open(ctx: Ctx<'c>, words: Words<'c>) -> Outcome<Option<Query<'c>>> {
        let name = words.get(1).ok_or(Failure::WrongArity)?;
        check_site_name(name)?;
        stats::QUERIES.add(1);
        let key = Key::for_reading(ctx, words.string(1));
        Ok(key.value::<SiteValue>()?.map(|value| Query {
            ctx,
            name,
            key: words.string(1),
            site: &value.site,
            now: ctx.now(),
        }))
    }

    pub fn range(&self, window: &[u8]) -> Outcome<Range> {
        let zone = &self.site.settings.zone;
        Ok(Window::parse(window, zone)?.range(self.now, zone)?)
    }

    pub fn cover(&self, range: Range) -> Outcome<Cover> {
        let settings = &self.site.settings;
        let sources = Sources {
            zone: &settings.zone,
            retention: &settings.retention,
            since: settings.since,
            now: self.now,
            // Nothing was counted outside of these times: an empty span lists no bucket.
            observed: Some(self.site.observed().unwrap_or((i64::MAX, i64::MIN))),
        };
        Ok(cover(range, &sources)?)
    }

    /// Hands every bucket of the cover that exists to `read`; gives how many there were.
    pub fn read(&self, cover: &Cover, mut read: impl FnMut(&Piece, &'c Bucket)) -> Outcome<usize> {
        let mut missing = Vec::new();
        let mut found = 0;
        for piece in &cover.pieces {
            let Some(place) = Place::of(self.name, &self.site.settings, piece.period) else {
                continue;
            };
            let key = Key::for_reading(self.ctx, place.name());
            match key.value::<Bucket>()? {
                Some(bucket) if bucket.is_of(&piece.period) => {
                    found += 1;
                    read(piece, bucket);
                }
                Some(_) => return Err(renamed(place.into_name()).into()),
                None => missing.push(place.into_name()),
            }
        }
        self.refuse_if_elsewhere(&missing)?;
        Ok(found)
    }

    fn refuse_if_elsewhere(&self, missing: &[OwnedString]) -> Outcome {
        let mut names = vec![self.key];
        names.extend(missing.iter().map(OwnedString::raw));
        if !missing.is_empty() && self.ctx.may_be_elsewhere(&names) {
            return Err(Failure::TryAgain);
        }
        Ok(())
    }
}

fn renamed(name: OwnedString) -> Error {
    Error::new(format!(
        "bucket '{}' holds another period: it was renamed, or made under another time zone; delete \
         it to go on",
        shown(bytes_of(name.raw()))
    ))
}
