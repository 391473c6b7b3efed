//! What a command fails with.

use analytics_core::error::Error;

/// What a command failed with.
#[derive(Debug)]
pub enum Failure {
    /// `ERR` and one line.
    Refused(Error),
    WrongType,
    WrongArity,
    /// The cluster slot is on its way to another node.
    TryAgain,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        Failure::Refused(error)
    }
}

pub type Outcome<T = ()> = Result<T, Failure>;
