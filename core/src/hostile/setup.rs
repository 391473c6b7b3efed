//! What all payloads are made with.

use crate::codec::Page;
use crate::schema::{parse_options, Settings};
use crate::site::Site;
use crate::time::{Retention, Zone};

/// 2024-12-11T14:31:07Z.
pub const TIME: i64 = 1_733_927_467_000;

/// A site with these options.
pub fn site(options: &str, capacity: usize) -> Site {
    let words: Vec<&[u8]> = options
        .split_ascii_whitespace()
        .map(str::as_bytes)
        .collect();
    let changes = parse_options(&words).unwrap();
    let settings = Settings::new(Zone::UTC, Retention::default(), capacity);
    Site::new(settings.with(&changes, false, 0).unwrap())
}

/// The one page of a small value.
pub fn one_page(pages: Vec<Page>) -> Page {
    assert_eq!(pages.len(), 1);
    pages.concat()
}
