//! A Redis with the module for one test: its own port and folder; dropped, it is killed.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
    listener.local_addr().expect("it has an address").port()
}

/// The module as `make build` leaves it, or the one that is named.
pub fn module() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let path = env::var_os("ANALYTICS_MODULE").map_or_else(
        || root.join("target/release/libredis_analytics.so"),
        PathBuf::from,
    );
    assert!(path.exists(), "{} is missing: make build", path.display());
    path
}

pub fn folder() -> PathBuf {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let name = format!("analytics-gateway-test-{}-{number}", std::process::id());
    let path = env::temp_dir().join(name);
    fs::create_dir_all(&path).expect("a folder can be made");
    path
}

pub struct RedisServer {
    pub port: u16,
    folder: PathBuf,
    settings: Vec<String>,
    process: Option<Child>,
}

impl RedisServer {
    pub fn start() -> RedisServer {
        RedisServer::with(&[])
    }

    /// Every write is in the file before its reply, which is all that a killed process needs.
    pub fn with_file() -> RedisServer {
        RedisServer::with(&["--appendonly", "yes", "--appendfsync", "no"])
    }

    pub fn with(settings: &[&str]) -> RedisServer {
        let mut server = RedisServer {
            port: free_port(),
            folder: folder(),
            settings: settings.iter().map(|s| String::from(*s)).collect(),
            process: None,
        };
        server.start_again();
        server
    }

    pub fn start_again(&mut self) {
        let server = env::var("REDIS_SERVER").unwrap_or_else(|_| String::from("redis-server"));
        let process = Command::new(server)
            .args(["--port", &self.port.to_string(), "--bind", "127.0.0.1"])
            .args(["--save", "", "--dir"])
            .arg(&self.folder)
            .args(["--enable-debug-command", "yes"])
            .arg("--loadmodule")
            .arg(module())
            .args(&self.settings)
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server is installed");
        self.process = Some(process);
        let until = Instant::now() + Duration::from_secs(20);
        while self.try_ask(&["PING"]).is_none() {
            assert!(Instant::now() < until, "redis does not start");
            thread::sleep(Duration::from_millis(20));
        }
    }

    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().expect("it can be killed");
            process.wait().expect("it ends");
        }
    }

    /// Of the process that runs.
    pub fn process_id(&self) -> u32 {
        self.process.as_ref().expect("it runs").id()
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    fn try_ask(&self, words: &[&str]) -> Option<redis::Value> {
        let client = redis::Client::open(self.url()).ok()?;
        let mut connection = client.get_connection().ok()?;
        let (first, rest) = words.split_first()?;
        redis::cmd(first).arg(rest).query(&mut connection).ok()
    }

    pub fn ask(&self, line: &str) -> redis::Value {
        let words: Vec<&str> = line.split(' ').collect();
        self.try_ask(&words)
            .unwrap_or_else(|| panic!("{line}: no reply"))
    }

    pub fn number(&self, line: &str) -> f64 {
        match self.ask(line) {
            redis::Value::Int(number) => number as f64,
            redis::Value::Array(items) => match items.first() {
                Some(redis::Value::Int(number)) => *number as f64,
                Some(redis::Value::BulkString(bytes)) => {
                    String::from_utf8_lossy(bytes).parse().expect("a number")
                }
                other => panic!("{line}: {other:?}"),
            },
            other => panic!("{line}: {other:?}"),
        }
    }

    /// All events of a site in the last day.
    pub fn events(&self, site: &str) -> f64 {
        self.number(&format!("ANALYTICS.GET {site} 24h events"))
    }

    /// The values of a dimension and how many events each has, heaviest first.
    pub fn top(&self, site: &str, dimension: &str) -> Vec<(String, i64)> {
        let rows = self.ask(&format!("ANALYTICS.TOP {site} 24h {dimension}"));
        let redis::Value::Array(rows) = rows else {
            panic!("{rows:?}")
        };
        let rows = rows.into_iter().map(|row| match row {
            redis::Value::Array(row) => match (&row[0], &row[1]) {
                (redis::Value::BulkString(name), redis::Value::Int(count)) => {
                    (String::from_utf8_lossy(name).into_owned(), *count)
                }
                other => panic!("{other:?}"),
            },
            other => panic!("{other:?}"),
        });
        let mut rows: Vec<(String, i64)> = rows.collect();
        rows.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
        rows
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = process.kill();
            let _ = process.wait();
        }
        let _ = fs::remove_dir_all(&self.folder);
    }
}
