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
        Some(tag) => refuse_keys_of_others(name, tag),
        None => Ok(()),
    }
}

/// Refuses the names that keys of another site have: `{a}:events`, `{eu}shop:minute:2024-12-11T14:30`. A user
/// who may use the keys of that site could be this one's.
fn refuse_keys_of_others(name: &[u8], tag: &[u8]) -> Result<()> {
    let Some(owner) = owner_of_key(name, tag) else {
        return Ok(());
    };
    Err(Error::new(format!(
        "site '{}': that is the name of a key of the site '{}'; choose another",
        shown(name),
        shown(owner)
    )))
}

/// The site that would have a key of this name, which has this hash tag.
fn owner_of_key<'n>(name: &'n [u8], tag: &'n [u8]) -> Option<&'n [u8]> {
    let tag_end = name.iter().position(|byte| *byte == b'}')? + 1;
    let colons = name.iter().enumerate().filter(|(_, byte)| **byte == b':');
    let mut colons = colons.map(|(at, _)| at).filter(|at| *at >= tag_end);
    let end = colons.find(|at| name.get(at + 1..).is_some_and(is_name_of_key))?;
    let owner = name.get(..end)?;
    let is_tag_alone = owner.first() == Some(&b'{') && owner.len() == tag.len() + 2;
    Some(if is_tag_alone { tag } else { owner })
}

/// Whether a key of a site may be named so, behind its tag.
fn is_name_of_key(rest: &[u8]) -> bool {
    let mut words = rest.split(|byte| *byte == b':');
    let (first, has_more) = (words.next().unwrap_or_default(), words.next().is_some());
    let mut granularities = Granularity::ALL.into_iter().map(Granularity::name);
    match first {
        b"alerts" | b"events" | b"ids" => !has_more,
        b"visitors" | b"people" => has_more,
        other => has_more && granularities.any(|name| name.as_bytes() == other),
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

/// Whether a key may be a bucket or a partition of users, by its name.
pub fn may_be_bucket(name: &[u8]) -> bool {
    name.contains(&b'}')
        && name.split(|byte| *byte == b':').any(|part| {
            let mut names = Granularity::ALL.into_iter().map(Granularity::name);
            [&b"visitors"[..], b"people"].contains(&part)
                || names.any(|granularity| granularity.as_bytes() == part)
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

/// A partition of the site's visits under way: `{shop}:visitors:7`.
pub fn visitors_key(site: &[u8], number: u32) -> Vec<u8> {
    partition_key(site, b":visitors:", number)
}

/// A partition of what the site remembers of people: `{shop}:people:7`.
pub fn people_key(site: &[u8], number: u32) -> Vec<u8> {
    partition_key(site, b":people:", number)
}

fn partition_key(site: &[u8], what: &[u8], number: u32) -> Vec<u8> {
    [&tagged(site)[..], what, number.to_string().as_bytes()].concat()
}

/// The channel on which the site's alerts are published, too: `analytics:alerts:{shop}`.
pub fn alerts_channel(site: &[u8]) -> Vec<u8> {
    [b"analytics:alerts:", &tagged(site)[..]].concat()
}

/// The stream of the site's event log, where that is on: `{shop}:events`.
pub fn events_stream(site: &[u8]) -> Vec<u8> {
    [&tagged(site)[..], b":events"].concat()
}

/// The ids of the site's recent events: `{shop}:ids`.
pub fn ids_key(site: &[u8]) -> Vec<u8> {
    [&tagged(site)[..], b":ids"].concat()
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
        for key in [
            "{a}:events",
            "{a}:alerts",
            "{a}:ids",
            "{a}:visitors:3",
            "{a}:minute:2026-11-30T07:00",
            "{a}:month:2026-11",
            "{a}:day:x",
            "{a}:x:events",
        ] {
            let error = name(key.as_bytes()).unwrap_err().to_string();
            assert!(error.contains("a key of the site"), "{key}: {error}");
        }
        let error = name(b"{a}:week:2026-W49").unwrap_err().to_string();
        assert!(error.contains("of the site 'a'"), "{error}");
        let error = name(b"x{eu}shop:events").unwrap_err().to_string();
        assert!(error.contains("of the site 'x{eu}shop'"), "{error}");
        for free in [
            "a:events",
            "a:minute:7",
            "{a}:web",
            "{a}:events:web",
            "{a}:minute",
            "a:x{b}",
        ] {
            assert!(name(free.as_bytes()).is_ok(), "{free}");
        }
        assert_eq!(alerts_stream(b"shop"), b"{shop}:alerts");
        assert_eq!(events_stream(b"shop"), b"{shop}:events");
        assert_eq!(ids_key(b"{eu}shop"), b"{eu}shop:ids");
        assert_eq!(events_stream(b"{eu}shop"), b"{eu}shop:events");
        assert_eq!(alerts_channel(b"{eu}shop"), b"analytics:alerts:{eu}shop");
        assert_eq!(live_channel(b"a{b", b"main"), b"analytics:live:{a{b}:main");
        assert_eq!(name(&[b'x'; 128]).unwrap().len(), 128 + 26);
    }
}
