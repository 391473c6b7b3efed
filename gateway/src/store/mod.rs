//! Redis, as one server or as a cluster behind the same calls. Nothing else opens a connection for
//! commands; who subscribes or blocks takes a connection of its own (`Redis::dedicated`).

mod error;
mod reply;
mod streams;

pub use error::{Failure, StoreError};
pub use reply::{integer, list, map_of, member, number, pairs, text, word};
pub use streams::{entries, entry_list, stream_of};

use crate::config::RedisConfig;
use crate::workers::{PerWorker, Workers};
use redis::aio::{ConnectionLike, ConnectionManager, ConnectionManagerConfig};
use redis::cluster::ClusterClientBuilder;
use redis::cluster_async::ClusterConnection;
use redis::{
    Client, Cmd, ConnectionInfo, IntoConnectionInfo, Pipeline, ProtocolVersion, RedisError,
    RedisResult, Value,
};
use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

/// Cheap to clone; every clone shares the connections.
#[derive(Clone)]
pub struct Redis {
    /// Each is driven by the thread that uses it.
    connections: Arc<PerWorker<Connection>>,
    config: RedisConfig,
    observer: Option<Arc<dyn Observer>>,
}

/// Sees what was sent as a pipeline and carried out. It must not take long.
pub trait Observer: Send + Sync {
    fn confirmed(&self, command: &Cmd, reply: &Value);
}

#[derive(Clone)]
enum Connection {
    Server(ConnectionManager),
    Cluster(ClusterConnection),
}

impl Redis {
    /// One connection for all threads.
    pub async fn connect(config: &RedisConfig) -> Result<Redis, StoreError> {
        Redis::connect_on(config, &Workers::default()).await
    }

    /// A connection for each of the workers, and one for all other threads.
    pub async fn connect_on(config: &RedisConfig, workers: &Workers) -> Result<Redis, StoreError> {
        let configs = std::iter::repeat(config.clone());
        let made = workers.spawn_each(configs, |config| async move { connect(&config).await });
        let mut own = Vec::with_capacity(made.len());
        for connection in made {
            let failed = |_| RedisError::from(io::Error::from(io::ErrorKind::Interrupted));
            own.push(connection.await.map_err(failed)??);
        }
        let connections = PerWorker::new(own, connect(config).await?);
        Ok(Redis {
            connections: Arc::new(connections),
            config: config.clone(),
            observer: None,
        })
    }

    pub fn observed_by(self, observer: Arc<dyn Observer>) -> Redis {
        Redis {
            observer: Some(observer),
            ..self
        }
    }

    /// One command, and its reply.
    pub async fn query(&self, command: &Cmd) -> Result<Value, StoreError> {
        let reply = match self.connections.here().clone() {
            Connection::Server(mut server) => {
                self.in_time(server.req_packed_command(command)).await
            }
            Connection::Cluster(mut cluster) => {
                self.in_time(cluster.req_packed_command(command)).await
            }
        };
        Ok(reply?.extract_error()?)
    }

    /// A command waits for its reply, or for a connection that is being made again, but not for ever.
    async fn in_time<T>(&self, reply: impl Future<Output = RedisResult<T>>) -> RedisResult<T> {
        let limit = match self.config.cluster {
            // Of its own it limits each reply, and asks again where a slot has moved.
            true => self.config.connection_timeout + self.config.response_timeout,
            false => self.config.response_timeout,
        };
        match tokio::time::timeout(limit, reply).await {
            Ok(reply) => reply,
            Err(_) => Err(RedisError::from(io::Error::from(io::ErrorKind::TimedOut))),
        }
    }

    /// Commands whose keys share a slot, in one round trip: a reply or an error for each.
    pub async fn pipeline(
        &self,
        pipeline: &mut Pipeline,
    ) -> Result<Vec<RedisResult<Value>>, StoreError> {
        pipeline.ignore_errors();
        let replies: RedisResult<Vec<RedisResult<Value>>> = match self.connections.here().clone() {
            Connection::Server(mut server) => self.in_time(pipeline.query_async(&mut server)).await,
            Connection::Cluster(mut cluster) => {
                self.in_time(pipeline.query_async(&mut cluster)).await
            }
        };
        let replies = replies?;
        if let Some(observer) = &self.observer {
            for (command, reply) in pipeline.cmd_iter().zip(&replies) {
                if let Ok(reply) = reply {
                    observer.confirmed(command, reply);
                }
            }
        }
        Ok(replies)
    }

    /// A connection to one server, for commands that block or subscribe. In a cluster, messages of
    /// `PUBLISH` reach every node, so that any of them will do for a subscription.
    pub fn dedicated(&self, node: usize) -> Result<Client, StoreError> {
        let urls = &self.config.urls;
        let url = urls.iter().cycle().nth(node % urls.len().max(1));
        Ok(Client::open(url.map(String::as_str).unwrap_or_default())?)
    }

    pub fn response_timeout(&self) -> Duration {
        self.config.response_timeout
    }

    pub fn is_cluster(&self) -> bool {
        self.config.cluster
    }
}

async fn connect(config: &RedisConfig) -> RedisResult<Connection> {
    if config.cluster {
        let client = ClusterClientBuilder::new(config.urls.clone())
            .connection_timeout(config.connection_timeout)
            .response_timeout(config.response_timeout)
            .retries(8)
            .min_retry_wait(20)
            .max_retry_wait(500)
            .use_protocol(ProtocolVersion::RESP3)
            .build()?;
        return Ok(Connection::Cluster(client.get_async_connection().await?));
    }
    let url = config.urls.first().map(String::as_str).unwrap_or_default();
    let settings = ConnectionManagerConfig::new()
        .set_connection_timeout(Some(config.connection_timeout))
        // `in_time` has the limit.
        .set_response_timeout(None)
        .set_max_delay(Duration::from_millis(500));
    let client = Client::open(with_maps(url)?)?;
    let manager = ConnectionManager::new_lazy_with_config(client, settings)?;
    Ok(Connection::Server(manager))
}

/// RESP3, in which a map is a map and a number a number.
fn with_maps(url: &str) -> RedisResult<ConnectionInfo> {
    let info = url.into_connection_info()?;
    let redis = info.redis_settings().clone();
    Ok(info.set_redis_settings(redis.set_protocol(ProtocolVersion::RESP3)))
}
