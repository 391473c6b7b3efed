//! Listening, and stopping: on SIGTERM or SIGINT no connection is taken any more, requests under
//! way are finished, the queue is emptied, and only then the process ends.

use super::listen::{listen, Peer};
use super::routes::router;
use super::stalled::Stalled;
use crate::config::{Config, HttpConfig};
use crate::ingest::Ingest;
use crate::live::Live;
use crate::state::AppState;
use crate::store::Redis;
use crate::workers::Workers;
use axum::Router;
use axum_server::tls_rustls::{RustlsAcceptor, RustlsConfig};
use axum_server::{Control, Handle, Server};
use hyper_util::rt::TokioTimer;
use std::error::Error;
use std::net::SocketAddr;
use tokio::signal::unix::{signal, SignalKind};
use tokio::task::JoinHandle;

/// Requests are served by the workers; this thread takes connections, and does what goes on beside.
pub async fn serve(config: Config) -> Result<(), Box<dyn Error>> {
    let workers = Workers::start(config.http.threads)?;
    let redis = Redis::connect_on(&config.redis, &workers).await?;
    let state = AppState::new(config, redis);
    let live = Live::new(&state);
    // Events have connections of their own, of which the observer sees what Redis has confirmed.
    let events = Redis::connect_on(&state.config.redis, &workers).await?;
    let events = events.observed_by(live.tap().clone());
    let ingest = Ingest::new(&state, events, workers.count());
    start_tasks(&state, &ingest);
    crate::live::start(&live);
    crate::alerts::start(&state)?;

    let http = &state.config.http;
    let tls = match (&http.tls_certificate, &http.tls_key) {
        (Some(certificate), Some(key)) => {
            Some(RustlsConfig::from_pem_file(certificate, key).await?)
        }
        _ => None,
    };
    let (handed, taking) = listen(http.listen, workers.count()).await?;
    let control = Control::new();
    let taking = tokio::spawn(taking);
    tokio::spawn(stop_on_signal(
        state.clone(),
        live.clone(),
        control.clone(),
        taking,
    )?);
    let app = router(&state, &ingest, &live);
    let served = workers.spawn_each(handed, |handed| {
        let server = Server::from_listener(handed).handle(Handle::with_control(control.clone()));
        serve_on(server, app.clone(), tls.clone(), http.clone())
    });
    for server in served {
        server.await??;
    }
    ingest.drained(http.drain).await;
    tracing::info!("stopped");
    Ok(())
}

/// What one worker serves.
async fn serve_on(
    server: Server<Peer>,
    app: Router,
    tls: Option<RustlsConfig>,
    http: HttpConfig,
) -> std::io::Result<()> {
    let app = app.into_make_service_with_connect_info::<SocketAddr>();
    let stalled = Stalled {
        limit: http.request_timeout,
    };
    match tls {
        Some(tls) => {
            let tls = RustlsAcceptor::new(tls).acceptor(stalled);
            with_timers(server.acceptor(tls), &http).serve(app).await
        }
        None => {
            with_timers(server.acceptor(stalled), &http)
                .serve(app)
                .await
        }
    }
}

/// What goes on beside the requests for as long as the process lives.
fn start_tasks(state: &AppState, ingest: &Ingest) {
    let refresh = state.config.sites.refresh;
    tokio::spawn(state.sites.clone().keep_fresh(refresh));
    tokio::spawn({
        let state = state.clone();
        async move { state.limits.keep_small().await }
    });
    tokio::spawn({
        let state = state.clone();
        async move { state.enrich.salts.keep_fresh(&state.redis).await }
    });
    tokio::spawn({
        let ingest = ingest.clone();
        async move { ingest.probe().await }
    });
}

/// What comes too slowly is let go: a first request, a head, and of HTTP/2 the answer to a ping.
fn with_timers<A>(server: Server<Peer, A>, http: &HttpConfig) -> Server<Peer, A> {
    let mut server = server.first_request_timeout(http.header_timeout);
    let mut http1 = server.http_builder().http1();
    http1
        .timer(TokioTimer::new())
        .header_read_timeout(http.header_timeout);
    let mut http2 = server.http_builder().http2();
    http2
        .timer(TokioTimer::new())
        .keep_alive_interval(http.header_timeout)
        .keep_alive_timeout(http.header_timeout);
    server
}

fn stop_on_signal(
    state: AppState,
    live: Live,
    control: Control,
    taking: JoinHandle<()>,
) -> std::io::Result<impl std::future::Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("stopping: requests under way are finished");
        state.start_draining();
        taking.abort();
        live.close();
        control.graceful_shutdown(Some(state.config.http.drain));
    })
}
