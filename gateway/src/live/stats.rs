//! The figures that a listener gets first and with every heartbeat: one pipeline of questions, whose
//! answer serves everybody who asks within a second.

use crate::error::{ApiError, ApiResult};
use crate::state::AppState;
use crate::store::integer;
use axum::extract::ws::Utf8Bytes;
use redis::{cmd, pipe, Value};
use serde_json::{json, Value as Json};
use std::time::{Duration, Instant};
use tokio::sync::Mutex;

/// Figures that are younger are not asked for again.
const FRESH: Duration = Duration::from_secs(1);

#[derive(Default)]
pub struct Stats {
    /// Held while Redis is asked, so that concurrent calls wait for the same answer.
    latest: Mutex<Option<(Instant, Json)>>,
}

impl Stats {
    /// The figures as a message of this type.
    pub async fn message(&self, state: &AppState, site: &str, kind: &str) -> ApiResult<Utf8Bytes> {
        let mut latest = self.latest.lock().await;
        let fresh = latest.as_ref().filter(|(at, _)| at.elapsed() < FRESH);
        let data = match fresh {
            Some((_, data)) => data.clone(),
            None => {
                let data = ask(state, site).await?;
                *latest = Some((Instant::now(), data.clone()));
                data
            }
        };
        Ok(json!({"type": kind, "data": data}).to_string().into())
    }
}

async fn ask(state: &AppState, name: &str) -> ApiResult<Json> {
    let sites = state.sites.snapshot();
    let goal = sites.site(name).map(|site| site.goal.clone());
    let goal = format!("(events@event={})", goal.unwrap_or_default());
    let mut now = cmd("ANALYTICS.GET");
    now.arg(name).arg("5m").arg("users");
    let mut today = cmd("ANALYTICS.GET");
    today
        .arg(name)
        .arg("today")
        .arg(&["users", "events", goal.as_str()]);
    let mut questions = pipe();
    questions.add_command(now).add_command(today);
    let begun = Instant::now();
    let replies = state.redis.pipeline(&mut questions).await?;
    state.metrics.redis_took("live_stats", begun.elapsed());
    let mut numbers = Vec::new();
    for reply in replies {
        match reply.map_err(crate::store::StoreError::from)? {
            Value::Array(values) => numbers.extend(values.iter().map(|v| integer(v).unwrap_or(0))),
            _ => return Err(ApiError::internal()),
        }
    }
    let [current, users, events, letters] = numbers.as_slice() else {
        return Err(ApiError::internal());
    };
    Ok(json!({
        "current_visitors": current,
        "unique_today": users,
        "total_events": events,
        "letters_today": letters,
        "timestamp": crate::time::now_ms(),
    }))
}
