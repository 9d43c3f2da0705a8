//! `forgelog log serve`: streams over HTTP, as the original's clients read them. Depends on `log_core::server`.

use anyhow::{Context as _, Result};
use clap::Args;
use log_core::server::{LogServer, ServerOptions};
use std::io::Write;
use std::net::SocketAddr;
use std::process::ExitCode;
use tokio::net::TcpListener;

use super::source::Any;
use super::with_exit_codes;
use crate::commands::up::{Signals, address};

/// Serve a log over HTTP, to forgelog and to the original's clients.
#[derive(Debug, Args)]
#[command(after_help = with_exit_codes("\
The first line on stdout is `listening on http://ADDRESS`. /logs is the log; of a data folder, that is its stream
activity, and /streams/NAME/logs is each of them. Whoever reaches the address can read everything; there is no password.
Ctrl-C or SIGTERM stops it.

Examples:
  forgelog log serve --log file:///srv/log --listen 127.0.0.1:8080
  forgelog log serve --data .forgelog --listen 127.0.0.1:0"))]
pub(in crate::commands) struct Arguments {
    #[command(flatten)]
    log: Any,
    /// Where to listen, HOST:PORT; port 0 is any free one.
    #[arg(long, value_name = "ADDRESS", value_parser = address::parse)]
    listen: SocketAddr,
}

impl Arguments {
    pub(super) async fn run(self, out: &mut impl Write) -> Result<ExitCode> {
        let (streams, look_every) = self.log.streams().await?;
        let listener = TcpListener::bind(self.listen).await.with_context(|| {
            format!(
                "cannot listen on {}; name another address with --listen, port 0 is any free one",
                self.listen
            )
        })?;
        let address = listener
            .local_addr()
            .context("the listener has no address")?;
        let mut signals = Signals::catch()?;
        let mut options = ServerOptions::default();
        options.poll = Some(look_every);
        let server = LogServer::new(streams, options)?;
        // Who does not read the address does not need it.
        let _ = writeln!(out, "listening on http://{address}").and_then(|()| out.flush());
        server.serve(listener, signals.next()).await?;
        Ok(ExitCode::SUCCESS)
    }
}
