//! The number that answers a metric.

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Answer {
    Count(u64),
    Number(f64),
    /// Nothing was measured: there is no number.
    Nothing,
}

impl Answer {
    pub fn number(self) -> Option<f64> {
        match self {
            Answer::Count(count) => Some(count as f64),
            Answer::Number(number) => Some(number),
            Answer::Nothing => None,
        }
    }
}

pub fn rate(count: u64, seconds: f64) -> Answer {
    Answer::Number(if count == 0 || seconds <= 0.0 {
        0.0
    } else {
        count as f64 / seconds
    })
}
