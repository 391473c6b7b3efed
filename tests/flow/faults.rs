//! How far the tests of faults go: `make faults` asks for more than a usual run does.

/// What was asked for by this variable, or what is usual.
pub fn asked(variable: &str, usual: u64) -> u64 {
    let asked = std::env::var(variable).ok();
    asked.and_then(|it| it.parse().ok()).unwrap_or(usual)
}
