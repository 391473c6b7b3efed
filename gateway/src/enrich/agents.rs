//! User agents: browser, system, kind of device, and whether it is a bot. The patterns are those of
//! the uap-core project, read from a file; a cache stands before them, for matching takes tens of
//! microseconds and few agents are most of the traffic.

use quick_cache::sync::Cache;
use std::borrow::Cow;
use std::path::Path;
use std::sync::Arc;
use ua_parser::{Extractor, Regexes};

const CACHED: usize = 20_000;
/// No browser sends more, and the time of matching grows with the length.
const LONGEST: usize = 512;

/// Lower-case parts of agents that are programs, for what the patterns do not say.
const PROGRAMS: &[&str] = &[
    "bot",
    "crawl",
    "spider",
    "slurp",
    "headless",
    "phantomjs",
    "lighthouse",
    "pingdom",
    "curl/",
    "wget/",
    "python-",
    "python/",
    "go-http-client",
    "java/",
    "libwww",
    "httpclient",
    "scrapy",
    "axios/",
    "node-fetch",
    "facebookexternalhit",
    "preview",
    "monitor",
];

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Agent {
    pub browser: Option<String>,
    pub os: Option<String>,
    /// Desktop, Mobile or Tablet; None where the patterns are not there.
    pub device: Option<&'static str>,
    pub is_bot: bool,
}

pub struct Agents {
    patterns: Option<Extractor<'static>>,
    cache: Cache<String, Arc<Agent>>,
}

impl Default for Agents {
    fn default() -> Agents {
        Agents {
            patterns: None,
            cache: Cache::new(CACHED),
        }
    }
}

impl Agents {
    pub fn open(path: &Path) -> Result<Agents, String> {
        let json = std::fs::read(path).map_err(|error| error.to_string())?;
        let patterns: Regexes = serde_json::from_slice(&json).map_err(|error| error.to_string())?;
        let patterns = Extractor::try_from(patterns).map_err(|error| error.to_string())?;
        Ok(Agents {
            patterns: Some(patterns),
            ..Agents::default()
        })
    }

    pub fn look_up(&self, agent: &str) -> Arc<Agent> {
        let end = (0..=LONGEST.min(agent.len()))
            .rev()
            .find(|at| agent.is_char_boundary(*at));
        let agent = agent.get(..end.unwrap_or(0)).unwrap_or_default();
        if let Some(known) = self.cache.get(agent) {
            return known;
        }
        let found = Arc::new(self.parse(agent));
        self.cache.insert(String::from(agent), Arc::clone(&found));
        found
    }

    fn parse(&self, text: &str) -> Agent {
        let mut agent = Agent {
            is_bot: is_program(text),
            ..Agent::default()
        };
        let Some(patterns) = &self.patterns else {
            return agent;
        };
        agent.browser = patterns
            .ua
            .extract(text)
            .map(|found| browser(&found.family).into_owned());
        let os = patterns.os.extract(text);
        agent.os = os.map(|found| found.os.into_owned());
        let device = patterns.dev.extract(text).map(|found| found.device);
        agent.is_bot |= device.as_deref() == Some("Spider");
        agent.device = Some(kind(text, agent.os.as_deref()));
        agent
    }
}

/// Names in common use: the mobile builds of a browser are the browser.
fn browser(family: &str) -> Cow<'_, str> {
    match family {
        "Mobile Safari" | "Mobile Safari UI/WKWebView" => Cow::Borrowed("Safari"),
        "Chrome Mobile" | "Chrome Mobile iOS" | "Chrome Mobile WebView" => Cow::Borrowed("Chrome"),
        "Firefox Mobile" | "Firefox iOS" => Cow::Borrowed("Firefox"),
        "Edge Mobile" => Cow::Borrowed("Edge"),
        "Opera Mobile" | "Opera Mini" => Cow::Borrowed("Opera"),
        other => Cow::Borrowed(other),
    }
}

fn is_program(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    // A maker of phones.
    let lower = lower.replace("cubot", "");
    lower.is_empty() || PROGRAMS.iter().any(|part| lower.contains(part))
}

fn kind(text: &str, os: Option<&str>) -> &'static str {
    let mobile = text.contains("Mobi");
    let tablet = text.contains("iPad")
        || text.contains("Tablet")
        || (os == Some("Android") && !mobile)
        || text.contains("Kindle");
    match (tablet, mobile) {
        (true, _) => "Tablet",
        (false, true) => "Mobile",
        (false, false) => "Desktop",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_bots_and_a_phone_is_not() {
        let agents = Agents::default();
        for bot in [
            "",
            "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
            "curl/8.5.0",
            "python-requests/2.31",
            "Mozilla/5.0 (X11; Linux x86_64) HeadlessChrome/128.0.0.0 Safari/537.36",
        ] {
            assert!(agents.look_up(bot).is_bot, "{bot}");
        }
        for person in [
            "Mozilla/5.0 (Linux; Android 10; CUBOT X30) AppleWebKit/537.36 Mobile Safari/537.36",
            "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Version/17.5 Safari/605.1.15",
        ] {
            assert!(!agents.look_up(person).is_bot, "{person}");
        }
    }

    #[test]
    fn a_long_agent_is_cut_between_characters() {
        let agents = Agents::default();
        assert!(!agents.look_up(&"é".repeat(10_000)).is_bot);
    }
}
