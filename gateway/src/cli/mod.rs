//! The command line: `serve` (also without a word), `check`, and `site ...` for the settings.

mod site;

use crate::config::{load, Config, LogFormat};
use crate::http;
use clap::{Parser, Subcommand};
use site::SiteCommand;
use std::error::Error;
use std::path::PathBuf;
use tracing_subscriber::EnvFilter;

/// HTTP in front of the analytics module of Redis.
#[derive(Parser)]
#[command(name = "analytics-gateway", version)]
pub struct Cli {
    /// The configuration, as TOML.
    #[arg(long, short, global = true, env = "ANALYTICS_GATEWAY_CONFIG")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Take requests (the default).
    Serve,
    /// Read the configuration and show what is wrong with it.
    Check,
    /// The sites, their keys and tokens.
    #[command(subcommand)]
    Site(SiteCommand),
}

impl Cli {
    pub fn run(self) -> Result<(), Box<dyn Error>> {
        let config = load(self.config.as_deref())?;
        match self.command.unwrap_or(Command::Serve) {
            Command::Check => {
                println!("the configuration is valid");
                Ok(())
            }
            Command::Serve => {
                log_to_stderr(&config);
                runtime()?.block_on(http::serve(config))
            }
            Command::Site(command) => runtime()?.block_on(site::run(&config, command)),
        }
    }
}

/// Of this thread alone; requests are served by threads of their own.
fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all().build()
}

fn log_to_stderr(config: &Config) {
    let filter = EnvFilter::try_new(&config.log.level).unwrap_or_else(|_| EnvFilter::new("info"));
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(false);
    match config.log.format {
        LogFormat::Text => subscriber.init(),
        LogFormat::Json => subscriber.json().init(),
    }
}
