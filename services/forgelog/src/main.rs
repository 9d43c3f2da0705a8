//! The command `forgelog`: all services in one process (`up`), the agent that builds (`buildlet`), and a look into what
//! they keep (`log`, `corpus`, `build`).
//!
//! Everything here is glue and words for people: what a service does is in its own crate. Depends on all of them, and
//! nothing depends on it.

mod commands;
mod data_folder;

use clap::Parser as _;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments = commands::Arguments::parse();
    match arguments.run() {
        Ok(code) => code,
        Err(error) => {
            // Nobody is left to tell if this fails.
            let _ = std::io::Write::write_fmt(
                &mut std::io::stderr(),
                format_args!("error: {}\n", log_core::explain(error.as_ref())),
            );
            ExitCode::FAILURE
        }
    }
}
