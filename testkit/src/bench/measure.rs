//! One run of one workload: requests go out from one thread as fast as the server takes them,
//! replies are only counted, and the server's processor time is read before and after.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::bench::Requests;
use crate::connection::Connection;
use crate::server::Server;

#[derive(Clone, Copy)]
pub struct Sample {
    pub nanoseconds: f64,
    busy: f64,
}

#[derive(Default)]
pub struct Series {
    pub samples: Vec<Sample>,
    /// Why there are none.
    pub missing: Option<String>,
}

impl Series {
    /// The server's processor time per event.
    pub fn nanoseconds(&self) -> f64 {
        median(self.samples.iter().map(|sample| sample.nanoseconds))
    }

    /// The lowest and the highest, as far from the median as they are.
    pub fn spread(&self) -> f64 {
        let all = || self.samples.iter().map(|sample| sample.nanoseconds);
        let (low, high) = (
            all().fold(f64::NAN, f64::min),
            all().fold(f64::NAN, f64::max),
        );
        (high - low) / 2.0 / self.nanoseconds()
    }

    /// The share of the time that the server was at work. Far below 1, it waited for this program.
    pub fn busy(&self) -> f64 {
        median(self.samples.iter().map(|sample| sample.busy))
    }

    /// How many times the events of another one it does in the same time. Each round is compared with
    /// the same round, for a busy minute of the machine slows both.
    pub fn rate_to(&self, other: &Series) -> f64 {
        let rounds = self.samples.iter().zip(&other.samples);
        median(rounds.map(|(own, other)| other.nanoseconds / own.nanoseconds))
    }
}

pub fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// `name`: for the message when the server refuses something.
pub fn run(server: &Server, name: &str, requests: &Requests, length: Duration) -> Sample {
    let stream =
        TcpStream::connect(("127.0.0.1", server.port())).expect("the server takes connections");
    let (cpu, start) = (server.cpu_time(), Instant::now());
    let passes = exchange(&stream, name, requests, start + length);
    let wall = start.elapsed();
    let busy = server.cpu_time() - cpu;
    wait_for_pending_events(server);
    let cpu = server.cpu_time() - cpu;
    Sample {
        nanoseconds: cpu.as_nanos() as f64 / (passes * requests.events) as f64,
        busy: busy.as_secs_f64() / wall.as_secs_f64(),
    }
}

/// Events of many sites may still be pending: to flush them is a part of what they cost.
fn wait_for_pending_events(server: &Server) {
    const FEW: u64 = 1_000;
    let mut connection = server.connection();
    // Other builds have no such field.
    let mut pending = || -> u64 {
        let pending = connection.info("analytics", "analytics_events_waiting");
        pending.parse().unwrap_or(0)
    };
    while pending() > FEW {
        thread::sleep(Duration::from_millis(200));
    }
}

/// Sends all requests again and again until the deadline; every reply has arrived on return.
fn exchange(stream: &TcpStream, name: &str, requests: &Requests, deadline: Instant) -> u64 {
    // The number of replies to wait for: set before the last pass is sent, so that the reader,
    // which looks after every read, has replies to come when it is set.
    let expected = AtomicU64::new(u64::MAX);
    thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let mut passes = 0;
            let mut stamped = requests.stamps.as_ref().map(|_| requests.bytes.clone());
            loop {
                passes += 1;
                let last = Instant::now() >= deadline;
                if last {
                    expected.store(passes * requests.replies, Ordering::Release);
                }
                if let (Some(stamps), Some(bytes)) = (&requests.stamps, &mut stamped) {
                    stamps.stamp(bytes);
                }
                (&*stream)
                    .write_all(stamped.as_ref().unwrap_or(&requests.bytes))
                    .expect("the server takes requests");
                if last {
                    return passes;
                }
            }
        });
        count_replies(stream, &expected, name);
        writer.join().expect("the writer ends")
    })
}

/// Every reply of the workloads is one line, and none but an error has a dash.
fn count_replies(mut stream: &TcpStream, expected: &AtomicU64, name: &str) {
    let mut buffer = vec![0; 1 << 16];
    let mut replies = 0;
    while replies < expected.load(Ordering::Acquire) {
        let length = stream.read(&mut buffer).expect("the server replies");
        assert!(length > 0, "{name}: the server closed the connection");
        let bytes = &buffer[..length];
        replies += bytes.iter().filter(|byte| **byte == b'\n').count() as u64;
        if bytes.contains(&b'-') {
            panic!(
                "{name}: {}",
                bytes
                    .escape_ascii()
                    .to_string()
                    .chars()
                    .take(400)
                    .collect::<String>()
            );
        }
    }
}

/// Microseconds that a call of this line takes, over so many calls: Redis's own figures, without the
/// network.
pub fn microseconds(connection: &mut Connection, line: &str, calls: usize) -> f64 {
    connection.run("CONFIG RESETSTAT").ok();
    for _ in 0..calls {
        let reply = connection.run(line);
        assert!(!reply.is_error(), "{line}: {}", reply.error());
    }
    let command = line.split(' ').next().unwrap_or_default().to_lowercase();
    let stats = connection.info("commandstats", &format!("cmdstat_{command}"));
    let usec = stats.split("usec_per_call=").nth(1);
    let usec = usec.and_then(|rest| rest.split(',').next());
    usec.and_then(|usec| usec.parse().ok()).unwrap_or(f64::NAN)
}
