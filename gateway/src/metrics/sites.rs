//! Visitors and conversions of the sites that opted in, asked for when Prometheus asks.

use super::{Metrics, SiteLabels, WindowLabels};
use crate::sites::{Site, Snapshot};
use crate::store::{integer, Redis, StoreError};
use futures_util::future::join_all;
use redis::{cmd, Value};
use std::sync::Arc;
use tokio::time::Instant;

/// Sites with rows, at most; the first by name.
const SITES: usize = 200;

/// Asks Redis anew. A site that cannot be asked keeps the figures that it had.
pub async fn refresh(metrics: &Metrics, snapshot: &Snapshot, redis: &Redis) {
    let mut sites: Vec<&Arc<Site>> = snapshot.sites().filter(|site| site.prometheus).collect();
    sites.sort_by(|a, b| a.name.cmp(&b.name));
    sites.truncate(SITES);
    let asked = sites.iter().map(|site| ask(metrics, site, redis));
    for outcome in join_all(asked).await {
        if let Err(error) = outcome {
            tracing::warn!(%error, "the figures of a site cannot be had");
        }
    }
}

async fn ask(metrics: &Metrics, site: &Site, redis: &Redis) -> Result<(), StoreError> {
    let begun = Instant::now();
    let windows = async {
        let now = users(redis, site, "5m", "users").await?;
        let day = users(redis, site, "24h", "users").await?;
        let today = users(redis, site, "today", "users").await?;
        let goal = format!("(users@event={})", site.goal);
        let converted = users(redis, site, "today", &goal).await?;
        Ok::<_, StoreError>((now, day, today, converted))
    };
    let (now, day, today, converted) = windows.await?;
    metrics.redis_took("site_metrics", begun.elapsed());
    let labels = SiteLabels {
        site: site.name.clone(),
    };
    metrics.current_visitors.get_or_create(&labels).set(now);
    for (window, users) in [("24h", day), ("today", today)] {
        let site = site.name.clone();
        let labels = WindowLabels { site, window };
        metrics.visitors.get_or_create(&labels).set(users);
    }
    let rate = if today > 0 {
        converted as f64 / today as f64
    } else {
        0.0
    };
    metrics.conversion_rate.get_or_create(&labels).set(rate);
    Ok(())
}

async fn users(redis: &Redis, site: &Site, window: &str, metric: &str) -> Result<i64, StoreError> {
    let mut command = cmd("ANALYTICS.GET");
    command.arg(&site.name).arg(window).arg(metric);
    Ok(match redis.query(&command).await? {
        Value::Array(numbers) => numbers.first().and_then(integer).unwrap_or(0),
        _ => 0,
    })
}
