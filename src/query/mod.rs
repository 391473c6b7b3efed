//! Reading: the site, the cover of a window, and the buckets of the cover. A query opens keys for
//! reading and changes nothing.

pub mod reply;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ptr::NonNull;

use super::config;
use super::stats::{self, QueryTimer};
use crate::api::context::Ctx;
use crate::api::failure::{Failure, Outcome};
use crate::api::guard::ReadGuard;
use crate::api::key::Key;
use crate::api::string::{OwnedString, StringRef};
use crate::api::words::Words;
use crate::store::cluster;
use crate::store::contents::{check_period, BucketValue};
use crate::store::site_value::{Dropped, FoundSpan, SiteValue};
use crate::store::value;
use analytics_core::bucket::Bucket;
use analytics_core::query::fold::{change, seconds, Answer, Fold};
use analytics_core::query::metric::Metric;
use analytics_core::query::observed::observed;
use analytics_core::schema::keys::{check_site_name, BucketName};
use analytics_core::schema::Settings;
use analytics_core::site::Site;
use analytics_core::text::syntax::Argument;
use analytics_core::time::{
    cover, Cover, Grain, Granularity, Grid, Period, Piece, Range, Sources, Step, Window,
};

pub const WINDOW: Argument = Argument::text(c"window");
pub const METRICS: Argument = Argument::text(c"metric").multiple();

/// The site of a query, and the time at which it is answered.
pub struct Query<'c> {
    ctx: Ctx<'c>,
    name: &'c [u8],
    key: StringRef<'c>,
    site: FoundSite,
    pub now: i64,
    /// The buckets that were opened, by their starts: a command opens each once.
    opened: RefCell<Opened>,
    /// Runs until the query is dropped.
    _timer: Option<QueryTimer>,
    /// Values that were found stay valid as long as the query.
    guard: ReadGuard,
}

/// The buckets of periods, None for one that does not exist.
type Opened = BTreeMap<(Granularity, i64), Option<NonNull<BucketValue>>>;

/// A window and the one before it, an answer per metric.
pub struct Compared {
    pub now: Vec<Answer>,
    pub before: Option<Vec<Answer>>,
}

impl Compared {
    /// Per metric now, before, and the change in percent: nothing where there is nothing to compare with.
    pub fn rows(self) -> impl ExactSizeIterator<Item = [Answer; 3]> {
        let mut before = self.before.unwrap_or_default().into_iter();
        self.now.into_iter().map(move |now| {
            let before = before.next().unwrap_or(Answer::Nothing);
            [now, before, change(now, before)]
        })
    }
}

enum FoundSite {
    Stored(NonNull<SiteValue>),
    /// With the default settings, and what the query finds of its buckets.
    Absent(Box<SiteValue>),
}

/// The covers of a window: for visits, and for all else.
struct Covers {
    visits: Option<Cover>,
    others: Option<Cover>,
}

impl Covers {
    fn are_comparable(&self) -> bool {
        let mut covers = self.visits.iter().chain(&self.others);
        covers.all(|cover| cover.is_comparable)
    }
}

/// The pieces of a cover and their buckets, in the order of time.
pub type Parts<'q> = Vec<(Piece, &'q Bucket)>;

impl<'c> Query<'c> {
    /// None when there is no such site.
    pub fn start_existing(ctx: Ctx<'c>, words: Words<'c>) -> Outcome<Option<Query<'c>>> {
        let query = Query::start(ctx, words)?;
        Ok(query.exists().then_some(query))
    }

    /// A site that does not exist is queried like one without events.
    pub fn start(ctx: Ctx<'c>, words: Words<'c>) -> Outcome<Query<'c>> {
        let name = words.get(1).ok_or(Failure::WrongArity)?;
        check_site_name(name)?;
        let timer = QueryTimer::start();
        Query::timed(ctx, words.string(1)?, Some(timer))
    }

    /// Of a site whose name is valid. It is not counted among the queries of clients.
    pub fn of_site(ctx: Ctx<'c>, name: StringRef<'c>) -> Outcome<Query<'c>> {
        Query::timed(ctx, name, None)
    }

    fn timed(ctx: Ctx<'c>, name: StringRef<'c>, timer: Option<QueryTimer>) -> Outcome<Query<'c>> {
        let guard = ReadGuard::new();
        let found = value::read::<SiteValue>(Key::for_reading(ctx, &guard, name))?;
        let site = match found {
            Some(value) => FoundSite::Stored(NonNull::from(value)),
            None => {
                cluster::refuse_if_site_is_elsewhere(ctx, &guard, name, name.bytes())?;
                let site = Site::new(config::default_settings());
                FoundSite::Absent(Box::new(SiteValue::new(site)))
            }
        };
        Ok(Query {
            ctx,
            name: name.bytes(),
            key: name,
            site,
            now: ctx.now(),
            opened: RefCell::default(),
            _timer: timer,
            guard,
        })
    }

    pub fn guard(&self) -> &ReadGuard {
        &self.guard
    }

    fn exists(&self) -> bool {
        matches!(self.site, FoundSite::Stored(_))
    }

    pub fn site(&self) -> &Site {
        &self.value().site
    }

    /// What did not count.
    pub fn dropped(&self) -> &Dropped {
        &self.value().dropped
    }

    fn value(&self) -> &SiteValue {
        match &self.site {
            // SAFETY: found under its key, and kept and unchanged by the guard of this query.
            FoundSite::Stored(value) => unsafe { value.as_ref() },
            FoundSite::Absent(value) => value,
        }
    }

    /// How many events were too late for a funnel.
    pub fn late_for_funnels(&self) -> u64 {
        self.value().dropped.late_for_funnels
    }

    /// The settings by which metrics are parsed; None when there is no such site.
    pub fn settings(&self) -> Option<&Settings> {
        self.exists().then_some(&self.site().settings)
    }

    pub fn window(&self, window: &[u8]) -> Outcome<Window> {
        Ok(Window::parse(window, &self.site().settings.zone)?)
    }

    pub fn range(&self, window: &[u8]) -> Outcome<Range> {
        self.range_of(&self.window(window)?)
    }

    pub fn range_of(&self, window: &Window) -> Outcome<Range> {
        Ok(window.range(self.now, &self.site().settings.zone)?)
    }

    pub fn cover(&self, range: Range) -> Outcome<Cover> {
        Ok(cover(range, &self.sources(self.span()))?)
    }

    /// The cover of a window for visits.
    pub fn visit_cover(&self, range: Range) -> Outcome<Cover> {
        let retention = self.site().settings.retention.without_minutes();
        let sources = Sources {
            retention: &retention,
            ..self.sources(self.span())
        };
        Ok(cover(range, &sources)?)
    }

    pub fn grid(&self, step: Step, grain: Grain, range: Range) -> Outcome<Grid> {
        Ok(Grid::new(step, grain, range, &self.sources(self.span()))?)
    }

    /// A grid that visits can fill, too.
    pub fn visit_grid(&self, step: Step, grain: Grain, range: Range) -> Outcome<Grid> {
        let retention = self.site().settings.retention.without_minutes();
        let sources = Sources {
            retention: &retention,
            ..self.sources(self.span())
        };
        Ok(Grid::new(step, grain, range, &sources)?)
    }

    fn sources(&self, observed: Option<(i64, i64)>) -> Sources<'_> {
        let settings = &self.site().settings;
        Sources {
            zone: &settings.zone,
            retention: &settings.retention,
            since: settings.since,
            now: self.now,
            observed,
        }
    }

    /// Nothing was counted outside of these times: those that the site has recorded, and those of its
    /// buckets. With an empty span no bucket is listed; None where it is unknown.
    fn span(&self) -> Option<(i64, i64)> {
        let found = self.value().found_span(|| self.look_for_span());
        let span = found?.with(self.site().span());
        Some(span.unwrap_or((i64::MAX, i64::MIN)))
    }

    /// The span of the buckets. What is in the way of one is an error of the query that needs it, and not
    /// of this one.
    fn look_for_span(&self) -> FoundSpan {
        let until = self.now.saturating_add(config::max_future());
        let mut missing = Vec::new();
        let found = observed(&self.sources(None), until, |period| {
            let bucket = self.bucket(period, &mut missing).ok().flatten();
            // SAFETY: found under its key, and kept and unchanged by the guard of this query.
            bucket.map(|bucket| &**unsafe { bucket.as_ref() })
        });
        // Buckets that are being moved are unknown.
        let missing = missing.first();
        let refused = missing.map(|bucket| {
            cluster::refuse_if_key_is_elsewhere(self.ctx, &self.guard, self.key, bucket.get())
        });
        found.filter(|_| !matches!(refused, Some(Err(_))))
    }

    /// Passes every bucket of the cover that exists to `read`; returns how many there were.
    pub fn read<'q>(
        &'q self,
        cover: &Cover,
        mut read: impl FnMut(&Piece, &'q Bucket),
    ) -> Outcome<usize> {
        let parts = self.parts(cover)?;
        for (piece, bucket) in &parts {
            read(piece, bucket);
        }
        Ok(parts.len())
    }

    /// One answer per metric over this range.
    pub fn answers(&self, fold: &mut Fold, range: Range) -> Outcome<Vec<Answer>> {
        let covers = self.covers(fold, range)?;
        self.fill(fold, &covers, |cover| cover.counts)
    }

    /// The covers of a window for what is measured.
    fn covers(&self, fold: &Fold, range: Range) -> Outcome<Covers> {
        Ok(Covers {
            visits: match fold.has_visits() {
                true => Some(self.visit_cover(range)?),
                false => None,
            },
            others: match fold.has_others() || !fold.has_visits() {
                true => Some(self.cover(range)?),
                false => None,
            },
        })
    }

    /// `answered`: the part of a cover that rates divide by.
    fn fill(
        &self,
        fold: &mut Fold,
        covers: &Covers,
        answered: fn(&Cover) -> Range,
    ) -> Outcome<Vec<Answer>> {
        fold.clear();
        if let Some(cover) = covers.others.as_ref().or(covers.visits.as_ref()) {
            fold.set_window(cover.window);
        }
        if let Some(cover) = &covers.visits {
            self.read(cover, |piece, bucket| fold.add_visits(piece, bucket))?;
            fold.set_visit_seconds(seconds(answered(cover), self.now));
        }
        let mut others = 0.0;
        if let Some(cover) = &covers.others {
            self.read(cover, |piece, bucket| fold.add(piece, bucket))?;
            others = seconds(answered(cover), self.now);
        }
        Ok(fold.answers(others).collect())
    }

    /// The answers over a window and over the one before it, each for exactly its length: a slot at an edge
    /// counts by the part of it that is inside. None for the window before, where one of them is kept in part
    /// only, or lies between two edges of what is kept; nothing of a metric that was not counted in all of it.
    pub fn compare(&self, metrics: &[Metric], window: &Window) -> Outcome<Compared> {
        let zone = &self.site().settings.zone;
        let ranges = [self.range_of(window)?, window.before(self.now, zone)?];
        let [_, Range { from: begin, .. }] = ranges;
        let mut fold = Fold::new(metrics);
        let [now, before] = ranges.map(|range| self.covers(&fold, range));
        let (now, before) = (now?, before?);
        if !(now.are_comparable() && before.are_comparable()) {
            let now = self.fill(&mut fold, &now, |cover| cover.counts)?;
            stats::QUERY_UNIONS.add(fold.united());
            return Ok(Compared { now, before: None });
        }
        let mut fold = fold.trimmed();
        let now = self.fill(&mut fold, &now, Cover::answered)?;
        let mut before = self.fill(&mut fold, &before, Cover::answered)?;
        stats::QUERY_UNIONS.add(fold.united());
        for (metric, answer) in metrics.iter().zip(&mut before) {
            if metric.since() > begin {
                *answer = Answer::Nothing;
            }
        }
        Ok(Compared {
            now,
            before: Some(before),
        })
    }

    /// Every piece of the cover whose bucket exists.
    pub fn parts(&self, cover: &Cover) -> Outcome<Parts<'_>> {
        let buckets = self.buckets(cover.pieces.iter().map(|piece| piece.period))?;
        let parts = cover.pieces.iter().zip(buckets);
        Ok(parts
            .filter_map(|(piece, bucket)| Some((*piece, bucket?)))
            .collect())
    }

    /// The buckets of these periods; None for one that does not exist.
    pub fn buckets(&self, periods: impl Iterator<Item = Period>) -> Outcome<Vec<Option<&Bucket>>> {
        let mut missing = Vec::new();
        let mut opened = self.opened.borrow_mut();
        let mut buckets = Vec::with_capacity(periods.size_hint().0);
        for period in periods {
            let place = (period.granularity(), period.start());
            let bucket = match opened.get(&place) {
                Some(bucket) => *bucket,
                None => {
                    let bucket = self.bucket(&period, &mut missing)?;
                    stats::QUERY_BUCKETS.add(u64::from(bucket.is_some()));
                    opened.insert(place, bucket);
                    bucket
                }
            };
            // SAFETY: found under its key, and kept and unchanged by the guard of this query.
            buckets.push(bucket.map(|bucket| &**unsafe { bucket.as_ref() }));
        }
        if let Some(bucket) = missing.first() {
            let refused =
                cluster::refuse_if_key_is_elsewhere(self.ctx, &self.guard, self.key, bucket.get());
            if refused.is_err() {
                // The next call for them fails again.
                opened.retain(|_, bucket| bucket.is_some());
                refused?;
            }
        }
        Ok(buckets)
    }

    fn bucket(
        &self,
        period: &Period,
        missing: &mut Vec<OwnedString>,
    ) -> Outcome<Option<NonNull<BucketValue>>> {
        let label = period.label();
        let name = BucketName::new(self.name, period.granularity(), &label);
        let string = OwnedString::new(name.bytes());
        let key = Key::for_reading(self.ctx, &self.guard, string.get());
        match value::read::<BucketValue>(key)? {
            Some(bucket) => {
                check_period(bucket, period, name.bytes())?;
                Ok(Some(NonNull::from(bucket)))
            }
            None => {
                missing.push(string);
                Ok(None)
            }
        }
    }
}
