//! Where a visitor came from: a name for the referrer's host, none for a page of the site itself.

use url::Url;

/// Hosts by the label before their public suffix, and what people call them.
const BY_LABEL: &[(&str, &str)] = &[
    ("google", "Google"),
    ("bing", "Bing"),
    ("duckduckgo", "DuckDuckGo"),
    ("yahoo", "Yahoo!"),
    ("yandex", "Yandex"),
    ("baidu", "Baidu"),
    ("ecosia", "Ecosia"),
    ("qwant", "Qwant"),
    ("startpage", "Startpage"),
    ("brave", "Brave"),
    ("kagi", "Kagi"),
    ("facebook", "Facebook"),
    ("instagram", "Instagram"),
    ("twitter", "Twitter"),
    ("linkedin", "LinkedIn"),
    ("reddit", "Reddit"),
    ("youtube", "YouTube"),
    ("pinterest", "Pinterest"),
    ("tiktok", "TikTok"),
    ("github", "GitHub"),
    ("wikipedia", "Wikipedia"),
    ("chatgpt", "ChatGPT"),
    ("perplexity", "Perplexity"),
];

/// Short hosts that are names of their own.
const BY_HOST: &[(&str, &str)] = &[
    ("t.co", "Twitter"),
    ("x.com", "Twitter"),
    ("lnkd.in", "LinkedIn"),
    ("l.facebook.com", "Facebook"),
    ("fb.me", "Facebook"),
    ("youtu.be", "YouTube"),
    ("news.ycombinator.com", "Hacker News"),
    ("mail.google.com", "Gmail"),
];

/// The host of a URL, lower-case and without `www.`.
pub fn host_of(url: &str) -> Option<String> {
    let url = Url::parse(url).ok()?;
    let host = url.host_str()?.to_ascii_lowercase();
    let bare = host.strip_prefix("www.").unwrap_or(&host);
    Some(String::from(bare))
}

/// The source of a referrer; None where it is a page of the site, or no page.
pub fn source_of(referrer: &str, page_host: Option<&str>) -> Option<String> {
    let host = host_of(referrer)?;
    if page_host == Some(host.as_str()) {
        return None;
    }
    if let Some((_, name)) = BY_HOST.iter().find(|(known, _)| *known == host) {
        return Some(String::from(*name));
    }
    let known = host
        .split('.')
        .find_map(|label| BY_LABEL.iter().find(|(known, _)| *known == label));
    Some(known.map_or(host, |(_, name)| String::from(*name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_referrer_is_called_by_its_name_or_its_host() {
        for (referrer, source) in [
            ("https://www.google.co.uk/", Some("Google")),
            ("https://t.co/abc", Some("Twitter")),
            ("https://old.reddit.com/r/rust", Some("Reddit")),
            (
                "https://blog.example.org/post?x=1",
                Some("blog.example.org"),
            ),
            ("https://www.shop.example/cart", None),
            ("android-app://com.slack", Some("com.slack")),
            ("nonsense", None),
            ("", None),
        ] {
            let found = source_of(referrer, Some("shop.example"));
            assert_eq!(found.as_deref(), source, "{referrer}");
        }
    }
}
