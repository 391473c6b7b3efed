//! `analytics-gateway site ...`: what the operator does with sites from the command line.

use super::key::{generate, Key, Secret};
use super::{stored, IdMode, Site};
use crate::config::Config;
use crate::error::ApiError;
use crate::store::{Failure, Redis};
use clap::{Args, Subcommand, ValueEnum};
use redis::cmd;
use std::error::Error;

#[derive(Subcommand)]
pub enum SiteCommand {
    /// Make a site, or change one: what is not given stays as it is.
    Add(Add),
    /// The sites with their settings; of keys and tokens the ids.
    List {
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Make a write key, or list or remove the site's.
    Key(Credential),
    /// Make a read token, or list or remove the site's.
    Token(Credential),
    /// Forget the settings of a site. What it has counted stays in Redis.
    Remove { name: String },
}

#[derive(Args)]
pub struct Add {
    name: String,
    /// A host name whose pages send events here; may be repeated.
    #[arg(long = "domain")]
    domains: Vec<String>,
    /// An origin that browsers may send from, as https://example.com; may be repeated.
    #[arg(long = "origin")]
    origins: Vec<String>,
    /// Where the user of an event comes from.
    #[arg(long, value_enum)]
    ids: Option<Ids>,
    /// The time zone of the site; only when it is made.
    #[arg(long)]
    tz: Option<String>,
    /// Whether its answers need no token.
    #[arg(long)]
    public: Option<bool>,
    /// Whether it has rows in /metrics.
    #[arg(long)]
    prometheus: Option<bool>,
    /// Whether listeners see the ids of users as they came.
    #[arg(long)]
    clear_ids: Option<bool>,
    /// Whether Do-Not-Track and Global Privacy Control are ignored.
    #[arg(long)]
    ignore_privacy_signals: Option<bool>,
    /// A property of events that is taken; may be repeated. None is all.
    #[arg(long = "property")]
    properties: Vec<String>,
    /// A property that is a dimension though it comes as a number; may be repeated.
    #[arg(long = "number-dimension")]
    number_dimensions: Vec<String>,
    /// The event that is the conversion.
    #[arg(long)]
    goal: Option<String>,
    #[arg(long)]
    theme_dimension: Option<String>,
    #[arg(long)]
    goal_dimension: Option<String>,
}

#[derive(Clone, Copy, ValueEnum)]
pub enum Ids {
    Supplied,
    Daily,
    Monthly,
}

#[derive(Args)]
pub struct Credential {
    site: String,
    /// What it is for.
    #[arg(long, default_value = "")]
    label: String,
    /// List the ids.
    #[arg(long)]
    list: bool,
    /// Remove the one with this id.
    #[arg(long, value_name = "ID")]
    remove: Option<String>,
}

type Outcome<T> = Result<T, Box<dyn Error>>;

pub async fn run(config: &Config, command: SiteCommand) -> Outcome<()> {
    let redis = Redis::connect(&config.redis).await?;
    match command {
        SiteCommand::Add(add) => add_site(&redis, add).await,
        SiteCommand::List { json } => list(&redis, json).await,
        SiteCommand::Key(credential) => manage(&redis, Secret::Write, credential).await,
        SiteCommand::Token(credential) => manage(&redis, Secret::Read, credential).await,
        SiteCommand::Remove { name } => remove(&redis, &name).await,
    }
}

/// Settings are refused by a sentence, as on the command line.
fn told(error: ApiError) -> Box<dyn Error> {
    error.message.into()
}

async fn add_site(redis: &Redis, add: Add) -> Outcome<()> {
    let mut create = cmd("ANALYTICS.CREATE");
    create.arg(&add.name);
    if let Some(zone) = &add.tz {
        create.arg("TZ").arg(zone);
    }
    let made = match redis.query(&create).await {
        Ok(_) => true,
        Err(error) if error.failure == Failure::Refused && error.message().contains("exists") => {
            false
        }
        Err(error) => return Err(error.message().into_owned().into()),
    };
    let name = add.name.clone();
    stored::change(redis, &name, |site| {
        let mut site = site.unwrap_or_else(|| Site::named(&name));
        apply(&mut site, &add);
        Ok((Some(site), ()))
    })
    .await
    .map_err(told)?;
    println!("{name}: {}", if made { "made" } else { "changed" });
    Ok(())
}

fn apply(site: &mut Site, add: &Add) {
    fn set<T: Clone>(into: &mut T, given: &Option<T>) {
        if let Some(value) = given {
            *into = value.clone();
        }
    }
    for (into, given) in [
        (&mut site.domains, &add.domains),
        (&mut site.origins, &add.origins),
        (&mut site.properties, &add.properties),
        (&mut site.number_dimensions, &add.number_dimensions),
    ] {
        if !given.is_empty() {
            *into = given.clone();
        }
    }
    if let Some(ids) = add.ids {
        site.id_mode = match ids {
            Ids::Supplied => IdMode::Supplied,
            Ids::Daily => IdMode::Daily,
            Ids::Monthly => IdMode::Monthly,
        };
    }
    set(&mut site.public, &add.public);
    set(&mut site.prometheus, &add.prometheus);
    set(&mut site.clear_ids, &add.clear_ids);
    set(
        &mut site.ignore_privacy_signals,
        &add.ignore_privacy_signals,
    );
    set(&mut site.goal, &add.goal);
    set(&mut site.theme_dimension, &add.theme_dimension);
    set(&mut site.goal_dimension, &add.goal_dimension);
}

async fn list(redis: &Redis, json: bool) -> Outcome<()> {
    let mut sites = stored::all(redis).await?;
    sites.sort_by(|a, b| a.name.cmp(&b.name));
    if json {
        println!("{}", serde_json::to_string_pretty(&sites)?);
        return Ok(());
    }
    for site in sites {
        println!(
            "{}\tdomains={}\torigins={}\tids={:?}\tpublic={}\tkeys={}\ttokens={}",
            site.name,
            site.domains.join(","),
            site.origins.join(","),
            site.id_mode,
            site.public,
            ids_of(&site.write_keys),
            ids_of(&site.read_tokens),
        );
    }
    Ok(())
}

fn ids_of(keys: &[Key]) -> String {
    let ids: Vec<&str> = keys.iter().map(|key| key.id.as_str()).collect();
    ids.join(",")
}

fn credentials(site: &mut Site, kind: Secret) -> &mut Vec<Key> {
    match kind {
        Secret::Write => &mut site.write_keys,
        Secret::Read => &mut site.read_tokens,
    }
}

async fn manage(redis: &Redis, kind: Secret, credential: Credential) -> Outcome<()> {
    let name = &credential.site;
    let unknown = || ApiError::not_found(format!("there is no site '{name}'"));
    if credential.list {
        let mut site = stored::one(redis, name)
            .await?
            .ok_or_else(unknown)
            .map_err(told)?;
        for key in credentials(&mut site, kind) {
            println!("{}\t{}", key.id, key.label);
        }
        return Ok(());
    }
    if let Some(id) = &credential.remove {
        stored::change(redis, name, |site| {
            let mut site = site.ok_or_else(unknown)?;
            let keys = credentials(&mut site, kind);
            let before = keys.len();
            keys.retain(|key| key.id != *id);
            if keys.len() == before {
                return Err(ApiError::not_found(format!("'{name}' has no such id")));
            }
            Ok((Some(site), ()))
        })
        .await
        .map_err(told)?;
        println!("removed");
        return Ok(());
    }
    let (key, text) = generate(kind, &credential.label)?;
    stored::change(redis, name, |site| {
        let mut site = site.ok_or_else(unknown)?;
        credentials(&mut site, kind).push(key.clone());
        Ok((Some(site), ()))
    })
    .await
    .map_err(told)?;
    // Shown once: only its hash is kept.
    println!("{text}");
    Ok(())
}

async fn remove(redis: &Redis, name: &str) -> Outcome<()> {
    stored::change(redis, name, |site| match site {
        Some(_) => Ok((None, ())),
        None => Err(ApiError::not_found(format!("there is no site '{name}'"))),
    })
    .await
    .map_err(told)?;
    println!("removed");
    Ok(())
}
