//! The settings of a site in the module, for other parts of the gateway.

use super::ask::ask;
use super::params::Params;
use super::question::Question;
use super::Answer;
use crate::error::ApiResult;
use crate::sites::Site;
use crate::state::AppState;
use axum::http::StatusCode;
use serde_json::{Map, Value};

/// As the question `info` answers it, or null for a site that the module does not have.
pub async fn site_info(state: &AppState, site: &Site) -> ApiResult<Value> {
    let question = Question::parse("info", Params::from_json(Map::new())?, site)?;
    match ask(state, site, &question).await {
        Ok(Answer::Json(info)) => Ok(info),
        Ok(Answer::Csv(_)) => Ok(Value::Null),
        Err(error) if error.status == StatusCode::BAD_REQUEST => Ok(Value::Null),
        Err(error) => Err(error),
    }
}
