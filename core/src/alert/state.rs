//! Where a rule stands, and what an evaluation makes of it.
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
//! Without FOR the way from ok to firing is one step. What was not measured neither fires nor
//! resolves: a pending rule begins anew, for nobody knows that its condition held all the time, and a
//! firing one stays as it is.

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
        /// When that was last said.
        sent: i64,
    },
}

/// What there is to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Saying {
    Firing,
    /// It still does.
    Repeat,
    Resolved,
    /// The rule is gone, or is another one now: nothing will resolve it.
    Cancelled,
}

impl Saying {
    pub fn name(self) -> &'static str {
        match self {
            Saying::Firing => "firing",
            Saying::Repeat => "repeat",
            Saying::Resolved => "resolved",
            Saying::Cancelled => "cancelled",
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
    pub fn step(self, rule: &Rule, measured: Option<f64>, now: i64) -> (State, Option<Saying>) {
        match self.not_after(now) {
            State::Firing { since, sent } => match measured {
                Some(value) if !rule.condition.lasts(value) => (State::Ok, Some(Saying::Resolved)),
                Some(_)
                    if rule
                        .repeat
                        .is_some_and(|repeat| now - sent >= millis(repeat)) =>
                {
                    (State::Firing { since, sent: now }, Some(Saying::Repeat))
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
                (State::Firing { since, sent: now }, Some(Saying::Firing))
            }
        }
    }

    /// A clock that was put back must not leave a rule waiting for the time that it came from.
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

    /// Nobody looks any more: what was pending begins anew, what fires goes on until it is clear.
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
