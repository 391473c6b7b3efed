//! The floor: a server with axum, hyper and tokio that answers `GET /` with three bytes and does
//! nothing else. What a request to it costs is what the libraries and the kernel cost.
//!
//! It is the bench's own program, started once more, so that its processor time can be measured.

use super::servers::{free_port, wait_for, Process};
use std::env;
use std::process::{Command, Stdio};

const PORT: &str = "FLOOR_PORT";

/// Serves and does not return, where this process was started for it.
pub fn serve_if_asked() {
    let Some(port) = env::var(PORT)
        .ok()
        .and_then(|port| port.parse::<u16>().ok())
    else {
        return;
    };
    let app = axum::Router::new().route("/", axum::routing::get(|| async { "ok\n" }));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("a runtime can be made");
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await;
        let served = axum::serve(listener.expect("the port is free"), app).await;
        served.expect("it serves");
    });
}

/// The server in a process of its own, and its port.
pub fn start() -> (Process, u16) {
    let port = free_port();
    let program = env::current_exe().expect("the program has a path");
    let process = Command::new(program)
        .env(PORT, port.to_string())
        .stderr(Stdio::null())
        .spawn()
        .expect("it runs");
    let process = Process::new(process);
    wait_for(port);
    (process, port)
}
