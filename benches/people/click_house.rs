//! The events in a file for ClickHouse, and what `clickhouse.py` says of them. Nothing without `CHDB_PYTHON`.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;
use std::process::Command;

use crate::events::Event;

pub struct ClickHouse {
    /// The Python, the file, and what writes to it.
    rows: Option<(PathBuf, PathBuf, BufWriter<File>)>,
}

pub struct Answer {
    pub name: String,
    /// In microseconds.
    pub taken: f64,
    /// Of all numbers of the answer.
    pub sum: i64,
}

impl ClickHouse {
    pub fn new() -> ClickHouse {
        let rows = std::env::var_os("CHDB_PYTHON").map(|python| {
            let name = format!("people-{}.bin", std::process::id());
            let path = std::env::temp_dir().join(name);
            let file = File::create(&path).expect("a file of events");
            (python.into(), path, BufWriter::new(file))
        });
        ClickHouse { rows }
    }

    /// As `RowBinary` has it.
    pub fn add(&mut self, event: &Event) {
        let Some((.., writer)) = &mut self.rows else {
            return;
        };
        let mut row = [0; 13];
        row[..4].copy_from_slice(&(event.user as u32).to_le_bytes());
        row[4..12].copy_from_slice(&event.at.to_le_bytes());
        row[12] = event.kind;
        writer.write_all(&row).expect("a file takes more");
    }

    /// The answers of the thirty days and of the twelve weeks; removes the file.
    pub fn answers(self, from: i64, to: i64) -> Vec<Answer> {
        let Some((python, path, writer)) = self.rows else {
            return Vec::new();
        };
        drop(writer);
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/people/clickhouse.py");
        let range = [from.to_string(), to.to_string()];
        let output = Command::new(python)
            .arg(script)
            .arg(&path)
            .args(range)
            .output();
        let _ = std::fs::remove_file(&path);
        let output = output.expect("Python starts");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{errors}");
        let text = String::from_utf8_lossy(&output.stdout);
        let answer = |line: &str| {
            let mut words = line.split_whitespace();
            Some(Answer {
                name: words.next()?.to_owned(),
                taken: words.next()?.parse().ok()?,
                sum: words.next()?.parse().ok()?,
            })
        };
        text.lines().filter_map(answer).collect()
    }
}
