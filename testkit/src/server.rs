//! A real server for one test: its own port, its own folder, the module loaded.
//!
//! Dropping it kills it, removes the folder, and fails the test if the server had died or crashed.
//! When the test itself failed, the folder stays and its path is printed.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::ErrorKind;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::OnceLock;
use std::time::{Duration, Instant};
use std::{env, thread};

use crate::clock::{Clock, ManualClock};
use crate::connection::Connection;
use crate::process::{children, signal, spawn_bound};
use crate::project::module_file;
use crate::wait::{time_limit, wait_until};

/// The server under test.
fn program() -> OsString {
    env::var_os("REDIS_SERVER").unwrap_or_else(|| "redis-server".into())
}

/// Whether that is Valkey.
pub fn is_valkey() -> bool {
    static IS_VALKEY: OnceLock<bool> = OnceLock::new();
    *IS_VALKEY.get_or_init(|| {
        let output = Command::new(program()).arg("--version").output();
        let output = output.expect("the server can be started");
        String::from_utf8_lossy(&output.stdout).starts_with("Valkey")
    })
}

/// What a test wants of its server. Later settings win over earlier ones.
pub struct ServerOptions {
    settings: Vec<(String, String)>,
    module: bool,
    clock: Clock,
    manual_clock: Option<PathBuf>,
}

impl ServerOptions {
    fn new() -> ServerOptions {
        let options = ServerOptions {
            settings: Vec::new(),
            module: true,
            clock: Clock::REAL,
            manual_clock: None,
        };
        options
            .config("bind", "127.0.0.1")
            .config("save", "\"\"")
            .config("enable-debug-command", "yes")
            .config("enable-module-command", "yes")
            // What a replica or an AOF cannot execute is a crash here, not a line in a log.
            .config("propagation-error-behavior", "panic")
            .config("repl-diskless-sync-delay", "0")
    }

    /// A line of redis.conf; the value is quoted by the caller where it has blanks of its own.
    pub fn config(mut self, name: &str, value: &str) -> ServerOptions {
        self.settings.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Keeps an append-only file, rewritten only when a test asks for it. Without fsync every
    /// write is in the file before its reply is sent, which is all that a killed process needs.
    pub fn aof(self) -> ServerOptions {
        self.config("appendonly", "yes")
            .config("appendfsync", "no")
            .config("auto-aof-rewrite-percentage", "0")
    }

    pub fn replica_of(self, master: &Server) -> ServerOptions {
        let master = format!("127.0.0.1 {}", master.port);
        self.config("replicaof", &master)
    }

    pub fn clock(mut self, clock: Clock) -> ServerOptions {
        self.clock = clock;
        self
    }

    /// A clock that the test moves, on this start and every later one.
    pub fn manual_clock(mut self, clock: &ManualClock) -> ServerOptions {
        self.manual_clock = Some(clock.file().to_owned());
        // A tick that is over early goes on in a few milliseconds, which do not pass by themselves.
        self.config("analytics.alert-budget", "100000")
    }

    pub fn without_module(mut self) -> ServerOptions {
        self.module = false;
        self
    }

    #[track_caller]
    pub fn start(self) -> Server {
        match self.try_start() {
            Ok(server) => server,
            Err(log) => panic!("the server did not start:\n{log}"),
        }
    }

    /// The server, or the log of one that refuses to start.
    pub fn try_start(self) -> Result<Server, String> {
        let mut server = Server {
            port: free_port(),
            dir: new_dir(),
            clock: self.clock,
            manual_clock: self.manual_clock.clone(),
            child: None,
        };
        loop {
            fs::write(server.dir.join("redis.conf"), self.file(server.port))
                .expect("the folder can be written to");
            match server.launch() {
                Ok(()) => return Ok(server),
                // Between asking for a free port and using it another test may have been faster.
                Err(log) if log.contains("Address already in use") => {
                    fs::remove_file(server.log_file()).expect("a server that started has a log");
                    server.port = free_port();
                }
                Err(log) => return Err(log),
            }
        }
    }

    fn file(&self, port: u16) -> String {
        let mut file = String::new();
        for (name, value) in &self.settings {
            file += &format!("{name} {value}\n");
        }
        file += &format!("port {port}\n");
        if self.module {
            file += &format!("loadmodule {}\n", module_file().display());
        }
        file
    }
}

pub struct Server {
    port: u16,
    dir: PathBuf,
    clock: Clock,
    manual_clock: Option<PathBuf>,
    child: Option<Child>,
}

impl Server {
    #[track_caller]
    pub fn start() -> Server {
        ServerOptions::new().start()
    }

    pub fn with() -> ServerOptions {
        ServerOptions::new()
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Where the server keeps its files.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    #[track_caller]
    pub fn connection(&self) -> Connection {
        Connection::open(self.port).expect("the server takes connections")
    }

    /// Everything the server has written to its log, over all its starts.
    pub fn log(&self) -> String {
        fs::read(self.log_file())
            .map(|log| String::from_utf8_lossy(&log).into_owned())
            .unwrap_or_default()
    }

    /// Ends the server as an operator does, and starts it again on the same port and files.
    #[track_caller]
    pub fn restart(&mut self) {
        self.stop();
        self.start_again();
    }

    /// Ends the server as an operator does: it writes what its settings ask for.
    #[track_caller]
    pub fn stop(&mut self) {
        self.assert_healthy();
        let mut child = self.child.take().expect("the server runs");
        signal(&child, libc::SIGTERM);
        let mut status = None;
        wait_until("the server ends", || {
            status = child.try_wait().expect("a child can be waited for");
            status.is_some()
        });
        assert!(
            status.is_some_and(|s| s.success()),
            "the server ended with {status:?}:\n{}",
            self.tail_of_log()
        );
    }

    /// Ends the server as a power cut does, and with it the child that rewrites or saves.
    #[track_caller]
    pub fn kill(&mut self) {
        self.assert_healthy();
        let mut child = self.child.take().expect("the server runs");
        // Stopped, it starts no further one.
        signal(&child, libc::SIGSTOP);
        children(&child).for_each(|saver| saver.kill());
        kill(&mut child);
    }

    /// Stops the process where it stands; its connections stay open.
    pub fn pause(&self) {
        self.child
            .iter()
            .for_each(|child| signal(child, libc::SIGSTOP));
    }

    pub fn resume(&self) {
        self.child
            .iter()
            .for_each(|child| signal(child, libc::SIGCONT));
    }

    /// The clock of the next start.
    pub fn set_clock(&mut self, clock: Clock) {
        self.clock = clock;
    }

    #[track_caller]
    pub fn start_again(&mut self) {
        assert!(self.child.is_none(), "the server runs already");
        if let Err(log) = self.launch() {
            panic!("the server did not start again:\n{log}");
        }
    }

    /// Waits until a replica has applied everything that this server has executed so far.
    #[track_caller]
    pub fn wait_for_replica(&self, replica: &Server) {
        let (mut ours, mut theirs) = (self.connection(), replica.connection());
        wait_until("the replica is in sync", || {
            theirs.info("replication", "master_link_status") == "up"
        });
        let offset: u64 = ours
            .info("replication", "master_repl_offset")
            .parse()
            .expect("an offset");
        wait_until("the replica catches up", || {
            theirs
                .info("replication", "slave_repl_offset")
                .parse::<u64>()
                .is_ok_and(|applied| applied >= offset)
        });
    }

    /// The processor time of the thread that executes commands, since the server's start.
    pub fn cpu_time(&self) -> Duration {
        let mut connection = self.connection();
        let seconds = |field: String| field.parse::<f64>().expect("a number of seconds");
        Duration::from_secs_f64(
            seconds(connection.info("cpu", "used_cpu_user_main_thread"))
                + seconds(connection.info("cpu", "used_cpu_sys_main_thread")),
        )
    }

    /// Fails the test if the server has died or reported a bug of its own.
    #[track_caller]
    pub fn assert_healthy(&mut self) {
        if let Some(failure) = self.failure() {
            panic!("{failure}:\n{}", self.tail_of_log());
        }
    }

    fn failure(&mut self) -> Option<String> {
        if self.log().contains("BUG REPORT START") {
            return Some("the server reported a bug".to_owned());
        }
        let ended: Option<ExitStatus> = self.child.as_mut()?.try_wait().ok()?;
        ended.map(|status| format!("the server died: {status}"))
    }

    /// Starts the process and waits until it answers, everything loaded. On failure, its log.
    fn launch(&mut self) -> Result<(), String> {
        let log = OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.log_file());
        let log: File = log.expect("the folder can be written to");
        let mut command = Command::new(program());
        command.arg("redis.conf").current_dir(&self.dir);
        match &self.manual_clock {
            Some(file) => ManualClock::apply_to(file, &mut command),
            None => self.clock.set(&mut command),
        }
        command
            .stdout(log.try_clone().expect("a file can be shared"))
            .stderr(log);
        let child = spawn_bound(command).map_err(|error| format!("redis-server: {error}"))?;
        let pid = child.id().to_string();
        let child = self.child.insert(child);

        let deadline = Instant::now() + time_limit();
        while Instant::now() < deadline && matches!(child.try_wait(), Ok(None)) {
            if answers(self.port, &pid) {
                return Ok(());
            }
            thread::sleep(Duration::from_millis(5));
        }
        kill(child);
        self.child = None;
        Err(self.tail_of_log())
    }

    fn log_file(&self) -> PathBuf {
        self.dir.join("log")
    }

    fn tail_of_log(&self) -> String {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(60)..].join("\n")
    }

    fn remove_dir(&self) {
        let _ = fs::remove_dir_all(&self.dir);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let Some(failure) = self.end() else { return };
        if thread::panicking() {
            eprintln!("{failure}");
        } else {
            panic!("{failure}");
        }
    }
}

impl Server {
    /// Kills the process. What is wrong with the server, or with the test, keeps the folder.
    fn end(&mut self) -> Option<String> {
        let failure = self.failure();
        if let Some(child) = &mut self.child {
            kill(child);
        }
        if failure.is_none() && !thread::panicking() {
            self.remove_dir();
            return None;
        }
        let place = format!("the server's files are in {}", self.dir.display());
        Some(match failure {
            Some(failure) => format!("{failure}; {place}\n{}", self.tail_of_log()),
            None => place,
        })
    }
}

fn kill(child: &mut Child) {
    let _ = child.kill();
    let _ = child.wait();
}

/// Whether the server on this port is the process that was started, and has loaded its data.
fn answers(port: u16, pid: &str) -> bool {
    let Ok(mut connection) = Connection::open(port) else {
        return false;
    };
    let pong = matches!(connection.try_call(&[&"PING"]), Ok(reply) if reply == "PONG");
    pong && connection.info("server", "process_id") == pid
        && connection.info("persistence", "loading") == "0"
}

fn new_dir() -> PathBuf {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    loop {
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("analytics-flow-{}-{number}", std::process::id());
        let dir = env::temp_dir().join(name);
        match fs::create_dir(&dir) {
            Ok(()) => return dir,
            // Left there by a test that failed, in a process of the same number.
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => panic!("a new folder in the temporary one: {error}"),
        }
    }
}

/// A free port on the loopback, below those that the system hands out to outgoing connections and
/// low enough for the port of a cluster's bus, 10,000 above it, which is free as well.
fn free_port() -> u16 {
    const FIRST: u32 = 12_000;
    const PORTS: u32 = 10_000;
    static NEXT: AtomicU32 = AtomicU32::new(0);
    // Tests of several processes run at once: each begins elsewhere.
    let start = std::process::id().wrapping_mul(97);
    loop {
        let next = start.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed));
        let port = (FIRST + next % PORTS) as u16;
        if [port, port + 10_000]
            .iter()
            .all(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok())
        {
            return port;
        }
    }
}
