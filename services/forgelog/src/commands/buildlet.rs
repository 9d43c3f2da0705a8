//! `forgelog buildlet`: the agent that runs builds, as a process of its own. Depends on `buildlet`.

use anyhow::{Context as _, Result, bail};
use clap::{ArgAction, Args, builder::BoolishValueParser};
use std::ffi::OsStr;
use std::io::{BufRead as _, Read as _, Write as _};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Where the password may be, as for original agents.
const PASSWORD: &str = "META_PASSWORD";
/// No password is longer.
const PASSWORD_BYTES_MAX: u64 = 4096;

/// Run the agent that builds; `up` starts it by itself. It does whatever its caller says, with all your rights.
#[derive(Debug, Args)]
#[command(after_help = "\
The first line on stdout is `listening on ADDRESS`. The password is the first
line of stdin or, where nobody else may read it, in the environment variable
META_PASSWORD; commands that the agent runs do not get it.
If stdin is a pipe, the agent ends when its other end is closed, so that it
never outlives its parent. SIGTERM ends it too, and SIGINT unless stdin is a
pipe: Ctrl-C is then the parent's business.

Example:
  META_PASSWORD=secret forgelog buildlet --listen 127.0.0.1:0 --workdir work")]
pub(super) struct Arguments {
    /// Where to listen: an address of this machine's own, such as 127.0.0.1:0.
    #[arg(long, value_name = "ADDRESS")]
    listen: SocketAddr,
    /// The folder to build in. EVERYTHING IN IT IS DELETED.
    #[arg(long, value_name = "DIR")]
    workdir: PathBuf,
    /// A folder that outlives builds.
    #[arg(long, value_name = "DIR")]
    cache: Option<PathBuf>,
    /// Whether a caller's /halt also halts the machine. Never here; taken because original agents have it.
    #[arg(long, value_name = "BOOL", default_value = "false", action = ArgAction::Set, value_parser = BoolishValueParser::new(), hide = true)]
    halt: bool,
}

impl Arguments {
    pub(super) fn run(self) -> Result<ExitCode> {
        if self.halt {
            bail!("this agent never halts the machine; leave out --halt");
        }
        let config = self.config()?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .context("cannot start")?;
        runtime.block_on(serve(config))?;
        // What still reads a file must not hold up the end.
        runtime.shutdown_background();
        Ok(ExitCode::SUCCESS)
    }

    fn config(&self) -> Result<buildlet::Config> {
        let password = password()?;
        let absolute = |path: &PathBuf| {
            std::path::absolute(path)
                .with_context(|| format!("cannot find the folder {}", path.display()))
        };
        let mut config = buildlet::Config::new(self.listen, absolute(&self.workdir)?, password);
        config.cache_dir = self.cache.as_ref().map(absolute).transpose()?;
        config.env.retain(|(name, _)| name != OsStr::new(PASSWORD));
        config.check()?;
        Ok(config)
    }
}

/// From the environment, or else the first line of stdin.
fn password() -> Result<String> {
    if let Some(password) = std::env::var_os(PASSWORD) {
        return match password.into_string() {
            Ok(password) => Ok(password),
            Err(_) => bail!("the environment variable {PASSWORD} is not UTF-8"),
        };
    }
    let mut line = String::new();
    std::io::stdin()
        .lock()
        .take(PASSWORD_BYTES_MAX)
        .read_line(&mut line)
        .context("cannot read the password from stdin")?;
    let password = line.trim_end_matches(['\r', '\n']);
    if password.is_empty() {
        bail!(
            "no password: neither the environment variable {PASSWORD} nor the first line of stdin has one"
        );
    }
    Ok(password.to_owned())
}

async fn serve(config: buildlet::Config) -> Result<()> {
    let listener = TcpListener::bind(config.listen).await;
    let listener = listener.with_context(|| format!("cannot listen on {}", config.listen))?;
    let address = listener.local_addr().context("cannot listen")?;
    let stop = CancellationToken::new();
    let ended = tokio::spawn(until_ended(stop.clone())?);
    let mut out = std::io::stdout();
    writeln!(out, "listening on {address}")
        .and_then(|()| out.flush())
        .context("cannot say where it listens")?;
    let served = buildlet::serve(config, listener, stop.clone()).await;
    stop.cancel();
    ended.await.context("cannot wait for the end")?;
    Ok(served?)
}

/// Cancels `stop` when the parent is gone or a signal comes; ends when `stop` is cancelled.
fn until_ended(stop: CancellationToken) -> Result<impl Future<Output = ()>> {
    let mut terminated = signal(SignalKind::terminate()).context("cannot handle signals")?;
    let mut interrupted = signal(SignalKind::interrupt()).context("cannot handle signals")?;
    let parent = buildlet::stdin_pipe().ok();
    let has_parent = parent.is_some();
    Ok(async move {
        let parent_gone = async {
            match parent {
                Some(pipe) => buildlet::parent_gone(pipe).await,
                None => std::future::pending().await,
            }
        };
        let interrupted = async {
            loop {
                interrupted.recv().await;
                if !has_parent {
                    return;
                }
            }
        };
        tokio::select! {
            () = parent_gone => {}
            _ = terminated.recv() => {}
            () = interrupted => {}
            () = stop.cancelled() => {}
        }
        stop.cancel();
    })
}
