//! What the module keeps of a site under names: funnels and alert rules.

use crate::error::{ApiError, ApiResult};
use crate::sites::change::find;
use crate::state::AppState;
use axum::http::StatusCode;
use redis::cmd;

/// Removes what has this name; `what` is the word for it.
pub async fn delete(
    state: &AppState,
    command: &str,
    site: &str,
    name: &str,
    what: &str,
) -> ApiResult<StatusCode> {
    find(&state.redis, site).await?;
    let mut command = cmd(command);
    command.arg(site).arg("DEL").arg(name);
    match state.redis.query(&command).await? {
        redis::Value::Int(1) => Ok(StatusCode::NO_CONTENT),
        _ => Err(ApiError::not_found(format!("there is no such {what}"))),
    }
}
