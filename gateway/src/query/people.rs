//! The questions about people over time: cohorts, and funnels.

use super::params::Params;
use super::question::{start, Question, Shape};
use super::value::json;
use crate::error::ApiResult;
use crate::sites::Site;
use crate::store::{integer, list, map_of, member, word};
use crate::time;
use jiff::tz::TimeZone;
use redis::Value;
use serde_json::{json as object, Map, Value as Json};

pub fn retention(mut params: Params, site: &Site) -> ApiResult<Question> {
    let window = params.needed("window")?;
    let period = params.needed("period")?;
    params.finish("window, period")?;
    let mut command = start("ANALYTICS.RETENTION", site);
    command.arg(window).arg(period);
    Ok(Question {
        name: "retention",
        command,
        shape: Shape::Retention,
    })
}

pub fn funnels(params: Params, site: &Site) -> ApiResult<Question> {
    params.finish("none")?;
    let mut command = start("ANALYTICS.FUNNEL_RO", site);
    command.arg("LIST");
    Ok(Question {
        name: "funnels",
        command,
        shape: Shape::AsItIs,
    })
}

pub fn funnel(mut params: Params, site: &Site) -> ApiResult<Question> {
    let name = params.needed("name")?;
    let window = params.needed("window")?;
    let by = params.one("by")?;
    let limit = params.one("limit")?;
    params.finish("name, window, by, limit")?;
    let mut command = start("ANALYTICS.FUNNEL_RO", site);
    command.arg("GET").arg(name).arg(window);
    if let Some(dimension) = by {
        command.arg("BY").arg(dimension);
    }
    if let Some(rows) = limit {
        command.arg("LIMIT").arg(rows);
    }
    Ok(Question {
        name: "funnel",
        command,
        shape: Shape::Funnel,
    })
}

/// A row for each period: its beginning, its new users, and how many of them were seen in each period after.
pub fn retention_answer(reply: &Value, zone: &TimeZone) -> Json {
    let rows = member(reply, "rows").map_or(&[][..], list);
    let rows = rows.iter().map(|row| match list(row) {
        [Value::Int(start), users, returned] => object!({
            "time": time::iso(*start, zone), "time_ms": start,
            "users": json(users), "returned": json(returned),
        }),
        other => other.iter().map(json).collect(),
    });
    let mut answer = head(reply, zone, &["rows"]);
    answer.insert(String::from("rows"), rows.collect());
    Json::Object(answer)
}

/// A row for each step and, where the funnel was asked for by a dimension, one for each value.
pub fn funnel_answer(reply: &Value, zone: &TimeZone) -> Json {
    let steps = rows_of(
        reply,
        "rows",
        &[
            "condition",
            "users",
            "share",
            "share_of_previous",
            "median",
            "p90",
        ],
    );
    let mut answer = head(reply, zone, &["rows", "values"]);
    answer.insert(String::from("steps"), steps.unwrap_or_default());
    if let Some(values) = rows_of(reply, "values", &["value", "users", "share", "error_bound"]) {
        answer.insert(String::from("values"), values);
    }
    Json::Object(answer)
}

fn rows_of(reply: &Value, name: &str, head: &[&str]) -> Option<Json> {
    let rows = list(member(reply, name)?).iter().map(|row| {
        let (text, numbers) = match list(row).split_first() {
            Some((text, numbers)) => (Json::from(word(text)), numbers),
            None => (Json::Null, &[][..]),
        };
        let cells = std::iter::once(text).chain(numbers.iter().map(json));
        let names = head.iter().map(|name| String::from(*name));
        Json::Object(names.zip(cells).collect())
    });
    Some(rows.collect())
}

/// What stands above the rows. Times are there in both forms.
fn head(reply: &Value, zone: &TimeZone, without: &[&str]) -> Map<String, Json> {
    let mut head = Map::new();
    for (name, value) in map_of(reply).filter(|(name, _)| !without.contains(name)) {
        let name = name.replace('-', "_");
        match (name.as_str(), list(value)) {
            ("counts", [Value::Int(from), Value::Int(to)]) => {
                let range = object!({
                    "from": time::iso(*from, zone), "to": time::iso(*to, zone),
                    "from_ms": from, "to_ms": to,
                });
                head.insert(name, range);
            }
            ("since", _) => {
                let since = integer(value);
                let iso = since.map_or(Json::Null, |since| Json::from(time::iso(since, zone)));
                head.insert(name, iso);
                head.insert(
                    String::from("since_ms"),
                    since.map_or(Json::Null, Json::from),
                );
            }
            ("horizon", _) => {
                head.insert(String::from("horizon_ms"), json(value));
            }
            ("partial" | "open", _) => {
                head.insert(name, Json::from(integer(value) == Some(1)));
            }
            _ => {
                head.insert(name, json(value));
            }
        }
    }
    head
}
