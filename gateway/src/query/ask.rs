//! Asking the module, alone or several questions in one round trip.

use super::question::Question;
use super::Answer;
use crate::error::{ApiError, ApiResult};
use crate::facts::Facts;
use crate::sites::Site;
use crate::state::AppState;
use crate::store::StoreError;
use redis::{Cmd, Pipeline, Value};
use std::sync::Arc;
use std::time::Instant;

pub async fn ask(state: &AppState, site: &Site, question: &Question) -> ApiResult<Answer> {
    let facts = match question.has_times() {
        true => state.facts_of(&site.name).await?,
        false => Arc::new(Facts::default()),
    };
    let reply = one(state, question.name, &question.command).await?;
    question.answer(&reply, site, &facts)
}

/// One command, measured.
pub async fn one(state: &AppState, name: &'static str, command: &Cmd) -> ApiResult<Value> {
    let begun = Instant::now();
    let reply = state.redis.query(command).await;
    state.metrics.redis_took(name, begun.elapsed());
    Ok(reply?)
}

/// Commands of one site in one round trip: a reply, or what the module refuses. What it does not
/// take now is asked again by itself, as the client of a cluster follows slots that move.
pub async fn all(
    state: &AppState,
    name: &'static str,
    commands: &[Cmd],
) -> ApiResult<Vec<ApiResult<Value>>> {
    if commands.is_empty() {
        return Ok(Vec::new());
    }
    let mut pipeline = Pipeline::with_capacity(commands.len());
    for command in commands {
        pipeline.add_command(command.clone());
    }
    let begun = Instant::now();
    let replies = state.redis.pipeline(&mut pipeline).await;
    state.metrics.redis_took(name, begun.elapsed());
    let mut answers = Vec::with_capacity(commands.len());
    for (reply, command) in replies?.into_iter().zip(commands) {
        answers.push(match reply {
            Ok(value) => Ok(value),
            Err(error) => match StoreError::from(error) {
                error if error.passes() => Ok(state.redis.query(command).await?),
                error => Err(ApiError::from(error)),
            },
        });
    }
    Ok(answers)
}

/// The same, where none may be refused.
pub async fn every(
    state: &AppState,
    name: &'static str,
    commands: &[Cmd],
) -> ApiResult<Vec<Value>> {
    all(state, name, commands).await?.into_iter().collect()
}
