//! Running a command: the request, the stream of what it prints, its outcome.

use std::time::Duration;

use bytes::Bytes;
use form_urlencoded::Serializer;
use tokio::time::{Instant, timeout_at};

use crate::{
    BuildletClient, Error, ExecOutcome,
    call::{Part, Reply},
    client::full,
};

/// The wait for the head of an exec's reply, which the agent sends before it
/// starts the command.
const HEAD_LIMIT: Duration = Duration::from_secs(20);

/// How much longer than [`Exec::timeout`] to wait for the agent to enforce it.
const TIMEOUT_GRACE: Duration = Duration::from_secs(30);

/// A command to be run.
#[derive(Clone, Debug, Default)]
pub struct Exec {
    /// The program: an absolute path, a path relative to the workdir, or a bare
    /// name that is looked for in the workdir and then in `PATH`.
    pub cmd: String,
    /// Its arguments, without its own name.
    pub args: Vec<String>,
    /// The directory to run in, relative to the workdir. Empty: the program's own
    /// if it is in the workdir, or else the workdir.
    pub dir: String,
    /// Variables added to the agent's environment; later ones win.
    pub env: Vec<(String, String)>,
    /// The elements of `PATH`: `$PATH` for what it was, `$WORKDIR` for the workdir,
    /// a sole `$EMPTY` for no `PATH`. Empty: unchanged.
    pub path: Vec<String>,
    /// A program of the system: it runs in the workdir wherever it is.
    pub sys: bool,
    /// After how long the agent kills the command, in whole seconds, rounded up. The
    /// outcome says so. Agents of the original know nothing of it.
    pub timeout: Option<Duration>,
    /// After how long this client gives up, and the machine with it:
    /// [`Error::Timeout`]. By default half a minute after [`Exec::timeout`], or
    /// never.
    pub client_timeout: Option<Duration>,
    /// Whether the output starts with a line that shows the command in full.
    pub debug: bool,
}

impl Exec {
    /// A program without arguments.
    pub fn new(cmd: impl Into<String>) -> Self {
        Self {
            cmd: cmd.into(),
            ..Self::default()
        }
    }

    /// With these arguments.
    #[must_use]
    pub fn args<S: Into<String>>(self, args: impl IntoIterator<Item = S>) -> Self {
        Self {
            args: args.into_iter().map(Into::into).collect(),
            ..self
        }
    }

    fn form(&self) -> String {
        let mut form = Serializer::new(String::new());
        form.append_pair("cmd", &self.cmd);
        form.append_pair("mode", if self.sys { "sys" } else { "" });
        form.append_pair("dir", &self.dir);
        for arg in &self.args {
            form.append_pair("cmdArg", arg);
        }
        for (key, value) in &self.env {
            form.append_pair("env", &format!("{key}={value}"));
        }
        for element in &self.path {
            form.append_pair("path", element);
        }
        form.append_pair("debug", if self.debug { "true" } else { "false" });
        if let Some(timeout) = self.timeout {
            let seconds = timeout.as_millis().div_ceil(1000).max(1);
            form.append_pair("timeout_s", &seconds.to_string());
        }
        form.finish()
    }

    fn client_limit(&self) -> Option<Duration> {
        let by_default = || Some(self.timeout?.saturating_add(TIMEOUT_GRACE));
        self.client_timeout.or_else(by_default)
    }
}

impl BuildletClient {
    /// Starts a command. Returns when the agent has taken it; what it prints and
    /// how it ends is in the stream. Any error, here or in the stream, breaks the
    /// client.
    pub async fn exec(&self, exec: Exec) -> Result<ExecStream, Error> {
        let limit = exec.client_limit();
        let deadline = limit.and_then(|limit| Some((Instant::now().checked_add(limit)?, limit)));
        let head_limit = limit.map_or(HEAD_LIMIT, |limit| limit.min(HEAD_LIMIT));
        let target = self.target("POST /exec");
        let body = full(exec.form());
        let sent = self
            .send(target, self.form("/exec"), body, head_limit)
            .await;
        let reply = sent.map_err(|error| self.given_up(error, limit, head_limit))?;
        Ok(ExecStream {
            client: self.clone(),
            reply: Some(reply),
            deadline,
            outcome: None,
        })
    }

    fn given_up(&self, error: Error, limit: Option<Duration>, head_limit: Duration) -> Error {
        let error = match (error, limit) {
            // The caller's own limit was the shorter one.
            (Error::Late { addr, .. }, Some(limit)) if limit == head_limit => {
                Error::Timeout { addr, limit }
            }
            (error, _) => error,
        };
        self.mark_broken(&error);
        error
    }
}

/// A command that runs, or has run. Dropped before its end, it closes the
/// connection, and the agent kills the command with its whole process group.
#[derive(Debug)]
pub struct ExecStream {
    client: BuildletClient,
    /// `None` when the stream is at its end, or has failed.
    reply: Option<Reply>,
    deadline: Option<(Instant, Duration)>,
    outcome: Option<ExecOutcome>,
}

impl ExecStream {
    /// What the command printed next, to either output; `None` when it has ended
    /// and everything has been read. Cancel safe. After an error it is only errors.
    pub async fn next_chunk(&mut self) -> Result<Option<Bytes>, Error> {
        if self.outcome.is_some() && self.reply.is_none() {
            return Ok(None);
        }
        let next = self.next().await;
        match &next {
            Ok(Some(_)) => {}
            Ok(None) => self.reply = None,
            Err(error) => {
                self.reply = None;
                self.outcome = None;
                self.client.mark_broken(error);
            }
        }
        next
    }

    async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        let addr = self.client.addr;
        let no_outcome = Error::NoOutcome { addr };
        let Some(reply) = &mut self.reply else {
            return Err(no_outcome);
        };
        loop {
            let part = match self.deadline {
                None => reply.part().await,
                Some((deadline, limit)) => match timeout_at(deadline, reply.part()).await {
                    Ok(part) => part,
                    Err(_) => return Err(Error::Timeout { addr, limit }),
                },
            };
            match part? {
                Some(Part::Data(data)) if data.is_empty() => {}
                Some(Part::Data(data)) => return Ok(Some(data)),
                Some(Part::Trailers(trailers)) => {
                    self.outcome = ExecOutcome::from_trailers(&trailers);
                }
                None if self.outcome.is_some() => return Ok(None),
                None => return Err(no_outcome),
            }
        }
    }

    /// How the command ended, once [`ExecStream::next_chunk`] has returned `None`.
    pub fn outcome(&self) -> Option<&ExecOutcome> {
        self.outcome.as_ref().filter(|_| self.reply.is_none())
    }

    /// Reads what is left, throws it away, and says how the command ended.
    pub async fn finish(mut self) -> Result<ExecOutcome, Error> {
        while self.next_chunk().await?.is_some() {}
        let addr = self.client.addr;
        self.outcome.take().ok_or(Error::NoOutcome { addr })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms() {
        let exec = Exec {
            env: vec![("A".into(), "1 2".into()), ("A".into(), "3".into())],
            path: vec!["$PATH".into(), "/go/bin".into()],
            sys: true,
            timeout: Some(Duration::from_millis(1_001)),
            ..Exec::new("sh").args(["-c", "x & y"])
        };
        assert_eq!(
            exec.form(),
            "cmd=sh&mode=sys&dir=&cmdArg=-c&cmdArg=x+%26+y&env=A%3D1+2&env=A%3D3\
             &path=%24PATH&path=%2Fgo%2Fbin&debug=false&timeout_s=2"
        );
    }

    #[test]
    fn the_clients_limit_follows_the_agents() {
        let mut exec = Exec::new("sh");
        assert_eq!(exec.client_limit(), None);
        exec.timeout = Some(Duration::from_secs(60));
        assert_eq!(exec.client_limit(), Some(Duration::from_secs(90)));
        exec.client_timeout = Some(Duration::from_secs(1));
        assert_eq!(exec.client_limit(), Some(Duration::from_secs(1)));
    }
}
