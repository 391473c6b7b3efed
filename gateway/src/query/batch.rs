//! `POST /api/v1/query`: up to 64 questions about one site in one round trip, for pages.

use super::ask;
use super::failures::Failures;
use super::params::Params;
use super::question::{Question, NAMES};
use super::Answer;
use crate::auth::{bearer, reader, ClientAddress};
use crate::error::{ApiError, ApiResult};
use crate::facts::Facts;
use crate::sites::Site;
use crate::state::AppState;
use axum::extract::rejection::JsonRejection;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::Json;
use redis::Cmd;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::sync::Arc;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

const MOST: usize = 64;

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(query))
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Batch {
    /// The site; that of the token, if missing.
    site: Option<String>,
    #[schema(max_items = 64)]
    queries: Vec<Asked>,
}

/// A question by the last word of its path, and its parameters beside it:
/// `{"query": "get", "window": "24h", "metric": ["events", "users"]}`.
#[derive(Debug, Deserialize, ToSchema)]
struct Asked {
    query: String,
    #[serde(flatten)]
    #[schema(value_type = Object)]
    params: Map<String, Value>,
}

#[derive(Debug, Serialize, ToSchema)]
struct Results {
    /// One for each question, in their order.
    results: Vec<Outcome>,
}

/// The answer, or why there is none.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Outcome {
    #[schema(value_type = Object)]
    Data(Value),
    Error(Refused),
}

#[derive(Debug, Serialize, ToSchema)]
struct Refused {
    code: String,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<String>,
}

impl From<ApiError> for Outcome {
    fn from(error: ApiError) -> Outcome {
        Outcome::Error(Refused {
            code: String::from(error.code),
            message: error.message.into_owned(),
            field: error.field.map(|field| field.into_owned()),
        })
    }
}

/// Up to 64 questions in one request.
#[utoipa::path(
    post, path = "/api/v1/query", tag = "answers", request_body = Batch,
    responses(
        (status = 200, description = "An answer or an error for each", body = Results),
        Failures,
    )
)]
async fn query(
    State(state): State<AppState>,
    ClientAddress(address): ClientAddress,
    headers: HeaderMap,
    body: Result<Json<Batch>, JsonRejection>,
) -> ApiResult<Json<Results>> {
    state.limits.take_query(address)?;
    let Json(batch) = body?;
    let site = reader(&state, batch.site.as_deref(), bearer(&headers))?;
    if batch.queries.len() > MOST {
        let message = format!("a request has at most {MOST} questions");
        return Err(ApiError::invalid("queries", message));
    }
    let asked = batch.queries.into_iter();
    let questions: Vec<ApiResult<Question>> = asked.map(|asked| question(asked, &site)).collect();
    let results = answers(&state, &site, questions).await?;
    Ok(Json(Results { results }))
}

fn question(asked: Asked, site: &Site) -> ApiResult<Question> {
    let is_csv = asked.params.get("format").and_then(Value::as_str) == Some("csv");
    if is_csv {
        let message = "CSV is an answer of its own; rows or columns is accepted here";
        return Err(ApiError::invalid("format", message));
    }
    if !NAMES.split(", ").any(|name| name == asked.query) {
        let message = format!("there is no such question; there are {NAMES}");
        return Err(ApiError::invalid("query", message));
    }
    Question::parse(&asked.query, Params::from_json(asked.params)?, site)
}

async fn answers(
    state: &AppState,
    site: &Site,
    questions: Vec<ApiResult<Question>>,
) -> ApiResult<Vec<Outcome>> {
    let well = || {
        questions
            .iter()
            .filter_map(|question| question.as_ref().ok())
    };
    let facts = match well().any(Question::has_times) {
        true => state.facts_of(&site.name).await?,
        false => Arc::new(Facts::default()),
    };
    let commands: Vec<Cmd> = well().map(|question| question.command.clone()).collect();
    let mut replies = ask::all(state, "batch", &commands).await?.into_iter();
    let outcomes = questions.into_iter().map(|question| {
        let answer = question.and_then(|question| {
            let reply = replies.next().ok_or_else(ApiError::internal)??;
            question.answer(&reply, site, &facts)
        });
        match answer {
            Ok(Answer::Json(value)) => Outcome::Data(value),
            Ok(Answer::Csv(_)) => Outcome::from(ApiError::internal()),
            Err(error) => Outcome::from(error),
        }
    });
    Ok(outcomes.collect())
}
