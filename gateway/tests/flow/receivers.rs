//! Who receives alerts in the tests: an HTTP server and an SMTP server, a thread each.

use std::collections::{HashMap, VecDeque};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

#[derive(Debug, Clone)]
pub struct Received {
    pub headers: HashMap<String, String>,
    pub body: String,
    pub at: Instant,
}

pub struct HttpReceiver {
    port: u16,
    requests: Arc<Mutex<Vec<Received>>>,
    answers: Arc<Mutex<VecDeque<u16>>>,
}

fn listener() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
    let port = listener.local_addr().expect("it has an address").port();
    (listener, port)
}

impl HttpReceiver {
    pub fn start() -> HttpReceiver {
        let (listener, port) = listener();
        let receiver = HttpReceiver {
            port,
            requests: Arc::default(),
            answers: Arc::default(),
        };
        let (requests, answers) = (receiver.requests.clone(), receiver.answers.clone());
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (requests, answers) = (requests.clone(), answers.clone());
                thread::spawn(move || receive(&stream, &requests, &answers));
            }
        });
        receiver
    }

    /// The statuses of the next answers, and 200 after them; 0 is no answer.
    pub fn answer_with(&self, statuses: &[u16]) {
        let mut answers = self.answers.lock().expect("is whole");
        *answers = statuses.iter().copied().collect();
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/hook", self.port)
    }

    pub fn count(&self) -> usize {
        self.requests.lock().expect("is whole").len()
    }

    pub fn requests(&self) -> Vec<Received> {
        self.requests.lock().expect("is whole").clone()
    }
}

fn receive(
    stream: &TcpStream,
    requests: &Mutex<Vec<Received>>,
    answers: &Mutex<VecDeque<u16>>,
) -> Option<()> {
    let mut reader = BufReader::new(stream);
    loop {
        let mut headers = HashMap::new();
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|n| *n > 0)?;
        assert!(line.starts_with("POST /hook HTTP/1.1"), "{line}");
        loop {
            line.clear();
            reader.read_line(&mut line).ok()?;
            let Some((name, value)) = line.trim().split_once(": ") else {
                break;
            };
            headers.insert(name.to_ascii_lowercase(), String::from(value));
        }
        let length = headers.get("content-length")?.parse().ok()?;
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        let status = answers.lock().expect("is whole").pop_front();
        requests.lock().expect("is whole").push(Received {
            headers,
            body: String::from_utf8(body).expect("is a text"),
            at: Instant::now(),
        });
        let status = status.unwrap_or(200);
        if status == 0 {
            thread::sleep(Duration::from_secs(30));
            return None;
        }
        let answer = format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\n\r\n");
        (&mut &*stream).write_all(answer.as_bytes()).ok()?;
    }
}

pub struct SmtpReceiver {
    pub port: u16,
    letters: Arc<Mutex<Vec<String>>>,
}

impl SmtpReceiver {
    pub fn start() -> SmtpReceiver {
        let (listener, port) = listener();
        let letters: Arc<Mutex<Vec<String>>> = Arc::default();
        let kept = letters.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                take_letter(&stream, &kept);
            }
        });
        SmtpReceiver { port, letters }
    }

    pub fn count(&self) -> usize {
        self.letters.lock().expect("is whole").len()
    }

    /// Each with the commands before it.
    pub fn letters(&self) -> Vec<String> {
        self.letters.lock().expect("is whole").clone()
    }
}

fn take_letter(stream: &TcpStream, letters: &Mutex<Vec<String>>) -> Option<()> {
    let say = |text: &str| (&mut &*stream).write_all(text.as_bytes()).ok();
    say("220 test ESMTP\r\n")?;
    let mut talk = String::new();
    let mut reader = BufReader::new(stream);
    loop {
        let begin = talk.len();
        reader.read_line(&mut talk).ok().filter(|n| *n > 0)?;
        let line = talk[begin..].to_ascii_uppercase();
        if line.starts_with("DATA") {
            say("354 go on\r\n")?;
            while !talk.ends_with("\r\n.\r\n") {
                reader.read_line(&mut talk).ok().filter(|n| *n > 0)?;
            }
            letters.lock().expect("is whole").push(talk.clone());
            say("250 taken\r\n")?;
        } else if line.starts_with("QUIT") {
            say("221 bye\r\n")?;
            return Some(());
        } else {
            say("250 test\r\n")?;
        }
    }
}
