//! `GET /api/v1/analytics/heatmap`: where events with the dimensions `x` and `y` happened. The cubes
//! `x,y` and, for one page, `page,x,y` count them.

use crate::error::ApiResult;
use crate::query::ask::one;
use crate::query::failures::Failures;
use crate::query::native::Asking;
use crate::state::AppState;
use crate::store::{integer, list, word};
use axum::extract::State;
use axum::Json;
use redis::cmd;
use serde::Serialize;
use serde_json::Value as Coordinate;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Rows that the module replies, at most; the heaviest.
const ROWS: usize = 10_000;

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(heatmap))
}

#[derive(Debug, Serialize, ToSchema)]
struct Heatmap {
    success: bool,
    data: Vec<Cell>,
    meta: Asked,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = HeatmapCell)]
struct Cell {
    /// A number, or a text where the event sent one that is no number.
    #[schema(value_type = Value)]
    x: Coordinate,
    #[schema(value_type = Value)]
    y: Coordinate,
    count: i64,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = HeatmapMeta)]
struct Asked {
    page_url: Option<String>,
    hours: usize,
    count: usize,
}

/// Where on a page, or on all pages, events happened.
#[utoipa::path(
    get, path = "/api/v1/analytics/heatmap", tag = "classic",
    params(
        ("site" = Option<String>, Query, description = "That of the token, if missing"),
        ("page_url" = Option<String>, Query, description = "A value of the dimension page"),
        ("hours" = Option<u32>, Query, description = "1 to 168; 24, if missing"),
    ),
    responses((status = 200, description = "The cells, heaviest first", body = Heatmap), Failures)
)]
async fn heatmap(
    State(state): State<AppState>,
    Asking { site, mut params }: Asking,
) -> ApiResult<Json<Heatmap>> {
    let page_url = params.one("page_url")?;
    let hours = params.number("hours", 1..=168, 24)?;
    params.finish("page_url, hours")?;
    let cube = if page_url.is_some() {
        "page,x,y"
    } else {
        "x,y"
    };
    let mut command = cmd("ANALYTICS.TOP");
    command.arg(&site.name).arg(format!("{hours}h")).arg(cube);
    command.arg("LIMIT").arg(ROWS);
    let reply = one(&state, "top", &command).await?;
    let cells = list(&reply).iter().map(list).filter_map(|row| {
        let (cell, count) = match row {
            [cell, count, ..] => (list(cell), integer(count)?),
            _ => return None,
        };
        let (page, x, y) = match cell {
            [page, x, y] => (Some(word(page)), x, y),
            [x, y] => (None, x, y),
            _ => return None,
        };
        (page == page_url).then(|| Cell {
            x: coordinate(word(x)),
            y: coordinate(word(y)),
            count,
        })
    });
    let data: Vec<Cell> = cells.collect();
    let meta = Asked {
        page_url,
        hours,
        count: data.len(),
    };
    Ok(Json(Heatmap {
        success: true,
        data,
        meta,
    }))
}

fn coordinate(text: String) -> Coordinate {
    if let Ok(whole) = text.parse::<i64>() {
        return Coordinate::from(whole);
    }
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() => Coordinate::from(number),
        _ => Coordinate::from(text),
    }
}
