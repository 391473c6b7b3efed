//! What the operator sets: one TOML file, and environment variables on top of it.
//!
//! `gateway.example.toml` has every setting with its default; `load.rs` reads it.

mod load;

pub use load::{load, ConfigError};

use bytesize::ByteSize;
use ipnet::IpNet;
use serde::Deserialize;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    pub http: HttpConfig,
    pub redis: RedisConfig,
    pub sites: SitesConfig,
    pub ingest: IngestConfig,
    pub enrich: EnrichConfig,
    pub live: LiveConfig,
    pub alerts: AlertsConfig,
    pub limits: LimitsConfig,
    pub log: LogConfig,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HttpConfig {
    pub listen: SocketAddr,
    /// Threads that serve requests, each with connections to Redis of its own; 0 is one for each core.
    pub threads: usize,
    /// PEM files; both or neither.
    pub tls_certificate: Option<PathBuf>,
    pub tls_key: Option<PathBuf>,
    /// Networks of the proxies whose `X-Forwarded-For` is used.
    pub trusted_proxies: Vec<IpNet>,
    /// From the first byte of a request to its answer.
    #[serde(with = "humantime_serde")]
    pub request_timeout: Duration,
    /// For the head of a request, and for what comes between two of them.
    #[serde(with = "humantime_serde")]
    pub header_timeout: Duration,
    /// How long requests under way may still take when the gateway stops.
    #[serde(with = "humantime_serde")]
    pub drain: Duration,
}

impl Default for HttpConfig {
    fn default() -> HttpConfig {
        HttpConfig {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            threads: 0,
            tls_certificate: None,
            tls_key: None,
            trusted_proxies: Vec::new(),
            request_timeout: Duration::from_secs(30),
            header_timeout: Duration::from_secs(10),
            drain: Duration::from_secs(20),
        }
    }
}

#[derive(Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RedisConfig {
    /// One server, or some nodes of a cluster.
    pub urls: Vec<String>,
    pub cluster: bool,
    #[serde(with = "humantime_serde")]
    pub connection_timeout: Duration,
    /// After which a command that got no reply is taken as failed.
    #[serde(with = "humantime_serde")]
    pub response_timeout: Duration,
}

impl Default for RedisConfig {
    fn default() -> RedisConfig {
        RedisConfig {
            urls: vec![String::from("redis://127.0.0.1:6379")],
            cluster: false,
            connection_timeout: Duration::from_secs(2),
            response_timeout: Duration::from_secs(5),
        }
    }
}

/// URLs have passwords, so that they are not shown.
impl std::fmt::Debug for RedisConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RedisConfig")
            .field("urls", &self.urls.len())
            .field("cluster", &self.cluster)
            .finish_non_exhaustive()
    }
}

#[derive(Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SitesConfig {
    /// The site of requests that name none.
    pub default: Option<String>,
    /// How often the gateway looks whether another process has changed the settings of sites.
    #[serde(with = "humantime_serde")]
    pub refresh: Duration,
    /// Opens the API for settings and the answers of every site. Without one, neither is open.
    pub admin_token: Option<String>,
}

impl Default for SitesConfig {
    fn default() -> SitesConfig {
        SitesConfig {
            default: None,
            refresh: Duration::from_secs(1),
            admin_token: None,
        }
    }
}

impl std::fmt::Debug for SitesConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SitesConfig")
            .field("default", &self.default)
            .field("refresh", &self.refresh)
            .field("admin_token", &self.admin_token.is_some())
            .finish()
    }
}

/// When a request with events is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Acknowledge {
    /// Redis has counted it.
    Counted,
    /// It stands in the queue, and is lost if the gateway or Redis dies before it is counted.
    Queued,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct IngestConfig {
    pub acknowledge: Acknowledge,
    /// Events of one site that are sent to Redis together.
    pub batch_events: usize,
    /// How long the first of them waits for more, unless they are enough before.
    #[serde(with = "humantime_serde")]
    pub batch_wait: Duration,
    /// Events that wait or are under way, of all sites; beyond, requests are refused.
    pub queue_events: usize,
    /// And the bytes of their commands.
    pub queue_bytes: ByteSize,
    /// Replicas that must have the events before a request is answered; 0 does not ask them.
    pub replicas: usize,
    /// How long a request's events are sent again before it is answered with 503.
    #[serde(with = "humantime_serde")]
    pub deadline: Duration,
    /// Largest body, after it has been unpacked.
    pub body_bytes: ByteSize,
}

impl Default for IngestConfig {
    fn default() -> IngestConfig {
        IngestConfig {
            acknowledge: Acknowledge::Counted,
            batch_events: 100,
            batch_wait: Duration::ZERO,
            queue_events: 100_000,
            queue_bytes: ByteSize::mib(64),
            replicas: 0,
            deadline: Duration::from_secs(10),
            body_bytes: ByteSize::mib(1),
        }
    }
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EnrichConfig {
    /// An MMDB file with the country of addresses.
    pub countries: Option<PathBuf>,
    /// The patterns of user agents, as JSON.
    pub user_agents: Option<PathBuf>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LiveConfig {
    /// How often listeners get the figures.
    #[serde(with = "humantime_serde")]
    pub heartbeat: Duration,
    /// Listeners at a time, of all sites and of one address; of one address, 0 is no limit.
    pub listeners: u32,
    pub listeners_per_address: u32,
}

impl Default for LiveConfig {
    fn default() -> LiveConfig {
        LiveConfig {
            heartbeat: Duration::from_secs(5),
            listeners: 20_000,
            listeners_per_address: 100,
        }
    }
}

#[derive(Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AlertsConfig {
    /// The server for e-mail, as `smtps://user:password@host`.
    pub smtp: Option<String>,
    /// The sender of e-mail.
    pub from: Option<String>,
    /// How often it is looked whether there are alerts.
    #[serde(with = "humantime_serde")]
    pub poll: Duration,
    /// What a target is given to answer.
    #[serde(with = "humantime_serde")]
    pub timeout: Duration,
    /// After how long it is tried again for the first time; the time doubles.
    #[serde(with = "humantime_serde")]
    pub retry: Duration,
    pub attempts: u32,
}

impl Default for AlertsConfig {
    fn default() -> AlertsConfig {
        AlertsConfig {
            smtp: None,
            from: None,
            poll: Duration::from_secs(1),
            timeout: Duration::from_secs(10),
            retry: Duration::from_secs(15),
            attempts: 10,
        }
    }
}

/// The URL has a password, so that it is not shown.
impl std::fmt::Debug for AlertsConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AlertsConfig")
            .field("smtp", &self.smtp.is_some())
            .field("from", &self.from)
            .field("poll", &self.poll)
            .field("timeout", &self.timeout)
            .field("retry", &self.retry)
            .field("attempts", &self.attempts)
            .finish()
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LimitsConfig {
    /// Requests with events a second, of one address and one write key; 0 is no limit.
    pub address_per_second: u32,
    pub key_per_second: u32,
    /// Questions a second, of one address.
    pub queries_per_second: u32,
    /// Wrong keys and tokens a minute, of one address.
    pub failures_per_minute: u32,
}

impl Default for LimitsConfig {
    fn default() -> LimitsConfig {
        LimitsConfig {
            address_per_second: 200,
            key_per_second: 0,
            queries_per_second: 200,
            failures_per_minute: 30,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    Text,
    Json,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogConfig {
    pub format: LogFormat,
    /// As `RUST_LOG` takes it: `info`, `warn,analytics_gateway=debug`.
    pub level: String,
}

impl Default for LogConfig {
    fn default() -> LogConfig {
        LogConfig {
            format: LogFormat::Text,
            level: String::from("info"),
        }
    }
}
