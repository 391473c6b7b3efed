//! What the command line and the settings API change of a site, in one form for both.

use super::key::{generate, Key, Secret};
use super::{stored, IdMode, Site};
use crate::error::{ApiError, ApiResult};
use crate::store::{Failure, Redis};
use clap::Args;
use redis::cmd;
use serde::Deserialize;
use utoipa::ToSchema;

/// What is not given stays as it is. A list that is given takes the place of the one before.
#[derive(Debug, Clone, Default, Args, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Change {
    /// The time zone of the site, only when it is made.
    #[arg(long)]
    pub tz: Option<String>,
    /// What is counted of visits, as the words behind `VISITS`: `30m PATH page BY source`, or `off`.
    #[arg(long)]
    pub visits: Option<String>,
    /// How long users are remembered, as the words behind `RETURNING`: `365d`, or `off`.
    #[arg(long)]
    pub returning: Option<String>,
    /// A host name whose pages send events here; may be repeated.
    #[arg(long = "domain")]
    pub domains: Option<Vec<String>>,
    /// An origin that browsers may send from, as https://example.com; may be repeated. None is any.
    #[arg(long = "origin")]
    pub origins: Option<Vec<String>>,
    /// Where the user of an event comes from: supplied, daily or monthly.
    #[arg(long = "ids", value_enum)]
    pub id_mode: Option<IdMode>,
    /// Whether its answers need no token.
    #[arg(long)]
    pub public: Option<bool>,
    /// Whether it has rows in /metrics.
    #[arg(long)]
    pub prometheus: Option<bool>,
    /// Whether listeners see the ids of users as they came.
    #[arg(long)]
    pub clear_ids: Option<bool>,
    /// Whether Do-Not-Track and Global Privacy Control are ignored.
    #[arg(long)]
    pub ignore_privacy_signals: Option<bool>,
    /// A property of events that is taken; may be repeated. None is all.
    #[arg(long = "property")]
    pub properties: Option<Vec<String>>,
    /// A property that is a dimension though it comes as a number; may be repeated.
    #[arg(long = "number-dimension")]
    pub number_dimensions: Option<Vec<String>>,
    /// The event that is the conversion.
    #[arg(long)]
    pub goal: Option<String>,
    /// The dimension that `themes` ranks.
    #[arg(long)]
    pub theme_dimension: Option<String>,
    /// The dimension with the kinds of the goal.
    #[arg(long)]
    pub goal_dimension: Option<String>,
}

impl Change {
    fn apply(&self, site: &mut Site) {
        fn set<T: Clone>(into: &mut T, given: &Option<T>) {
            if let Some(value) = given {
                into.clone_from(value);
            }
        }
        set(&mut site.domains, &self.domains);
        set(&mut site.origins, &self.origins);
        set(&mut site.id_mode, &self.id_mode);
        set(&mut site.public, &self.public);
        set(&mut site.prometheus, &self.prometheus);
        set(&mut site.clear_ids, &self.clear_ids);
        let ignored = &self.ignore_privacy_signals;
        set(&mut site.ignore_privacy_signals, ignored);
        set(&mut site.properties, &self.properties);
        set(&mut site.number_dimensions, &self.number_dimensions);
        set(&mut site.goal, &self.goal);
        set(&mut site.theme_dimension, &self.theme_dimension);
        set(&mut site.goal_dimension, &self.goal_dimension);
    }
}

/// Makes the site, in the module too, or changes it; whether it was made.
pub async fn save(redis: &Redis, name: &str, change: &Change) -> ApiResult<bool> {
    if let Some(domains) = &change.domains {
        refuse_taken(redis, name, domains).await?;
    }
    check_name("goal", &change.goal)?;
    check_name("theme_dimension", &change.theme_dimension)?;
    check_name("goal_dimension", &change.goal_dimension)?;
    let counted = counted_words(change)?;
    let mut create = cmd("ANALYTICS.CREATE");
    create.arg(name).arg(&counted);
    if let Some(zone) = &change.tz {
        create.arg("TZ").arg(zone);
    }
    let made = match redis.query(&create).await {
        Ok(_) => true,
        Err(error) if error.failure == Failure::Refused && error.message().contains("exists") => {
            false
        }
        Err(error) => return Err(error.into()),
    };
    if !made && !counted.is_empty() {
        redis
            .query(cmd("ANALYTICS.ALTER").arg(name).arg(&counted))
            .await?;
    }
    stored::change(redis, name, |site| {
        let mut site = site.unwrap_or_else(|| Site::named(name));
        change.apply(&mut site);
        Ok((Some(site), made))
    })
    .await
}

/// The options of the module that a change has, in the module's words.
fn counted_words(change: &Change) -> ApiResult<Vec<&str>> {
    let mut all = Vec::new();
    if let Some(given) = &change.visits {
        let about =
            "a timeout with PATH, BY and VISITORS behind it, as 30m PATH page BY source, or off";
        all.push("VISITS");
        all.extend(option_words(
            "visits",
            given,
            &["PATH", "BY", "VISITORS"],
            about,
        )?);
    }
    if let Some(given) = &change.returning {
        let about = "a horizon with VISITORS behind it, as 365d, or off";
        all.push("RETURNING");
        all.extend(option_words("returning", given, &["VISITORS"], about)?);
    }
    Ok(all)
}

/// The words of one option: a first one and pairs that begin with one of these, so that they are no
/// other options.
fn option_words<'a>(
    field: &'static str,
    given: &'a str,
    parts: &[&str],
    about: &str,
) -> ApiResult<Vec<&'a str>> {
    let words: Vec<&str> = given.split_whitespace().collect();
    let is_part = |pair: &[&str]| matches!(pair, [word, _] if parts.iter().any(|part| word.eq_ignore_ascii_case(part)));
    match words.split_first() {
        Some((_, pairs)) if pairs.chunks(2).all(is_part) => Ok(words),
        _ => Err(ApiError::invalid(field, format!("{field} is {about}"))),
    }
}

/// The longest name of an event or a dimension, in bytes.
const LONGEST_NAME: usize = 128;

/// A name that metrics are made with: one that the module has, without what separates the parts of a
/// metric.
fn check_name(field: &'static str, name: &Option<String>) -> ApiResult<()> {
    let Some(name) = name else { return Ok(()) };
    let is_name = (1..=LONGEST_NAME).contains(&name.len())
        && !name.contains(['@', '&', '=', ','])
        && !name.contains(char::is_control);
    match is_name {
        true => Ok(()),
        false => Err(ApiError::invalid(
            field,
            format!("{field} is a name of 1 to {LONGEST_NAME} bytes without @ & = , and controls"),
        )),
    }
}

/// A domain belongs to one site.
async fn refuse_taken(redis: &Redis, name: &str, domains: &[String]) -> ApiResult<()> {
    for other in stored::all(redis).await? {
        let taken = domains.iter().find(|domain| {
            let same = |theirs: &String| theirs.eq_ignore_ascii_case(domain);
            other.name != name && other.domains.iter().any(same)
        });
        if let Some(domain) = taken {
            let other = &other.name;
            let message = format!("the domain '{domain}' is one of the site '{other}'");
            return Err(ApiError::invalid("domains", message));
        }
    }
    Ok(())
}

fn unknown(name: &str) -> ApiError {
    ApiError::not_found(format!("there is no site '{name}'"))
}

fn credentials(site: &mut Site, kind: Secret) -> &mut Vec<Key> {
    match kind {
        Secret::Write => &mut site.write_keys,
        Secret::Read => &mut site.read_tokens,
    }
}

/// Makes a key or token; the text is not to be had again.
pub async fn add_secret(
    redis: &Redis,
    name: &str,
    kind: Secret,
    label: &str,
) -> ApiResult<(Key, String)> {
    let (key, text) = generate(kind, label).map_err(|_| ApiError::internal())?;
    stored::change(redis, name, |site| {
        let mut site = site.ok_or_else(|| unknown(name))?;
        credentials(&mut site, kind).push(key.clone());
        Ok((Some(site), (key.clone(), text.clone())))
    })
    .await
}

pub async fn remove_secret(redis: &Redis, name: &str, kind: Secret, id: &str) -> ApiResult<()> {
    stored::change(redis, name, |site| {
        let mut site = site.ok_or_else(|| unknown(name))?;
        let keys = credentials(&mut site, kind);
        let before = keys.len();
        keys.retain(|key| key.id != id);
        if keys.len() == before {
            return Err(ApiError::not_found(format!("'{name}' has no such id")));
        }
        Ok((Some(site), ()))
    })
    .await
}

/// Forgets the settings; what the site has counted stays.
pub async fn remove(redis: &Redis, name: &str) -> ApiResult<()> {
    stored::change(redis, name, |site| match site {
        Some(_) => Ok((None, ())),
        None => Err(unknown(name)),
    })
    .await
}

pub async fn find(redis: &Redis, name: &str) -> ApiResult<Site> {
    let site = stored::one(redis, name).await?;
    site.ok_or_else(|| unknown(name))
}
