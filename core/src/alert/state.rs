//! The state of a rule, and the next one after an evaluation.
//!
//! ```text
//!          holds                    has held for FOR
//!   ok ----------------> pending ----------------------> firing --.
//!   ^ <-----------------------'                            | ^    | REPEAT
//!   |   holds no more, or was not measured                 | '----'
//!   '------------------------------------------------------'
//!                    is clear again
//! ```
//!
//! Without FOR a rule goes from ok to firing at once. Without a measured value a rule neither fires nor
//! resolves: a pending one returns to ok, for its condition may not have held all the time, and a firing
//! one stays firing.

use super::rule::Rule;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum State {
    #[default]
    Ok,
    /// The condition holds, not yet for long enough.
    Pending { since: i64 },
    Firing {
        /// When the condition was first found to hold.
        since: i64,
        /// When the last message of it was sent.
        sent: i64,
    },
}

/// What a message reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notice {
    Firing,
    /// It is still firing.
    Repeat,
    Resolved,
    /// The rule was removed or replaced while it was firing: it will not resolve.
    Cancelled,
}

impl Notice {
    pub fn name(self) -> &'static str {
        match self {
            Notice::Firing => "firing",
            Notice::Repeat => "repeat",
            Notice::Resolved => "resolved",
            Notice::Cancelled => "cancelled",
        }
    }
}

impl State {
    pub fn name(self) -> &'static str {
        match self {
            State::Ok => "ok",
            State::Pending { .. } => "pending",
            State::Firing { .. } => "firing",
        }
    }

    pub fn since(self) -> Option<i64> {
        match self {
            State::Ok => None,
            State::Pending { since } | State::Firing { since, .. } => Some(since),
        }
    }

    pub fn sent(self) -> Option<i64> {
        match self {
            State::Firing { sent, .. } => Some(sent),
            _ => None,
        }
    }

    pub fn is_firing(self) -> bool {
        matches!(self, State::Firing { .. })
    }

    /// The state after an evaluation at `now`. None: nothing was measured.
    pub fn step(self, rule: &Rule, measured: Option<f64>, now: i64) -> (State, Option<Notice>) {
        match self.not_after(now) {
            State::Firing { since, sent } => match measured {
                Some(value) if !rule.condition.keeps_firing(value) => {
                    (State::Ok, Some(Notice::Resolved))
                }
                Some(_)
                    if rule
                        .repeat
                        .is_some_and(|repeat| now - sent >= millis(repeat)) =>
                {
                    (State::Firing { since, sent: now }, Some(Notice::Repeat))
                }
                _ => (State::Firing { since, sent }, None),
            },
            before => {
                if !measured.is_some_and(|value| rule.condition.holds(value)) {
                    return (State::Ok, None);
                }
                let since = before.since().unwrap_or(now);
                if rule.hold.is_some_and(|hold| now - since < millis(hold)) {
                    return (State::Pending { since }, None);
                }
                (State::Firing { since, sent: now }, Some(Notice::Firing))
            }
        }
    }

    /// With no time after `now`: after the clock was set back, a rule would otherwise wait too long.
    fn not_after(self, now: i64) -> State {
        match self {
            State::Ok => State::Ok,
            State::Pending { since } => State::Pending {
                since: since.min(now),
            },
            State::Firing { since, sent } => State::Firing {
                since: since.min(now),
                sent: sent.min(now),
            },
        }
    }

    /// The state of a rule that is not evaluated any more: pending returns to ok, firing stays.
    pub fn paused(self) -> State {
        match self {
            State::Pending { .. } => State::Ok,
            other => other,
        }
    }
}

fn millis(length: crate::time::Duration) -> i64 {
    length.as_millis().unwrap_or(i64::MAX)
}
