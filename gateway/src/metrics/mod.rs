//! What the gateway counts of itself, for `GET /metrics`. Labels are bounded: sites appear only
//! where they opted in, paths as the router writes them, reasons and operations are words of the
//! code. `sites.rs` asks Redis for the figures of the sites that opted in.

mod sites;

pub use sites::refresh as refresh_sites;

use axum::extract::MatchedPath;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use std::collections::{HashMap, HashSet};
use std::fmt::Write;
use std::hash::{Hash, Hasher};
use std::sync::atomic::AtomicU64;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct RequestLabels {
    pub endpoint: Endpoint,
    pub method: &'static str,
    pub status: u16,
}

/// The path as the router has it, `/api/v1/sites/{site}/get`, or `other`; cloning it shares the text.
#[derive(Debug, Clone)]
pub struct Endpoint(pub Option<MatchedPath>);

impl Endpoint {
    pub fn as_str(&self) -> &str {
        self.0.as_ref().map_or("other", MatchedPath::as_str)
    }
}

impl PartialEq for Endpoint {
    fn eq(&self, other: &Endpoint) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Endpoint {}

impl Hash for Endpoint {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        self.as_str().hash(hasher);
    }
}

impl EncodeLabelValue for Endpoint {
    fn encode(&self, encoder: &mut LabelValueEncoder) -> Result<(), std::fmt::Error> {
        self.as_str().encode(encoder)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct OperationLabels {
    pub operation: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ReasonLabels {
    pub reason: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct AlertLabels {
    /// webhook, slack or email.
    pub kind: &'static str,
    /// sent, failed (and tried again) or dead.
    pub outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct EventLabels {
    pub site: String,
    pub event: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct SiteLabels {
    pub site: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct WindowLabels {
    pub site: String,
    pub window: &'static str,
}

/// Names of events are the client's to choose: so many a site have rows of their own.
const EVENTS_A_SITE: usize = 50;

pub struct Metrics {
    pub requests: Family<RequestLabels, Histogram, fn() -> Histogram>,
    pub redis: Family<OperationLabels, Histogram, fn() -> Histogram>,
    pub dropped: Family<ReasonLabels, Counter>,
    pub events: Family<EventLabels, Counter>,
    pub page_views: Family<SiteLabels, Counter>,
    pub current_visitors: Family<SiteLabels, Gauge>,
    pub visitors: Family<WindowLabels, Gauge>,
    pub conversion_rate: Family<SiteLabels, Gauge<f64, AtomicU64>>,
    named: Mutex<HashMap<String, HashSet<String>>>,
    pub queue_events: Gauge,
    pub queue_bytes: Gauge,
    /// Batches sent again because it was not known whether Redis had counted them.
    pub retries: Counter,
    pub panics: Counter,
    /// Listeners there are.
    pub web_sockets: Gauge,
    pub event_streams: Gauge,
    pub listeners_closed: Family<ReasonLabels, Counter>,
    pub alerts: Family<AlertLabels, Counter>,
    registry: Registry,
}

fn request_seconds() -> Histogram {
    Histogram::new([
        0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 10.0,
    ])
}

fn redis_seconds() -> Histogram {
    Histogram::new([
        0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.25, 1.0, 5.0,
    ])
}

impl Default for Metrics {
    fn default() -> Metrics {
        let mut metrics = Metrics {
            requests: Family::new_with_constructor(request_seconds),
            redis: Family::new_with_constructor(redis_seconds),
            dropped: Family::default(),
            events: Family::default(),
            page_views: Family::default(),
            current_visitors: Family::default(),
            visitors: Family::default(),
            conversion_rate: Family::default(),
            named: Mutex::default(),
            queue_events: Gauge::default(),
            queue_bytes: Gauge::default(),
            retries: Counter::default(),
            panics: Counter::default(),
            web_sockets: Gauge::default(),
            event_streams: Gauge::default(),
            listeners_closed: Family::default(),
            alerts: Family::default(),
            registry: Registry::with_prefix("analytics"),
        };
        metrics.register();
        metrics
    }
}

impl Metrics {
    fn register(&mut self) {
        let seconds = Unit::Seconds;
        let registry = &mut self.registry;
        registry.register_with_unit(
            "request_duration",
            "Requests by path, method and status",
            seconds.clone(),
            self.requests.clone(),
        );
        registry.register_with_unit(
            "redis_operation_duration",
            "Round trips to Redis",
            seconds,
            self.redis.clone(),
        );
        registry.register(
            "dropped",
            "Events and requests that were not counted, by reason",
            self.dropped.clone(),
        );
        registry.register(
            "events",
            "Events taken, of sites that opted in",
            self.events.clone(),
        );
        registry.register(
            "page_views",
            "Page views taken, of sites that opted in",
            self.page_views.clone(),
        );
        registry.register(
            "current_visitors",
            "Visitors of the last five minutes, of sites that opted in",
            self.current_visitors.clone(),
        );
        registry.register(
            "visitors",
            "Visitors of a window, of sites that opted in",
            self.visitors.clone(),
        );
        registry.register(
            "conversion_rate",
            "Share of today's visitors with the site's goal, of sites that opted in",
            self.conversion_rate.clone(),
        );
        registry.register(
            "queue_events",
            "Events that wait for Redis or are under way",
            self.queue_events.clone(),
        );
        registry.register(
            "queue_bytes",
            "Bytes of their commands",
            self.queue_bytes.clone(),
        );
        registry.register(
            "retries",
            "Batches that were sent again",
            self.retries.clone(),
        );
        registry.register(
            "panics",
            "Requests that failed by a fault of the gateway",
            self.panics.clone(),
        );
        registry.register(
            "websocket_connections",
            "Listeners by web socket",
            self.web_sockets.clone(),
        );
        registry.register(
            "event_streams",
            "Listeners by server-sent events",
            self.event_streams.clone(),
        );
        registry.register(
            "listeners_closed",
            "Listeners that the gateway closed, by reason",
            self.listeners_closed.clone(),
        );
        registry.register(
            "alerts",
            "Attempts to send alerts by their outcome, and alerts that were given up",
            self.alerts.clone(),
        );
    }

    pub fn drop_event(&self, reason: &'static str) {
        self.drop_events(reason, 1);
    }

    pub fn drop_events(&self, reason: &'static str, count: u64) {
        self.dropped
            .get_or_create(&ReasonLabels { reason })
            .inc_by(count);
    }

    pub fn alert(&self, kind: &'static str, outcome: &'static str) {
        self.alerts
            .get_or_create(&AlertLabels { kind, outcome })
            .inc();
    }

    pub fn listener_closed(&self, reason: &'static str) {
        self.listeners_closed
            .get_or_create(&ReasonLabels { reason })
            .inc();
    }

    pub fn redis_took(&self, operation: &'static str, time: Duration) {
        self.redis
            .get_or_create(&OperationLabels { operation })
            .observe(time.as_secs_f64());
    }

    /// Counts an event of a site that opted in.
    pub fn count_event(&self, site: &str, event: &str) {
        let event = {
            let mut named = self.named.lock().unwrap_or_else(PoisonError::into_inner);
            let names = named.entry(String::from(site)).or_default();
            if names.len() < EVENTS_A_SITE && !names.contains(event) {
                names.insert(String::from(event));
            }
            if names.contains(event) {
                event
            } else {
                "~other"
            }
        };
        let site = String::from(site);
        if event == "pageview" {
            let labels = SiteLabels { site: site.clone() };
            self.page_views.get_or_create(&labels).inc();
        }
        let event = String::from(event);
        self.events
            .get_or_create(&EventLabels { site, event })
            .inc();
    }

    /// The text that Prometheus reads, in the format that all versions of it know (0.0.4): there a
    /// counter is described by its whole name.
    pub fn text(&self) -> String {
        let mut open_metrics = String::new();
        // Writing to a String does not fail.
        let _ = encode(&mut open_metrics, &self.registry);
        let counters: HashSet<&str> = open_metrics
            .lines()
            .filter_map(|line| line.strip_prefix("# TYPE ")?.strip_suffix(" counter"))
            .collect();
        let mut text = String::with_capacity(open_metrics.len());
        for line in open_metrics.lines() {
            let mut words = line.splitn(4, ' ');
            match (words.next(), words.next(), words.next(), words.next()) {
                (Some("#"), Some("EOF" | "UNIT"), ..) => continue,
                (Some("#"), Some(kind), Some(name), Some(rest)) if counters.contains(name) => {
                    let _ = writeln!(text, "# {kind} {name}_total {rest}");
                }
                _ => {
                    text.push_str(line);
                    text.push('\n');
                }
            }
        }
        text
    }
}
