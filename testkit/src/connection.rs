//! A small client: binary-safe arguments, pipelines, RESP2 and RESP3, and a time limit on
//! everything, so that a server that hangs fails a test instead of stopping it.

use std::io::{self, BufReader, Write};
use std::net::TcpStream;

use crate::reply::Reply;
use crate::wait::{time_limit, wait_until};

/// Something that can be an argument of a command: bytes, text or a number.
pub trait Arg {
    fn append_to(&self, bytes: &mut Vec<u8>);
}

macro_rules! arg_as_bytes {
    ($($t:ty),*) => { $(impl Arg for $t {
        fn append_to(&self, bytes: &mut Vec<u8>) {
            bytes.extend_from_slice(self.as_ref());
        }
    })* };
}
macro_rules! arg_as_number {
    ($($t:ty),*) => { $(impl Arg for $t {
        fn append_to(&self, bytes: &mut Vec<u8>) {
            bytes.extend_from_slice(self.to_string().as_bytes());
        }
    })* };
}
arg_as_bytes!(str, String, [u8], Vec<u8>);
arg_as_number!(i32, i64, u16, u32, u64, usize, f64);

impl<const N: usize> Arg for [u8; N] {
    fn append_to(&self, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(self);
    }
}

impl<T: Arg + ?Sized> Arg for &T {
    fn append_to(&self, bytes: &mut Vec<u8>) {
        (**self).append_to(bytes);
    }
}

/// Appends one request, as every client of Redis sends it.
pub fn encode(request: &mut Vec<u8>, args: &[&dyn Arg]) {
    request.extend_from_slice(format!("*{}\r\n", args.len()).as_bytes());
    let mut bytes = Vec::new();
    for arg in args {
        bytes.clear();
        arg.append_to(&mut bytes);
        request.extend_from_slice(format!("${}\r\n", bytes.len()).as_bytes());
        request.extend_from_slice(&bytes);
        request.extend_from_slice(b"\r\n");
    }
}

/// `cmd!(connection, "SET", key, 5)`: one command with arguments of any kind, and its reply.
#[macro_export]
macro_rules! cmd {
    ($connection:expr, $($arg:expr),+ $(,)?) => {
        $connection.call(&[$(&$arg as &dyn $crate::Arg),+])
    };
}

pub struct Connection {
    reader: BufReader<TcpStream>,
}

impl Connection {
    pub fn open(port: u16) -> io::Result<Connection> {
        let stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(time_limit()))?;
        stream.set_write_timeout(Some(time_limit()))?;
        Ok(Connection {
            reader: BufReader::new(stream),
        })
    }

    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.reader.get_mut().write_all(bytes)
    }

    pub fn receive(&mut self) -> io::Result<Reply> {
        Reply::read(&mut self.reader)
    }

    /// One command; fails where there is no reply, as when the command ends the server.
    pub fn try_call(&mut self, args: &[&dyn Arg]) -> io::Result<Reply> {
        let mut request = Vec::new();
        encode(&mut request, args);
        self.send(&request)?;
        self.receive()
    }

    #[track_caller]
    pub fn call(&mut self, args: &[&dyn Arg]) -> Reply {
        match self.try_call(args) {
            Ok(reply) => reply,
            Err(error) => {
                let mut request = Vec::new();
                encode(&mut request, args);
                panic!("no reply to {}: {error}", request.escape_ascii())
            }
        }
    }

    /// One command as a user types it: words between blanks, no quoting.
    #[track_caller]
    pub fn run(&mut self, line: &str) -> Reply {
        let words: Vec<&str> = line.split_whitespace().collect();
        let args: Vec<&dyn Arg> = words.iter().map(|word| word as &dyn Arg).collect();
        self.call(&args)
    }

    /// Typed lines sent at once, then all their replies, in order.
    #[track_caller]
    pub fn pipeline<L: AsRef<str>>(&mut self, lines: &[L]) -> Vec<Reply> {
        let mut request = Vec::new();
        for line in lines {
            let words: Vec<&str> = line.as_ref().split_whitespace().collect();
            let args: Vec<&dyn Arg> = words.iter().map(|word| word as &dyn Arg).collect();
            encode(&mut request, &args);
        }
        self.exchange(&request, lines.len())
    }

    /// Sends encoded requests at once and reads as many replies.
    #[track_caller]
    pub fn exchange(&mut self, request: &[u8], replies: usize) -> Vec<Reply> {
        self.send(request).expect("the server takes requests");
        (0..replies)
            .map(|_| self.receive().expect("a reply to every request"))
            .collect()
    }

    /// Switches to RESP3, for good.
    #[track_caller]
    pub fn hello3(&mut self) -> Reply {
        let reply = self.run("HELLO 3");
        assert_eq!(*reply.get("proto"), 3);
        reply
    }

    /// One field of INFO. Empty where there is no such field.
    #[track_caller]
    pub fn info(&mut self, section: &str, field: &str) -> String {
        let info = cmd!(self, "INFO", section);
        let value = info
            .text()
            .lines()
            .find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
        value.unwrap_or_default().to_owned()
    }

    /// What the value of a key comes to, the same wherever the values are the same.
    #[track_caller]
    pub fn digest(&mut self, key: impl Arg) -> String {
        cmd!(self, "DEBUG", "DIGEST-VALUE", key)
            .at(0)
            .text()
            .to_owned()
    }

    /// The same for everything in every database, expiry times included.
    #[track_caller]
    pub fn digest_of_all(&mut self) -> String {
        cmd!(self, "DEBUG", "DIGEST").text().to_owned()
    }

    #[track_caller]
    pub fn dump(&mut self, key: impl Arg) -> Vec<u8> {
        cmd!(self, "DUMP", key).bytes().to_vec()
    }

    /// Every key of this database, in order.
    #[track_caller]
    pub fn keys(&mut self) -> Vec<String> {
        let reply = cmd!(self, "KEYS", "*");
        let mut keys: Vec<String> = reply.texts().into_iter().map(str::to_owned).collect();
        keys.sort();
        keys
    }

    /// Writes the AOF anew, and waits until it is there.
    #[track_caller]
    pub fn rewrite_aof(&mut self) {
        self.run("BGREWRITEAOF");
        wait_until("the AOF is rewritten", || {
            self.info("persistence", "aof_rewrite_in_progress") == "0"
        });
    }

    /// The server's clock in milliseconds, for the `AT` of an event that is to lie now: the clock of
    /// a server cannot be set.
    #[track_caller]
    pub fn now(&mut self) -> i64 {
        let time = cmd!(self, "TIME");
        let part = |index: usize| {
            time.at(index)
                .text()
                .parse::<i64>()
                .expect("TIME replies numbers")
        };
        part(0) * 1000 + part(1) / 1000
    }
}
