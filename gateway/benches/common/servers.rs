//! The servers of a bench, on loopback, and what they cost.

// Each bench is a program of its own, and uses a part of this.
#![allow(dead_code)]

use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

const BINARY: &str = env!("CARGO_BIN_EXE_analytics-gateway");

pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
    listener.local_addr().expect("it has an address").port()
}

/// Ends with the bench.
pub struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Process {
    pub fn new(child: Child) -> Process {
        Process(child)
    }

    /// User and system time, in milliseconds; a tick is 10 ms.
    pub fn processor_time(&self) -> f64 {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.0.id())).expect("is Linux");
        let after_name = stat.rsplit(") ").next().expect("has a name");
        let fields: Vec<&str> = after_name.split(' ').collect();
        let ticks = |at: usize| fields[at].parse::<f64>().expect("is a number");
        (ticks(11) + ticks(12)) * 10.0
    }

    pub fn memory_megabytes(&self) -> f64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.0.id())).expect("Linux");
        let line = status.lines().find(|line| line.starts_with("VmRSS:"));
        let kilobytes = line.and_then(|line| line.split_whitespace().nth(1));
        kilobytes.and_then(|k| k.parse::<f64>().ok()).unwrap_or(0.0) / 1_024.0
    }
}

pub struct Setup {
    pub redis: Process,
    pub gateway: Process,
    pub port: u16,
    pub redis_port: u16,
    /// The write key of the site `shop`.
    pub key: String,
}

pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Redis with the module, and the gateway with these settings, without limits by address. There is a
/// public site `shop`.
pub fn start(settings: &[(&str, &str)]) -> Setup {
    let module = env::var_os("ANALYTICS_MODULE").map_or_else(
        || root().join("target/release/libredis_analytics.so"),
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
    wait_for(redis_port);
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
    run(&[
        "site",
        "add",
        "shop",
        "--domain",
        "shop.example",
        "--public",
        "true",
    ]);
    let key = run(&["site", "key", "shop"]);
    let listen = format!("127.0.0.1:{port}");
    let mut command = Command::new(BINARY);
    command
        .env("ANALYTICS_GATEWAY_REDIS__URLS", &urls)
        .env("ANALYTICS_GATEWAY_HTTP__LISTEN", listen)
        .env("ANALYTICS_GATEWAY_LIMITS__ADDRESS_PER_SECOND", "0")
        .env("ANALYTICS_GATEWAY_LIMITS__QUERIES_PER_SECOND", "0")
        .stderr(Stdio::null());
    for (name, value) in settings {
        command.env(format!("ANALYTICS_GATEWAY_{name}"), value);
    }
    let gateway = Process(command.spawn().expect("it runs"));
    wait_for(port);
    thread::sleep(Duration::from_secs(2));
    Setup {
        redis,
        gateway,
        port,
        redis_port,
        key,
    }
}

pub fn wait_for(port: u16) {
    let until = Instant::now() + Duration::from_secs(30);
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(Instant::now() < until, "nothing listens");
        thread::sleep(Duration::from_millis(20));
    }
}
