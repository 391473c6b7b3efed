//! The words that metrics begin with.

/// What a metric counts that is no value of the user's.
pub const SUBJECTS: [&[u8]; 9] = [
    b"events",
    b"users",
    b"users:new",
    b"users:returning",
    b"sessions",
    b"visits",
    b"bounces",
    b"visit-time",
    b"visit-events",
];

/// Metrics of funnels begin with it, and no name of a value does.
pub const FUNNEL_PREFIX: &[u8] = b"funnel:";
