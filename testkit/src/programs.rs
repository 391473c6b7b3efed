//! Programs in other languages, run as users run them: by the interpreters, and with the client
//! libraries, that `scripts/clients` prepares.

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::process::spawn_bound;
use crate::project::{project_file, target_dir};
use crate::server::Server;

const TIME_LIMIT: Duration = Duration::from_secs(120);
/// How `scripts/clients` ends when something cannot be had here.
const UNAVAILABLE: i32 = 69;

/// What `scripts/clients` prints; `None` where this kind of client is not available,
/// which is printed even though the harness captures output, so that a skipped test is seen.
pub fn prepared(kind: &str) -> Option<PathBuf> {
    let mut command = Command::new(project_file("scripts/clients"));
    command.arg(kind).env("CARGO_TARGET_DIR", target_dir());
    let output = command.output().expect("scripts/clients can be run");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    if output.status.code() == Some(UNAVAILABLE) {
        let _ = writeln!(io::stderr(), "skipped: {kind}: {}", said.trim());
        return None;
    }
    assert!(output.status.success(), "scripts/clients {kind}: {said}");
    let path = String::from_utf8(output.stdout).expect("a path in UTF-8");
    Some(path.trim().into())
}

/// The command that runs a program of the project, by the ending of its name.
pub fn program(path: &str) -> Option<Command> {
    let ending = Path::new(path).extension();
    let mut command = match ending.and_then(|ending| ending.to_str()) {
        Some("py") => Command::new(prepared("python")?),
        Some("php") => Command::new(prepared("php")?),
        Some("mjs") => {
            let mut node = Command::new("node");
            node.args(["--preserve-symlinks", "--preserve-symlinks-main"])
                .arg(prepared("node")?.join(path));
            return Some(node);
        }
        _ => panic!("nothing is known to run {path}"),
    };
    command.arg(project_file(path));
    Some(command)
}

/// Sets the address of its server, or of a node of its cluster, for a program.
pub fn point_at(command: &mut Command, server: &Server, is_cluster: bool) {
    command
        .env("REDIS_HOST", "127.0.0.1")
        .env("REDIS_PORT", server.port().to_string());
    match is_cluster {
        true => command.env("REDIS_CLUSTER", "1"),
        false => command.env_remove("REDIS_CLUSTER"),
    };
}

/// Runs it to its end, which is to come soon, and gives what it printed and how it ended.
#[track_caller]
pub fn run(mut command: Command) -> Output {
    let name = format!("{command:?}");
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = spawn_bound(command).unwrap_or_else(|error| panic!("{name}: {error}"));
    let stdout = reader(child.stdout.take());
    let stderr = reader(child.stderr.take());
    let deadline = Instant::now() + TIME_LIMIT;
    let status = loop {
        match child.try_wait().expect("a child can be waited for") {
            Some(status) => break status,
            None if Instant::now() < deadline => thread::sleep(Duration::from_millis(5)),
            None => {
                let _ = child.kill();
                break child.wait().expect("a killed child ends");
            }
        }
    };
    let text = |reader: thread::JoinHandle<Vec<u8>>| reader.join().expect("a pipe can be read");
    Output {
        status,
        stdout: text(stdout),
        stderr: text(stderr),
    }
}

/// The same, and it must end well: what it printed.
#[track_caller]
pub fn printed(command: Command) -> String {
    let name = format!("{command:?}");
    let output = run(command);
    let (stdout, stderr) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(
        output.status.success(),
        "{name}: {}\n{stdout}{stderr}",
        output.status
    );
    stdout.into_owned()
}

fn reader(pipe: Option<impl Read + Send + 'static>) -> thread::JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            let _ = pipe.read_to_end(&mut bytes);
        }
        bytes
    })
}
