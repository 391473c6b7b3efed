//! A gateway for one test; dropped, it is killed.

use crate::http::{get, Answer, Request};
use crate::redis_server::{folder, free_port, RedisServer};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};
use std::{fs, thread};

const BINARY: &str = env!("CARGO_BIN_EXE_analytics-gateway");
pub const ADMIN: &str = "the-token-of-the-operator";
/// As a browser says it.
pub const FIREFOX: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0";

pub struct Gateway {
    pub port: u16,
    folder: PathBuf,
    process: Child,
}

/// The command line, and what it prints.
pub fn command(redis: &RedisServer, words: &[&str]) -> Result<String, String> {
    let urls = format!("[\"{}\"]", redis.url());
    command_with(&[("REDIS__URLS", &urls)], words)
}

/// The same with settings by their variables.
pub fn command_with(settings: &[(&str, &str)], words: &[&str]) -> Result<String, String> {
    let settings = settings
        .iter()
        .map(|(name, value)| (format!("ANALYTICS_GATEWAY_{name}"), *value));
    let output = Command::new(BINARY)
        .args(words)
        .envs(settings)
        .output()
        .expect("the gateway is built");
    let text = |bytes: &[u8]| String::from(String::from_utf8_lossy(bytes).trim());
    if output.status.success() {
        Ok(text(&output.stdout))
    } else {
        Err(text(&output.stderr))
    }
}

/// A site with these settings, its write key and its read token.
pub fn site(redis: &RedisServer, name: &str, settings: &[&str]) -> (String, String) {
    let mut words = vec!["site", "add", name];
    words.extend(settings);
    command(redis, &words).expect("the site is made");
    let key = command(redis, &["site", "key", name]).expect("a key is made");
    let token = command(redis, &["site", "token", name]).expect("a token is made");
    (key, token)
}

fn spawn(folder: &Path, settings: &[(String, String)]) -> Child {
    let log = File::options()
        .create(true)
        .append(true)
        .open(folder.join("log"))
        .expect("a log can be made");
    Command::new(BINARY)
        .envs(settings.iter().cloned())
        .stderr(log)
        .spawn()
        .expect("the gateway is built")
}

impl Gateway {
    pub fn start(redis: &RedisServer) -> Gateway {
        Gateway::with(redis, &[])
    }

    /// With settings by their variables, as `INGEST__QUEUE_EVENTS`.
    pub fn with(redis: &RedisServer, settings: &[(&str, &str)]) -> Gateway {
        let gateway = Gateway::unready(redis, settings);
        gateway.wait_until_ready();
        gateway
    }

    /// Without waiting until it is.
    pub fn unready(redis: &RedisServer, settings: &[(&str, &str)]) -> Gateway {
        let port = free_port();
        let mut all = vec![
            ("REDIS__URLS", format!("[\"{}\"]", redis.url())),
            ("HTTP__LISTEN", format!("127.0.0.1:{port}")),
            ("SITES__ADMIN_TOKEN", String::from(ADMIN)),
            ("SITES__REFRESH", String::from("50ms")),
            // Tests send as fast as they can, all from one address.
            ("LIMITS__ADDRESS_PER_SECOND", String::from("0")),
            ("LIMITS__QUERIES_PER_SECOND", String::from("0")),
        ];
        all.extend(
            settings
                .iter()
                .map(|(name, value)| (*name, String::from(*value))),
        );
        let settings: Vec<(String, String)> = all
            .into_iter()
            .map(|(name, value)| (format!("ANALYTICS_GATEWAY_{name}"), value))
            .collect();
        let folder = folder();
        let process = spawn(&folder, &settings);
        Gateway {
            port,
            folder,
            process,
        }
    }

    pub fn wait_until_ready(&self) {
        let until = Instant::now() + Duration::from_secs(30);
        while get(self, "/readyz").try_send().map(|a| a.status) != Ok(200) {
            assert!(
                Instant::now() < until,
                "the gateway is not ready: {}",
                self.log()
            );
            thread::sleep(Duration::from_millis(20));
        }
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    /// SIGKILL: it has no time to finish anything.
    pub fn kill(&mut self) {
        self.process.kill().expect("it can be killed");
        self.process.wait().expect("it ends");
    }

    /// What the process holds, by /proc.
    pub fn memory_megabytes(&self) -> f64 {
        let path = format!("/proc/{}/status", self.process.id());
        let status = fs::read_to_string(path).expect("is Linux");
        let line = status.lines().find(|line| line.starts_with("VmRSS:"));
        let kilobytes = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<f64>().ok());
        kilobytes.expect("has its memory") / 1_024.0
    }

    /// SIGTERM, and how it ends.
    pub fn stop(&mut self) -> ExitStatus {
        let id = self.process.id().to_string();
        let told = Command::new("kill").args(["-TERM", &id]).status();
        assert!(told.expect("kill is there").success());
        self.process.wait().expect("it ends")
    }

    /// A number of /metrics, by its name with its labels; 0 if it is not there.
    pub fn metric(&self, name: &str) -> f64 {
        let text = get(self, "/metrics").send().text;
        let line = text.lines().find(|line| {
            line.strip_prefix(name)
                .is_some_and(|rest| rest.starts_with(' '))
        });
        line.and_then(|line| line.rsplit(' ').next()?.parse().ok())
            .unwrap_or(0.0)
    }

    pub fn dropped(&self, reason: &str) -> f64 {
        self.metric(&format!("analytics_dropped_total{{reason=\"{reason}\"}}"))
    }

    /// Waits until a number of /metrics is this one.
    pub fn eventually_metric(&self, name: &str, number: f64) {
        let until = Instant::now() + Duration::from_secs(10);
        loop {
            let found = self.metric(name);
            if found == number {
                return;
            }
            assert!(Instant::now() < until, "{name} {found}");
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// The answer, once the gateway listens.
    pub fn eventually_up(&self, request: impl Fn() -> Request) -> Answer {
        let until = Instant::now() + Duration::from_secs(20);
        loop {
            match request().try_send() {
                Ok(answer) => return answer,
                Err(error) => assert!(Instant::now() < until, "{error}"),
            }
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits until this is so, for settings are read every 50 ms here.
    pub fn eventually(&self, request: impl Fn() -> Request, status: u16) -> Answer {
        let until = Instant::now() + Duration::from_secs(10);
        loop {
            let answer = request().send();
            if answer.status == status {
                return answer;
            }
            assert!(Instant::now() < until, "{answer:?}");
            thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        if thread::panicking() {
            eprintln!("the log of the gateway:\n{}", self.log());
        }
        let _ = fs::remove_dir_all(&self.folder);
    }
}
