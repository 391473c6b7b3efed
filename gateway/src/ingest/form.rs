//! Bodies that are a form with the JSON in its field `data`, plain or in base64, as older scripts for
//! pages send them.

use crate::error::{ApiError, ApiResult};
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use base64::Engine;
use std::borrow::Cow;
use url::form_urlencoded;

const FIELD: &str = "data";

/// Some leave the padding out.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The JSON of a form; any other body as it is.
pub fn json_of(body: Cow<'_, [u8]>) -> ApiResult<Cow<'_, [u8]>> {
    if let Some(b'{' | b'[') = body.trim_ascii_start().first() {
        return Ok(body);
    }
    let data = form_urlencoded::parse(&body).find(|(name, _)| name == FIELD);
    let Some((_, data)) = data else {
        return Ok(body);
    };
    if data.trim_start().starts_with(['{', '[']) {
        return Ok(Cow::Owned(data.into_owned().into_bytes()));
    }
    // A plus that was not escaped is a space of the form.
    let text = data.trim().replace(' ', "+");
    let json = BASE64
        .decode(text)
        .map_err(|error| ApiError::invalid("data", format!("no base64: {error}")))?;
    Ok(Cow::Owned(json))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> Option<String> {
        let json = json_of(Cow::Borrowed(body.as_bytes())).ok()?;
        Some(String::from_utf8_lossy(&json).into_owned())
    }

    #[test]
    fn a_form_has_json_plain_or_in_base64() {
        let json = r#"{"a":"??>>"}"#;
        assert_eq!(read(json).as_deref(), Some(json));
        for body in [
            "ip=1&data=eyJhIjoiPz8%2BPiJ9",
            "data=%7B%22a%22%3A%22%3F%3F%3E%3E%22%7D&v=1",
            "data=eyJhIjoiPz8%2BPiJ9&compression=base64",
            "data=eyJhIjoiPz8+PiJ9",
        ] {
            assert_eq!(read(body).as_deref(), Some(json), "{body}");
        }
        assert_eq!(read("data=e30").as_deref(), Some("{}"));
        assert_eq!(read("data=e30%3D").as_deref(), Some("{}"));
        assert_eq!(read("data=%%%"), None);
        assert_eq!(read("data=").as_deref(), Some(""));
        assert_eq!(read("no form").as_deref(), Some("no form"));
    }
}
