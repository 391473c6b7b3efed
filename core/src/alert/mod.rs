//! Alert rules: what a rule looks for, where it stands, and what it says when that changes.
//!
//! A rule, its state, what was measured and the clock make the next state and at most one message.
//! Who measures, and whom the message goes to, is the business of others.

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
pub use state::{Saying, State};

/// A rule and where it stands.
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

    /// The alarm with another rule under the same name: it stays where it stands if that looks for
    /// the same. Otherwise what fires is cancelled.
    pub fn becomes(&self, rule: Rule) -> (Alarm, Option<Saying>) {
        let same = rule.looks_for_the_same(&self.rule);
        let state = if same { self.state } else { State::Ok };
        let alarm = Alarm {
            rule,
            paused: self.paused,
            state,
        };
        let saying = self.state.is_firing() && !same;
        (alarm, saying.then_some(Saying::Cancelled))
    }
}
