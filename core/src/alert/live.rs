//! Live metrics, in the words of `ANALYTICS.LIVE site SET`:
//! `name every [WINDOW window] metric [metric ...]`.
//!
//! The word WINDOW is no metric: the metric of a value has an aggregate behind a colon.

use crate::alert::{check_every, check_metric, check_metric_length};
use crate::error::{shown, Error, Result};
use crate::event::json::Object;
use crate::memory::allocated;
use crate::query::fold::Answer;
use crate::schema::limits;
use crate::schema::{check_name, Names};
use crate::text::syntax::Argument;
use crate::time::{Duration, Window};

/// The words behind `SET`.
pub const FEED: &[Argument] = &[
    Argument::text(c"name"),
    Argument::text(c"every"),
    WINDOW,
    Argument::text(c"metric").multiple(),
];

const WINDOW: Argument = Argument::text(c"window").behind(c"WINDOW").optional();

/// Some metrics that are published together.
#[derive(Debug, Clone, PartialEq)]
pub struct Feed {
    pub name: Box<[u8]>,
    pub every: Duration,
    pub window: Window,
    /// As they were given: they are read anew each time, for the site's settings may change.
    pub metrics: Vec<Box<[u8]>>,
}

impl Feed {
    /// The words behind `SET`. Without a window it is the time from one message to the next. `names`: those
    /// that the metrics may have.
    pub fn parse(words: &[&[u8]], names: Names) -> Result<Feed> {
        let [name, every, rest @ ..] = words else {
            return Err(Error::new("SET needs a name, a duration and a metric"));
        };
        let every =
            Duration::parse(every).map_err(|error| Error::new(format!("every: {error}")))?;
        let (window, metrics) = match rest {
            [word, window, metrics @ ..] if WINDOW.is(word) => {
                (Window::parse_moving(window)?, metrics)
            }
            metrics => (Window::parse_moving(every.to_string().as_bytes())?, metrics),
        };
        let feed = Feed {
            name: (*name).into(),
            every,
            window,
            metrics: metrics.iter().map(|metric| (*metric).into()).collect(),
        };
        feed.check().map_err(|(_, error)| error)?;
        metrics
            .iter()
            .try_for_each(|metric| check_metric(metric, names))?;
        Ok(feed)
    }

    /// Checks what does not depend on the site, and names the field that is wrong. Whether a site
    /// has the metrics is not checked, for its settings may change.
    pub fn check(&self) -> std::result::Result<(), (&'static str, Error)> {
        check_name("live metric", &self.name).map_err(|error| ("live metric", error))?;
        check_every("every", self.every).map_err(|error| ("every", error))?;
        self.check_metrics().map_err(|error| ("metrics", error))
    }

    fn check_metrics(&self) -> Result<()> {
        if self.metrics.is_empty() || self.metrics.len() > limits::METRICS_PER_QUERY {
            return Err(Error::new(format!(
                "{} metrics: a message has from 1 to {}",
                self.metrics.len(),
                limits::METRICS_PER_QUERY
            )));
        }
        for (index, metric) in self.metrics.iter().enumerate() {
            check_metric_length(metric)?;
            if self
                .metrics
                .iter()
                .take(index)
                .any(|before| before == metric)
            {
                return Err(Error::new(format!(
                    "metric '{}' is given twice",
                    shown(metric)
                )));
            }
        }
        Ok(())
    }

    /// The words that make the same.
    pub fn words(&self) -> Vec<Vec<u8>> {
        let mut words = vec![
            self.name.to_vec(),
            self.every.to_string().into_bytes(),
            b"WINDOW".to_vec(),
            self.window.to_string().into_bytes(),
        ];
        words.extend(self.metrics.iter().map(|metric| metric.to_vec()));
        words
    }

    /// A message with an answer to each metric.
    pub fn json(&self, site: &[u8], answers: impl Iterator<Item = Answer>, time: i64) -> Vec<u8> {
        let mut metrics = Object::new();
        for (metric, answer) in self.metrics.iter().zip(answers) {
            metrics.named_number(metric, answer.number());
        }
        let mut object = Object::new();
        object.text("site", site);
        object.text("name", &self.name);
        object.raw("time", time.to_string().as_bytes());
        object.text("window", self.window.to_string().as_bytes());
        object.raw("metrics", &metrics.finish());
        object.finish()
    }

    pub fn heap_bytes(&self) -> usize {
        let texts: usize = self.metrics.iter().map(|text| allocated(text.len())).sum();
        allocated(self.name.len())
            + allocated(self.metrics.capacity() * size_of::<Box<[u8]>>())
            + texts
    }
}
