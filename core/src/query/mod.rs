//! From a question to its answer: what a metric asks for, the state that adds buckets up, and rankings.

pub mod fold;
pub mod metric;
pub mod top;
