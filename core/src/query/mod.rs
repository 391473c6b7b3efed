//! Metrics, the state that adds buckets up to an answer, and rankings.

pub mod answer;
pub mod fold;
pub mod full;
pub mod groups;
pub mod metric;
pub mod moved;
pub mod observed;
pub mod retention;
#[cfg(test)]
mod steady_oracle;
pub mod top;
#[cfg(test)]
mod window_accuracy;
#[cfg(test)]
mod window_oracle;
