//! The rest of a request's body that no handler read, because the request was refused before: it is
//! read and thrown away before the answer goes. Otherwise the connection would be closed while an
//! ordinary client still sends, and such a client sees a broken connection in place of the answer.

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::Request;
use axum::http::header::EXPECT;
use http_body::{Frame, SizeHint};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::timeout;

/// At most so much is read, and for so long. Then the connection is closed.
const MOST_BYTES: usize = 16 * 1024 * 1024;
const LONGEST: Duration = Duration::from_secs(3);

/// What was left of a body when the handler dropped it.
#[derive(Default)]
struct Returned(Mutex<Option<Body>>);

/// A body that is returned when it is dropped.
struct Lent {
    body: Body,
    begun: bool,
    /// The client sends the body only when it is asked to, which reading it does.
    waits: bool,
    returned: Arc<Returned>,
}

/// Lends a request's body to its handler.
pub struct Unread(Option<Arc<Returned>>);

impl Unread {
    pub fn of(request: Request) -> (Request, Unread) {
        if request.body().is_end_stream() {
            return (request, Unread(None));
        }
        let (head, body) = request.into_parts();
        let returned = Arc::new(Returned::default());
        let lent = Lent {
            body,
            begun: false,
            waits: head.headers.contains_key(EXPECT),
            returned: Arc::clone(&returned),
        };
        let request = Request::from_parts(head, Body::new(lent));
        (request, Unread(Some(returned)))
    }

    /// Reads what is left, within the bounds.
    pub async fn discard(self) {
        self.discard_within(LONGEST).await;
    }

    async fn discard_within(self, longest: Duration) {
        let body = self.0.and_then(|returned| returned.take());
        if let Some(body) = body {
            let _ = timeout(longest, discard(body)).await;
        }
    }
}

impl Returned {
    fn take(&self) -> Option<Body> {
        let mut body = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        body.take()
    }
}

async fn discard(mut body: Body) {
    let mut left = MOST_BYTES;
    while let Some(Ok(frame)) = next(&mut body).await {
        left = left.saturating_sub(frame.data_ref().map_or(0, Bytes::len));
        if left == 0 {
            return;
        }
    }
}

async fn next(body: &mut Body) -> Option<Result<Frame<Bytes>, axum::Error>> {
    std::future::poll_fn(|context| Pin::new(&mut *body).poll_frame(context)).await
}

impl HttpBody for Lent {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let lent = self.get_mut();
        lent.begun = true;
        Pin::new(&mut lent.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if self.body.is_end_stream() || (self.waits && !self.begun) {
            return;
        }
        let body = std::mem::take(&mut self.body);
        let mut returned = self
            .returned
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *returned = Some(body);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// A body of so many pieces of a megabyte, and how many of them were read.
    fn pieces(count: usize) -> (Body, Arc<AtomicUsize>) {
        let read = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&read);
        let piece = Bytes::from(vec![0; 1024 * 1024]);
        let pieces = (0..count).map(move |_| {
            counter.fetch_add(1, Ordering::Relaxed);
            Ok::<_, std::convert::Infallible>(piece.clone())
        });
        (Body::from_stream(futures_util::stream::iter(pieces)), read)
    }

    #[tokio::test]
    async fn what_a_handler_leaves_of_a_body_is_read_within_the_bound() {
        for (sent, taken, read_in_all) in [(5, 0, 5), (5, 2, 5), (50, 0, 16), (50, 3, 19)] {
            let (body, read) = pieces(sent);
            let (request, unread) = Unread::of(Request::new(body));
            let mut body = request.into_body();
            for _ in 0..taken {
                next(&mut body).await.expect("is there").expect("is read");
            }
            drop(body);
            assert_eq!(read.load(Ordering::Relaxed), taken);
            unread.discard().await;
            assert_eq!(read.load(Ordering::Relaxed), read_in_all, "{sent} {taken}");
        }
    }

    #[tokio::test]
    async fn a_body_that_waits_to_be_asked_for_is_not_asked_for() {
        let (body, read) = pieces(5);
        let mut request = Request::new(body);
        let value = HeaderValue::from_static("100-continue");
        request.headers_mut().insert(EXPECT, value);
        let (request, unread) = Unread::of(request);
        drop(request);
        unread.discard().await;
        assert_eq!(read.load(Ordering::Relaxed), 0);
    }

    #[tokio::test]
    async fn a_body_that_does_not_come_is_waited_for_within_the_bound() {
        let never = futures_util::stream::pending::<Result<Bytes, std::convert::Infallible>>();
        let (request, unread) = Unread::of(Request::new(Body::from_stream(never)));
        drop(request);
        let begun = std::time::Instant::now();
        unread.discard_within(Duration::from_millis(200)).await;
        assert!(begun.elapsed() >= Duration::from_millis(200));
    }
}
