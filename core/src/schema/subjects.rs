//! The words that metrics begin with.

/// What a metric counts that is no value of the user's.
pub const SUBJECTS: [&[u8]; 7] = [
    b"events",
    b"users",
    b"sessions",
    b"visits",
    b"bounces",
    b"visit-time",
    b"visit-events",
];
