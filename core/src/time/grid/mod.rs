//! The regular grid of a series: its cells, and which buckets fill them.
//!
//! All of a series is answered from one granularity: the coarsest one whose slots (or whole buckets)
//! fit into the cells and that is still kept of all the window, for that opens the fewest buckets.
//! Cells are whole: the first one begins before the window where its step does, as far back as that
//! is kept. Before the first event and after the last one there is nothing to be kept: such cells
//! need no bucket.

mod edges;
mod grain;
#[cfg(test)]
mod oracle;
mod plan;
mod step;
#[cfg(test)]
mod tests;

use super::cover::usable_from;
use super::local::Local;
use super::{Granularity, Range, Sources, Zone};
use crate::error::{Error, Result};
use edges::edges;
use plan::Plan;
use step::Length;

pub use edges::MAX_POINTS;
pub use grain::Grain;
pub use plan::Read;
pub use step::Step;

/// About as many points does `auto` make.
const AUTO_POINTS: i64 = 120;

/// The cells of a series, in the order of time and without holes, and the buckets that fill them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grid {
    edges: Vec<i64>,
    plan: Plan,
    kept_from: i64,
}

impl Grid {
    /// The grid of a window.
    pub fn new(step: Step, grain: Grain, window: Range, sources: &Sources<'_>) -> Result<Grid> {
        let mut layout = Layout::new(grain, window, sources)?;
        match step.0 {
            Some(length) => layout.grid(length),
            None => layout.auto(),
        }
    }

    /// How many cells there are.
    pub fn len(&self) -> usize {
        self.edges.len().saturating_sub(1)
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// When each cell begins and ends.
    pub fn cells(&self) -> impl ExactSizeIterator<Item = Range> + '_ {
        let starts = self.edges.iter().take(self.len());
        starts
            .zip(self.edges.iter().skip(1))
            .map(|(from, to)| Range::new(*from, *to))
    }

    /// When this one begins and ends.
    pub fn cell(&self, index: usize) -> Option<Range> {
        let (from, to) = (self.edges.get(index)?, self.edges.get(index + 1)?);
        Some(Range::new(*from, *to))
    }

    /// From where on events are counted: inside the first cell, where what precedes is gone.
    pub fn kept_from(&self) -> i64 {
        self.kept_from
    }

    /// The buckets to read, in the order of time, each once.
    pub fn reads(&self) -> impl Iterator<Item = Read<'_>> {
        self.plan.reads()
    }
}

/// What all grids of one window have in common.
struct Layout<'a> {
    grain: Grain,
    window: Range,
    /// When there were events.
    observed: Range,
    /// Whether any of them are in the window: only those have to be kept.
    needed: bool,
    local: Local<'a>,
    /// The granularities that hold all that is needed, coarsest first, and from where on each does.
    usable: Vec<(Granularity, i64)>,
    /// The shortest cells that can be answered. Where nothing has to be kept: that ever can, so that what
    /// is refused of a busy site is refused of an idle one.
    finest: Length,
}

impl<'a> Layout<'a> {
    fn new(grain: Grain, window: Range, sources: &Sources<'a>) -> Result<Layout<'a>> {
        let mut local = sources.zone.local();
        let (first, last) = sources.observed.unwrap_or((i64::MIN, i64::MAX));
        let observed = Range::new(first, last.saturating_add(1));
        let needed = Range::new(window.from.max(first), window.to.min(observed.to));
        let mut usable: Vec<(Granularity, i64)> = { Granularity::ALL.into_iter().rev() }
            .filter_map(|granularity| {
                usable_from(granularity, sources, &mut local).map(|from| (granularity, from))
            })
            .collect();
        let earliest = usable.iter().map(|(_, from)| *from).min();
        let finest_ever = finest(&usable, grain);
        usable.retain(|(_, from)| *from <= needed.from);
        if usable.is_empty() && !needed.is_empty() {
            return Err(nothing_kept(earliest));
        }
        Ok(Layout {
            grain,
            window,
            observed,
            finest: match needed.is_empty() {
                true => finest_ever,
                false => finest(&usable, grain),
            },
            needed: !needed.is_empty(),
            local,
            usable,
        })
    }

    fn grid(&mut self, length: Length) -> Result<Grid> {
        if self.is_too_fine(length) {
            return Err(self.too_fine(length));
        }
        self.attempt(length)?.ok_or_else(|| self.crossing(length))
    }

    /// The nice length that makes about the right number of points, or the nearest longer one that
    /// what is kept allows; a shorter one where none does.
    fn auto(&mut self) -> Result<Grid> {
        let nice = Length::nice();
        let enough = |length: &Length| length.at_most() >= self.window.len() / AUTO_POINTS;
        let (shorter, longer) = nice.split_at(nice.partition_point(|length| !enough(length)));
        for length in longer.iter().chain(shorter.iter().rev()) {
            if self.is_too_fine(*length) {
                continue;
            }
            if let Ok(Some(grid)) = self.attempt(*length) {
                return Ok(grid);
            }
        }
        self.grid(self.finest)
    }

    /// None if the cells cross whatever is kept.
    fn attempt(&mut self, length: Length) -> Result<Option<Grid>> {
        let edges = edges(length, self.grain, self.window, &mut self.local)?;
        for (granularity, from) in &self.usable {
            let span = Range::new(self.observed.from.max(*from), self.observed.to);
            let plan = Plan::of(*granularity, self.grain, &edges, span, &mut self.local)?;
            if let Some(plan) = plan {
                let lacks_events = self.observed.from < *from;
                return Ok(Some(Grid {
                    edges,
                    plan,
                    kept_from: if lacks_events { *from } else { i64::MIN },
                }));
            }
        }
        Ok((!self.needed).then(|| Grid {
            edges,
            plan: Plan::default(),
            kept_from: i64::MIN,
        }))
    }

    fn is_too_fine(&self, length: Length) -> bool {
        length.at_most() < self.finest.at_most()
    }

    fn too_fine(&self, length: Length) -> Error {
        let finest = self.finest;
        let what = match self.grain {
            Grain::Slot => "",
            Grain::Bucket => " for distinct counts and percentiles",
        };
        Error::new(format!(
            "step {length} is finer than what is still kept of all the window: the finest{what} is \
             {finest}"
        ))
    }

    fn crossing(&mut self, length: Length) -> Error {
        let shorter = { Length::nice().iter().rev() }
            .filter(|nice| nice.at_most() < length.at_most())
            .find(|nice| !self.is_too_fine(**nice) && matches!(self.attempt(**nice), Ok(Some(_))));
        let shorter = shorter.copied().unwrap_or(self.finest);
        Error::new(format!(
            "step {length} cuts through what is still kept of all the window: {shorter} is one that \
             does not"
        ))
    }
}

/// The shortest cells that buckets of these granularities answer.
fn finest(usable: &[(Granularity, i64)], grain: Grain) -> Length {
    let granularities = usable.iter().map(|(granularity, _)| *granularity);
    granularities
        .map(|granularity| Length::finest(granularity, grain))
        .min_by_key(Length::at_most)
        .unwrap_or(Length::finest(Granularity::Minute, grain))
}

fn nothing_kept(earliest: Option<i64>) -> Error {
    let earliest = earliest.and_then(|from| Zone::UTC.period(Granularity::Minute, from));
    match earliest {
        Some(minute) => Error::new(format!(
            "window begins with events that are not kept any more, in any step: it may begin at \
             {}Z",
            minute.label()
        )),
        None => Error::new("window has events of which nothing is kept any more"),
    }
}
