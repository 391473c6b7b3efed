//! The files of the page, packed once when the first is asked for. Their addresses hold a hash of
//! all of them, so that a browser keeps them for good and takes the new ones after an upgrade.

use crate::error::{ApiError, ApiResult};
use crate::sites::key::hex;
use axum::body::Body;
use axum::extract::Path;
use axum::http::{header, HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use flate2::write::GzEncoder;
use flate2::Compression;
use rust_embed::RustEmbed;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::io::Write;
use std::sync::LazyLock;

#[derive(RustEmbed)]
#[folder = "page/"]
#[include = "index.html"]
#[include = "js/theme.js"]
#[include = "dist/*"]
#[include = "style/*.css"]
#[include = "world.json"]
#[include = "icon.svg"]
struct Files;

/// The page runs its own scripts only, and talks to this gateway only.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
                      connect-src 'self'; base-uri 'none'; form-action 'none'; \
                      frame-ancestors 'none'";
const FOR_GOOD: &str = "public, max-age=31536000, immutable";
const ASK_FIRST: &str = "no-cache";

struct File {
    plain: Bytes,
    packed: Bytes,
    kind: &'static str,
    tag: HeaderValue,
}

struct Assets {
    version: String,
    index: File,
    files: BTreeMap<String, File>,
}

static ASSETS: LazyLock<Assets> = LazyLock::new(Assets::new);

fn kind_of(path: &str) -> &'static str {
    match path.rsplit_once('.').map(|(_, ending)| ending) {
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("json") => "application/json",
        Some("html") => "text/html; charset=utf-8",
        _ => "text/plain; charset=utf-8",
    }
}

impl File {
    fn new(path: &str, plain: Vec<u8>) -> File {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        let packed = encoder.write_all(&plain).and_then(|()| encoder.finish());
        let digest = Sha256::digest(&plain);
        let tag = format!("\"{}\"", hex(digest.get(..12).unwrap_or_default()));
        File {
            packed: packed.map(Bytes::from).unwrap_or_default(),
            kind: kind_of(path),
            tag: HeaderValue::from_str(&tag).unwrap_or(HeaderValue::from_static("\"\"")),
            plain: Bytes::from(plain),
        }
    }

    fn answer(&self, headers: &HeaderMap, kept: &'static str) -> Response {
        let same = headers
            .get_all(header::IF_NONE_MATCH)
            .iter()
            .filter_map(|tags| tags.to_str().ok())
            .flat_map(|tags| tags.split(','))
            .any(|tag| tag.trim().trim_start_matches("W/").as_bytes() == self.tag.as_bytes());
        let common = [
            (header::ETAG, self.tag.clone()),
            (header::CACHE_CONTROL, HeaderValue::from_static(kept)),
            (header::VARY, HeaderValue::from_static("accept-encoding")),
            (
                header::CONTENT_SECURITY_POLICY,
                HeaderValue::from_static(POLICY),
            ),
            (
                HeaderName::from_static("cross-origin-resource-policy"),
                HeaderValue::from_static("same-origin"),
            ),
        ];
        if same {
            return (StatusCode::NOT_MODIFIED, common).into_response();
        }
        let kind = [(header::CONTENT_TYPE, HeaderValue::from_static(self.kind))];
        match takes_gzip(headers) && !self.packed.is_empty() {
            true => {
                let packed = [(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"))];
                (common, kind, packed, Body::from(self.packed.clone())).into_response()
            }
            false => (common, kind, Body::from(self.plain.clone())).into_response(),
        }
    }
}

/// Whether the client names gzip and does not refuse it with a weight of zero.
fn takes_gzip(headers: &HeaderMap) -> bool {
    headers
        .get_all(header::ACCEPT_ENCODING)
        .iter()
        .filter_map(|words| words.to_str().ok())
        .flat_map(|words| words.split(','))
        .any(|word| {
            let (name, weight) = word.split_once(';').unwrap_or((word, "q=1"));
            let weight = weight.trim().strip_prefix("q=").map(str::parse::<f32>);
            name.trim().eq_ignore_ascii_case("gzip") && !matches!(weight, Some(Ok(0.0)))
        })
}

impl Assets {
    fn new() -> Assets {
        let read = |path: &str| Files::get(path).map(|file| file.data.into_owned());
        let mut paths: Vec<String> = Files::iter().map(|path| path.into_owned()).collect();
        paths.sort();
        let mut all = Sha256::new();
        let mut files = BTreeMap::new();
        for path in &paths {
            let plain = read(path).unwrap_or_default();
            all.update(path.as_bytes());
            all.update((plain.len() as u64).to_le_bytes());
            all.update(&plain);
            files.insert(path.clone(), File::new(path, plain));
        }
        let version = hex(all.finalize().get(..8).unwrap_or_default());
        let index = read("index.html").unwrap_or_default();
        let index = String::from_utf8_lossy(&index).replace("{{version}}", &version);
        files.remove("index.html");
        Assets {
            index: File::new("index.html", index.into_bytes()),
            version,
            files,
        }
    }
}

pub async fn index(headers: HeaderMap) -> Response {
    ASSETS.index.answer(&headers, ASK_FIRST)
}

/// A page that was opened before an upgrade gets the file of today, and keeps it for now only.
pub async fn file(
    Path((version, path)): Path<(String, String)>,
    headers: HeaderMap,
) -> ApiResult<Response> {
    let file = ASSETS
        .files
        .get(&path)
        .ok_or_else(|| ApiError::not_found("the page has no such file"))?;
    let kept = match version == ASSETS.version {
        true => FOR_GOOD,
        false => ASK_FIRST,
    };
    Ok(file.answer(&headers, kept))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The whole of it, with the libraries.
    #[test]
    fn all_scripts_together_are_at_most_sixty_kilobytes_packed() {
        let scripts = ASSETS
            .files
            .iter()
            .filter(|(path, _)| path.ends_with(".js"));
        let sizes: Vec<(&String, usize)> =
            scripts.map(|(path, f)| (path, f.packed.len())).collect();
        let total: usize = sizes.iter().map(|(_, size)| size).sum();
        assert!(total > 25_000, "the libraries are among them: {sizes:?}");
        assert!(total <= 60 * 1024, "{total} bytes: {sizes:?}");
    }

    /// The first line of `dist/page.js` has the digest of its sources.
    #[test]
    fn the_script_is_made_of_the_sources_as_they_are() {
        let page = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("page");
        let scripts = std::fs::read_dir(page.join("js")).expect("is there");
        let mut paths: Vec<_> = scripts
            .map(|entry| entry.expect("is read").path())
            .collect();
        paths.sort();
        paths.push(page.join("package-lock.json"));
        let mut all = Sha256::new();
        for path in paths {
            all.update(std::fs::read(path).expect("is read"));
        }
        let script = String::from_utf8_lossy(&ASSETS.files["dist/page.js"].plain).into_owned();
        let begins = format!("// sources {};", hex(&all.finalize()));
        assert!(script.starts_with(&begins), "run scripts/page-scripts");
    }

    #[test]
    fn what_is_packed_unpacks_to_the_file() {
        use std::io::Read;
        assert!(ASSETS.files.len() > 5);
        for (path, file) in &ASSETS.files {
            let mut plain = Vec::new();
            let mut decoder = flate2::read::GzDecoder::new(&file.packed[..]);
            decoder.read_to_end(&mut plain).expect("is gzip");
            assert_eq!(plain, file.plain, "{path}");
        }
    }

    #[test]
    fn every_address_in_the_index_is_a_file() {
        let index = String::from_utf8_lossy(&ASSETS.index.plain).into_owned();
        let start = format!("page/{}/", ASSETS.version);
        let addresses: Vec<&str> = index
            .split('"')
            .filter_map(|part| part.strip_prefix(start.as_str()))
            .collect();
        assert!(addresses.len() > 5, "{index}");
        for address in addresses {
            assert!(ASSETS.files.contains_key(address), "{address}");
        }
        assert!(!index.contains("{{"), "{index}");
    }

    #[test]
    fn gzip_is_sent_to_those_who_name_it() {
        let takes = |words: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(words));
            takes_gzip(&headers)
        };
        assert!(takes("gzip, deflate, br"));
        assert!(takes("br;q=1, gzip;q=0.5"));
        assert!(!takes("gzip;q=0"));
        assert!(!takes("br"));
        assert!(!takes_gzip(&HeaderMap::new()));
    }
}
