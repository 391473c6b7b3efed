//! The body of `POST /api/v2/query`, and its words in the terms of the module.

use super::refusal::{refuse, Refused};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PlausibleRequest)]
pub struct Request {
    /// The name of a site, or one of its domains.
    pub site_id: String,
    /// visitors, pageviews, events, percentage, visits, bounce_rate, visit_duration, views_per_visit.
    pub metrics: Vec<String>,
    /// `day`, `7d`, `28d`, `30d`, `91d`, `month`, `6mo`, `12mo`, `year`, `all`, `24h`, or two dates or times.
    #[schema(value_type = Object)]
    pub date_range: Value,
    #[serde(default)]
    pub dimensions: Vec<String>,
    /// `["is", "event:page", ["/pricing"]]`, all of which must hold.
    #[serde(default)]
    #[schema(value_type = Vec<Vec<Object>>)]
    pub filters: Vec<Value>,
    #[serde(default)]
    #[schema(value_type = Option<Vec<Vec<String>>>)]
    pub order_by: Option<Vec<(String, Direction)>>,
    #[serde(default)]
    pub include: Include,
    #[serde(default)]
    pub pagination: Pagination,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    Asc,
    Desc,
}

#[derive(Debug, Default, Clone, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Include {
    /// There are no imports.
    pub imports: bool,
    pub time_labels: bool,
    pub total_rows: bool,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Pagination {
    pub limit: usize,
    pub offset: usize,
}

impl Default for Pagination {
    fn default() -> Pagination {
        Pagination {
            limit: 10_000,
            offset: 0,
        }
    }
}

/// A metric of the protocol: a sum of the module, or one sum over another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Metric {
    Visitors,
    Pageviews,
    Events,
    /// The part of all visitors, in percent.
    Percentage,
    Visits,
    /// The part of the visits that bounce, in percent.
    BounceRate,
    /// In seconds.
    VisitDuration,
    ViewsPerVisit,
}

/// What the module adds up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sum {
    Visitors,
    Pageviews,
    Events,
    Visits,
    Bounces,
    VisitTime,
}

impl Metric {
    pub fn parse(name: &str) -> Result<Metric, Refused> {
        Ok(match name {
            "visitors" => Metric::Visitors,
            "pageviews" => Metric::Pageviews,
            "events" => Metric::Events,
            "percentage" => Metric::Percentage,
            "visits" => Metric::Visits,
            "bounce_rate" => Metric::BounceRate,
            "visit_duration" => Metric::VisitDuration,
            "views_per_visit" => Metric::ViewsPerVisit,
            "total_revenue" | "average_revenue" => {
                let path = "/api/v1/sites/{site}/get?metric=revenue:sum&metric=revenue:avg";
                return Err(refuse(format!(
                    "metric `{name}` has a currency here, which is not recorded; {path} answers it"
                )));
            }
            _ => {
                return Err(refuse(format!(
                    "metric `{name}` is not answered; visitors, pageviews, events, percentage, \
                     visits, bounce_rate, visit_duration and views_per_visit are"
                )))
            }
        })
    }

    pub fn name(self) -> &'static str {
        match self {
            Metric::Visitors => "visitors",
            Metric::Pageviews => "pageviews",
            Metric::Events => "events",
            Metric::Percentage => "percentage",
            Metric::Visits => "visits",
            Metric::BounceRate => "bounce_rate",
            Metric::VisitDuration => "visit_duration",
            Metric::ViewsPerVisit => "views_per_visit",
        }
    }

    /// The sum that it is, or is a part of; and the one that it is divided by.
    pub fn sums(self) -> (Sum, Option<Sum>) {
        match self {
            Metric::Visitors | Metric::Percentage => (Sum::Visitors, None),
            Metric::Pageviews => (Sum::Pageviews, None),
            Metric::Events => (Sum::Events, None),
            Metric::Visits => (Sum::Visits, None),
            Metric::BounceRate => (Sum::Bounces, Some(Sum::Visits)),
            Metric::VisitDuration => (Sum::VisitTime, Some(Sum::Visits)),
            Metric::ViewsPerVisit => (Sum::Pageviews, Some(Sum::Visits)),
        }
    }

    /// Its number, rounded as Plausible does; `total`: all visitors.
    pub fn number(self, sum: f64, over: f64, total: f64) -> f64 {
        let hundredths = |number: f64| (number * 100.0).round() / 100.0;
        let of = |whole: f64| if whole == 0.0 { 0.0 } else { sum / whole };
        match self {
            Metric::Percentage => hundredths(of(total) * 100.0),
            Metric::BounceRate => (of(over) * 100.0).round(),
            Metric::VisitDuration => of(over).round(),
            Metric::ViewsPerVisit => hundredths(of(over)),
            _ => sum,
        }
    }
}

impl Sum {
    /// The metric of the module, without what it is of.
    pub fn subject(self) -> &'static str {
        match self {
            Sum::Visitors => "users",
            Sum::Pageviews | Sum::Events => "events",
            Sum::Visits => "visits",
            Sum::Bounces => "bounces",
            Sum::VisitTime => "visit-time:sum",
        }
    }

    /// Whether the numbers of several values add up.
    pub fn is_additive(self) -> bool {
        self != Sum::Visitors
    }

    pub fn is_of_visits(self) -> bool {
        matches!(self, Sum::Visits | Sum::Bounces | Sum::VisitTime)
    }
}

/// The events that are page views.
pub const PAGEVIEW: &str = "pageview";

/// The dimension of the module that a dimension of the protocol is.
pub fn dimension(name: &str) -> Result<String, Refused> {
    let known = match name {
        "event:goal" | "event:name" => "event",
        "event:page" => "page",
        "visit:source" => "source",
        "visit:browser" => "browser",
        "visit:os" => "os",
        "visit:device" => "device",
        "visit:country" => "country",
        "visit:utm_source" => "utm_source",
        "visit:utm_medium" => "utm_medium",
        "visit:utm_campaign" => "utm_campaign",
        "visit:utm_term" => "utm_term",
        "visit:utm_content" => "utm_content",
        "visit:entry_page" => "entry",
        "visit:exit_page" => "exit",
        _ => match name.strip_prefix("event:props:") {
            Some(property) if !property.is_empty() => property,
            _ => return Err(refuse(format!("dimension `{name}` is not recorded"))),
        },
    };
    Ok(String::from(known))
}

/// Whether this dimension of the module is one of visits, and not of events.
pub fn is_of_visits(dimension: &str) -> bool {
    ["entry", "exit"].contains(&dimension)
}

/// A filter that holds for one or more values of a dimension.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    pub dimension: String,
    pub values: Vec<String>,
}

/// `["is", dimension, [values]]`, and `["and", [filters]]` of them.
pub fn filters(given: &[Value], into: &mut Vec<Filter>, depth: usize) -> Result<(), Refused> {
    for filter in given {
        let parts = filter.as_array().map(Vec::as_slice).unwrap_or_default();
        match parts {
            [Value::String(word), Value::Array(inner)] if word == "and" && depth < 8 => {
                filters(inner, into, depth + 1)?;
            }
            [Value::String(word), Value::String(name), Value::Array(values)] if word == "is" => {
                let texts: Option<Vec<String>> = values
                    .iter()
                    .map(|value| value.as_str().map(String::from))
                    .collect();
                let values = texts.filter(|values| !values.is_empty());
                let values = values.ok_or_else(|| {
                    refuse(format!("filter on `{name}`: a list of texts is accepted"))
                })?;
                let dimension = dimension(name)?;
                if into.iter().any(|filter| filter.dimension == dimension) {
                    return Err(refuse(format!("filter on `{name}`: is given twice")));
                }
                into.push(Filter { dimension, values });
            }
            [Value::String(word), ..] => {
                return Err(refuse(format!(
                    "filter `{word}` is not answered without raw events; [\"is\", dimension, \
                     [values]] is, through a cube of the dimensions"
                )))
            }
            _ => return Err(refuse("filters: each is [\"is\", dimension, [values]]")),
        }
    }
    Ok(())
}
