//! Listening, and stopping: on SIGTERM or SIGINT no connection is taken any more, requests under
//! way are finished, the queue is emptied, and only then the process ends.

use super::routes::router;
use super::stalled::Stalled;
use crate::config::{Config, HttpConfig};
use crate::ingest::Ingest;
use crate::live::Live;
use crate::state::AppState;
use axum_server::tls_rustls::RustlsConfig;
use axum_server::Handle;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use std::error::Error;
use std::net::SocketAddr;
use tokio::signal::unix::{signal, SignalKind};

pub async fn serve(config: Config) -> Result<(), Box<dyn Error>> {
    let state = AppState::new(config).await?;
    let live = Live::new(&state);
    let ingest = Ingest::new(&state, live.tap().clone()).await?;
    start_tasks(&state, &ingest);
    crate::live::start(&live);
    crate::alerts::start(&state)?;

    let handle: Handle<SocketAddr> = Handle::new();
    tokio::spawn(stop_on_signal(state.clone(), live.clone(), handle.clone())?);
    tokio::spawn({
        let handle = handle.clone();
        async move {
            if let Some(address) = handle.listening().await {
                tracing::info!(%address, "listening");
            }
        }
    });

    let app = router(&state, &ingest, &live).into_make_service_with_connect_info::<SocketAddr>();
    let http = &state.config.http;
    let stalled = Stalled {
        limit: http.request_timeout,
    };
    match (&http.tls_certificate, &http.tls_key) {
        (Some(certificate), Some(key)) => {
            let tls = RustlsConfig::from_pem_file(certificate, key).await?;
            let mut server = axum_server::bind_rustls(http.listen, tls)
                .map(|tls| tls.acceptor(stalled))
                .handle(handle);
            set_timers(server.http_builder(), http);
            server.serve(app).await?;
        }
        _ => {
            let mut server = axum_server::bind(http.listen)
                .acceptor(stalled)
                .handle(handle);
            set_timers(server.http_builder(), http);
            server.serve(app).await?;
        }
    }
    ingest.drained(http.drain).await;
    tracing::info!("stopped");
    Ok(())
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

fn set_timers(builder: &mut Builder<TokioExecutor>, http: &HttpConfig) {
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(http.header_timeout);
}

fn stop_on_signal(
    state: AppState,
    live: Live,
    handle: Handle<SocketAddr>,
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
        live.close();
        handle.graceful_shutdown(Some(state.config.http.drain));
    })
}
