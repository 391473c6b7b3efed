//! The binary: reads the command line and runs its command.

use clap::Parser;
use mimalloc::MiMalloc;
use std::process::ExitCode;

/// A request takes some fifty allocations, a fifth of its time with the allocator of glibc. It asks for no
/// huge pages (`no_thp`), which take memory that nothing uses.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

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
