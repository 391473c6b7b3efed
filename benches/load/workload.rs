//! One line of the table: its requests, the data and settings that they require, and its target.

use testkit::bench::Requests;
use testkit::{wait_until, Reply, Server};

/// The line with which all others are compared: the smallest command that counts a distinct user.
pub const REFERENCE: &str = "PFADD";

/// The minimum that a line has to reach.
#[derive(Clone, Copy)]
pub enum Target {
    /// Events per second.
    Rate(f64),
    /// As many events as another line, times this.
    Of(f64, &'static str),
}

pub struct Workload {
    pub name: &'static str,
    pub requests: Requests,
    pub targets: Vec<Target>,
    /// Requests that prepare the data.
    fill: Requests,
    aof: bool,
}

impl Workload {
    pub fn new(name: &'static str, requests: Requests) -> Workload {
        Workload {
            name,
            requests,
            targets: Vec::new(),
            fill: Requests::default(),
            aof: false,
        }
    }

    pub fn after(mut self, fill: Requests) -> Workload {
        self.fill = fill;
        self
    }

    pub fn with_aof(mut self) -> Workload {
        self.aof = true;
        self
    }

    pub fn at_least(mut self, target: Target) -> Workload {
        self.targets.push(target);
        self
    }

    /// Prepares the data. Fails with the error of a command that the server does not have.
    pub fn prepare(&self, server: &Server) -> Result<(), String> {
        let mut connection = server.connection();
        let filled = connection.exchange(&self.fill.bytes, self.fill.replies as usize);
        let first = &self.requests.bytes[..first_request(&self.requests.bytes)];
        let tried = connection.exchange(first, 1);
        match filled.into_iter().chain(tried).find(Reply::is_error) {
            // Redis quotes the arguments after a comma.
            Some(error) => Err(error
                .error()
                .split(',')
                .next()
                .unwrap_or_default()
                .to_owned()),
            None => Ok(()),
        }
    }

    /// Runs with the settings of the workload.
    pub fn around<T>(&self, server: &Server, run: impl FnOnce() -> T) -> T {
        if !self.aof {
            return run();
        }
        let mut connection = server.connection();
        connection.run("CONFIG SET appendonly yes").ok();
        wait_until("the append-only file is begun", || {
            connection.info("persistence", "aof_rewrite_in_progress") == "0"
                && connection.info("persistence", "aof_rewrite_scheduled") == "0"
        });
        let result = run();
        connection.run("CONFIG SET appendonly no").ok();
        result
    }
}

/// The length of the first request: up to the next one, which begins with a star after a line end.
fn first_request(bytes: &[u8]) -> usize {
    let next = bytes.windows(3).position(|window| window == b"\r\n*");
    next.map_or(bytes.len(), |position| position + 2)
}
