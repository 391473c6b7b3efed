//! `POST /api/v2/query` as Plausible's Stats API has it, for what the module counts.

mod answer;
mod dates;
mod plan;
mod refusal;
mod request;

use super::ask::every;
use crate::auth::{bearer, reader, ClientAddress};
use crate::error::ApiError;
use crate::facts::Facts;
use crate::sites::Site;
use crate::state::AppState;
use crate::store::{list, member};
use crate::time;
use answer::{Order, Row};
use axum::extract::rejection::JsonRejection;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::Json;
use dates::{dates, Dates, Step};
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
    let mut rows = asked.rows(&state, &site, &facts).await?;
    order.sort(&mut rows);
    let total = rows.len();
    let page = request.pagination;
    let results = rows.into_iter().skip(page.offset).take(page.limit);
    let include = request.include.clone();
    let labels = asked.steps.iter().map(|step| step.0.clone());
    Ok(Json(Results {
        results: results.collect(),
        meta: Meta {
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
    steps: Vec<(String, Dates)>,
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
        let range = dates(&request.date_range, &facts.zone, time::now_ms())?;
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
            None => vec![(String::new(), range)],
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
    ) -> Result<Vec<Row>, Refused> {
        let now = time::now_ms();
        let mut commands = Vec::new();
        let mut places = Vec::new();
        for (step, (_, dates)) in self.steps.iter().enumerate() {
            if self.time.is_some() && dates.from > now {
                continue;
            }
            if self.time.is_some() {
                commands.push(explain(&site.name, *dates));
                places.push(Place::Explained(*dates));
            }
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
        let replies = every(state, "plausible", &commands).await?;
        self.gather(&places, &replies, facts)
    }

    fn gather(
        &self,
        places: &[Place],
        replies: &[Value],
        facts: &Facts,
    ) -> Result<Vec<Row>, Refused> {
        let mut rows: BTreeMap<(usize, Vec<String>), Vec<f64>> = BTreeMap::new();
        let mut total = 0.0;
        for (place, reply) in places.iter().zip(replies) {
            let mut numbers = BTreeMap::new();
            match place {
                Place::Explained(dates) => self.check(reply, *dates)?,
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
            if let (Some(place), Some((label, _))) = (self.time, self.steps.get(step)) {
                dimensions.insert(place.min(dimensions.len()), label.clone());
            }
            Row {
                dimensions,
                metrics,
            }
        });
        Ok(rows.collect())
    }

    fn sum_of(&self, row: &[f64], sum: Sum) -> f64 {
        let mut numbers = self.sums.iter().zip(row);
        let number = numbers.find(|(known, _)| **known == sum);
        number.map_or(0.0, |(_, number)| *number)
    }

    /// A step of which no buckets are kept any more would be answered from longer ones.
    fn check(&self, explained: &Value, dates: Dates) -> Result<(), Refused> {
        let distinct = self.sums.iter().any(|sum| !sum.is_additive());
        let name = if distinct { "users" } else { "counts" };
        let answered = member(explained, name).map(list).unwrap_or_default();
        match answered {
            [Value::Int(from), Value::Int(to)] if *from < dates.from || *to > dates.to => {
                Err(refuse(
                    "the buckets of so short steps are not kept that long; take longer steps of \
                     time, or keep them longer with ANALYTICS.ALTER RETENTION",
                ))
            }
            _ => Ok(()),
        }
    }
}

enum Place {
    Explained(Dates),
    Number { step: usize, sum: usize },
    Total,
}

fn explain(site: &str, dates: Dates) -> Cmd {
    let mut command = cmd("ANALYTICS.EXPLAIN");
    command
        .arg(site)
        .arg(format!("{}..{}", dates.from, dates.to));
    command
}
