//! From a query to commands: each metric is of the whole site, of a cell of a cube (`GET`), or of the
//! rows of a dimension or cube (`TOP`), in each step of time.

use super::dates::Dates;
use super::refusal::{refuse, Refused};
use super::request::{is_of_visits, Filter, Sum, PAGEVIEW};
use crate::facts::Facts;
use crate::store::{list, number, word};
use redis::{cmd, Cmd, Value};
use std::collections::BTreeMap;

/// Rows of a `TOP`, at most.
const ROWS: usize = 10_000;
/// Cells that a metric is the sum of, at most.
const CELLS: usize = 32;

/// What is asked of the module for one sum.
pub struct Part {
    subject: &'static str,
    /// Dimensions whose values are the rows, in the query's order.
    rows: Vec<String>,
    filters: Vec<Filter>,
    /// Whether no event can be both what the metric counts and what the filters let through.
    is_empty: bool,
}

impl Part {
    pub fn new(sum: Sum, rows: &[String], filters: &[Filter]) -> Result<Part, Refused> {
        let mut filters = filters.to_vec();
        let mut is_empty = false;
        check_visits(sum, rows, &filters)?;
        if sum == Sum::Pageviews {
            let views = || vec![String::from(PAGEVIEW)];
            match filters
                .iter_mut()
                .find(|filter| filter.dimension == "event")
            {
                Some(filter) if filter.values.iter().any(|value| value == PAGEVIEW) => {
                    filter.values = views();
                }
                Some(_) => is_empty = true,
                None => filters.push(Filter {
                    dimension: String::from("event"),
                    values: views(),
                }),
            }
        }
        let outside = |filter: &&Filter| !rows.contains(&filter.dimension);
        let mixed = filters
            .iter()
            .filter(outside)
            .find(|filter| filter.values.len() > 1);
        if let (Some(filter), false) = (mixed, sum.is_additive()) {
            return Err(refuse(format!(
                "visitors of several values of `{}` are not the sum of those of each; ask for \
                 one value at a time, or break down by it",
                filter.dimension
            )));
        }
        Ok(Part {
            subject: sum.subject(),
            rows: rows.to_vec(),
            filters,
            is_empty,
        })
    }

    /// The command over these dates; None where the answer is nothing.
    pub fn command(&self, site: &str, dates: Dates, facts: &Facts) -> Result<Option<Cmd>, Refused> {
        if self.is_empty {
            return Ok(None);
        }
        let window = format!("{}..{}", dates.from, dates.to);
        if !self.rows.is_empty() {
            let mut command = cmd("ANALYTICS.TOP");
            command
                .arg(site)
                .arg(window)
                .arg(self.axis(facts).join(","));
            command.arg("BY").arg(self.subject).arg("LIMIT").arg(ROWS);
            return Ok(Some(command));
        }
        let mut command = cmd("ANALYTICS.GET");
        command.arg(site).arg(window).arg(self.cells(facts)?);
        Ok(Some(command))
    }

    /// Rows and filters together: the cube as the site declares it, else in the query's order, so
    /// that the module's refusal names the cube that is missing.
    fn axis(&self, facts: &Facts) -> Vec<String> {
        let mut axis = self.rows.clone();
        for filter in &self.filters {
            if !axis.contains(&filter.dimension) {
                axis.push(filter.dimension.clone());
            }
        }
        let declared = facts.cubes.iter().map(|cube| cube.split(','));
        let same = |cube: &std::str::Split<char>| {
            cube.clone().count() == axis.len()
                && cube
                    .clone()
                    .all(|part| axis.iter().any(|name| name == part))
        };
        match declared.clone().find(same) {
            Some(cube) => cube.map(String::from).collect(),
            None => axis,
        }
    }

    /// A metric for each combination of the filters' values.
    fn cells(&self, facts: &Facts) -> Result<Vec<String>, Refused> {
        let mut cells: Vec<Vec<(&str, &str)>> = vec![Vec::new()];
        for filter in &self.filters {
            cells = cells
                .iter()
                .flat_map(|cell| {
                    filter.values.iter().map(|value| {
                        let mut cell = cell.clone();
                        cell.push((&filter.dimension, value));
                        cell
                    })
                })
                .collect();
            if cells.len() > CELLS {
                return Err(refuse(format!(
                    "filters: at most {CELLS} cells are added up"
                )));
            }
        }
        let cells = cells.into_iter();
        let cells = cells.map(|cell| facts.metric(self.subject, &cell));
        Ok(cells.collect())
    }

    /// The numbers of the reply by the values of the rows; the only one where there are none.
    pub fn read(&self, reply: &Value, facts: &Facts, into: &mut BTreeMap<Vec<String>, f64>) {
        if self.rows.is_empty() {
            let sum = list(reply).iter().filter_map(number).sum();
            into.insert(Vec::new(), sum);
            return;
        }
        let axis = self.axis(facts);
        for row in list(reply).iter().map(list) {
            let [value, counted, ..] = row else { continue };
            let values: Vec<String> = match value {
                Value::Array(values) => values.iter().map(word).collect(),
                one => vec![word(one)],
            };
            // The rest of all rows has no values of its own.
            let is_rest = values.first().is_some_and(|value| value == "~other");
            if values.len() != axis.len() || is_rest {
                continue;
            }
            let of = |name: &String| axis.iter().position(|part| part == name);
            let value = |name: &String| of(name).and_then(|at| values.get(at));
            let passes = self.filters.iter().all(|filter| {
                value(&filter.dimension).is_some_and(|value| filter.values.contains(value))
            });
            let key: Vec<String> = self.rows.iter().filter_map(value).cloned().collect();
            if passes && key.len() == self.rows.len() {
                *into.entry(key).or_default() += number(counted).unwrap_or_default();
            }
        }
    }
}

/// Visits are counted by one dimension at a time; entry and exit pages are those of visits alone.
fn check_visits(sum: Sum, rows: &[String], filters: &[Filter]) -> Result<(), Refused> {
    let mut names: Vec<&str> = rows.iter().map(String::as_str).collect();
    for filter in filters {
        if !names.contains(&filter.dimension.as_str()) {
            names.push(&filter.dimension);
        }
    }
    if !sum.is_of_visits() && names.iter().any(|name| is_of_visits(name)) {
        return Err(refuse(
            "visit:entry_page and visit:exit_page are recorded of visits: visits, bounce_rate and \
             visit_duration are answered by them",
        ));
    }
    if sum.is_of_visits() && names.len() > 1 {
        return Err(refuse(format!(
            "visits are recorded by one dimension at a time, not by {} together",
            names.join(" and ")
        )));
    }
    Ok(())
}
