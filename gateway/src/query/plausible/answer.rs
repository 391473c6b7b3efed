//! The rows of an answer: put together from the numbers of each metric and step, sorted, cut.

use super::refusal::{refuse, Refused};
use super::request::{Direction, Request};
use serde::{Serialize, Serializer};
use serde_json::Number;
use std::cmp::Ordering;
use utoipa::ToSchema;

#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = PlausibleRow)]
pub struct Row {
    /// In the order of the query's dimensions.
    pub dimensions: Vec<String>,
    #[serde(serialize_with = "as_they_are_written")]
    pub metrics: Vec<f64>,
}

/// Counts without a point.
fn as_they_are_written<S: Serializer>(numbers: &[f64], to: S) -> Result<S::Ok, S::Error> {
    to.collect_seq(numbers.iter().map(|number| {
        match number.fract() == 0.0 && number.abs() < 9e15 {
            true => Number::from(*number as i64),
            false => Number::from_f64(*number).unwrap_or(Number::from(0)),
        }
    }))
}

#[derive(Debug, Clone, Copy)]
enum By {
    Metric(usize),
    Dimension(usize),
}

/// How rows are sorted: as asked; else by time, and by the first metric, the largest first.
pub struct Order(Vec<(By, Direction)>);

impl Order {
    pub fn of(request: &Request) -> Result<Order, Refused> {
        let place = |names: &[String], name: &str| names.iter().position(|known| known == name);
        let time = || {
            let mut dimensions = request.dimensions.iter();
            dimensions.position(|name| name.starts_with("time"))
        };
        let Some(given) = &request.order_by else {
            let time = time().map(|at| (By::Dimension(at), Direction::Asc));
            let metric = (By::Metric(0), Direction::Desc);
            return Ok(Order(time.into_iter().chain([metric]).collect()));
        };
        let keys = given.iter().map(|(name, direction)| {
            let by = place(&request.metrics, name)
                .map(By::Metric)
                .or_else(|| place(&request.dimensions, name).map(By::Dimension));
            let by = by.ok_or_else(|| {
                refuse(format!(
                    "order_by: `{name}` is no metric or dimension of the query"
                ))
            })?;
            Ok((by, *direction))
        });
        Ok(Order(keys.collect::<Result<_, Refused>>()?))
    }

    pub fn sort(&self, rows: &mut [Row]) {
        rows.sort_by(|a, b| {
            for (by, direction) in &self.0 {
                let order = match by {
                    By::Metric(at) => {
                        let number = |row: &Row| row.metrics.get(*at).copied().unwrap_or_default();
                        number(a).total_cmp(&number(b))
                    }
                    By::Dimension(at) => a.dimensions.get(*at).cmp(&b.dimensions.get(*at)),
                };
                let order = match direction {
                    Direction::Asc => order,
                    Direction::Desc => order.reverse(),
                };
                if order != Ordering::Equal {
                    return order;
                }
            }
            a.dimensions.cmp(&b.dimensions)
        });
    }
}
