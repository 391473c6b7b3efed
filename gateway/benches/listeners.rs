//! What listeners cost: memory of the gateway with idle web sockets, the time in which an event is
//! with all of them, and the processor time of both, on loopback. Clients run on the same cores.
//!
//!     cargo bench --profile gateway -p analytics-gateway --bench listeners

#[path = "common/servers.rs"]
mod servers;

use futures_util::StreamExt;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::time::sleep;
use tokio_tungstenite::tungstenite::Message;

use servers::start;

const EVENTS: usize = 20;

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
    let setup = start(&[
        ("LIVE__LISTENERS_PER_ADDRESS", "0"),
        ("LOG__LEVEL", "error"),
    ]);
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
