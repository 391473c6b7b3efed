//! `ANALYTICS.DASHBOARD site [metric]...`: an overview of a site in one map.
//!
//! ```text
//! active-users        map: 5m, 1h, 24h, 7d
//! today               map: events, users, sessions
//! events-per-second   over the last ten seconds
//! last-minute         events of the last 60 seconds
//! top                 map: of event and every dimension, today's five heaviest values, as TOP replies
//! values              map: of every value a map of avg, p50, p95, p99 over the last hour
//! sums                map: of every value its sum of today
//! events-per-minute   the last sixty minutes of the clock, this one at the end
//! metrics             map: of every metric that is given a map of 5m, 1h, 24h, 7d, today; only with metrics
//! visits              map: visits, bounces:share, visit-time:avg, visit-events:avg of today, where they are
//!                     counted; `top` then has entry and exit by visits, too
//! funnels             map: of every funnel a map of users, converted and share of today, where there are any
//! ```

use crate::api::command::{Access, Command};
use crate::api::context::Ctx;
use crate::api::failure::{Failure, Outcome};
use crate::api::registration::entry;
use crate::api::words::Words;
use crate::commands::top as top_command;
use crate::query::reply::reply_answer;
use crate::query::Query;
use crate::stats;
use analytics_core::bucket::Bucket;
use analytics_core::query::fold::{events_of, Answer, Fold};
use analytics_core::query::metric::{Aggregate, FunnelMeasure, FunnelSource};
use analytics_core::query::metric::{Measure, Metric, VisitMeasure};
use analytics_core::query::top::{top, top_by_visits, Axis, Ranking};
use analytics_core::schema::{Funnel, Names};
use analytics_core::text::syntax::Argument;
use analytics_core::text::{Name, Text};
use analytics_core::time::{Granularity, Piece, Range, MINUTE};

pub const COMMAND: Command = Command {
    name: c"analytics.dashboard",
    summary: c"Shows an overview of a site",
    since: c"0.1.0",
    complexity: c"O(B*V) where B is the number of buckets of the last 7 days and V that of the values they keep",
    tips: Some(c"nondeterministic_output"),
    access: Access::Read,
    is_fast: false,
    arguments: &[Argument::SITE, METRIC],
    run: entry!(dashboard),
};

const METRIC: Argument = Argument::text(c"metric").optional().multiple();

const ACTIVE: [&str; 4] = ["5m", "1h", "24h", "7d"];
/// Of the metrics that are given.
const WINDOWS: [&str; 5] = ["5m", "1h", "24h", "7d", "today"];
const TODAY: [(&str, Measure); 3] = [
    ("events", Measure::Events),
    ("users", Measure::Users),
    ("sessions", Measure::Sessions),
];
const VALUE_AGGREGATES: [(&str, Aggregate); 4] = [
    ("avg", Aggregate::Avg),
    ("p50", Aggregate::Percentile(50.0)),
    ("p95", Aggregate::Percentile(95.0)),
    ("p99", Aggregate::Percentile(99.0)),
];
const VISITS: [(&str, VisitMeasure); 4] = [
    ("visits", VisitMeasure::Visits),
    ("bounces:share", VisitMeasure::BounceShare),
    ("visit-time:avg", VisitMeasure::TimeAvg),
    ("visit-events:avg", VisitMeasure::EventsAvg),
];
/// Of each funnel, today.
const FUNNEL: [(&str, FunnelMeasure); 3] = [
    ("users", FunnelMeasure::Users),
    ("converted", FunnelMeasure::Converted),
    ("share", FunnelMeasure::Share),
];
const ROWS: usize = 5;
const MINUTES: i64 = 60;

/// Everything is read before anything is replied.
struct Dashboard<'c> {
    active: Vec<Answer>,
    today: Vec<Answer>,
    per_second: Vec<Answer>,
    last_minute: Vec<Answer>,
    top: Vec<(Name, Axis, Ranking<'c>)>,
    values: Vec<(Name, Vec<Answer>)>,
    sums: Vec<Answer>,
    per_minute: Vec<Answer>,
    /// Of each of the windows, the answers of all metrics.
    metrics: Vec<Vec<Answer>>,
    visits: Option<Vec<Answer>>,
    funnels: Vec<(&'c [u8], Vec<Answer>)>,
}

pub fn dashboard(ctx: Ctx, words: Words) -> Outcome {
    if words.len() < 2 {
        return Err(Failure::WrongArity);
    }
    let query = Query::start(ctx, words)?;
    let texts = words.from(2);
    let metrics = Metric::parse_different(texts.iter(), query.settings())?;
    Dashboard::read(&query, &metrics)?.reply(ctx, texts);
    Ok(())
}

impl<'c> Dashboard<'c> {
    fn read(query: &'c Query, metrics: &[Metric]) -> Outcome<Dashboard<'c>> {
        let mut active = Vec::with_capacity(ACTIVE.len());
        for window in ACTIVE {
            active.extend(last(query, window, vec![Measure::Users])?);
        }
        let today = query.range(b"today")?;
        Ok(Dashboard {
            active,
            today: fold(query, today, TODAY.map(|(_, measure)| measure).into())?,
            per_second: last(query, "10s", vec![Measure::EventRate])?,
            last_minute: last(query, "60s", vec![Measure::Events])?,
            top: rankings(query, today)?,
            values: values(query)?,
            sums: fold(query, today, sums(query))?,
            per_minute: per_minute(query)?,
            metrics: of_windows(query, metrics)?,
            visits: visits(query, today)?,
            funnels: funnels(query, today)?,
        })
    }

    /// `texts`: the metrics, as they were given.
    fn reply(&self, ctx: Ctx, texts: Words) {
        let has_funnels = !self.funnels.is_empty();
        let further = [texts.len() > 0, self.visits.is_some(), has_funnels];
        ctx.reply_map(8 + further.map(usize::from).iter().sum::<usize>());
        ctx.reply_bytes(b"active-users");
        reply_answers(ctx, &ACTIVE, &self.active);
        ctx.reply_bytes(b"today");
        reply_answers(ctx, &TODAY.map(|(name, _)| name), &self.today);
        ctx.reply_bytes(b"events-per-second");
        self.per_second.iter().for_each(|it| reply_answer(ctx, *it));
        ctx.reply_bytes(b"last-minute");
        self.last_minute
            .iter()
            .for_each(|it| reply_answer(ctx, *it));
        ctx.reply_bytes(b"top");
        ctx.reply_map(self.top.len());
        for (name, axis, ranking) in &self.top {
            ctx.reply_bytes(name.bytes());
            top_command::reply(ctx, axis, ranking);
        }
        ctx.reply_bytes(b"values");
        ctx.reply_map(self.values.len());
        for (name, answers) in &self.values {
            ctx.reply_bytes(name.bytes());
            reply_answers(ctx, &VALUE_AGGREGATES.map(|(name, _)| name), answers);
        }
        ctx.reply_bytes(b"sums");
        ctx.reply_map(self.sums.len());
        for ((name, _), sum) in self.values.iter().zip(&self.sums) {
            ctx.reply_bytes(name.bytes());
            reply_answer(ctx, *sum);
        }
        ctx.reply_bytes(b"events-per-minute");
        ctx.reply_array(self.per_minute.len());
        self.per_minute.iter().for_each(|it| reply_answer(ctx, *it));
        if texts.len() > 0 {
            ctx.reply_bytes(b"metrics");
            ctx.reply_map(texts.len());
            for (place, text) in texts.iter().enumerate() {
                ctx.reply_bytes(text);
                let answer = |answers: &Vec<Answer>| answers.get(place).copied();
                let answers = self.metrics.iter().map(answer);
                let answers: Vec<Answer> = answers
                    .map(|answer| answer.unwrap_or(Answer::Nothing))
                    .collect();
                reply_answers(ctx, &WINDOWS, &answers);
            }
        }
        if let Some(visits) = &self.visits {
            ctx.reply_bytes(b"visits");
            reply_answers(ctx, &VISITS.map(|(name, _)| name), visits);
        }
        if has_funnels {
            ctx.reply_bytes(b"funnels");
            ctx.reply_map(self.funnels.len());
            for (name, answers) in &self.funnels {
                ctx.reply_bytes(name);
                reply_answers(ctx, &FUNNEL.map(|(name, _)| name), answers);
            }
        }
    }
}

fn reply_answers(ctx: Ctx, names: &[&str], answers: &[Answer]) {
    ctx.reply_map(answers.len());
    for (name, answer) in names.iter().zip(answers) {
        ctx.reply_bytes(name.as_bytes());
        reply_answer(ctx, *answer);
    }
}

/// Measures of the whole site over a range; one answer each.
fn fold(query: &Query, range: Range, measures: Vec<Measure>) -> Outcome<Vec<Answer>> {
    let metrics: Vec<Metric> = measures.into_iter().map(Metric::of_site).collect();
    let mut fold = Fold::new(&metrics);
    let answers = query.answers(&mut fold, range)?;
    stats::QUERY_UNIONS.add(fold.united());
    Ok(answers)
}

fn last(query: &Query, window: &str, measures: Vec<Measure>) -> Outcome<Vec<Answer>> {
    fold(query, query.range(window.as_bytes())?, measures)
}

fn rankings<'q>(query: &'q Query, range: Range) -> Outcome<Vec<(Name, Axis, Ranking<'q>)>> {
    let cover = query.cover(range)?;
    let parts = query.parts(&cover)?;
    let settings = &query.site().settings;
    let names = settings.dimensions().iter().map(|it| it.name.clone());
    let names = std::iter::once(Name::new(b"event")).chain(names);
    let ranked = names.map(|name| {
        let axis = Axis::of(name.bytes(), Names::of(Some(settings)));
        let ranking = top(&parts, &axis, &Measure::Events, ROWS, 0.0);
        (name, axis, ranking)
    });
    let mut rankings: Vec<_> = ranked.collect();
    if let Some(visits) = settings.visits.as_ref().filter(|it| it.path().is_some()) {
        let cover = query.visit_cover(range)?;
        let parts = query.parts(&cover)?;
        for name in visits
            .dimensions()
            .filter(|name| visits.is_derived(Text::new(name)))
        {
            let by = VisitMeasure::Visits;
            let ranking = top_by_visits(&parts, Text::new(name), by, ROWS, 0.0);
            rankings.push((Name::new(name), Axis::of(name, Names::all(None)), ranking));
        }
    }
    Ok(rankings)
}

fn visits(query: &Query, range: Range) -> Outcome<Option<Vec<Answer>>> {
    let Some(visits) = &query.site().settings.visits else {
        return Ok(None);
    };
    let seed = visits.seed();
    let metrics = VISITS.map(|(_, measure)| Metric::of_site(Measure::Visits(measure, seed)));
    query.answers(&mut Fold::new(&metrics), range).map(Some)
}

/// Of each funnel its name, and its answers.
fn funnels<'q>(query: &'q Query, range: Range) -> Outcome<Vec<(&'q [u8], Vec<Answer>)>> {
    let Some((funnels, seed)) = query.site().settings.funnels() else {
        return Ok(Vec::new());
    };
    let sources = funnels.list().iter().map(|it| FunnelSource::of(it, seed));
    let measures = sources.flat_map(|it| FUNNEL.map(|(_, measure)| Measure::Funnel(measure, it)));
    let answers = fold(query, range, measures.collect())?;
    let names = funnels.list().iter().map(Funnel::name);
    let answers = answers.chunks(FUNNEL.len()).map(<[_]>::to_vec);
    Ok(names.zip(answers).collect())
}

fn values(query: &Query) -> Outcome<Vec<(Name, Vec<Answer>)>> {
    let values = query.site().settings.values();
    let measures = values.iter().flat_map(|value| {
        let of = |(_, aggregate)| Measure::Value(value.name.clone(), aggregate);
        VALUE_AGGREGATES.map(of)
    });
    let answers = last(query, "1h", measures.collect())?;
    let names = values.iter().map(|value| value.name.clone());
    let answers = answers.chunks(VALUE_AGGREGATES.len()).map(<[_]>::to_vec);
    Ok(names.zip(answers).collect())
}

/// The sum of every value.
fn sums(query: &Query) -> Vec<Measure> {
    let values = query.site().settings.values().iter();
    values
        .map(|value| Measure::Value(value.name.clone(), Aggregate::Sum))
        .collect()
}

/// The answers of metrics in each of the windows.
fn of_windows(query: &Query, metrics: &[Metric]) -> Outcome<Vec<Vec<Answer>>> {
    if metrics.is_empty() {
        return Ok(Vec::new());
    }
    let mut fold = Fold::new(metrics);
    let answers = WINDOWS.iter().map(|window| {
        let range = query.range(window.as_bytes())?;
        query.answers(&mut fold, range)
    });
    let answers = answers.collect::<Outcome<Vec<_>>>()?;
    stats::QUERY_UNIONS.add(fold.united());
    Ok(answers)
}

/// Null where neither the minutes themselves nor the slots of their hour are kept.
fn per_minute(query: &Query) -> Outcome<Vec<Answer>> {
    let settings = &query.site().settings;
    let kept_from = |granularity: Granularity| {
        let kept_from = settings
            .retention
            .kept_from(granularity, query.now, &settings.zone)?;
        let since = settings.since.get(granularity.index()).copied()?;
        Some(kept_from.max(since))
    };
    let sources = [Granularity::Hour, Granularity::Minute].map(|it| (it, kept_from(it)));
    let piece_at = |time: i64| {
        sources.into_iter().find_map(|(granularity, kept_from)| {
            let period = settings.zone.period(granularity, time)?;
            (kept_from? <= period.start()).then(|| match granularity {
                Granularity::Minute => Piece::whole(period),
                _ => {
                    let slot = period.slots(&settings.zone).of(time);
                    Piece::of_slots(period, slot, slot + 1)
                }
            })
        })
    };
    let this_minute = query.now.div_euclid(MINUTE);
    let minutes = this_minute.saturating_sub(MINUTES - 1)..=this_minute;
    let pieces: Vec<Option<Piece>> = minutes
        .map(|minute| piece_at(minute.saturating_mul(MINUTE)))
        .collect();
    let known: Vec<Piece> = pieces.iter().copied().flatten().collect();
    let mut buckets = query
        .buckets(known.iter().map(|piece| piece.period))?
        .into_iter();
    let counts = pieces.iter().map(|piece| match piece {
        None => Answer::Nothing,
        Some(piece) => Answer::Count(count(piece, buckets.next().flatten())),
    });
    Ok(counts.collect())
}

fn count(piece: &Piece, bucket: Option<&Bucket>) -> u64 {
    bucket.map_or(0, |bucket| events_of(piece, bucket.total()))
}
