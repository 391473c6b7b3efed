//! What went wrong with Redis, and how the request is answered.

use crate::error::ApiError;
use redis::{ErrorKind, RedisError};
use std::borrow::Cow;
use std::fmt;

#[derive(Debug)]
pub struct StoreError {
    pub failure: Failure,
    error: RedisError,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// The command is wrong, and will be the next time. It has changed nothing.
    Refused,
    /// The server does not take it now: it loads, is full, read-only, fails over. It
    /// has changed nothing.
    NotNow,
    /// Whether the command was carried out is not known: the connection broke, or no reply came.
    Unknown,
    /// The gateway may not do this: password, user, module that is missing.
    Setup,
}

impl StoreError {
    /// The server has carried the commands out, and too few of its replicas have confirmed them.
    pub fn unconfirmed() -> StoreError {
        let text = "fewer replicas have the events than ingest.replicas asks for";
        StoreError {
            failure: Failure::Unknown,
            error: RedisError::from((ErrorKind::Client, text)),
        }
    }

    /// Whether the same command may succeed later.
    pub fn passes(&self) -> bool {
        matches!(self.failure, Failure::NotNow | Failure::Unknown)
    }

    /// The first word of the server's error: `NOGROUP`.
    pub fn code(&self) -> Option<&str> {
        self.error.code()
    }

    /// The server's error without its first word.
    pub fn message(&self) -> Cow<'_, str> {
        match self.error.detail() {
            Some(detail) => Cow::Borrowed(detail.strip_prefix("ERR ").unwrap_or(detail)),
            None => Cow::Owned(self.error.to_string()),
        }
    }
}

impl From<RedisError> for StoreError {
    fn from(error: RedisError) -> StoreError {
        StoreError {
            failure: classify(&error),
            error,
        }
    }
}

fn classify(error: &RedisError) -> Failure {
    if error.is_io_error() || error.is_connection_dropped() || error.is_timeout() {
        return Failure::Unknown;
    }
    match error.code() {
        Some("ERR") => match error.detail() {
            Some(detail) if detail.starts_with("unknown command") => Failure::Setup,
            _ => Failure::Refused,
        },
        Some("WRONGTYPE" | "CROSSSLOT" | "EXECABORT") => Failure::Refused,
        Some("NOAUTH" | "WRONGPASS" | "NOPERM" | "DENIED") => Failure::Setup,
        Some(
            "LOADING" | "OOM" | "READONLY" | "MISCONF" | "NOREPLICAS" | "MASTERDOWN" | "TRYAGAIN"
            | "CLUSTERDOWN" | "BUSY" | "MOVED" | "ASK" | "UNBLOCKED",
        ) => Failure::NotNow,
        _ => match error.kind() {
            ErrorKind::AuthenticationFailed | ErrorKind::InvalidClientConfig => Failure::Setup,
            ErrorKind::ClusterConnectionNotFound => Failure::NotNow,
            _ => Failure::Unknown,
        },
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl std::error::Error for StoreError {}

/// What the module refuses is the fault of the request; anything else is not, and is logged.
impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> ApiError {
        match error.failure {
            Failure::Refused => ApiError::new(
                axum::http::StatusCode::BAD_REQUEST,
                "refused",
                error.message().into_owned(),
            ),
            Failure::NotNow => {
                tracing::warn!(%error, "redis does not take commands now");
                ApiError::unavailable("the store does not take this now", 1)
            }
            Failure::Unknown => {
                tracing::warn!(%error, "redis is not reached");
                ApiError::unavailable("the store is not reached", 1)
            }
            Failure::Setup => {
                tracing::error!(%error, "redis refuses the gateway");
                ApiError::unavailable("the gateway is not set up; its log has the reason", 30)
            }
        }
    }
}
