//! A listener of the tests: a web socket that blocks, with a time limit.

use crate::gateway::Gateway;
use serde_json::Value;
use std::net::TcpStream;
use std::time::{Duration, Instant};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{client, Error, HandshakeError, Message, WebSocket};

pub struct Listener {
    pub socket: WebSocket<TcpStream>,
}

/// Opens a web socket, or the status that refuses it.
pub fn try_listen(
    gateway: &Gateway,
    query: &str,
    headers: &[(&'static str, &str)],
) -> Result<Listener, u16> {
    let url = format!("ws://127.0.0.1:{}/ws/analytics?{query}", gateway.port);
    let mut request = url.into_client_request().expect("is a request");
    for (name, value) in headers {
        let value = value.parse().expect("is a header");
        request.headers_mut().insert(*name, value);
    }
    let stream = TcpStream::connect(("127.0.0.1", gateway.port)).expect("it listens");
    let limit = Some(Duration::from_secs(20));
    stream.set_read_timeout(limit).expect("is set");
    match client(request, stream) {
        Ok((socket, _)) => Ok(Listener { socket }),
        Err(HandshakeError::Failure(Error::Http(answer))) => Err(answer.status().as_u16()),
        Err(error) => panic!("{error}"),
    }
}

/// A listener that has had its first figures.
pub fn listen(gateway: &Gateway, site: &str, token: &str) -> Listener {
    let query = format!("site={site}&token={token}");
    let mut listener = try_listen(gateway, &query, &[]).expect("it may listen");
    assert_eq!(listener.next()["type"], "initial_stats");
    listener
}

impl Listener {
    pub fn say(&mut self, text: &str) {
        self.socket.send(Message::text(text)).expect("is sent");
    }

    /// The next message, or why there is none.
    pub fn try_next(&mut self) -> Result<Value, String> {
        loop {
            match self.socket.read() {
                Ok(Message::Text(text)) => {
                    return serde_json::from_str(&text).map_err(|error| error.to_string())
                }
                Ok(Message::Close(frame)) => return Err(format!("closed: {frame:?}")),
                Ok(_) => {}
                Err(error) => return Err(error.to_string()),
            }
        }
    }

    pub fn next(&mut self) -> Value {
        self.try_next().expect("there is a message")
    }

    /// The next message of a type.
    pub fn next_of(&mut self, kind: &str) -> Value {
        let until = Instant::now() + Duration::from_secs(20);
        loop {
            let message = self.next();
            if message["type"] == kind {
                return message;
            }
            assert!(Instant::now() < until, "no {kind}");
        }
    }
}
