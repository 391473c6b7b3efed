//! The object in the body of a request.

use crate::error::ApiResult;
use crate::object::Object;
use axum::extract::rejection::JsonRejection;
use axum::Json;

pub type Given<T> = Result<Json<Object<T>>, JsonRejection>;

pub fn body<T>(given: Given<T>) -> ApiResult<T> {
    let Json(Object(body)) = given?;
    Ok(body)
}
