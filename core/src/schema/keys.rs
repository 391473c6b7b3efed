//! The names of keys: of a site, and of its buckets.
//!
//! `{shop}:minute:2024-12-11T14:30`: the braces put every bucket in the cluster slot of its site. A
//! site named with braces of its own, `{eu}shop`, is used as it is.

use crate::error::{shown, Error, Result};
use crate::schema::limits;
use crate::time::Granularity;

/// Refuses a site's name whose buckets would be in other cluster slots than the site.
pub fn check_site_name(name: &[u8]) -> Result<()> {
    if name.is_empty() {
        return Err(Error::new("the name of a site is empty"));
    }
    if name.len() > limits::SITE_NAME {
        return Err(Error::new(format!(
            "site '{}': a name has at most {} bytes",
            shown(name),
            limits::SITE_NAME
        )));
    }
    match hash_tag(name) {
        None if name.contains(&b'}') => Err(Error::new(format!(
            "site '{}': its braces are no hash tag, and its buckets would lie in other cluster \
             slots than itself; use no braces, or a tag such as {{eu}}shop",
            shown(name)
        ))),
        Some(tag) if tag.len() + 2 == name.len() => Err(Error::new(format!(
            "site '{}': its buckets would be those of the site '{}'; use that name, or more than \
             a hash tag, such as {{eu}}shop",
            shown(name),
            shown(tag)
        ))),
        _ => Ok(()),
    }
}

/// What Redis Cluster hashes instead of the whole key: the bytes between the first `{` and the first `}`
/// after it, unless there are none.
fn hash_tag(name: &[u8]) -> Option<&[u8]> {
    let open = name.iter().position(|byte| *byte == b'{')?;
    let (_, after) = name.split_at_checked(open + 1)?;
    let close = after.iter().position(|byte| *byte == b'}')?;
    after.get(..close).filter(|tag| !tag.is_empty())
}

/// Whether a key may be a bucket, by its name.
pub fn may_be_bucket(name: &[u8]) -> bool {
    name.contains(&b'}')
        && name.split(|byte| *byte == b':').any(|part| {
            let mut names = Granularity::ALL.into_iter().map(Granularity::name);
            names.any(|granularity| granularity.as_bytes() == part)
        })
}

/// The longest name of a bucket: the site's name with braces, granularity and label.
const LONGEST: usize = limits::SITE_NAME + 32;

/// A bucket's name, made on the stack.
pub struct BucketName {
    bytes: [u8; LONGEST],
    len: usize,
}

impl BucketName {
    pub fn new(site: &[u8], granularity: Granularity, label: &[u8]) -> BucketName {
        let tagged = hash_tag(site).is_some();
        let mut name = BucketName {
            bytes: [0; LONGEST],
            len: 0,
        };
        if !tagged {
            name.push(b"{");
        }
        name.push(site);
        name.push(if tagged { b":" } else { b"}:" });
        name.push(granularity.name().as_bytes());
        name.push(b":");
        name.push(label);
        name
    }

    /// A site's name has passed `check_site_name`, so that all of it fits.
    fn push(&mut self, part: &[u8]) {
        let end = self.len + part.len();
        if let Some(target) = self.bytes.get_mut(self.len..end) {
            target.copy_from_slice(part);
            self.len = end;
        }
    }

    pub fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

/// `{shop}`: the hash tag that puts all keys of the site into its slot.
fn tagged(site: &[u8]) -> Vec<u8> {
    match hash_tag(site) {
        Some(_) => site.to_vec(),
        None => [b"{", site, b"}"].concat(),
    }
}

/// The stream to which the site's alerts go: `{shop}:alerts`.
pub fn alerts_stream(site: &[u8]) -> Vec<u8> {
    [&tagged(site)[..], b":alerts"].concat()
}

/// The channel on which the site's alerts are published, too: `analytics:alerts:{shop}`.
pub fn alerts_channel(site: &[u8]) -> Vec<u8> {
    [b"analytics:alerts:", &tagged(site)[..]].concat()
}

/// The stream of the site's event log, where that is on: `{shop}:events`.
pub fn events_stream(site: &[u8]) -> Vec<u8> {
    [&tagged(site)[..], b":events"].concat()
}

/// The channel on which live metrics are published: `analytics:live:{shop}:name`.
pub fn live_channel(site: &[u8], name: &[u8]) -> Vec<u8> {
    [b"analytics:live:", &tagged(site)[..], b":", name].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_carry_the_tag_of_their_site() {
        let name = |site: &[u8]| {
            check_site_name(site).map(|()| {
                let name = BucketName::new(site, Granularity::Minute, b"2024-12-11T14:30");
                String::from_utf8(name.bytes().into()).unwrap()
            })
        };
        assert_eq!(name(b"shop").unwrap(), "{shop}:minute:2024-12-11T14:30");
        assert_eq!(
            name(b"{eu}shop").unwrap(),
            "{eu}shop:minute:2024-12-11T14:30"
        );
        assert_eq!(
            name(b"a{eu}b{x").unwrap(),
            "a{eu}b{x:minute:2024-12-11T14:30"
        );
        assert_eq!(name(b"a{b").unwrap(), "{a{b}:minute:2024-12-11T14:30");
        for refused in [
            &b"a{}b"[..],
            b"{shop}",
            b"a}b",
            b"}{",
            b"{}",
            b"",
            &[b'x'; 129],
        ] {
            assert!(name(refused).is_err(), "{refused:?}");
        }
        assert_eq!(alerts_stream(b"shop"), b"{shop}:alerts");
        assert_eq!(events_stream(b"shop"), b"{shop}:events");
        assert_eq!(events_stream(b"{eu}shop"), b"{eu}shop:events");
        assert_eq!(alerts_channel(b"{eu}shop"), b"analytics:alerts:{eu}shop");
        assert_eq!(live_channel(b"a{b", b"main"), b"analytics:live:{a{b}:main");
        assert_eq!(name(&[b'x'; 128]).unwrap().len(), 128 + 26);
    }
}
