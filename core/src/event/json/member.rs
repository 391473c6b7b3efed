//! The members of an event that are read.

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Member {
    Event,
    User,
    Timestamp,
    Session,
    Id,
    Page,
    Passive,
    Properties,
}

impl Member {
    const ALL: [&'static str; 11] = [
        "event",
        "event_type",
        "user_id",
        "visitor_id",
        "timestamp",
        "session_id",
        "id",
        "passive",
        "page_url",
        "properties",
        "event_data",
    ];

    #[inline]
    pub fn of(name: &[u8]) -> Option<Member> {
        match name {
            b"event" | b"event_type" => Some(Member::Event),
            b"user_id" | b"visitor_id" => Some(Member::User),
            b"timestamp" => Some(Member::Timestamp),
            b"session_id" => Some(Member::Session),
            b"id" => Some(Member::Id),
            b"passive" => Some(Member::Passive),
            b"page_url" => Some(Member::Page),
            b"properties" | b"event_data" => Some(Member::Properties),
            _ => None,
        }
    }

    pub fn bit(self) -> u8 {
        1 << self as u8
    }

    /// Its first name, and the other one.
    pub fn names(self) -> (&'static str, Option<&'static str>) {
        match self {
            Member::Event => ("event", Some("event_type")),
            Member::User => ("user_id", Some("visitor_id")),
            Member::Timestamp => ("timestamp", None),
            Member::Session => ("session_id", None),
            Member::Id => ("id", None),
            Member::Passive => ("passive", None),
            Member::Page => ("page_url", None),
            Member::Properties => ("properties", Some("event_data")),
        }
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
        let mut all = Member::ALL.into_iter();
        all.find(|known| name.len() <= LONGEST && plain(known.as_bytes()) == plain_name)
    }
}
