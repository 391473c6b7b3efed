//! The body of an answer.

use crate::object::written;
use axum::http::header;
use axum::response::{IntoResponse, Response};

#[derive(Debug)]
pub enum Answer {
    Json(serde_json::Value),
    Csv(Vec<u8>),
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        match self {
            Answer::Json(value) => written(&value),
            Answer::Csv(bytes) => {
                let kind = [(header::CONTENT_TYPE, "text/csv; charset=utf-8")];
                (kind, bytes).into_response()
            }
        }
    }
}
