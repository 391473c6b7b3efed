//! `POST /api/v2/query` as Plausible's Stats API has it, for what the module counts.

mod answer;
mod dates;
mod plan;
mod refusal;
mod request;

use super::ask::all;
use crate::auth::{bearer, reader, ClientAddress};
use crate::error::{ApiError, ApiResult};
use crate::facts::Facts;
use crate::sites::Site;
use crate::state::AppState;
use crate::store::{integer, list, member};
use crate::time;
use answer::{Order, Row};
use axum::extract::rejection::JsonRejection;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::Json;
use dates::{dates, Dates, Step, StepOfTime};
use jiff::tz::TimeZone;
use plan::Part;
use redis::{cmd, Cmd, Value};
use refusal::{refuse, Refusals, Refused};
use request::{dimension, filters, Metric, Request, Sum};
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Steps of time, at most, without and with rows in each.
const STEPS: usize = 400;
const STEPS_WITH_ROWS: usize = 100;
const METRICS: usize = 8;
const DIMENSIONS: usize = 4;

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(query))
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PlausibleResults)]
struct Results {
    results: Vec<Row>,
    meta: Meta,
    query: Echo,
}

#[derive(Debug, Default, Serialize, ToSchema)]
#[schema(as = PlausibleMeta)]
struct Meta {
    /// By the names of metrics.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    metric_warnings: BTreeMap<String, Warning>,
    #[serde(skip_serializing_if = "Option::is_none")]
    imports_included: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    time_labels: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    total_rows: Option<usize>,
}

/// The query as it was understood.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PlausibleEcho)]
struct Echo {
    site_id: String,
    metrics: Vec<String>,
    date_range: [String; 2],
    filters: Vec<serde_json::Value>,
    dimensions: Vec<String>,
    #[schema(value_type = Vec<Vec<String>>)]
    order_by: Vec<(String, request::Direction)>,
    include: request::Include,
    pagination: request::Pagination,
}

/// A query of Plausible's Stats API v2.
#[utoipa::path(
    post, path = "/api/v2/query", tag = "plausible", request_body = Request,
    responses(
        (status = 200, description = "The rows", body = Results),
        Refusals,
    )
)]
async fn query(
    State(state): State<AppState>,
    ClientAddress(address): ClientAddress,
    headers: HeaderMap,
    body: Result<Json<Request>, JsonRejection>,
) -> Result<Json<Results>, Refused> {
    state.limits.take_query(address)?;
    let Json(request) = body.map_err(ApiError::from)?;
    let site = reader(&state, Some(&request.site_id), bearer(&headers))?;
    let facts = state.facts_of(&site.name).await?;
    let asked = Asked::read(&request, &facts)?;
    let order = Order::of(&request)?;
    let (mut rows, metric_warnings) = asked.rows(&state, &site, &facts).await?;
    order.sort(&mut rows);
    let total = rows.len();
    let page = request.pagination;
    let results = rows.into_iter().skip(page.offset).take(page.limit);
    let include = request.include.clone();
    let labels = asked.steps.iter().map(|step| step.label.clone());
    Ok(Json(Results {
        results: results.collect(),
        meta: Meta {
            metric_warnings,
            imports_included: include.imports.then_some(false),
            time_labels: (include.time_labels && asked.time.is_some()).then(|| labels.collect()),
            total_rows: include.total_rows.then_some(total),
        },
        query: Echo {
            site_id: request.site_id,
            metrics: request.metrics,
            date_range: [asked.range.from, asked.range.to - 1]
                .map(|ms| time::iso(ms - ms.rem_euclid(1_000), &facts.zone)),
            filters: request.filters,
            dimensions: request.dimensions,
            order_by: request.order_by.unwrap_or_default(),
            include,
            pagination: page,
        },
    }))
}

/// A query in the module's terms.
struct Asked {
    range: Dates,
    metrics: Vec<Metric>,
    /// What the metrics are made of, and what is asked for each of them.
    sums: Vec<Sum>,
    parts: Vec<Part>,
    /// All visitors that pass the filters, for percentages.
    total: Option<Part>,
    /// The place of the dimension of time among the others.
    time: Option<usize>,
    has_rows: bool,
    /// One without a label where there is no dimension of time.
    steps: Vec<StepOfTime>,
}

impl Asked {
    fn read(request: &Request, facts: &Facts) -> Result<Asked, Refused> {
        if request.metrics.is_empty() || request.metrics.len() > METRICS {
            return Err(refuse(format!("metrics: 1 to {METRICS} are accepted")));
        }
        if request.dimensions.len() > DIMENSIONS {
            return Err(refuse(format!(
                "dimensions: at most {DIMENSIONS} are accepted"
            )));
        }
        if !(1..=10_000).contains(&request.pagination.limit) {
            return Err(refuse("pagination: a limit from 1 to 10000 is accepted"));
        }
        let metrics = request.metrics.iter().map(|name| Metric::parse(name));
        let metrics = metrics.collect::<Result<Vec<Metric>, Refused>>()?;
        let range = dates(
            &request.date_range,
            &facts.zone,
            time::now_ms(),
            facts.first_event,
        )?;
        let (mut names, mut time) = (Vec::new(), None);
        for (place, name) in request.dimensions.iter().enumerate() {
            if let Some(step) = Step::of(name, range) {
                if time.replace((place, step)).is_some() {
                    return Err(refuse("dimensions: one of time is accepted"));
                }
                continue;
            }
            let known = dimension(name)?;
            if names.contains(&known) {
                return Err(refuse(format!("dimension `{name}` is given twice")));
            }
            names.push(known);
        }
        let mut held = Vec::new();
        filters(&request.filters, &mut held, 0)?;
        let mut sums = Vec::new();
        for metric in &metrics {
            let (sum, over) = metric.sums();
            for sum in std::iter::once(sum).chain(over) {
                if !sums.contains(&sum) {
                    sums.push(sum);
                }
            }
        }
        let part = |sum: &Sum| Part::new(*sum, &names, &held);
        let parts = sums.iter().map(part).collect::<Result<_, Refused>>()?;
        let total = match metrics.contains(&Metric::Percentage) {
            true => Some(Part::new(Sum::Visitors, &[], &held)?),
            false => None,
        };
        let most = match names.is_empty() {
            true => STEPS,
            false => STEPS_WITH_ROWS,
        };
        let steps = match time {
            Some((_, step)) => step.cut(range, &facts.zone, most)?,
            None => vec![StepOfTime {
                label: String::new(),
                whole: range,
                dates: range,
            }],
        };
        Ok(Asked {
            range,
            metrics,
            sums,
            parts,
            total,
            time: time.map(|(place, _)| place),
            has_rows: !names.is_empty(),
            steps,
        })
    }

    /// Asks for everything in one round trip.
    async fn rows(
        &self,
        state: &AppState,
        site: &Site,
        facts: &Facts,
    ) -> Result<Answered, Refused> {
        let now = time::now_ms();
        let mut commands = Vec::new();
        let mut places = Vec::new();
        for (step, StepOfTime { dates, .. }) in self.steps.iter().enumerate() {
            if self.time.is_some() && dates.from > now {
                continue;
            }
            commands.push(explain(&site.name, *dates));
            places.push(Place::Explained(step));
            for (sum, part) in self.parts.iter().enumerate() {
                if let Some(command) = part.command(&site.name, *dates, facts)? {
                    commands.push(command);
                    places.push(Place::Number { step, sum });
                }
            }
        }
        if let Some(total) = &self.total {
            if let Some(command) = total.command(&site.name, self.range, facts)? {
                commands.push(command);
                places.push(Place::Total);
            }
        }
        let replies = all(state, "plausible", &commands).await?;
        self.gather(&places, replies, facts)
    }

    fn gather(
        &self,
        places: &[Place],
        replies: Vec<ApiResult<Value>>,
        facts: &Facts,
    ) -> Result<Answered, Refused> {
        let mut warnings = BTreeMap::new();
        let mut rows: BTreeMap<(usize, Vec<String>), Vec<f64>> = BTreeMap::new();
        let mut total = 0.0;
        for (place, reply) in places.iter().zip(replies) {
            let mut numbers = BTreeMap::new();
            let reply = match (place, reply) {
                // A site that has counted nothing yet has nothing to explain.
                (Place::Explained(_), Err(_)) => continue,
                (_, reply) => &reply?,
            };
            match place {
                Place::Explained(step) => self.check(reply, *step, facts, &mut warnings)?,
                Place::Total => {
                    if let Some(part) = &self.total {
                        part.read(reply, facts, &mut numbers);
                    }
                    total = numbers.into_values().sum();
                }
                Place::Number { step, sum } => {
                    if let Some(part) = self.parts.get(*sum) {
                        part.read(reply, facts, &mut numbers);
                    }
                    for (key, number) in numbers {
                        let row = rows.entry((*step, key));
                        let row = row.or_insert_with(|| vec![0.0; self.sums.len()]);
                        if let Some(cell) = row.get_mut(*sum) {
                            *cell = number;
                        }
                    }
                }
            }
        }
        if !self.has_rows && self.time.is_none() {
            let row = rows.entry((0, Vec::new()));
            row.or_insert_with(|| vec![0.0; self.sums.len()]);
        }
        let is_whole = !self.has_rows && self.time.is_none();
        let rows = rows.into_iter();
        // As Plausible does, a row in which nothing was counted is left out.
        let rows = rows.filter(|(_, row)| is_whole || row.iter().any(|number| *number != 0.0));
        let rows = rows.map(|((step, mut dimensions), row)| {
            let metrics = self.metrics.iter();
            let metrics = metrics.map(|metric| {
                let (sum, over) = metric.sums();
                let over = over.map_or(0.0, |over| self.sum_of(&row, over));
                metric.number(self.sum_of(&row, sum), over, total)
            });
            let metrics = metrics.collect();
            if let (Some(place), Some(step)) = (self.time, self.steps.get(step)) {
                dimensions.insert(place.min(dimensions.len()), step.label.clone());
            }
            Row {
                dimensions,
                metrics,
            }
        });
        Ok((rows.collect(), warnings))
    }

    fn sum_of(&self, row: &[f64], sum: Sum) -> f64 {
        let mut numbers = self.sums.iter().zip(row);
        let number = numbers.find(|(known, _)| **known == sum);
        number.map_or(0.0, |(_, number)| *number)
    }

    /// A step is answered from buckets and slots inside it. At an end of the range that cuts one, the
    /// numbers are as those of any window: of whole slots, and visitors are estimated. The answer states
    /// so. A step that only longer buckets could answer is refused.
    fn check(
        &self,
        explained: &Value,
        step: usize,
        facts: &Facts,
        warnings: &mut BTreeMap<String, Warning>,
    ) -> Result<(), Refused> {
        let found = member(explained, "found").and_then(integer);
        let (Some(step), Some(1..)) = (self.steps.get(step), found) else {
            // Where nothing was counted, nothing is the answer.
            return Ok(());
        };
        for metric in &self.metrics {
            let (sum, over) = metric.sums();
            let is_additive = sum.is_additive() && over.is_none_or(Sum::is_additive);
            let read = if is_additive { "counts" } else { "users" };
            let read = member(explained, read).map(list).unwrap_or_default();
            let [Value::Int(from), Value::Int(to)] = read else {
                continue;
            };
            let read = Dates {
                from: *from,
                to: *to,
            };
            if self.time.is_some() && !read.is_within(step.whole) {
                return Err(refuse(
                    "the buckets of so short steps are not kept that long; take longer steps of \
                     time, or keep them longer with ANALYTICS.ALTER RETENTION",
                ));
            }
            if !read.is_within(step.dates) {
                let warning = Warning::new(is_additive, read, &facts.zone);
                warnings.insert(String::from(metric.name()), warning);
            }
        }
        Ok(())
    }
}

/// The rows, and the warnings of metrics.
type Answered = (Vec<Row>, BTreeMap<String, Warning>);

/// Why a number is not that of exactly the range.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PlausibleWarning)]
struct Warning {
    code: &'static str,
    warning: String,
}

impl Warning {
    fn new(is_additive: bool, read: Dates, zone: &TimeZone) -> Warning {
        let (from, to) = (time::iso(read.from, zone), time::iso(read.to, zone));
        let (code, warning) = match is_additive {
            true => ("widened", format!("counted from {from} to {to}")),
            false => (
                "estimated",
                format!("estimated from the buckets from {from} to {to}"),
            ),
        };
        Warning { code, warning }
    }
}

enum Place {
    /// The step that is explained.
    Explained(usize),
    Number {
        step: usize,
        sum: usize,
    },
    Total,
}

fn explain(site: &str, dates: Dates) -> Cmd {
    let mut command = cmd("ANALYTICS.EXPLAIN");
    command
        .arg(site)
        .arg(format!("{}..{}", dates.from, dates.to));
    command
}
