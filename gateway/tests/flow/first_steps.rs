//! The way of a new user in the README: from nothing to a page view of a browser in the answer of the
//! gateway, by its commands as they stand there, with other ports.
//!
//! The commands run in a folder that has the scripts and what cargo builds, in place of the
//! project's own, so that the data of `make run` is not touched; cargo itself has nothing to do.

use crate::clients::{prepared, run};
use crate::redis_server::{folder, free_port, module};
use serde_json::Value;
use std::fs;
use std::os::unix::fs::{symlink, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

const README: &str = include_str!("../../../README.md");

/// The lines of the block of shell commands under "Over HTTP", without their comments.
fn commands() -> Vec<String> {
    let (_, section) = README.split_once("\n## Over HTTP\n").expect("is there");
    let (_, block) = section.split_once("```sh\n").expect("has commands");
    let (block, _) = block.split_once("```").expect("has an end");
    let lines = block.lines().map(|line| match line.split_once("  # ") {
        Some((command, _)) => String::from(command.trim_end()),
        None => String::from(line),
    });
    lines.collect()
}

/// Ends with the test, as by Ctrl-C in its terminal.
struct Terminal(Child);

impl Drop for Terminal {
    fn drop(&mut self) {
        let group = format!("-{}", self.0.id());
        let _ = Command::new("kill").args(["-TERM", "--", &group]).status();
        let _ = self.0.wait();
    }
}

/// A folder with the project's scripts, and with what cargo would build.
fn project() -> PathBuf {
    let (home, root) = (folder(), Path::new(env!("CARGO_MANIFEST_DIR")).join(".."));
    let root = root.canonicalize().expect("is there");
    let link = |from: &Path, to: &str| symlink(from, home.join(to)).expect("can be linked");
    for name in ["Makefile", "scripts", "redis.conf"] {
        link(&root.join(name), name);
    }
    for name in ["target/release", "target/gateway", "bin"] {
        fs::create_dir_all(home.join(name)).expect("can be made");
    }
    let gateway = Path::new(env!("CARGO_BIN_EXE_analytics-gateway"));
    link(&module(), "target/release/libredis_analytics.so");
    link(gateway, "target/gateway/analytics-gateway");
    link(&root.join("target/gateway-data"), "target/gateway-data");
    let cargo = home.join("bin/cargo");
    fs::write(&cargo, "#!/bin/sh\n").expect("can be written");
    fs::set_permissions(&cargo, fs::Permissions::from_mode(0o755)).expect("can be set");
    home
}

/// The shell with a command in it, as the leader of a group of processes.
fn shell(home: &Path, command: &str) -> Command {
    use std::os::unix::process::CommandExt;
    let path = std::env::var("PATH").unwrap_or_default();
    let mut shell = Command::new("bash");
    shell
        .args(["-c", command])
        .current_dir(home)
        .env("PATH", format!("{}:{path}", home.join("bin").display()))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0);
    shell
}

fn wait_for(port: u16) {
    let until = Instant::now() + Duration::from_secs(60);
    while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(Instant::now() < until, "nothing listens on {port}");
        thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn five_commands_lead_to_a_page_view_of_a_browser() {
    let commands = commands();
    let [redis, gateway, page, pages, question] = commands.as_slice() else {
        panic!("five commands: {commands:?}");
    };
    assert_eq!(
        (redis.as_str(), gateway.as_str()),
        ("make run", "make gateway")
    );
    let (Some(browser), Some(_)) = (prepared("browser"), prepared("node")) else {
        return;
    };
    let home = project();
    let [redis_port, gateway_port, pages_port] = [free_port(), free_port(), free_port()];
    let elsewhere = |command: &str| {
        command
            .replace("localhost:8080", &format!("localhost:{gateway_port}"))
            .replace(" 8000", &format!(" {pages_port}"))
    };
    let open = |command: &str, port: u16| {
        let child = shell(&home, command).spawn().expect("bash is installed");
        let terminal = Terminal(child);
        wait_for(port);
        terminal
    };
    let _redis = open(&format!("{redis} PORT={redis_port}"), redis_port);
    let ports = format!("PORT={redis_port} GATEWAY_PORT={gateway_port}");
    let _gateway = open(&format!("{gateway} {ports}"), gateway_port);
    let made = shell(&home, &elsewhere(page)).status();
    assert!(made.expect("bash is installed").success());
    let _pages = open(&elsewhere(pages), pages_port);
    let ask = || -> Value {
        let output = shell(&home, &elsewhere(question))
            .stdout(Stdio::piped())
            .output()
            .expect("bash is installed");
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"))
    };
    assert_eq!(ask()["metrics"]["events"], 0);
    let url = format!("http://localhost:{pages_port}/page.html");
    assert!(run("node", "open.mjs", &[&url, &browser]));
    let answer = ask();
    assert_eq!(answer["metrics"]["events"], 1, "{answer}");
    assert_eq!(answer["metrics"]["users"], 1, "{answer}");
    let _ = fs::remove_dir_all(home);
}
