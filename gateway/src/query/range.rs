//! A series as rows, columns or CSV.

use super::value::json;
use super::Answer;
use crate::error::{ApiError, ApiResult};
use crate::store::{integer, list};
use crate::time;
use jiff::tz::TimeZone;
use redis::Value;
use serde_json::{json as object, Map, Value as Json};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Rows,
    Columns,
    Csv,
}

impl Format {
    pub fn of(word: Option<&str>) -> ApiResult<Format> {
        match word {
            None | Some("rows") => Ok(Format::Rows),
            Some("columns") => Ok(Format::Columns),
            Some("csv") => Ok(Format::Csv),
            Some(_) => Err(ApiError::invalid(
                "format",
                "rows, columns or csv is accepted",
            )),
        }
    }
}

/// The points of a series: times in milliseconds, and the numbers of each metric.
pub struct Series<'v> {
    pub times: Vec<i64>,
    pub numbers: Vec<Vec<&'v Value>>,
}

pub fn series(reply: &Value) -> Series<'_> {
    let mut times = Vec::new();
    let mut numbers = Vec::new();
    for (place, points) in list(reply).iter().enumerate() {
        let mut column = Vec::new();
        for point in list(points) {
            if let [time, number] = list(point) {
                if place == 0 {
                    times.push(integer(time).unwrap_or_default());
                }
                column.push(number);
            }
        }
        numbers.push(column);
    }
    Series { times, numbers }
}

pub fn answer(
    reply: &Value,
    metrics: &[String],
    format: Format,
    zone: &TimeZone,
) -> ApiResult<Answer> {
    let series = series(reply);
    let iso: Vec<String> = series.times.iter().map(|ms| time::iso(*ms, zone)).collect();
    match format {
        Format::Rows => {
            let rows = iso.iter().zip(&series.times).enumerate();
            let rows = rows.map(|(at, (iso, ms))| {
                let mut row = Map::new();
                row.insert(String::from("time"), Json::from(iso.as_str()));
                row.insert(String::from("time_ms"), Json::from(*ms));
                for (metric, column) in metrics.iter().zip(&series.numbers) {
                    let number = column.get(at).map_or(Json::Null, |value| json(value));
                    row.insert(metric.clone(), number);
                }
                Json::Object(row)
            });
            Ok(Answer::Json(rows.collect()))
        }
        Format::Columns => {
            let columns = metrics.iter().zip(&series.numbers);
            let columns: Map<String, Json> = columns
                .map(|(metric, column)| {
                    let numbers = column.iter().map(|value| json(value)).collect();
                    (metric.clone(), numbers)
                })
                .collect();
            let (time, time_ms) = (iso, series.times);
            Ok(Answer::Json(object!({
                "time": time, "time_ms": time_ms, "metrics": columns,
            })))
        }
        Format::Csv => {
            let head = ["time", "time_ms"].into_iter().map(String::from);
            let head: Vec<String> = head.chain(metrics.iter().cloned()).collect();
            let rows = iso.iter().zip(&series.times).enumerate();
            let rows = rows.map(|(at, (iso, ms))| {
                let numbers = series.numbers.iter().map(|column| cell(column.get(at)));
                let times = [iso.clone(), ms.to_string()];
                times.into_iter().chain(numbers).collect()
            });
            csv(&head, rows)
        }
    }
}

fn cell(value: Option<&&Value>) -> String {
    match value.map_or(Json::Null, |value| json(value)) {
        Json::Null => String::new(),
        Json::String(text) => text,
        other => other.to_string(),
    }
}

/// A table with a head, by RFC 4180.
pub fn csv(head: &[String], rows: impl Iterator<Item = Vec<String>>) -> ApiResult<Answer> {
    let mut writer = csv::WriterBuilder::new()
        .terminator(csv::Terminator::CRLF)
        .from_writer(Vec::new());
    let written = writer.write_record(head).and_then(|()| {
        for row in rows {
            writer.write_record(&row)?;
        }
        Ok(())
    });
    let bytes = writer.into_inner().map_err(|_| ApiError::internal())?;
    written.map_err(|_| ApiError::internal())?;
    Ok(Answer::Csv(bytes))
}
