//! The members of an event that are read.

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Member {
    Event,
    User,
    Timestamp,
    Session,
    Id,
    Properties,
}

impl Member {
    const ALL: [(&'static str, Member); 6] = [
        ("event", Member::Event),
        ("user_id", Member::User),
        ("timestamp", Member::Timestamp),
        ("session_id", Member::Session),
        ("id", Member::Id),
        ("properties", Member::Properties),
    ];

    #[inline]
    pub fn of(name: &[u8]) -> Option<Member> {
        match name {
            b"event" => Some(Member::Event),
            b"user_id" => Some(Member::User),
            b"timestamp" => Some(Member::Timestamp),
            b"session_id" => Some(Member::Session),
            b"id" => Some(Member::Id),
            b"properties" => Some(Member::Properties),
            _ => None,
        }
    }

    pub fn bit(self) -> u8 {
        1 << self as u8
    }

    /// The name that was meant by `userId`, `Session-ID` and the like.
    pub fn meant(name: &[u8]) -> Option<&'static str> {
        let plain = |name: &[u8]| -> Vec<u8> {
            let (first, rest) = name.split_first().unwrap_or((&0, &[]));
            let rest = rest.iter().filter(|byte| !b"_- ".contains(byte));
            let letters = std::iter::once(first).chain(rest);
            letters.map(u8::to_ascii_lowercase).collect()
        };
        const LONGEST: usize = 16;
        let plain_name = plain(name.get(..name.len().min(LONGEST)).unwrap_or_default());
        let mut all = Member::ALL.iter().map(|(known, _)| *known);
        all.find(|known| name.len() <= LONGEST && plain(known.as_bytes()) == plain_name)
    }
}
