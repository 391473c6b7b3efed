//! The examples of alerts and live metrics, as a user runs them.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Stdio;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use testkit::process::spawn_bound;
use testkit::programs::{point_at, program};
use testkit::{wait_until, Server};

const PATIENCE: Duration = Duration::from_secs(60);

/// Answers a request with this status and gives its body.
fn answer(mut stream: TcpStream, status: &str) -> String {
    let mut reader = BufReader::new(stream.try_clone().expect("a connection"));
    let (mut length, mut line) = (0, String::new());
    while reader.read_line(&mut line).is_ok_and(|read| read > 2) {
        if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().expect("a length");
        }
        line.clear();
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).expect("a body");
    let reply = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    stream.write_all(reply.as_bytes()).expect("a reply");
    String::from_utf8(body).expect("JSON")
}

#[test]
fn webhooks_are_sent_until_they_are_taken() {
    let Some(mut command) = program("examples/webhooks.py") else {
        return;
    };
    let server = Server::start();
    let mut connection = server.connection();
    assert_eq!(connection.run("ANALYTICS.TRACK shop view ann"), 1);
    let rule = "ANALYTICS.ALERT shop SET busy events 1h > 0 EVERY 1s SEVERITY page";
    connection.run(rule).ok();
    let receiver = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}/hook", receiver.local_addr().expect("a port"));
    let (bodies, received) = mpsc::channel();
    thread::spawn(move || {
        for (number, stream) in receiver.incoming().flatten().enumerate() {
            // The receiver is down at first.
            let status = if number == 0 { "503 Busy" } else { "204 Taken" };
            let _ = bodies.send(answer(stream, status));
        }
    });
    point_at(&mut command, &server, false);
    command.arg("shop").env("URL", url).env("RETRY", "0.2");
    let mut worker = spawn_bound(command).expect("a worker");
    let first = received.recv_timeout(PATIENCE).expect("a webhook");
    let again = received.recv_timeout(PATIENCE).expect("it again");
    assert_eq!(first, again);
    for part in [
        "\"site\": \"shop\"",
        "\"rule\": \"busy\"",
        "\"state\": \"firing\"",
        "\"value\": \"1\"",
    ] {
        assert!(first.contains(part), "no {part} in {first}");
    }
    wait_until("it is acknowledged", || {
        *connection.run("XPENDING {shop}:alerts webhooks").at(0) == 0
    });
    assert_eq!(connection.run("ANALYTICS.ALERT shop DEL busy"), 1);
    let last = received.recv_timeout(PATIENCE).expect("a webhook");
    assert!(last.contains("\"state\": \"cancelled\""), "{last}");
    // A site that is dropped takes the group along; the worker goes on with the next one.
    connection.run("ANALYTICS.DROP shop").int();
    assert_eq!(connection.run("ANALYTICS.TRACK shop view ann"), 1);
    connection.run(rule).ok();
    let next = received.recv_timeout(PATIENCE).expect("a webhook");
    assert!(next.contains("\"state\": \"firing\""), "{next}");
    assert!(received.try_recv().is_err(), "each is sent once");
    worker.kill().expect("a worker");
    worker.wait().expect("a worker");
}

#[test]
fn live_metrics_are_shown_in_a_terminal() {
    let Some(mut command) = program("examples/live.py") else {
        return;
    };
    let server = Server::start();
    let mut connection = server.connection();
    connection
        .run("ANALYTICS.TRACK shop view ann VAL price 1234.5")
        .int();
    connection.run("ANALYTICS.ALTER shop VAL ms").ok();
    let live = "ANALYTICS.LIVE shop SET main 1s WINDOW 1h events price:sum ms:avg";
    connection.run(live).ok();
    point_at(&mut command, &server, false);
    command
        .args(["shop", "main"])
        .env("COUNT", "2")
        .stdout(Stdio::piped());
    let viewer = spawn_bound(command).expect("a viewer");
    let shown = viewer.wait_with_output().expect("it ends");
    assert!(shown.status.success());
    let shown = String::from_utf8(shown.stdout).expect("text");
    let lines: Vec<&str> = shown.lines().collect();
    assert_eq!(lines.len(), 2, "{shown}");
    for line in lines {
        assert!(
            line.ends_with(" events=1 price:sum=1,234.50 ms:avg=-"),
            "{line}"
        );
    }
}
