//! Where the alerts of a site go, as the settings keep it, and how that is changed.

use super::{key::hex, stored};
use crate::config::AlertsConfig;
use crate::error::{ApiError, ApiResult};
use crate::store::{stream_of, Redis};
use base64::prelude::{Engine, BASE64_STANDARD};
use lettre::Address;
use redis::cmd;
use serde::{Deserialize, Serialize};
use url::Url;
use utoipa::ToSchema;

/// So many targets a site has at most.
const MOST: usize = 20;
const SECRET: &str = "whsec_";

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// JSON by POST, signed as Standard Webhooks describes it.
    Webhook,
    /// An incoming webhook of Slack, or of what takes the same.
    Slack,
    Email,
}

impl Kind {
    pub fn word(self) -> &'static str {
        match self {
            Kind::Webhook => "webhook",
            Kind::Slack => "slack",
            Kind::Email => "email",
        }
    }
}

/// A target as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    pub id: String,
    pub kind: Kind,
    /// A URL, or an address of e-mail.
    pub address: String,
    /// What webhooks are signed with, `whsec_` and base64. It is needed for signing, and so kept.
    #[serde(default)]
    pub secret: Option<String>,
    /// When it was made, in milliseconds: older alerts are not sent.
    pub created: i64,
}

impl Target {
    /// The consumer group of the target on `{site}:alerts`.
    pub fn group(&self) -> String {
        format!("analytics-gateway:{}", self.id)
    }

    /// The URL of Slack is a secret by itself, so that of URLs the host is shown.
    pub fn shown_address(&self) -> String {
        match (self.kind, Url::parse(&self.address)) {
            (Kind::Email, _) | (_, Err(_)) => self.address.clone(),
            (_, Ok(url)) => {
                let host = url.host_str().unwrap_or_default();
                format!("{}://{host}/...", url.scheme())
            }
        }
    }
}

fn new_target(kind: Kind, address: &str) -> ApiResult<Target> {
    let mut random = [0_u8; 30];
    getrandom::fill(&mut random).map_err(|_| ApiError::internal())?;
    let (id, secret) = random.split_at(6);
    let secret = format!("{SECRET}{}", BASE64_STANDARD.encode(secret));
    Ok(Target {
        id: hex(id),
        kind,
        address: String::from(address),
        secret: (kind == Kind::Webhook).then_some(secret),
        created: crate::time::now_ms(),
    })
}

/// The bytes of the secret.
pub fn secret_bytes(secret: &str) -> Option<Vec<u8>> {
    BASE64_STANDARD.decode(secret.strip_prefix(SECRET)?).ok()
}

fn check(config: &AlertsConfig, kind: Kind, address: &str) -> ApiResult<()> {
    match kind {
        Kind::Email if config.smtp.is_none() => Err(ApiError::invalid(
            "kind",
            "the gateway has no server for e-mail: alerts.smtp",
        )),
        Kind::Email => match address.parse::<Address>() {
            Ok(_) => Ok(()),
            Err(_) => Err(ApiError::invalid("address", "no address of e-mail")),
        },
        Kind::Webhook | Kind::Slack => match Url::parse(address) {
            Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => Ok(()),
            _ => Err(ApiError::invalid("address", "no URL of http or https")),
        },
    }
}

fn unknown(name: &str) -> ApiError {
    ApiError::not_found(format!("there is no site '{name}'"))
}

/// Makes a target; alerts from now on go to it.
pub async fn add(
    redis: &Redis,
    config: &AlertsConfig,
    name: &str,
    kind: Kind,
    address: &str,
) -> ApiResult<Target> {
    check(config, kind, address)?;
    let target = new_target(kind, address)?;
    stored::change(redis, name, |site| {
        let mut site = site.ok_or_else(|| unknown(name))?;
        if site.alert_targets.len() >= MOST {
            return Err(ApiError::invalid("kind", "a site has at most 20 targets"));
        }
        site.alert_targets.push(target.clone());
        Ok((Some(site), target.clone()))
    })
    .await
}

/// Removes a target, and with it what was still to be sent to it.
pub async fn remove(redis: &Redis, name: &str, id: &str) -> ApiResult<()> {
    let target = stored::change(redis, name, |site| {
        let mut site = site.ok_or_else(|| unknown(name))?;
        let at = site.alert_targets.iter().position(|target| target.id == id);
        let Some(at) = at else {
            return Err(ApiError::not_found(format!("'{name}' has no such target")));
        };
        let target = site.alert_targets.remove(at);
        Ok((Some(site), target))
    })
    .await?;
    let mut destroy = cmd("XGROUP");
    destroy.arg("DESTROY").arg(stream_of(name, "alerts"));
    destroy.arg(target.group());
    if let Err(error) = redis.query(&destroy).await {
        // Where no alert ever fired there is no stream.
        tracing::debug!(%error, "the group of the target is not there");
    }
    Ok(())
}

/// Whether the target still is in the settings, as Redis has them now.
pub async fn is_there(redis: &Redis, name: &str, id: &str) -> ApiResult<bool> {
    let site = stored::one(redis, name).await?;
    Ok(site.is_some_and(|site| site.alert_targets.iter().any(|target| target.id == id)))
}
