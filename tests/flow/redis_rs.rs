//! What tests/clients has for other libraries, for redis-rs: sends requests and shows the replies.

use redis::cluster::{cluster_pipe, ClusterClient};
use redis::{Client, Cmd, ConnectionLike, RedisError, RedisResult, Value};

use crate::clients::{joined, shown_double, shown_error, shown_text, Request, Section};

type Replies = RedisResult<Vec<RedisResult<Value>>>;

pub fn replies(port: u16, is_cluster: bool, sections: &[Section]) -> Vec<String> {
    let replies = sections.iter().flat_map(|section| {
        let protocol = section.protocol;
        let url = format!("redis://127.0.0.1:{port}/?protocol=resp{protocol}");
        let replies = match is_cluster {
            true => ask_cluster(url, section),
            false => ask_server(url, section),
        };
        replies.expect("replies, errors among them")
    });
    replies.map(shown_result).collect()
}

fn ask_server(url: String, section: &Section) -> Replies {
    let mut connection = Client::open(url)?.get_connection()?;
    if section.mode == "single" {
        return Ok(one_by_one(&mut connection, section));
    }
    let mut pipeline = redis::pipe();
    if section.mode == "transaction" {
        pipeline.atomic();
    }
    for request in &section.requests {
        pipeline.add_command(command(request));
    }
    pipeline.ignore_errors().query(&mut connection)
}

fn ask_cluster(url: String, section: &Section) -> Replies {
    let mut connection = ClusterClient::new([url])?.get_connection()?;
    if section.mode == "single" {
        return Ok(one_by_one(&mut connection, section));
    }
    let mut pipeline = cluster_pipe();
    for request in &section.requests {
        pipeline.add_command(command(request));
    }
    let replies: Vec<Value> = pipeline.query(&mut connection)?;
    Ok(replies.into_iter().map(Ok).collect())
}

fn one_by_one(connection: &mut impl ConnectionLike, section: &Section) -> Vec<RedisResult<Value>> {
    let requests = section.requests.iter();
    requests
        .map(|request| command(request).query(connection))
        .collect()
}

fn command(request: &Request) -> Cmd {
    let mut command = Cmd::new();
    for word in request {
        command.arg(word);
    }
    command
}

fn shown_result(reply: RedisResult<Value>) -> String {
    match reply {
        Ok(value) => shown(&value),
        Err(error) => shown_error(&line(&error)),
    }
}

/// The line that the server sent.
fn line(error: &RedisError) -> String {
    let (code, detail) = (error.code(), error.detail());
    format!("{} {}", code.unwrap_or("ERR"), detail.unwrap_or_default())
}

fn shown(value: &Value) -> String {
    match value {
        Value::Nil => "nil".to_owned(),
        Value::Int(number) => format!("i{number}"),
        Value::Double(number) => shown_double(*number),
        Value::Boolean(truth) => format!("b{}", i32::from(*truth)),
        Value::BulkString(bytes) => shown_text(bytes),
        Value::SimpleString(text) => shown_text(text.as_bytes()),
        Value::Okay => shown_text(b"OK"),
        Value::ServerError(error) => shown_error(&line(&error.clone().into())),
        Value::Array(items) => format!("[{}]", joined(items.iter().map(shown))),
        Value::Map(pairs) => {
            let pairs = pairs.iter().map(|(k, v)| shown(k) + " " + &shown(v));
            format!("{{{}}}", joined(pairs))
        }
        other => panic!("unexpected of the module: {other:?}"),
    }
}
