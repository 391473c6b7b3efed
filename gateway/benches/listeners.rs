//! What listeners cost: memory of the gateway with idle web sockets, the time in which an event is
//! with all of them, and the processor time of both, on loopback. Clients run on the same cores.
//!
//!     cargo bench --profile gateway -p analytics-gateway --bench listeners

use futures_util::StreamExt;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::Arc;
use std::time::{Duration, Instant};
use std::{env, fs};
use tokio::net::TcpStream;
use tokio::time::sleep;
use tokio_tungstenite::tungstenite::Message;

const BINARY: &str = env!("CARGO_BIN_EXE_analytics-gateway");
const EVENTS: usize = 20;

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
    listener.local_addr().expect("it has an address").port()
}

/// Ends with the bench.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Process {
    fn memory_megabytes(&self) -> f64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.0.id())).expect("Linux");
        let line = status.lines().find(|line| line.starts_with("VmRSS:"));
        let kilobytes = line.and_then(|line| line.split_whitespace().nth(1));
        kilobytes.and_then(|k| k.parse::<f64>().ok()).unwrap_or(0.0) / 1_024.0
    }

    /// User and system time, in milliseconds; a tick is 10 ms.
    fn processor_time(&self) -> f64 {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.0.id())).expect("is Linux");
        let after_name = stat.rsplit(") ").next().expect("has a name");
        let fields: Vec<&str> = after_name.split(' ').collect();
        let ticks = |at: usize| fields[at].parse::<f64>().expect("is a number");
        (ticks(11) + ticks(12)) * 10.0
    }
}

struct Setup {
    _redis: Process,
    gateway: Process,
    port: u16,
    key: String,
}

async fn start() -> Setup {
    let module = env::var_os("ANALYTICS_MODULE").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/release/libredis_analytics.so"),
        PathBuf::from,
    );
    let (redis_port, port) = (free_port(), free_port());
    let redis = Command::new("redis-server")
        .args([
            "--port",
            &redis_port.to_string(),
            "--save",
            "",
            "--loadmodule",
        ])
        .arg(module)
        .stdout(Stdio::null())
        .spawn()
        .expect("redis-server is installed");
    let redis = Process(redis);
    until_open(redis_port).await;
    let urls = format!("[\"redis://127.0.0.1:{redis_port}\"]");
    let run = |words: &[&str]| {
        let output = Command::new(BINARY)
            .args(words)
            .env("ANALYTICS_GATEWAY_REDIS__URLS", &urls)
            .output()
            .expect("it runs");
        assert!(output.status.success(), "{output:?}");
        String::from(String::from_utf8_lossy(&output.stdout).trim())
    };
    run(&["site", "add", "shop", "--public", "true"]);
    let key = run(&["site", "key", "shop"]);
    let listen = format!("127.0.0.1:{port}");
    let gateway = Command::new(BINARY)
        .env("ANALYTICS_GATEWAY_REDIS__URLS", &urls)
        .env("ANALYTICS_GATEWAY_HTTP__LISTEN", listen)
        .env("ANALYTICS_GATEWAY_LIMITS__ADDRESS_PER_SECOND", "0")
        .env("ANALYTICS_GATEWAY_LIMITS__QUERIES_PER_SECOND", "0")
        .env("ANALYTICS_GATEWAY_LIVE__LISTENERS_PER_ADDRESS", "0")
        .env("ANALYTICS_GATEWAY_LOG__LEVEL", "error")
        .spawn()
        .expect("it runs");
    let gateway = Process(gateway);
    until_open(port).await;
    sleep(Duration::from_secs(2)).await;
    Setup {
        _redis: redis,
        gateway,
        port,
        key,
    }
}

async fn until_open(port: u16) {
    let until = Instant::now() + Duration::from_secs(20);
    while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
        assert!(Instant::now() < until, "nothing listens");
        sleep(Duration::from_millis(20)).await;
    }
}

/// What the listeners have received, by the number of the event.
struct Received {
    begun: Instant,
    counts: Vec<AtomicUsize>,
    /// Microseconds since the begin at which the first and the last had it.
    first: Vec<AtomicU64>,
    last: Vec<AtomicU64>,
}

async fn listen(port: u16, received: Arc<Received>) {
    let url = format!("ws://127.0.0.1:{port}/ws/analytics?site=shop");
    let (mut socket, _) = tokio_tungstenite::connect_async(url)
        .await
        .expect("it may listen");
    let received = received.clone();
    tokio::spawn(async move {
        while let Some(Ok(message)) = socket.next().await {
            let Message::Text(text) = message else {
                continue;
            };
            let Some((_, rest)) = text.split_once("\"page_url\":\"/") else {
                continue;
            };
            let number = rest.split('"').next().and_then(|n| n.parse::<usize>().ok());
            let number = number.expect("has the number of the event");
            let at = received.begun.elapsed().as_micros() as u64;
            received.first[number].fetch_min(at, Ordering::Relaxed);
            received.last[number].fetch_max(at, Ordering::Relaxed);
            received.counts[number].fetch_add(1, Ordering::Relaxed);
        }
    });
}

async fn measure(listeners: usize) {
    let setup = start().await;
    let empty = setup.gateway.memory_megabytes();
    let cells = |value: u64| (0..EVENTS).map(|_| AtomicU64::new(value)).collect();
    let received = Arc::new(Received {
        begun: Instant::now(),
        counts: (0..EVENTS).map(|_| AtomicUsize::new(0)).collect(),
        first: cells(u64::MAX),
        last: cells(0),
    });
    let connecting = Instant::now();
    futures_util::stream::iter(0..listeners)
        .for_each_concurrent(50, |_| listen(setup.port, received.clone()))
        .await;
    let connecting = connecting.elapsed().as_secs_f64();
    // Two heartbeats and more.
    sleep(Duration::from_secs(12)).await;
    let idle = setup.gateway.memory_megabytes();
    let agent: ureq::Agent = ureq::Agent::new_with_defaults();
    let (mut whole, mut spread) = (Vec::new(), Vec::new());
    let before = setup.gateway.processor_time();
    for number in 0..EVENTS {
        let body = format!(
            "{{\"event\": \"view\", \"user_id\": \"ann\", \"properties\": {{\"page\": \"/{number}\"}}}}"
        );
        let url = format!("http://127.0.0.1:{}/track", setup.port);
        let bearer = format!("Bearer {}", setup.key);
        let sent = received.begun.elapsed().as_micros() as u64;
        let agent = agent.clone();
        let send = move || agent.post(&url).header("authorization", &bearer).send(body);
        let answer = tokio::task::spawn_blocking(send).await.expect("it ends");
        assert_eq!(answer.expect("is answered").status(), 200);
        let until = Instant::now() + Duration::from_secs(10);
        while received.counts[number].load(Ordering::Relaxed) < listeners {
            assert!(Instant::now() < until, "some listeners have no event");
            sleep(Duration::from_millis(5)).await;
        }
        let last = received.last[number].load(Ordering::Relaxed);
        whole.push((last - sent) as f64 / 1_000.0);
        spread.push((last - received.first[number].load(Ordering::Relaxed)) as f64 / 1_000.0);
        sleep(Duration::from_millis(300)).await;
    }
    let processor = (setup.gateway.processor_time() - before) / EVENTS as f64;
    let after = setup.gateway.memory_megabytes();
    whole.sort_by(f64::total_cmp);
    spread.sort_by(f64::total_cmp);
    println!(
        "| {listeners} | {connecting:.1} s | {empty:.1} | {idle:.1} | {after:.1} | {:.1} | {:.1} | {:.1} | {processor:.0} |",
        whole[EVENTS / 2],
        whole[EVENTS - 1],
        spread[EVENTS / 2],
    );
}

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime can be made");
    println!("| listeners | all connected in | MB before | MB idle | MB after | event with all, ms (median) | (longest) | first to last, ms (median) | processor ms an event |");
    println!("|---|---|---|---|---|---|---|---|---|");
    for listeners in [100, 1_000, 10_000] {
        runtime.block_on(measure(listeners));
    }
}
