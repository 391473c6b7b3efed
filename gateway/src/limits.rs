//! How often one address, and one key, may ask: a token bucket each (GCRA). What has been idle is
//! forgotten every minute, so that the number of addresses that ever came does not matter.

use crate::config::LimitsConfig;
use crate::error::{ApiError, ApiResult};
use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::time::Duration;

/// Address space is given to a household or server in networks of this length.
const IPV6_NETWORK: u8 = 64;

pub struct Limits {
    addresses: Option<DefaultKeyedRateLimiter<IpAddr>>,
    keys: Option<DefaultKeyedRateLimiter<String>>,
    queries: Option<DefaultKeyedRateLimiter<IpAddr>>,
    failures: Option<DefaultKeyedRateLimiter<IpAddr>>,
}

fn per_second<K: std::hash::Hash + Eq + Clone>(rate: u32) -> Option<DefaultKeyedRateLimiter<K>> {
    NonZeroU32::new(rate).map(|rate| RateLimiter::keyed(Quota::per_second(rate)))
}

impl Limits {
    pub fn new(config: &LimitsConfig) -> Limits {
        Limits {
            addresses: per_second(config.address_per_second),
            keys: per_second(config.key_per_second),
            queries: per_second(config.queries_per_second),
            failures: NonZeroU32::new(config.failures_per_minute)
                .map(|rate| RateLimiter::keyed(Quota::per_minute(rate))),
        }
    }

    /// A request with events.
    pub fn take_events(&self, address: IpAddr) -> ApiResult<()> {
        take(self.addresses.as_ref(), &network(address))
    }

    pub fn take_key(&self, site: &String) -> ApiResult<()> {
        take(self.keys.as_ref(), site)
    }

    pub fn take_query(&self, address: IpAddr) -> ApiResult<()> {
        take(self.queries.as_ref(), &network(address))
    }

    /// Counts a wrong key or token; too many are answered with 429 in place of 401.
    pub fn take_failure(&self, address: IpAddr, error: ApiError) -> ApiError {
        match take(self.failures.as_ref(), &network(address)) {
            Ok(()) => error,
            Err(limited) => limited,
        }
    }

    /// Forgets who has been idle, for as long as the process lives.
    pub async fn keep_small(&self) {
        let mut ticks = tokio::time::interval(Duration::from_secs(60));
        loop {
            ticks.tick().await;
            for limiter in [&self.addresses, &self.queries, &self.failures]
                .into_iter()
                .flatten()
            {
                limiter.retain_recent();
                limiter.shrink_to_fit();
            }
            if let Some(keys) = &self.keys {
                keys.retain_recent();
            }
        }
    }
}

fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(_) => {
            ipnet::IpNet::new(address, IPV6_NETWORK).map_or(address, |network| network.network())
        }
    }
}

fn take<K: std::hash::Hash + Eq + Clone>(
    limiter: Option<&DefaultKeyedRateLimiter<K>>,
    key: &K,
) -> ApiResult<()> {
    let Some(limiter) = limiter else {
        return Ok(());
    };
    limiter.check_key(key).map_err(|until| {
        let wait = until.wait_time_from(DefaultClock::default().now());
        ApiError::rate_limited(
            u32::try_from(wait.as_secs())
                .unwrap_or(60)
                .saturating_add(1),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_its_own_limit_and_a_network_of_ipv6_shares_one() {
        let limits = Limits::new(&LimitsConfig {
            address_per_second: 2,
            ..LimitsConfig::default()
        });
        let a: IpAddr = "1.2.3.4".parse().expect("is an address");
        let b: IpAddr = "2001:db8::1".parse().expect("is an address");
        let c: IpAddr = "2001:db8::2".parse().expect("is an address");
        assert!(limits.take_events(a).is_ok());
        assert!(limits.take_events(a).is_ok());
        let refused = limits.take_events(a).expect_err("is the third");
        assert_eq!(refused.retry_after, Some(1));
        assert!(limits.take_events(b).is_ok());
        assert!(limits.take_events(c).is_ok());
        assert!(limits.take_events(b).is_err());
    }
}
