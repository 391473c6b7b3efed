//! `ANALYTICS.EXPLAIN site window [metric]...`: the buckets that a query over this window would read, what
//! of its distinct counts is interpolated, and their error.
//!
//! ```text
//! window          the range that was asked for
//! counts          the range that is answered: the same, widened to slots
//! users           from the beginning to the end of the buckets that are read
//! interpolated    1 where buckets reach beyond the window, so that users and percentiles are estimated
//! inner, outer    the users of the buckets inside the window, and of all that are read
//! edges           the buckets that reach beyond it: bucket, range, and the part that counts
//! metrics         only with metrics: of each its value, and the events that it may be missing
//! buckets, found  how many the plan has of each granularity, and how many of them exist
//! ```

use super::site::no_site;
use crate::api::command::{Access, Command};
use crate::api::context::Ctx;
use crate::api::failure::Outcome;
use crate::api::registration::entry;
use crate::api::words::Words;
use crate::query::reply::reply_answer;
use crate::query::{Query, WINDOW};
use crate::stats;
use analytics_core::query::fold::{
    excess_of, moved_attempts, moved_visits, spread_of, Answer, EdgePart, Fold,
};
use analytics_core::query::metric::{Measure, Metric, PeopleMeasure, VisitMeasure};
use analytics_core::query::moved::moved;
use analytics_core::schema::{self, Selector};
use analytics_core::text::syntax::Argument;
use analytics_core::time::{Cover, Granularity, Range, DAY};

pub const COMMAND: Command = Command {
    name: c"analytics.explain",
    summary: c"Shows what a query over a window would read",
    since: c"0.1.0",
    complexity: c"O(B) where B is the number of buckets that cover the window",
    tips: Some(c"nondeterministic_output"),
    access: Access::Read,
    is_fast: false,
    arguments: &[Argument::SITE, WINDOW, METRIC],
    run: entry!(explain),
};

const METRIC: Argument = Argument::text(c"metric").optional().multiple();

pub fn explain(ctx: Ctx, words: Words) -> Outcome {
    let window = words.required(2)?;
    let Some(query) = Query::start_existing(ctx, words)? else {
        return Err(no_site(words.required(1)?).into());
    };
    let window = query.range(window)?;
    let texts = words.from(3);
    let metrics = Metric::parse_different(texts.iter(), query.settings())?;
    let cover = query.cover(window)?;
    let mut planned = [0i64; Granularity::COUNT];
    for piece in &cover.pieces {
        if let Some(count) = planned.get_mut(piece.period.granularity().index()) {
            *count += 1;
        }
    }
    let mut fold = Fold::new(&[Metric::of_site(Measure::Users)]);
    let found = query.read(&cover, |piece, bucket| fold.add(piece, bucket))?;
    stats::QUERY_UNIONS.add(fold.united());
    let Some(users) = fold.users() else {
        return Ok(());
    };

    let measured = measured(&query, window, &cover, &metrics)?;

    let visits = Visits::read(&query, window)?;
    let people = People::read(&query, &cover)?;

    let parts = usize::from(texts.len() > 0)
        + 3 * usize::from(visits.is_some())
        + usize::from(people.is_some());
    ctx.reply_map(10 + parts);
    ctx.reply_bytes(b"window");
    reply_range(ctx, window);
    ctx.reply_bytes(b"counts");
    reply_range(ctx, cover.counts);
    ctx.reply_bytes(b"users");
    reply_range(ctx, cover.users);
    ctx.reply_bytes(b"interpolated");
    ctx.reply_integer((!users.edges.is_empty()).into());
    for (name, count) in [("inner", users.inner), ("outer", users.outer)] {
        ctx.reply_bytes(name.as_bytes());
        ctx.reply_integer(count.round() as i64);
    }
    ctx.reply_bytes(b"edges");
    ctx.reply_array(users.edges.len());
    users.edges.iter().for_each(|edge| reply_edge(ctx, edge));
    ctx.reply_bytes(b"buckets");
    ctx.reply_map(Granularity::COUNT);
    for (granularity, count) in Granularity::ALL.into_iter().zip(planned) {
        ctx.reply_bytes(granularity.name().as_bytes());
        ctx.reply_integer(count);
    }
    ctx.reply_bytes(b"found");
    ctx.reply_integer(found as i64);
    ctx.reply_bytes(b"standard-error");
    ctx.reply_double(users.standard_error);
    if texts.len() > 0 {
        ctx.reply_bytes(b"metrics");
        ctx.reply_map(texts.len());
        for (text, (answer, missing)) in texts.iter().zip(measured) {
            ctx.reply_bytes(text);
            ctx.reply_map(2);
            ctx.reply_bytes(b"value");
            reply_answer(ctx, answer);
            ctx.reply_bytes(b"missing");
            reply_answer(ctx, Answer::Count(missing));
        }
    }
    if let Some(visits) = visits {
        visits.reply(ctx);
    }
    if let Some(people) = people {
        people.reply(ctx);
    }
    Ok(())
}

/// Of each metric its answer, and the most events, or visits, that full buckets may have moved out of its
/// rows.
fn measured(
    query: &Query,
    window: Range,
    cover: &Cover,
    metrics: &[Metric],
) -> Outcome<Vec<(Answer, u64)>> {
    let mut fold = Fold::new(metrics);
    let answers = query.answers(&mut fold, window)?;
    stats::QUERY_UNIONS.add(fold.united());
    let mut missing = vec![0u64; metrics.len()];
    let mut add = |moved: &dyn Fn(&Measure, &Selector) -> u64, of_visits: bool| {
        for (metric, missing) in metrics.iter().zip(&mut missing) {
            let terms = metric
                .terms()
                .filter(|term| term.is_of_visits() == of_visits);
            let rows = terms.filter_map(|term| Some((&term.measure, term.row.as_ref()?)));
            let rows = rows.map(|(measure, row)| moved(measure, row));
            *missing = rows.fold(*missing, u64::saturating_add);
        }
    };
    query.read(cover, |piece, bucket| {
        add(&|_, row| moved(piece, bucket, row), false)
    })?;
    if metrics.iter().any(Metric::has_visits) {
        let cover = query.visit_cover(window)?;
        query.read(&cover, |piece, bucket| {
            let moved = |measure: &Measure, row: &Selector| match measure {
                Measure::Funnel(_, source) => moved_attempts(piece, bucket, *source, row),
                _ => moved_visits(piece, bucket, row),
            };
            add(&moved, true);
        })?;
    }
    Ok(answers.into_iter().zip(missing).collect())
}

/// How visits are answered, on a site that counts them.
struct Visits {
    counts: Range,
    /// What was counted, and the sums of squares by which its error is estimated.
    numbers: [f64; 4],
    squares: [f64; 4],
}

const VISITS: [(&str, VisitMeasure); 4] = [
    ("visits", VisitMeasure::Visits),
    ("bounces", VisitMeasure::Bounces),
    ("visit-time", VisitMeasure::TimeSum),
    ("visit-events", VisitMeasure::EventsSum),
];

impl Visits {
    fn read(query: &Query, window: Range) -> Outcome<Option<Visits>> {
        let Some(visits) = &query.site().settings.visits else {
            return Ok(None);
        };
        let seed = visits.seed();
        let metrics = VISITS.map(|(_, measure)| Metric::of_site(Measure::Visits(measure, seed)));
        let mut fold = Fold::new(&metrics);
        let cover = query.visit_cover(window)?;
        let mut squares = [0.0; 4];
        query.read(&cover, |piece, bucket| {
            fold.add_visits(piece, bucket);
            if let Some(visits) = bucket.visits() {
                let here = spread_of(piece, visits);
                squares
                    .iter_mut()
                    .zip(here)
                    .for_each(|(all, here)| *all += here);
            }
        })?;
        let mut numbers = [0.0; 4];
        for (number, answer) in numbers.iter_mut().zip(fold.answers(0.0)) {
            *number = answer.number().unwrap_or(0.0);
        }
        Ok(Some(Visits {
            counts: cover.counts,
            numbers,
            squares,
        }))
    }

    fn reply(&self, ctx: Ctx) {
        ctx.reply_bytes(b"visits");
        reply_range(ctx, self.counts);
        let ([visits, ..], [squares, ..]) = (self.numbers, self.squares);
        ctx.reply_bytes(b"visit-sampling");
        // A visit counts for so many on average.
        let weight = if visits > 0.0 {
            1.0 + squares / visits
        } else {
            1.0
        };
        ctx.reply_double(1.0 / weight);
        ctx.reply_bytes(b"visit-standard-errors");
        ctx.reply_map(VISITS.len());
        for ((name, _), (number, squares)) in
            VISITS.iter().zip(self.numbers.iter().zip(self.squares))
        {
            ctx.reply_bytes(name.as_bytes());
            ctx.reply_double(match *number > 0.0 {
                true => squares.sqrt() / number,
                false => 0.0,
            });
        }
    }
}

/// How new and returning users are answered, on a site that remembers who was there before.
struct People {
    /// In days.
    horizon: i32,
    since: i64,
    new_users: Answer,
    /// By which the error of sampling is estimated.
    excess: f64,
    /// Those who return were counted, and not estimated.
    is_counted: bool,
}

impl People {
    fn read(query: &Query, cover: &Cover) -> Outcome<Option<People>> {
        let people = query.site().settings.people.as_deref();
        let Some(returning) = people.and_then(schema::People::returning) else {
            return Ok(None);
        };
        let measures = [PeopleMeasure::New, PeopleMeasure::Returning].map(Measure::People);
        let mut fold = Fold::new(&measures.map(Metric::of_site));
        fold.set_window(cover.window);
        let mut excess = 0.0;
        query.read(cover, |piece, bucket| {
            fold.add(piece, bucket);
            excess += excess_of(piece, bucket);
        })?;
        stats::QUERY_UNIONS.add(fold.united());
        let new_users = fold.answers(0.0).next().unwrap_or(Answer::Nothing);
        Ok(Some(People {
            horizon: returning.horizon(),
            since: returning.since(),
            new_users,
            excess,
            is_counted: fold.counts_returning(),
        }))
    }

    fn reply(&self, ctx: Ctx) {
        ctx.reply_bytes(b"people");
        ctx.reply_map(6);
        ctx.reply_bytes(b"horizon");
        ctx.reply_integer(i64::from(self.horizon) * DAY);
        ctx.reply_bytes(b"since");
        match self.since {
            i64::MIN => ctx.reply_null(),
            since => ctx.reply_integer(since),
        }
        let new_users = self.new_users.number();
        ctx.reply_bytes(b"known");
        ctx.reply_integer(new_users.is_some().into());
        let new_users = new_users.filter(|new_users| *new_users > 0.0);
        ctx.reply_bytes(b"sampling");
        ctx.reply_double(new_users.map_or(1.0, |all| 1.0 / (1.0 + self.excess / all)));
        ctx.reply_bytes(b"standard-error");
        ctx.reply_double(new_users.map_or(0.0, |all| self.excess.sqrt() / all));
        ctx.reply_bytes(b"returning");
        ctx.reply_bytes(match self.is_counted {
            true => b"counted",
            false => b"estimated",
        });
    }
}

/// A bucket at an edge of the window, as its key names it, and the part of it that counts.
fn reply_edge(ctx: Ctx, edge: &EdgePart) {
    ctx.reply_map(3);
    ctx.reply_bytes(b"bucket");
    let granularity = edge.period.granularity().name();
    ctx.reply_bytes(format!("{granularity}:{}", edge.period.label()).as_bytes());
    ctx.reply_bytes(b"range");
    reply_range(ctx, edge.period.range());
    ctx.reply_bytes(b"part");
    ctx.reply_double(edge.part);
}

/// From, and up to but not including.
fn reply_range(ctx: Ctx, range: Range) {
    ctx.reply_array(2);
    ctx.reply_integer(range.from);
    ctx.reply_integer(range.to);
}
