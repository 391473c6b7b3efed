//! At which points which program runs, and which points were passed.

use std::sync::{Mutex, PoisonError};

use redis_module::raw;

use crate::programs::Program;

/// Where a point is.
pub struct Point<'p> {
    pub place: &'static str,
    pub name: &'p [u8],
    pub event: &'p [u8],
}

pub struct Rule {
    pub place: Vec<u8>,
    pub name: Vec<u8>,
    pub event: Vec<u8>,
    /// So many points are left out before the first.
    pub skip: i64,
    /// So many are left.
    pub times: i64,
    pub program: Program,
}

struct State {
    rules: Vec<Rule>,
    points: Vec<Vec<u8>>,
    /// A program runs: what happens meanwhile is its own doing.
    is_running: bool,
}

static STATE: Mutex<State> = Mutex::new(State {
    rules: Vec::new(),
    points: Vec::new(),
    is_running: false,
});

/// More points are not noted.
const MOST_POINTS: usize = 10_000;

fn with<T>(act: impl FnOnce(&mut State) -> T) -> T {
    act(&mut STATE.lock().unwrap_or_else(PoisonError::into_inner))
}

pub fn add(rule: Rule) {
    with(|state| state.rules.push(rule));
}

pub fn clear() {
    with(|state| {
        state.rules.clear();
        state.points.clear();
    });
}

pub fn points() -> Vec<Vec<u8>> {
    with(|state| state.points.clone())
}

/// Runs what is to run at this point.
///
/// # Safety
/// A context of this module, under the server's lock.
pub unsafe fn pass(ctx: *mut raw::RedisModuleCtx, point: &Point) {
    let programs: Vec<Program> = with(|state| {
        if state.is_running || state.rules.is_empty() {
            return Vec::new();
        }
        if state.points.len() < MOST_POINTS && point.name != b"cron" {
            let words = [point.place.as_bytes(), point.event, point.name];
            state.points.push(words.join(&b' '));
        }
        let due = state.rules.iter_mut().filter_map(|rule| rule.turn(point));
        let programs: Vec<Program> = due.collect();
        state.is_running = !programs.is_empty();
        programs
    });
    for program in &programs {
        // SAFETY: by the contract.
        unsafe { program.run(ctx) };
    }
    if !programs.is_empty() {
        with(|state| state.is_running = false);
    }
}

impl Rule {
    /// The program, if it is to run at this point.
    fn turn(&mut self, point: &Point) -> Option<Program> {
        let is_here = match &self.place[..] {
            b"*" => point.name != b"cron",
            place => place == point.place.as_bytes(),
        };
        if !is_here || !is_like(&self.name, point.name) || !is_like(&self.event, point.event) {
            return None;
        }
        if self.skip > 0 {
            self.skip -= 1;
            return None;
        }
        if self.times <= 0 {
            return None;
        }
        self.times -= 1;
        Some(self.program.clone())
    }
}

fn is_like(pattern: &[u8], text: &[u8]) -> bool {
    match pattern.strip_suffix(b"*") {
        Some(start) => text.starts_with(start),
        None => pattern.eq_ignore_ascii_case(text),
    }
}
