//! `analytics-gateway site ...`: what the operator does with sites from the command line.

use crate::config::Config;
use crate::error::ApiError;
use crate::sites::change::{self, Change};
use crate::sites::target::{self, Kind};
use crate::sites::{stored, Key, Secret};
use crate::store::Redis;
use clap::{Args, Subcommand};
use std::error::Error;

#[derive(Subcommand)]
pub enum SiteCommand {
    /// Make a site, or change one: what is not given stays as it is.
    Add {
        name: String,
        #[command(flatten)]
        change: Box<Change>,
    },
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
    /// List where the alerts of a site go, or add or remove a target.
    Alerts(AlertTargets),
    /// Forget the settings of a site. What it has counted stays in Redis.
    Remove { name: String },
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

#[derive(Args)]
pub struct AlertTargets {
    site: String,
    /// Add a target of this kind.
    #[arg(value_enum, requires = "address")]
    kind: Option<Kind>,
    /// Its URL, or its address of e-mail.
    address: Option<String>,
    /// Remove the one with this id.
    #[arg(long, value_name = "ID")]
    remove: Option<String>,
}

type Outcome<T> = Result<T, Box<dyn Error>>;

pub async fn run(config: &Config, command: SiteCommand) -> Outcome<()> {
    let redis = Redis::connect(&config.redis).await?;
    match command {
        SiteCommand::Add { name, change } => {
            let made = change::save(&redis, &name, &change).await.map_err(told)?;
            println!("{name}: {}", if made { "made" } else { "changed" });
            Ok(())
        }
        SiteCommand::List { json } => list(&redis, json).await,
        SiteCommand::Key(credential) => manage(&redis, Secret::Write, credential).await,
        SiteCommand::Token(credential) => manage(&redis, Secret::Read, credential).await,
        SiteCommand::Alerts(targets) => alerts(&redis, config, targets).await,
        SiteCommand::Remove { name } => {
            change::remove(&redis, &name).await.map_err(told)?;
            println!("removed");
            Ok(())
        }
    }
}

/// Settings are refused by a sentence, as on the command line.
fn told(error: ApiError) -> Box<dyn Error> {
    error.message.into()
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

async fn manage(redis: &Redis, kind: Secret, credential: Credential) -> Outcome<()> {
    let name = &credential.site;
    if credential.list {
        let site = change::find(redis, name).await.map_err(told)?;
        let keys = match kind {
            Secret::Write => site.write_keys,
            Secret::Read => site.read_tokens,
        };
        for key in keys {
            println!("{}\t{}", key.id, key.label);
        }
        return Ok(());
    }
    if let Some(id) = &credential.remove {
        let removed = change::remove_secret(redis, name, kind, id).await;
        removed.map_err(told)?;
        println!("removed");
        return Ok(());
    }
    let added = change::add_secret(redis, name, kind, &credential.label).await;
    // Shown once: only its hash is kept.
    println!("{}", added.map_err(told)?.1);
    Ok(())
}

async fn alerts(redis: &Redis, config: &Config, wanted: AlertTargets) -> Outcome<()> {
    let name = &wanted.site;
    if let Some(id) = &wanted.remove {
        target::remove(redis, name, id).await.map_err(told)?;
        println!("removed");
        return Ok(());
    }
    if let (Some(kind), Some(address)) = (wanted.kind, &wanted.address) {
        let added = target::add(redis, &config.alerts, name, kind, address).await;
        let target = added.map_err(told)?;
        println!("{}", target.id);
        // What receivers check signatures with.
        if let Some(secret) = target.secret {
            println!("{secret}");
        }
        return Ok(());
    }
    for target in change::find(redis, name).await.map_err(told)?.alert_targets {
        let (kind, address) = (target.kind.word(), target.shown_address());
        println!("{}\t{kind}\t{address}", target.id);
    }
    Ok(())
}
