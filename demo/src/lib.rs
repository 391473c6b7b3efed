//! A year of plausible events of two sites: `shop`, visits of people, and `api`, requests to a
//! service. The same seed and end give the same events, so that a test has an exact oracle.

pub mod api;
pub mod calendar;
pub mod cohorts;
pub mod event;
pub mod funnels;
pub mod load;
pub mod oracle;
mod random;
pub mod shop;
mod visitor;
pub mod visits;
pub mod year;

pub use cohorts::Cohort;
pub use event::Event;
pub use funnels::Funnel;
pub use oracle::Oracle;
pub use visits::Visits;
pub use year::Plan;
