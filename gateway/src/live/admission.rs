//! Who may listen: readers of the site, from pages of its origins or of the gateway's own, and so
//! many at a time.

use crate::error::{ApiError, ApiResult};
use crate::sites::Site;
use crate::state::AppState;
use axum::http::{header, HeaderMap};
use prometheus_client::metrics::gauge::Gauge;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use url::Url;

#[derive(Default)]
pub struct Counts {
    by_address: Mutex<HashMap<IpAddr, usize>>,
}

/// A place among the listeners; dropped, it is free.
pub struct Seat {
    counts: Arc<Counts>,
    address: IpAddr,
    gauge: Gauge,
}

/// A browser sends the origin of the page that opens the connection; other programs send none.
pub fn check_origin(site: &Site, headers: &HeaderMap) -> ApiResult<()> {
    let Some(origin) = headers.get(header::ORIGIN) else {
        return Ok(());
    };
    let origin = origin.to_str().unwrap_or_default();
    if site.allows_origin(origin) || is_own(origin, headers) {
        return Ok(());
    }
    Err(ApiError::forbidden(
        "the site has no listeners on pages of this origin",
    ))
}

/// Whether the page came from the gateway itself: the origin has the host that was asked.
fn is_own(origin: &str, headers: &HeaderMap) -> bool {
    let host = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok());
    let (Some(host), Ok(origin)) = (host, Url::parse(origin)) else {
        return false;
    };
    let Some(name) = origin.host_str() else {
        return false;
    };
    let port = origin.port().map(|port| format!(":{port}"));
    host.eq_ignore_ascii_case(&format!("{name}{}", port.unwrap_or_default()))
}

impl Counts {
    /// A place for one more listener, or 503 and 429 where there is none.
    pub fn seat(
        self: &Arc<Counts>,
        state: &AppState,
        address: IpAddr,
        gauge: &Gauge,
    ) -> ApiResult<Seat> {
        let limits = &state.config.live;
        let mut counts = self
            .by_address
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let all = &state.metrics;
        if all.web_sockets.get() + all.event_streams.get() >= i64::from(limits.listeners) {
            return Err(ApiError::unavailable("there are too many listeners", 10));
        }
        let own = counts.entry(address).or_default();
        if limits.listeners_per_address > 0 && *own >= limits.listeners_per_address as usize {
            return Err(ApiError::rate_limited(10));
        }
        *own += 1;
        gauge.inc();
        Ok(Seat {
            counts: Arc::clone(self),
            address,
            gauge: gauge.clone(),
        })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut counts = self
            .counts
            .by_address
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = counts.get_mut(&self.address) {
            *own = own.saturating_sub(1);
            if *own == 0 {
                counts.remove(&self.address);
            }
        }
        self.gauge.dec();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    #[test]
    fn pages_of_the_site_and_of_the_gateway_itself_may_listen() {
        let site = Site {
            origins: vec![String::from("https://shop.example")],
            ..Site::named("shop")
        };
        let check = |origin: &'static str, host: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ORIGIN, HeaderValue::from_static(origin));
            headers.insert(header::HOST, HeaderValue::from_static(host));
            check_origin(&site, &headers).is_ok()
        };
        assert!(check("https://shop.example", "stats.example"));
        assert!(check("https://stats.example", "stats.example"));
        assert!(check("http://localhost:8080", "localhost:8080"));
        assert!(!check("http://localhost:8081", "localhost:8080"));
        assert!(!check("https://evil.example", "stats.example"));
        assert!(!check(
            "https://stats.example.evil.example",
            "stats.example"
        ));
        assert!(!check("null", "stats.example"));
        assert!(check_origin(&site, &HeaderMap::new()).is_ok());
    }
}
