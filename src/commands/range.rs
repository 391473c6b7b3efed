//! `ANALYTICS.RANGE site window step metric [metric ...]`: per metric, in order, a regular grid of
//! [time, number] without holes.

use crate::api::command::{Access, Command};
use crate::api::context::Ctx;
use crate::api::failure::{Failure, Outcome};
use crate::api::registration::entry;
use crate::api::words::Words;
use crate::query::reply::reply_answer;
use crate::query::{Query, METRICS, WINDOW};
use crate::stats;
use analytics_core::bucket::Bucket;
use analytics_core::error::Error;
use analytics_core::query::fold::{seconds, Answer, Fold};
use analytics_core::query::metric::Metric;
use analytics_core::schema::limits;
use analytics_core::text::syntax::Argument;
use analytics_core::time::{Grain, Grid, Range, Step};

pub const COMMAND: Command = Command {
    name: c"analytics.range",
    summary: c"Measures a window step by step",
    since: c"0.1.0",
    complexity: c"O((B+P)*M) where B is the number of buckets read, P that of the points and M that of the metrics",
    tips: Some(c"nondeterministic_output"),
    access: Access::Read,
    is_fast: false,
    arguments: &[Argument::SITE, WINDOW, STEP, METRICS],
    run: entry!(range),
};

const STEP: Argument = Argument::text(c"step");

pub fn range(ctx: Ctx, words: Words) -> Outcome {
    let (window, step) = (words.required(2)?, words.required(3)?);
    if words.len() < 5 {
        return Err(Failure::WrongArity);
    }
    let query = Query::start(ctx, words)?;
    let window = query.range(window)?;
    let step = Step::parse(step)?;
    let metrics = Metric::parse_all(words.from(4).iter(), query.settings())?;
    let grain = grain_of(&metrics);
    let grid = match metrics.iter().any(Metric::has_visits) {
        true => query.visit_grid(step, grain, window)?,
        false => query.grid(step, grain, window)?,
    };
    check_values(grid.len(), &metrics)?;
    let buckets = query.buckets(grid.reads().map(|read| read.period))?;
    let answers = answers(&grid, &metrics, &buckets, query.now);

    ctx.reply_array(metrics.len());
    for metric in 0..metrics.len() {
        ctx.reply_array(grid.len());
        let answers = answers.iter().skip(metric).step_by(metrics.len());
        for (cell, answer) in grid.cells().zip(answers) {
            ctx.reply_array(2);
            ctx.reply_integer(cell.from);
            reply_answer(ctx, *answer);
        }
    }
    Ok(())
}

/// Bounds the time that a series takes.
fn check_values(points: usize, metrics: &[Metric]) -> Outcome {
    let terms: usize = metrics.iter().map(|metric| metric.terms().count()).sum();
    let values = points.saturating_mul(terms);
    if values <= limits::VALUES_PER_RANGE {
        return Ok(());
    }
    Err(Error::new(format!(
        "{points} points of {terms} metrics are {values} values, and a range has at most {}: ask for a \
         longer step, a shorter window or fewer metrics (a ratio counts as two)",
        limits::VALUES_PER_RANGE
    ))
    .into())
}

/// All metrics share the grid and the buckets of the one that needs most of them.
fn grain_of(metrics: &[Metric]) -> Grain {
    if metrics.iter().any(Metric::widens) {
        Grain::Bucket
    } else {
        Grain::Slot
    }
}

/// Cell by cell, and in each of them one per metric. `buckets`: those that the grid reads, in order.
fn answers(grid: &Grid, metrics: &[Metric], buckets: &[Option<&Bucket>], now: i64) -> Vec<Answer> {
    let mut fold = Fold::new(metrics);
    let nothing: Vec<Answer> = fold.answers(0.0).collect();
    let mut answers = nothing.repeat(grid.len());
    let mut read_off = |fold: &mut Fold, cell: usize| {
        let Some(range) = grid.cell(cell) else {
            return;
        };
        let counted = Range::new(range.from.max(grid.kept_from()), range.to);
        let of_cell = answers.iter_mut().skip(cell * metrics.len());
        let seconds = seconds(counted, now);
        fold.set_visit_seconds(seconds);
        for (place, answer) in of_cell.zip(fold.answers(seconds)) {
            *place = answer;
        }
        fold.clear();
    };
    let has_visits = fold.has_visits();
    let mut at = None;
    for (read, bucket) in grid.reads().zip(buckets) {
        let Some(bucket) = bucket else {
            continue;
        };
        for (cell, piece) in read.shares() {
            if at != Some(cell) {
                if let Some(filled) = at.replace(cell) {
                    read_off(&mut fold, filled);
                }
                if let Some(range) = grid.cell(cell) {
                    fold.set_window(range);
                }
            }
            fold.add(&piece, bucket);
            if has_visits {
                fold.add_visits(&piece, bucket);
            }
        }
    }
    if let Some(filled) = at {
        read_off(&mut fold, filled);
    }
    stats::QUERY_UNIONS.add(fold.united());
    answers
}
