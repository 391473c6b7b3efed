//! Reads the configuration: the defaults, the file, the environment, each over the one before.
//!
//! A variable is `ANALYTICS_GATEWAY_` and the path of the setting with two underscores between its
//! parts: `ANALYTICS_GATEWAY_REDIS__URLS='["redis://10.0.0.1"]'`.

use super::Config;
use figment::providers::{Env, Format, Toml};
use figment::Figment;
use std::fmt;
use std::path::Path;

const PREFIX: &str = "ANALYTICS_GATEWAY_";

#[derive(Debug)]
pub struct ConfigError(String);

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ConfigError {}

/// A file that is named must be there; without one, the environment alone is read.
pub fn load(file: Option<&Path>) -> Result<Config, ConfigError> {
    let mut figment = Figment::new();
    if let Some(file) = file {
        figment = figment.merge(Toml::file_exact(file));
    }
    // The file itself is named by a variable with the same prefix.
    let environment = Env::prefixed(PREFIX).ignore(&["config"]).split("__");
    let config: Config = figment
        .merge(environment)
        .extract()
        .map_err(|error| ConfigError(error.to_string()))?;
    checked(config)
}

const MOST_THREADS: usize = 256;

fn checked(config: Config) -> Result<Config, ConfigError> {
    let wrong = |text: &str| Err(ConfigError(String::from(text)));
    let ingest = &config.ingest;
    if config.redis.urls.is_empty() {
        return wrong("redis.urls: at least one address is needed");
    }
    if config.http.tls_certificate.is_some() != config.http.tls_key.is_some() {
        return wrong("http.tls_certificate and http.tls_key go together");
    }
    if config.http.threads > MOST_THREADS {
        return wrong("http.threads: 0 to 256");
    }
    if !(1..=10_000).contains(&ingest.batch_events) {
        return wrong("ingest.batch_events: 1 to 10000");
    }
    if ingest.queue_events < ingest.batch_events {
        return wrong("ingest.queue_events: at least ingest.batch_events");
    }
    let alerts = &config.alerts;
    if alerts.smtp.is_some() != alerts.from.is_some() {
        return wrong("alerts.smtp and alerts.from go together");
    }
    // Else one gateway would send again what another is still sending.
    if alerts.retry <= alerts.timeout || alerts.timeout.is_zero() {
        return wrong("alerts.retry: longer than alerts.timeout");
    }
    if alerts.attempts == 0 || alerts.poll.is_zero() {
        return wrong("alerts.attempts and alerts.poll: more than 0");
    }
    if config.live.heartbeat.is_zero() {
        return wrong("live.heartbeat: more than 0");
    }
    if config
        .sites
        .admin_token
        .as_ref()
        .is_some_and(|t| t.len() < 16)
    {
        return wrong("sites.admin_token: at least 16 characters");
    }
    Ok(config)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_is_the_defaults() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("gateway.example.toml");
        let example = load(Some(&path)).expect("the example is valid");
        let plain = load(None).expect("the defaults are valid");
        assert_eq!(format!("{example:?}"), format!("{plain:?}"));
    }
}
