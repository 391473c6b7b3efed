//! The sites that the gateway serves, and who may write to them and read them. Kept in Redis
//! (`stored.rs`), held in memory by every gateway (`registry.rs`), changed by the command line and
//! the settings API through `stored::change`.

pub mod change;
pub mod key;
mod registry;
pub mod stored;
pub mod target;

pub use key::{Key, Secret};
pub use registry::{Registry, Snapshot};
pub use target::Target;

use serde::{Deserialize, Serialize};

/// How the user of an event is found.
#[derive(
    Debug,
    Clone,
    Copy,
    Default,
    PartialEq,
    Eq,
    Serialize,
    Deserialize,
    utoipa::ToSchema,
    clap::ValueEnum,
)]
#[serde(rename_all = "lowercase")]
pub enum IdMode {
    /// From the event; where it has none, as `daily`.
    #[default]
    Supplied,
    /// A keyed hash of address, agent and site, under a salt that changes every day.
    Daily,
    /// The same, under a salt that changes every month.
    Monthly,
}

/// The settings of a site, as the gateway keeps them. The module's own are its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Site {
    /// The key of the `ANALYTICS.*` commands.
    pub name: String,
    /// Host names whose pages send events here, as Plausible's scripts name them.
    pub domains: Vec<String>,
    /// Origins that browsers may send events from; none listed is any.
    pub origins: Vec<String>,
    pub id_mode: IdMode,
    /// Whether its answers need no token.
    pub public: bool,
    /// Whether listeners and the latest events show the ids of users as they came.
    pub clear_ids: bool,
    /// Whether it has rows in `/metrics`.
    pub prometheus: bool,
    /// Whether the headers of Do-Not-Track and Global Privacy Control are ignored.
    pub ignore_privacy_signals: bool,
    /// Properties of events that are taken; none listed is all.
    pub properties: Vec<String>,
    /// Properties that are dimensions though they come as numbers.
    pub number_dimensions: Vec<String>,
    /// The event that is the conversion, and the dimensions that the classic paths ask for.
    pub goal: String,
    pub theme_dimension: String,
    pub goal_dimension: String,
    pub write_keys: Vec<Key>,
    pub read_tokens: Vec<Key>,
    /// Where its alerts go.
    pub alert_targets: Vec<Target>,
}

impl Default for Site {
    fn default() -> Site {
        Site {
            name: String::new(),
            domains: Vec::new(),
            origins: Vec::new(),
            id_mode: IdMode::Supplied,
            public: false,
            clear_ids: false,
            prometheus: false,
            ignore_privacy_signals: false,
            properties: Vec::new(),
            number_dimensions: Vec::new(),
            goal: String::from("letter_generated"),
            theme_dimension: String::from("theme"),
            goal_dimension: String::from("kind"),
            write_keys: Vec::new(),
            read_tokens: Vec::new(),
            alert_targets: Vec::new(),
        }
    }
}

impl Site {
    pub fn named(name: &str) -> Site {
        Site {
            name: String::from(name),
            ..Site::default()
        }
    }

    /// Whether a browser's page of this origin may send events.
    pub fn allows_origin(&self, origin: &str) -> bool {
        self.origins.is_empty()
            || self
                .origins
                .iter()
                .any(|allowed| allowed.eq_ignore_ascii_case(origin))
    }
}
