//! The questions: for each read command of the module its parameters, the command, and the shape of
//! its answer. The paths and the batch read the same parameters here.

use super::log;
use super::params::Params;
use super::people;
use super::range::{self, csv, Format};
use super::value::json;
use super::Answer;
use crate::error::{ApiError, ApiResult};
use crate::facts::Facts;
use crate::sites::Site;
use crate::store::{integer, list, map_of, member, stream_of, word};
use crate::time;
use jiff::tz::TimeZone;
use redis::{cmd, Cmd, Value};
use serde_json::{json as object, Map, Value as Json};

pub const NAMES: &str =
    "unique, get, range, top, compare, dashboard, explain, info, events, alerts, alert-history, live-metrics, \
     retention, funnels, funnel";

pub struct Question {
    /// As it is shown in metrics.
    pub name: &'static str,
    pub command: Cmd,
    pub(super) shape: Shape,
}

pub(super) enum Shape {
    Unique(Map<String, Json>),
    /// The windows, and the metrics of each.
    Get(Vec<String>, Vec<String>),
    Range(Vec<String>, Format),
    /// The dimensions, the metrics of a row, and the format.
    Top(Vec<String>, Vec<String>, Format),
    Compare(Vec<String>),
    Explain,
    Info,
    Events(usize),
    History,
    Retention,
    Funnel,
    AsItIs,
}

impl Question {
    /// Reads the parameters of the question with this name.
    pub fn parse(name: &str, params: Params, site: &Site) -> ApiResult<Question> {
        match name {
            "unique" => unique(params, site),
            "get" => get(params, site),
            "range" => range(params, site),
            "top" => top(params, site),
            "compare" => compare(params, site),
            "explain" => explain(params, site),
            "events" => events(params, site),
            "dashboard" => dashboard(params, site),
            "info" => plain("info", &["ANALYTICS.INFO"], Some(Shape::Info), params, site),
            "alerts" => plain(
                "alerts",
                &["ANALYTICS.ALERT_RO", "LIST"],
                None,
                params,
                site,
            ),
            "alert-history" => history(params, site),
            "retention" => people::retention(params, site),
            "funnels" => people::funnels(params, site),
            "funnel" => people::funnel(params, site),
            "live-metrics" => plain("live", &["ANALYTICS.LIVE_RO", "LIST"], None, params, site),
            _ => Err(ApiError::invalid(
                "query",
                format!("there is no such question; there are {NAMES}"),
            )),
        }
    }

    /// Whether the answer has times, which are written in the site's zone.
    pub fn has_times(&self) -> bool {
        matches!(
            self.shape,
            Shape::Range(..)
                | Shape::Explain
                | Shape::Info
                | Shape::Events(_)
                | Shape::History
                | Shape::Retention
                | Shape::Funnel
        )
    }

    pub fn answer(&self, reply: &Value, site: &Site, facts: &Facts) -> ApiResult<Answer> {
        let zone = &facts.zone;
        match &self.shape {
            Shape::Unique(asked) => {
                let mut answer = asked.clone();
                answer.insert(String::from("users"), json(reply));
                Ok(Answer::Json(Json::Object(answer)))
            }
            Shape::Get(windows, metrics) => {
                let mut numbers = list(reply).iter().map(json);
                let mut answers = windows.iter().map(|window| {
                    let numbers = metrics.iter().cloned().zip(&mut numbers);
                    let metrics: Json = numbers.collect();
                    let answer = [
                        ("window", Json::from(window.as_str())),
                        ("metrics", metrics),
                    ];
                    answer.into_iter().collect::<Json>()
                });
                Ok(Answer::Json(match windows.len() {
                    1 => answers.next().unwrap_or(Json::Null),
                    _ => answers.collect(),
                }))
            }
            Shape::Range(metrics, format) => range::answer(reply, metrics, *format, zone),
            Shape::Top(parts, metrics, format) => top_answer(reply, parts, metrics, *format),
            Shape::Compare(metrics) => {
                let rows = metrics.iter().zip(list(reply));
                let rows = rows.map(|(metric, row)| {
                    let [now, before, change] =
                        [0, 1, 2].map(|place| list(row).get(place).map_or(Json::Null, json));
                    object!({"metric": metric, "now": now, "before": before, "change": change})
                });
                Ok(Answer::Json(rows.collect()))
            }
            Shape::Explain => Ok(Answer::Json(explain_answer(reply, zone))),
            Shape::Info => Ok(Answer::Json(info_answer(reply, zone))),
            Shape::Events(offset) => {
                let events = log::read(reply, site, *offset, zone);
                let events = serde_json::to_value(events).map_err(|_| ApiError::internal())?;
                Ok(Answer::Json(events))
            }
            Shape::History => Ok(Answer::Json(log::alerts(reply, site, zone))),
            Shape::Retention => Ok(Answer::Json(people::retention_answer(reply, zone))),
            Shape::Funnel => Ok(Answer::Json(people::funnel_answer(reply, zone))),
            Shape::AsItIs => Ok(Answer::Json(json(reply))),
        }
    }
}

pub(super) fn start(name: &str, site: &Site) -> Cmd {
    let mut command = cmd(name);
    command.arg(&site.name);
    command
}

fn some_metrics(params: &mut Params) -> ApiResult<Vec<String>> {
    let metrics = no_options("metric", params.all("metric"))?;
    match metrics.is_empty() {
        true => Err(ApiError::invalid(
            "metric",
            "is missing; it may be repeated",
        )),
        false => Ok(metrics),
    }
}

/// The words that end the metrics of a command: a parameter is a metric and nothing else.
const OPTIONS: [&str; 5] = ["WHERE", "BY", "WITH", "LIMIT", "WINDOW"];

fn no_options(name: &'static str, metrics: Vec<String>) -> ApiResult<Vec<String>> {
    let is_option = |word: &&String| OPTIONS.iter().any(|it| it.eq_ignore_ascii_case(word));
    match metrics.iter().find(is_option) {
        Some(word) => Err(ApiError::invalid(name, format!("'{word}' is no metric"))),
        None => Ok(metrics),
    }
}

fn plain(
    name: &'static str,
    words: &[&str],
    shape: Option<Shape>,
    params: Params,
    site: &Site,
) -> ApiResult<Question> {
    params.finish("none")?;
    let (first, rest) = words.split_first().ok_or_else(ApiError::internal)?;
    let mut command = start(first, site);
    command.arg(rest);
    Ok(Question {
        name,
        command,
        shape: shape.unwrap_or(Shape::AsItIs),
    })
}

fn unique(mut params: Params, site: &Site) -> ApiResult<Question> {
    let window = params.needed("window")?;
    let dimension = params.one("dimension")?;
    let value = params.one("value")?;
    params.finish("window, dimension, value")?;
    let mut command = start("ANALYTICS.UNIQUE", site);
    command.arg(&window);
    let mut asked = Map::new();
    asked.insert(String::from("window"), Json::from(window));
    match (dimension, value) {
        (None, None) => {}
        (Some(dimension), Some(value)) => {
            command.arg(&dimension).arg(&value);
            asked.insert(String::from("dimension"), Json::from(dimension));
            asked.insert(String::from("value"), Json::from(value));
        }
        (Some(_), None) => return Err(ApiError::invalid("value", "is missing beside dimension")),
        (None, Some(_)) => return Err(ApiError::invalid("dimension", "is missing beside value")),
    }
    Ok(Question {
        name: "unique",
        command,
        shape: Shape::Unique(asked),
    })
}

fn get(mut params: Params, site: &Site) -> ApiResult<Question> {
    let windows = params.all("window");
    let metrics = some_metrics(&mut params)?;
    params.finish("window, metric")?;
    if windows.is_empty() {
        return Err(ApiError::invalid(
            "window",
            "is missing; it may be repeated",
        ));
    }
    let mut command = start("ANALYTICS.GET", site);
    for (place, window) in windows.iter().enumerate() {
        if place > 0 {
            command.arg("WINDOW");
        }
        command.arg(window).arg(&metrics);
    }
    Ok(Question {
        name: "get",
        command,
        shape: Shape::Get(windows, metrics),
    })
}

fn range(mut params: Params, site: &Site) -> ApiResult<Question> {
    let window = params.needed("window")?;
    let step = params.one("step")?.unwrap_or_else(|| String::from("auto"));
    let metrics = some_metrics(&mut params)?;
    let format = Format::of(params.one("format")?.as_deref())?;
    params.finish("window, step, metric, format")?;
    let mut command = start("ANALYTICS.RANGE", site);
    command.arg(&window).arg(step).arg(&metrics);
    Ok(Question {
        name: "range",
        command,
        shape: Shape::Range(metrics, format),
    })
}

fn top(mut params: Params, site: &Site) -> ApiResult<Question> {
    let window = params.needed("window")?;
    let dimension = params.needed("dimension")?;
    let held = params.all("where");
    let by = params.one("by")?;
    let with = no_options("with", params.all("with"))?;
    let limit = params.one("limit")?;
    let format = Format::of(params.one("format")?.as_deref())?;
    if format == Format::Columns {
        return Err(ApiError::invalid("format", "rows or csv is accepted"));
    }
    params.finish("window, dimension, where, by, with, limit, format")?;
    let mut command = start("ANALYTICS.TOP", site);
    command.arg(&window).arg(&dimension);
    for pair in &held {
        let Some((name, value)) = pair.split_once(':') else {
            let message = "a dimension, a colon and a value is accepted, such as country:FR";
            return Err(ApiError::invalid("where", message));
        };
        command.arg("WHERE").arg(name).arg(value);
    }
    if let Some(metric) = &by {
        command.arg("BY").arg(metric);
    }
    if !with.is_empty() {
        command.arg("WITH").arg(&with);
    }
    if let Some(rows) = limit {
        command.arg("LIMIT").arg(rows);
    }
    let parts = dimension.split(',').map(String::from).collect();
    let by = by.unwrap_or_else(|| String::from("events"));
    let metrics = std::iter::once(by).chain(with).collect();
    Ok(Question {
        name: "top",
        command,
        shape: Shape::Top(parts, metrics, format),
    })
}

/// Flat rows: `value` of one dimension, `value:<dimension>` for each of a cube. `metrics`: that of BY, then
/// those of WITH.
fn top_answer(
    reply: &Value,
    parts: &[String],
    metrics: &[String],
    format: Format,
) -> ApiResult<Answer> {
    let mut head: Vec<String> = match parts {
        [_] => vec![String::from("value")],
        parts => parts.iter().map(|part| format!("value:{part}")).collect(),
    };
    let mut metrics = metrics.iter().cloned();
    head.extend(metrics.next());
    head.extend(["share", "error_bound"].map(String::from));
    head.extend(metrics);
    let rows = list(reply).iter().map(|row| {
        let (value, numbers) = match list(row).split_first() {
            Some((value, numbers)) => (value, numbers),
            None => (&Value::Nil, &[][..]),
        };
        let values: Vec<Json> = match value {
            Value::Array(values) => values.iter().map(|value| word(value).into()).collect(),
            other => parts.iter().map(|_| word(other).into()).collect(),
        };
        values.into_iter().chain(numbers.iter().map(json))
    });
    if format == Format::Csv {
        let cell = |value: Json| match value {
            Json::Null => String::new(),
            Json::String(text) => text,
            other => other.to_string(),
        };
        return csv(&head, rows.map(|row| row.map(cell).collect()));
    }
    let rows = rows.map(|row| Json::Object(head.iter().cloned().zip(row).collect()));
    Ok(Answer::Json(rows.collect()))
}

fn compare(mut params: Params, site: &Site) -> ApiResult<Question> {
    let window = params.needed("window")?;
    let metrics = some_metrics(&mut params)?;
    params.finish("window, metric")?;
    let mut command = start("ANALYTICS.COMPARE", site);
    command.arg(&window).arg(&metrics);
    Ok(Question {
        name: "compare",
        command,
        shape: Shape::Compare(metrics),
    })
}

fn dashboard(mut params: Params, site: &Site) -> ApiResult<Question> {
    let metrics = no_options("metric", params.all("metric"))?;
    params.finish("metric")?;
    let mut command = start("ANALYTICS.DASHBOARD", site);
    command.arg(&metrics);
    Ok(Question {
        name: "dashboard",
        command,
        shape: Shape::AsItIs,
    })
}

fn explain(mut params: Params, site: &Site) -> ApiResult<Question> {
    let window = params.needed("window")?;
    let metrics = no_options("metric", params.all("metric"))?;
    params.finish("window, metric")?;
    let mut command = start("ANALYTICS.EXPLAIN", site);
    command.arg(&window).arg(&metrics);
    Ok(Question {
        name: "explain",
        command,
        shape: Shape::Explain,
    })
}

/// A range of two times is an object of both forms.
fn explain_answer(reply: &Value, zone: &TimeZone) -> Json {
    let members = map_of(reply).map(|(name, value)| {
        let shown = match list(value) {
            [Value::Int(from), Value::Int(to)] => object!({
                "from": time::iso(*from, zone), "to": time::iso(*to, zone),
                "from_ms": from, "to_ms": to,
            }),
            _ => json(value),
        };
        (String::from(name), shown)
    });
    Json::Object(members.collect())
}

/// Beside each time in milliseconds the same in ISO 8601.
fn info_answer(reply: &Value, zone: &TimeZone) -> Json {
    let mut info = match json(reply) {
        Json::Object(info) => info,
        _ => Map::new(),
    };
    for name in ["first-event", "last-event"] {
        let ms = member(reply, name).and_then(integer);
        let iso = ms.map_or(Json::Null, |ms| Json::from(time::iso(ms, zone)));
        info.insert(format!("{name}-time"), iso);
    }
    Json::Object(info)
}

fn events(mut params: Params, site: &Site) -> ApiResult<Question> {
    let limit = params.number("limit", 1..=1_000, 50)?;
    let offset = params.number("offset", 0..=log::DEEPEST, 0)?;
    params.finish("limit, offset")?;
    Ok(Question {
        name: "events",
        command: log::command(&site.name, limit, offset),
        shape: Shape::Events(offset),
    })
}

fn history(mut params: Params, site: &Site) -> ApiResult<Question> {
    let limit = params.number("limit", 1..=1_000, 50)?;
    params.finish("limit")?;
    Ok(Question {
        name: "alert_history",
        command: log::latest(&stream_of(&site.name, "alerts"), limit),
        shape: Shape::History,
    })
}
