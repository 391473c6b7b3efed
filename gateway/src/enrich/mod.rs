//! What is known of a visitor beyond the event's own fields: browser and system from the user agent,
//! the country from the address, the source from the referrer, and the id where none is sent.

mod agents;
mod countries;
mod salts;
mod sources;

pub use agents::{Agent, Agents};
pub use countries::Countries;
pub use salts::{Rotation, Salts};
pub use sources::{host_of, source_of};

use crate::config::EnrichConfig;
use std::path::Path;

pub struct Enrich {
    pub agents: Agents,
    pub countries: Countries,
    pub salts: Salts,
}

impl Enrich {
    /// A file that is not there, or cannot be read, costs its dimensions only, with a warning in the log.
    pub fn new(config: &EnrichConfig) -> Enrich {
        let agents = config
            .user_agents
            .as_deref()
            .and_then(|path| opened_or_warned(path, "browser, os and device", Agents::open(path)));
        let countries = config
            .countries
            .as_deref()
            .and_then(|path| opened_or_warned(path, "country", Countries::open(path)));
        Enrich {
            agents: agents.unwrap_or_default(),
            countries: countries.unwrap_or_default(),
            salts: Salts::default(),
        }
    }
}

fn opened_or_warned<T>(path: &Path, dimensions: &str, opened: Result<T, String>) -> Option<T> {
    let path = path.display();
    match opened {
        Ok(file) => Some(file),
        Err(error) => {
            tracing::warn!(%path, error, "events go without {dimensions}");
            None
        }
    }
}
