//! Several windows in one question: `window metric [metric ...] [WINDOW window metric [metric ...]]...`.
//!
//! The word WINDOW is no metric: the metric of a value has an aggregate behind a colon.

use crate::error::{shown, Error, Result};
use crate::schema::limits;
use crate::text::syntax::Argument;

/// A further window, with its metrics.
pub const MORE: Argument = Argument::block(
    c"window-and-metrics",
    &[
        Argument::text(c"window"),
        Argument::text(c"metric").multiple(),
    ],
)
.behind(c"WINDOW")
.optional()
.multiple();

/// A window and its metrics.
pub type Group<'g, 'w> = (&'w [u8], &'g [&'w [u8]]);

/// The windows of a question, each with its metrics, in order. `words`: what follows the first window.
pub fn groups<'g, 'w>(window: &'w [u8], words: &'g [&'w [u8]]) -> Result<Vec<Group<'g, 'w>>> {
    let mut groups = Vec::with_capacity(1);
    let mut parts = words.split(|word| MORE.is(word));
    let first = parts.next().unwrap_or_default();
    groups.push((window, first));
    for part in parts {
        let Some((window, metrics)) = part.split_first() else {
            return Err(Error::new("WINDOW needs a window and a metric"));
        };
        groups.push((*window, metrics));
    }
    if let Some((window, _)) = groups.iter().find(|(_, metrics)| metrics.is_empty()) {
        return Err(Error::new(format!(
            "window '{}' needs a metric",
            shown(window)
        )));
    }
    let metrics: usize = groups.iter().map(|(_, metrics)| metrics.len()).sum();
    match metrics <= limits::METRICS_PER_QUERY {
        true => Ok(groups),
        false => Err(Error::new(format!(
            "{metrics} metrics are too many: a query has at most {}",
            limits::METRICS_PER_QUERY
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> std::result::Result<String, String> {
        let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
        let (window, words) = words.split_first().unwrap();
        let groups = groups(window, words).map_err(|error| error.to_string())?;
        let shown = |(window, metrics): &Group| {
            let metrics = String::from_utf8(metrics.join(&b"+"[..])).unwrap();
            format!("{}:{metrics}", shown(window))
        };
        Ok(groups.iter().map(shown).collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn each_window_has_the_metrics_behind_it() {
        for (line, expected) in [
            ("1h events", "1h:events"),
            (
                "1h events users WINDOW 7d users",
                "1h:events+users 7d:users",
            ),
            ("1h a window 1h b Window today c d", "1h:a 1h:b today:c+d"),
        ] {
            assert_eq!(read(line).unwrap(), expected);
        }
        for (line, part) in [
            ("1h events WINDOW", "WINDOW needs a window and a metric"),
            ("1h events WINDOW 7d", "window '7d' needs a metric"),
            ("1h WINDOW 7d users", "window '1h' needs a metric"),
            ("1h a WINDOW WINDOW users", "WINDOW needs a window"),
        ] {
            let error = read(line).unwrap_err();
            assert!(error.contains(part), "{line}: {error}");
        }
        let many = format!("1h{} WINDOW 7d{}", " a".repeat(60), " a".repeat(5));
        assert!(read(&many)
            .unwrap_err()
            .starts_with("65 metrics are too many"));
    }
}
