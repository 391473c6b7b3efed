//! Write keys and read tokens: `prefix_<id>_<secret>`. The id finds the entry and may be shown; of
//! the secret only the SHA-256 is kept, and it is compared in constant time. Secrets are 160 random
//! bits, so that a plain hash is enough.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// A key or token as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Key {
    pub id: String,
    /// SHA-256 of the secret, in hexadecimal.
    pub hash: String,
    /// What people call it.
    #[serde(default)]
    pub label: String,
    /// When it was made, in milliseconds.
    #[serde(default)]
    pub created: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Secret {
    /// May send events.
    Write,
    /// May ask.
    Read,
}

impl Secret {
    fn prefix(self) -> &'static str {
        match self {
            Secret::Write => "wk",
            Secret::Read => "rt",
        }
    }
}

/// A new key, and the text that is shown once.
pub fn generate(kind: Secret, label: &str) -> Result<(Key, String), getrandom::Error> {
    let mut random = [0_u8; 26];
    getrandom::fill(&mut random)?;
    let (id, secret) = random.split_at(6);
    let (id, secret) = (hex(id), hex(secret));
    let text = format!("{}_{id}_{secret}", kind.prefix());
    let key = Key {
        id,
        hash: hex(&Sha256::digest(&secret)),
        label: String::from(label),
        created: crate::time::now_ms(),
    };
    Ok((key, text))
}

/// The id and the secret of a text that looks like a key or token.
pub fn parts(text: &str) -> Option<(Secret, &str, &str)> {
    let (prefix, rest) = text.split_once('_')?;
    let kind = match prefix {
        "wk" => Secret::Write,
        "rt" => Secret::Read,
        _ => return None,
    };
    let (id, secret) = rest.split_once('_')?;
    Some((kind, id, secret))
}

impl Key {
    pub fn opens_with(&self, secret: &str) -> bool {
        same(
            self.hash.as_bytes(),
            hex(&Sha256::digest(secret)).as_bytes(),
        )
    }
}

/// Compares in a time that depends on the lengths only.
pub fn same(a: &[u8], b: &[u8]) -> bool {
    a.ct_eq(b).into()
}

/// Compares secrets that are not kept hashed, without a hint at where they differ.
pub fn same_secret(a: &str, b: &str) -> bool {
    same(&Sha256::digest(a), &Sha256::digest(b))
}

pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: [char; 16] = [
        '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f',
    ];
    let mut text = String::with_capacity(bytes.len() * 2);
    for half in bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]) {
        text.extend(DIGITS.get(usize::from(half)));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_opens_with_its_own_secret_only() {
        let (key, text) = generate(Secret::Write, "browser").expect("there is randomness");
        let (kind, id, secret) = parts(&text).expect("has three parts");
        assert_eq!((kind, id), (Secret::Write, key.id.as_str()));
        assert!(key.opens_with(secret));
        assert!(!key.opens_with(""));
        assert!(!key.opens_with(&secret.to_uppercase().replace('A', "B")));
        assert!(!key.hash.contains(secret));
        assert_eq!(parts("phc_x_y"), None);
        assert_eq!(parts("wk_"), None);
    }

    #[test]
    fn bytes_are_written_with_two_digits_each() {
        assert_eq!(hex(&[0, 1, 15, 16, 171, 255]), "00010f10abff");
    }
}
