//! Alert rules, their states and messages; live metrics; and the schedule of both.
//!
//! A rule, its state, a measured value and the time give the next state and at most one message.
//! Measuring and sending are done elsewhere.

mod condition;
pub mod live;
mod message;
mod rule;
mod state;
#[cfg(test)]
mod tests;
pub mod watch;

pub use condition::{Condition, Op};
pub use message::Message;
pub use rule::{check_every, check_metric, check_metric_length, Rule, RULE};
pub use state::{Notice, State};

/// A rule and its state.
#[derive(Debug, Clone, PartialEq)]
pub struct Alarm {
    pub rule: Rule,
    pub paused: bool,
    pub state: State,
}

impl Alarm {
    pub fn new(rule: Rule) -> Alarm {
        Alarm {
            rule,
            paused: false,
            state: State::Ok,
        }
    }

    /// The alarm with another rule of the same name. The state stays if the condition is the same; otherwise
    /// it is ok, and a firing alarm is cancelled.
    pub fn with_rule(&self, rule: Rule) -> (Alarm, Option<Notice>) {
        let same = rule.fires_like(&self.rule);
        let state = if same { self.state } else { State::Ok };
        let alarm = Alarm {
            rule,
            paused: self.paused,
            state,
        };
        let notice = self.state.is_firing() && !same;
        (alarm, notice.then_some(Notice::Cancelled))
    }
}
