//! Why an event is not counted: a word for the metric, and an answer for the client.

use crate::error::ApiError;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    NoName,
    NoUser,
    TooLong(&'static str),
    FarAhead,
    Bot,
    Privacy,
    NoSalt,
    NoRandomness,
}

impl Reason {
    /// The label `reason` of `analytics_dropped_total`.
    pub fn word(self) -> &'static str {
        match self {
            Reason::NoName => "no_name",
            Reason::NoUser => "no_user",
            Reason::TooLong(_) => "too_long",
            Reason::FarAhead => "far_ahead",
            Reason::Bot => "bot",
            Reason::Privacy => "privacy",
            Reason::NoSalt => "no_salt",
            Reason::NoRandomness => "no_randomness",
        }
    }

    /// Whether the event is not wanted. Of the others the request is to blame, or the gateway.
    pub fn is_unwanted(self) -> bool {
        matches!(self, Reason::Bot | Reason::Privacy)
    }

    /// Whether the same event may count later.
    pub fn passes(self) -> bool {
        matches!(self, Reason::NoSalt | Reason::NoRandomness)
    }

    /// The answer for an event that was sent alone, or as this one of many.
    pub fn error(self, index: Option<usize>) -> ApiError {
        let error = match self {
            Reason::NoName => ApiError::invalid("event", "an event needs its type"),
            Reason::NoUser => ApiError::invalid("user_id", "an event needs its user"),
            Reason::TooLong(field) => ApiError::invalid(field, "it is too long"),
            Reason::FarAhead => {
                ApiError::invalid("timestamp", "it lies more than five minutes ahead")
            }
            Reason::Bot | Reason::Privacy => ApiError::forbidden("the event is not wanted"),
            Reason::NoSalt => ApiError::unavailable("ids of visitors cannot be made yet", 1),
            Reason::NoRandomness => ApiError::internal(),
        };
        numbered(error, index)
    }
}

/// Which of a body's events was wrong, for the message.
pub fn numbered(error: ApiError, index: Option<usize>) -> ApiError {
    match (index, &error.field) {
        (Some(index), Some(field)) => ApiError {
            field: Some(format!("[{index}].{field}").into()),
            ..error
        },
        _ => error,
    }
}
