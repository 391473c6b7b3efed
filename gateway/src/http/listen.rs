//! Connections are taken by one task and handed to the workers in turn, so that none has more of them
//! than another.

use axum::extract::connect_info::Connected;
use axum_server::{AddrListener, Address};
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, Mutex};

/// After an error, as when there are too many open files.
const PAUSE: Duration = Duration::from_millis(50);
/// Connections that a worker has not come to yet.
const WAITING: usize = 1_024;

/// The address of a client whose connection was handed to a worker.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub SocketAddr);

impl Address for Peer {
    type Stream = TcpStream;
    type Listener = Handed;
}

impl Connected<Peer> for SocketAddr {
    fn connect_info(peer: Peer) -> SocketAddr {
        peer.0
    }
}

type Connection = (std::net::TcpStream, SocketAddr);

/// What a worker is handed, as a listener.
pub struct Handed {
    connections: Mutex<mpsc::Receiver<Connection>>,
    address: SocketAddr,
}

impl AddrListener<TcpStream, Peer> for Handed {
    async fn bind_to(_: Peer) -> io::Result<Handed> {
        Err(io::Error::from(io::ErrorKind::Unsupported))
    }

    async fn accept_stream(&self) -> io::Result<(TcpStream, Peer)> {
        match self.connections.lock().await.recv().await {
            Some((stream, address)) => Ok((TcpStream::from_std(stream)?, Peer(address))),
            None => std::future::pending().await,
        }
    }

    fn get_local_addr(&self) -> io::Result<Peer> {
        Ok(Peer(self.address))
    }
}

/// Listens for so many workers: what each of them is handed, and the task that takes connections. With
/// the task the port is closed.
pub async fn listen(
    address: SocketAddr,
    workers: usize,
) -> io::Result<(Vec<Handed>, impl Future<Output = ()>)> {
    let listener = TcpListener::bind(address).await?;
    let address = listener.local_addr()?;
    tracing::info!(%address, "listening");
    let (senders, handed) = (0..workers)
        .map(|_| {
            let (sender, receiver) = mpsc::channel(WAITING);
            let connections = Mutex::new(receiver);
            (
                sender,
                Handed {
                    connections,
                    address,
                },
            )
        })
        .unzip();
    Ok((handed, hand_out(listener, senders)))
}

async fn hand_out(listener: TcpListener, workers: Vec<mpsc::Sender<Connection>>) {
    for worker in workers.iter().cycle() {
        let taken = listener.accept().await.and_then(|(stream, address)| {
            // A message to a listener is sent at once, though the one before is not confirmed yet.
            let _ = stream.set_nodelay(true);
            Ok((stream.into_std()?, address))
        });
        match taken {
            Ok(connection) => {
                let _ = worker.send(connection).await;
            }
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
}
