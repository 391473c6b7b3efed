//! A client that takes nothing of an answer for a time is cut off. Otherwise one that never reads
//! would hold its connection, and what streams to it, for as long as it likes.

use axum_server::accept::Accept;
use std::io;
use std::pin::Pin;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_io_timeout::TimeoutStream;

/// An acceptor around another; the limit is on the connection itself.
#[derive(Debug, Clone)]
pub struct Stalled {
    pub limit: Duration,
}

impl<I, S> Accept<I, S> for Stalled
where
    I: AsyncRead + AsyncWrite,
{
    type Stream = Pin<Box<TimeoutStream<I>>>;
    type Service = S;
    type Future = Ready<Self::Stream, S>;

    fn accept(&self, stream: I, service: S) -> Self::Future {
        let mut stream = TimeoutStream::new(stream);
        stream.set_write_timeout(Some(self.limit));
        std::future::ready(Ok((Box::pin(stream), service)))
    }
}

type Ready<I, S> = std::future::Ready<io::Result<(I, S)>>;
