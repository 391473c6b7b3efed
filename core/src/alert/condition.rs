//! The condition of a rule: an op, a threshold and, for hysteresis, a second one.

use crate::error::{shown, Error, Result};
use crate::text::nearest::did_you_mean;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    Above,
    AtLeast,
    Below,
    AtMost,
    Equal,
    /// Percent against the window before.
    ChangeAbove,
    ChangeBelow,
}

pub(super) const OPS: [(&str, Op); 7] = [
    (">", Op::Above),
    (">=", Op::AtLeast),
    ("<", Op::Below),
    ("<=", Op::AtMost),
    ("=", Op::Equal),
    ("change>", Op::ChangeAbove),
    ("change<", Op::ChangeBelow),
];

impl Op {
    pub fn parse(word: &[u8]) -> Result<Op> {
        let named = |(name, _): &&(&str, Op)| name.as_bytes().eq_ignore_ascii_case(word);
        let found = OPS.iter().find(named).map(|(_, op)| *op);
        found.ok_or_else(|| {
            Error::new(format!(
                "op '{}' is not one of > >= < <= = change> change<{}",
                shown(word),
                did_you_mean(word, OPS.iter().map(|(name, _)| name.as_bytes()))
            ))
        })
    }

    pub fn name(self) -> &'static str {
        let named = OPS.iter().find(|(_, op)| *op == self);
        named.map_or("", |(name, _)| name)
    }

    /// Whether it is about the change in percent, and not the number itself.
    pub fn is_of_change(self) -> bool {
        matches!(self, Op::ChangeAbove | Op::ChangeBelow)
    }

    fn holds(self, value: f64, threshold: f64) -> bool {
        match self {
            Op::Above | Op::ChangeAbove => value > threshold,
            Op::AtLeast => value >= threshold,
            Op::Below | Op::ChangeBelow => value < threshold,
            Op::AtMost => value <= threshold,
            Op::Equal => value == threshold,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Condition {
    op: Op,
    threshold: f64,
    /// The threshold by which a firing rule resolves: hysteresis.
    clear: Option<f64>,
}

impl Condition {
    pub fn new(op: Op, threshold: f64, clear: Option<f64>) -> Result<Condition> {
        if !threshold.is_finite() || clear.is_some_and(|clear| !clear.is_finite()) {
            return Err(Error::new("a threshold is a finite number"));
        }
        let on_its_side = |clear: f64| match op {
            Op::Above | Op::AtLeast | Op::ChangeAbove => clear <= threshold,
            Op::Below | Op::AtMost | Op::ChangeBelow => clear >= threshold,
            Op::Equal => false,
        };
        if !clear.is_none_or(on_its_side) {
            return Err(Error::new(match op {
                Op::Equal => "CLEAR does not go with the op =",
                Op::Below | Op::AtMost | Op::ChangeBelow => {
                    "CLEAR must not be less than the threshold of a rule with < or <="
                }
                _ => "CLEAR must not be more than the threshold of a rule with > or >=",
            }));
        }
        Ok(Condition {
            op,
            // Without the sign of a negative zero.
            threshold: threshold + 0.0,
            clear: clear.map(|clear| clear + 0.0),
        })
    }

    pub fn op(&self) -> Op {
        self.op
    }

    pub fn threshold(&self) -> f64 {
        self.threshold
    }

    pub fn clear(&self) -> Option<f64> {
        self.clear
    }

    /// Whether this value makes a rule fire.
    pub fn holds(&self, value: f64) -> bool {
        self.op.holds(value, self.threshold)
    }

    /// Whether this value keeps a rule firing that does.
    pub fn keeps_firing(&self, value: f64) -> bool {
        self.op.holds(value, self.clear.unwrap_or(self.threshold))
    }
}
