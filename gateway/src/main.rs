//! The binary: reads the command line and does what it says.

use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = analytics_gateway::cli::Cli::parse();
    match cli.run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("analytics-gateway: {error}");
            ExitCode::FAILURE
        }
    }
}
