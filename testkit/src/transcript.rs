//! The `redis-cli` sessions that a page shows: their commands, and a reply as `redis-cli` shows it.

use crate::reply::Reply;

pub const PROMPT: &str = "127.0.0.1:6379> ";

/// The commands of a page with the lines that stand below them.
pub fn commands(page: &str) -> Vec<(String, Vec<String>)> {
    let mut tour: Vec<(String, Vec<String>)> = Vec::new();
    let mut inside = false;
    for line in page.lines() {
        match line.strip_prefix(PROMPT) {
            _ if line.starts_with("```") => inside = !inside,
            Some(command) => tour.push((command.to_owned(), Vec::new())),
            None if inside => {
                if let Some((_, reply)) = tour.last_mut() {
                    reply.push(line.to_owned());
                }
            }
            None => {}
        }
    }
    tour
}

/// As `redis-cli` shows a reply, below `indent`.
pub fn shown(reply: &Reply, indent: usize) -> String {
    match reply {
        Reply::Int(n) => format!("(integer) {n}"),
        Reply::Bulk(bytes) => format!("\"{}\"", String::from_utf8_lossy(bytes)),
        Reply::Simple(text) => text.clone(),
        Reply::Nil => "(nil)".to_owned(),
        Reply::Error(line) => format!("(error) {line}"),
        Reply::Array(items) if items.is_empty() => "(empty array)".to_owned(),
        Reply::Array(items) => {
            let width = items.len().to_string().len();
            let lines = items.iter().zip(1..).map(|(item, number)| {
                format!("{number:>width$}) {}", shown(item, indent + width + 2))
            });
            let lines: Vec<String> = lines.collect();
            lines.join(&format!("\n{:indent$}", ""))
        }
        other => panic!("unexpected in the tour: {other:?}"),
    }
}

/// Times of today, and the order of keys, are another story on every run.
pub fn is_timeless(line: &str) -> bool {
    let number = line.rsplit("(integer) ").next().unwrap_or_default();
    number.len() < 13 && !line.contains('{')
}
