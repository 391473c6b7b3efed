//! Bodies that are packed with gzip, also without `Content-Encoding`, as some libraries send them:
//! it is known by its first bytes.

use crate::error::{ApiError, ApiResult};
use flate2::read::GzDecoder;
use std::borrow::Cow;
use std::io::Read;

const GZIP: &[u8] = &[0x1f, 0x8b];

/// The body, unpacked if it has to be, at most so long.
pub fn unpacked(body: &[u8], most: u64) -> ApiResult<Cow<'_, [u8]>> {
    if !body.starts_with(GZIP) {
        return Ok(Cow::Borrowed(body));
    }
    let mut text = Vec::new();
    let read = GzDecoder::new(body)
        .take(most.saturating_add(1))
        .read_to_end(&mut text);
    match read {
        Err(error) => Err(ApiError::invalid("body", format!("no gzip: {error}"))),
        Ok(length) if length as u64 > most => Err(ApiError::too_large("the body is too large")),
        Ok(_) => Ok(Cow::Owned(text)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{write::GzEncoder, Compression};
    use std::io::Write;

    #[test]
    fn a_packed_body_is_unpacked_up_to_the_limit() {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(&[b'a'; 100_000]).expect("is packed");
        let packed = encoder.finish().expect("is packed");
        assert_eq!(unpacked(b"{}", 10).expect("is plain").as_ref(), b"{}");
        let whole = unpacked(&packed, 100_000).expect("fits");
        assert_eq!(whole.len(), 100_000);
        assert!(unpacked(&packed, 99_999).is_err());
        assert!(unpacked(&packed[..50], 100_000).is_err());
    }
}
