//! How a function of the module API is called.

/// Calls a function of the module API. Loading fails on servers older than 7.0, and those have all
/// functions, so that the abort is never reached.
macro_rules! api {
    ($name:ident($($argument:expr),* $(,)?)) => {
        match redis_module::raw::$name {
            Some(function) => function($($argument),*),
            None => std::process::abort(),
        }
    };
}
pub(crate) use api;
