//! The one subscription of a gateway: what all gateways, itself among them, publish on the channel.

use super::hubs::Live;
use super::tap::{Message, CHANNEL};
use crate::store::StoreError;
use futures_util::StreamExt;
use redis::aio::PubSub;
use redis::RedisError;
use std::io;
use std::time::Duration;
use tokio::time::{interval, sleep, timeout};

const PAUSE: Duration = Duration::from_millis(500);
/// How often it is looked whether the connection is alive.
const PING: Duration = Duration::from_secs(10);

/// Listens for as long as the process lives; a connection that ends is made again, to another node
/// if there are more.
pub async fn listen(live: Live) {
    let mut node = 0;
    loop {
        if let Err(error) = listen_once(&live, node).await {
            tracing::warn!(%error, "the subscription to live events is made again");
        }
        node = node.wrapping_add(1);
        sleep(PAUSE).await;
    }
}

async fn in_time<T>(
    limit: Duration,
    reply: impl std::future::Future<Output = Result<T, RedisError>>,
) -> Result<T, StoreError> {
    match timeout(limit, reply).await {
        Ok(reply) => Ok(reply?),
        Err(_) => Err(RedisError::from(io::Error::from(io::ErrorKind::TimedOut)).into()),
    }
}

async fn listen_once(live: &Live, node: usize) -> Result<(), StoreError> {
    let config = &live.state.config.redis;
    let limit = config.connection_timeout + config.response_timeout;
    let client = live.state.redis.dedicated(node)?;
    let mut subscription: PubSub = in_time(limit, client.get_async_pubsub()).await?;
    in_time(limit, subscription.subscribe(CHANNEL)).await?;
    live.announce_all();
    let (mut sink, mut messages) = subscription.split();
    let mut pings = interval(PING);
    loop {
        tokio::select! {
            message = messages.next() => {
                let Some(message) = message else { return Ok(()) };
                handle(live, message.get_payload_bytes());
            }
            _ = pings.tick() => {
                in_time::<redis::Value>(limit, sink.ping()).await?;
            }
        }
    }
}

/// A message of another version of the gateway may not be one of this.
fn handle(live: &Live, payload: &[u8]) {
    match serde_json::from_slice(payload) {
        Ok(Message::Wanted(site)) => {
            // Only sites that there are, so that others on the channel cannot fill the memory.
            if live.state.sites.snapshot().site(&site).is_some() {
                live.tap().want(site);
            }
        }
        Ok(Message::Events(site, events)) => live.pass(&site, events),
        Err(error) => {
            tracing::debug!(%error, "a message of the live channel is of another version")
        }
    }
}
