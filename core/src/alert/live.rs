//! Live metrics, in the words of `ANALYTICS.LIVE site SET`:
//! `name every [WINDOW window] metric [metric ...] [WINDOW window metric [metric ...]]...`.

use crate::alert::{check_every, check_metric, check_metric_length};
use crate::error::{shown, Error, Result};
use crate::event::json::Object;
use crate::memory::allocated;
use crate::query::fold::Answer;
use crate::query::groups::{groups, MORE};
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
    MORE,
];

const WINDOW: Argument = Argument::text(c"window").behind(c"WINDOW").optional();

/// Some metrics that are published together.
#[derive(Debug, Clone, PartialEq)]
pub struct Feed {
    pub name: Box<[u8]>,
    pub every: Duration,
    /// At least one.
    pub windows: Vec<FeedWindow>,
}

/// A window of live metrics.
#[derive(Debug, Clone, PartialEq)]
pub struct FeedWindow {
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
        let own = every.to_string();
        let (window, rest) = match rest {
            [word, window, rest @ ..] if WINDOW.is(word) => (*window, rest),
            rest => (own.as_bytes(), rest),
        };
        let windows = groups(window, rest)?.into_iter().map(|(window, metrics)| {
            metrics
                .iter()
                .try_for_each(|metric| check_metric(metric, names))?;
            Ok(FeedWindow {
                window: Window::parse_moving(window)?,
                metrics: metrics.iter().map(|metric| (*metric).into()).collect(),
            })
        });
        let feed = Feed {
            name: (*name).into(),
            every,
            windows: windows.collect::<Result<_>>()?,
        };
        feed.check().map_err(|(_, error)| error)?;
        Ok(feed)
    }

    /// Checks what does not depend on the site, and names the field that is wrong. Whether a site
    /// has the metrics is not checked, for its settings may change.
    pub fn check(&self) -> std::result::Result<(), (&'static str, Error)> {
        check_name("live metric", &self.name).map_err(|error| ("live metric", error))?;
        check_every("every", self.every).map_err(|error| ("every", error))?;
        self.check_windows().map_err(|error| ("metrics", error))
    }

    fn check_windows(&self) -> Result<()> {
        let metrics: usize = self.windows.iter().map(|it| it.metrics.len()).sum();
        let is_empty = self.windows.iter().any(|it| it.metrics.is_empty());
        if is_empty || metrics == 0 || metrics > limits::METRICS_PER_QUERY {
            return Err(Error::new(format!(
                "{metrics} metrics: a message has from 1 to {}, and each window has one",
                limits::METRICS_PER_QUERY
            )));
        }
        self.windows.iter().try_for_each(FeedWindow::check_metrics)
    }

    /// The words that make the same.
    pub fn words(&self) -> Vec<Vec<u8>> {
        let mut words = vec![self.name.to_vec(), self.every.to_string().into_bytes()];
        for it in &self.windows {
            words.push(b"WINDOW".to_vec());
            words.push(it.window.to_string().into_bytes());
            words.extend(it.metrics.iter().map(|metric| metric.to_vec()));
        }
        words
    }

    /// A message with an answer to each metric, in order. With more than one window, each has its own
    /// metrics.
    pub fn json(
        &self,
        site: &[u8],
        mut answers: impl Iterator<Item = Answer>,
        time: i64,
    ) -> Vec<u8> {
        let mut object = Object::new();
        object.text("site", site);
        object.text("name", &self.name);
        object.raw("time", time.to_string().as_bytes());
        match self.windows.as_slice() {
            [one] => one.write(&mut object, &mut answers),
            several => {
                let mut list = Vec::new();
                for it in several {
                    list.push(if list.is_empty() { b'[' } else { b',' });
                    let mut window = Object::new();
                    it.write(&mut window, &mut answers);
                    list.extend(window.finish());
                }
                list.push(b']');
                object.raw("windows", &list);
            }
        }
        object.finish()
    }

    pub fn heap_bytes(&self) -> usize {
        allocated(self.name.len())
            + allocated(self.windows.capacity() * size_of::<FeedWindow>())
            + { self.windows.iter() }
                .map(FeedWindow::heap_bytes)
                .sum::<usize>()
    }
}

impl FeedWindow {
    fn check_metrics(&self) -> Result<()> {
        for (index, metric) in self.metrics.iter().enumerate() {
            check_metric_length(metric)?;
            let mut before = self.metrics.iter().take(index);
            if before.any(|before| before == metric) {
                return Err(Error::new(format!(
                    "metric '{}' is given twice",
                    shown(metric)
                )));
            }
        }
        Ok(())
    }

    fn write(&self, object: &mut Object, answers: &mut impl Iterator<Item = Answer>) {
        let mut metrics = Object::new();
        for (metric, answer) in self.metrics.iter().zip(answers) {
            metrics.named_number(metric, answer.number());
        }
        object.text("window", self.window.to_string().as_bytes());
        object.raw("metrics", &metrics.finish());
    }

    fn heap_bytes(&self) -> usize {
        let texts: usize = self.metrics.iter().map(|text| allocated(text.len())).sum();
        allocated(self.metrics.capacity() * size_of::<Box<[u8]>>()) + texts
    }
}
