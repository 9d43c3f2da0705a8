//! From the form of an exec to what is to be run. Looks at the file system (is
//! there such a program?), so it blocks.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    time::Duration,
};

use http::StatusCode;

use super::descendants::{self, Mark};
use crate::{Agent, exec::Environment, form::Form, refusal::Refusal, relative::Relative};

/// The longest time limit that a request may ask for: four weeks.
const TIMEOUT_S_MAX: u64 = 4 * 7 * 24 * 3600;

/// What is to be run.
#[derive(Debug)]
pub(super) struct Plan {
    /// Absolute.
    pub(super) program: PathBuf,
    pub(super) args: Vec<String>,
    /// Absolute.
    pub(super) dir: PathBuf,
    pub(super) environment: Environment,
    /// By which its descendants are known.
    pub(super) mark: Mark,
    /// Made anew before the command starts, should it be gone.
    pub(super) temp_dir: PathBuf,
    pub(super) timeout: Option<Duration>,
    /// Whether the output starts with a line that shows all of this.
    pub(super) debug: bool,
}

impl Plan {
    /// The line that `debug` asks for.
    pub(super) fn debug_line(&self) -> String {
        let pairs: Vec<String> = self
            .environment
            .pairs()
            .iter()
            .map(|(key, value)| format!("{}={}", key.display(), value.display()))
            .collect();
        format!(
            "::  Running {} with args {:?} and env {pairs:?} in dir {}\n\n",
            self.program.display(),
            self.args,
            self.dir.display()
        )
    }
}

/// Reads the form: `cmd`, `mode`, `dir`, `debug`, repeated `cmdArg`, `env`, `path`,
/// and our `timeout_s`.
pub(super) fn plan(form: &Form, agent: &Agent) -> Result<Plan, Refusal> {
    let workdir = &agent.workdir;
    let mut environment = environment(form, agent)?;
    let mark = agent.marks.next();
    environment.set(descendants::VARIABLE, &mark);
    let program = resolve(form.first("cmd"), workdir.root(), &environment, agent)?;
    let dir = match form.first("dir") {
        "" => default_dir(&program, form.first("mode") == "sys", workdir.root()),
        dir => workdir.lexical(&Relative::dir(dir)?),
    };
    Ok(Plan {
        program,
        args: form.all("cmdArg").map(Into::into).collect(),
        dir,
        environment,
        mark,
        temp_dir: workdir.temp_dir(),
        timeout: timeout(form.first("timeout_s"))?,
        debug: form.flag("debug"),
    })
}

/// The agent's environment, then the form's, then `TMPDIR`.
fn environment(form: &Form, agent: &Agent) -> Result<Environment, Refusal> {
    let mut environment = agent.environment.clone();
    for pair in form.all("env") {
        match pair.split_once('=') {
            Some((key, value)) if !key.is_empty() => environment.set(key, value),
            _ => {
                let text = format!("invalid 'env' parameter {pair:?}: not NAME=VALUE");
                return Err(Refusal::bad_request(text));
            }
        }
    }
    environment.apply_path_list(form.all("path"), agent.workdir.root());
    environment.set("TMPDIR", agent.workdir.temp_dir());
    Ok(environment)
}

/// The program: an absolute path as it is; a path with a slash, from the workdir;
/// a bare name, from the workdir or else from `PATH`. Only the last can be "not
/// found" here; a missing file of the others shows when it is started.
fn resolve(
    cmd: &str,
    workdir: &Path,
    environment: &Environment,
    agent: &Agent,
) -> Result<PathBuf, Refusal> {
    if cmd.is_empty() {
        return Err(Refusal::bad_request("requires 'cmd' parameter"));
    }
    if cmd.starts_with('/') {
        return Ok(cmd.into());
    }
    let relative = Relative::path(cmd)
        .map_err(|bad| Refusal::bad_request(format!("invalid 'cmd' parameter: {bad}")))?;
    if cmd.contains('/') {
        return Ok(agent.workdir.lexical(&relative));
    }
    let path = environment.get("PATH").unwrap_or_default();
    let beside = std::iter::once(workdir.to_path_buf());
    // An empty element means the current directory to a shell. Here that would be
    // the agent's own, which no caller can mean.
    let in_path = std::env::split_paths(path).filter(|dir| dir.is_absolute());
    beside
        .chain(in_path)
        .map(|dir| dir.join(cmd))
        .find(|candidate| is_program(candidate))
        .ok_or_else(|| {
            let text = format!("command {cmd:?} not found in the workdir or in PATH");
            Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, text)
        })
}

fn is_program(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

/// A program of the workdir runs beside itself, any other in the workdir.
fn default_dir(program: &Path, is_sys: bool, workdir: &Path) -> PathBuf {
    match program.parent() {
        Some(parent) if !is_sys && parent.starts_with(workdir) => parent.to_path_buf(),
        _ => workdir.to_path_buf(),
    }
}

fn timeout(seconds: &str) -> Result<Option<Duration>, Refusal> {
    if seconds.is_empty() {
        return Ok(None);
    }
    match seconds.parse() {
        Ok(seconds @ 1..=TIMEOUT_S_MAX) => Ok(Some(Duration::from_secs(seconds))),
        _ => Err(Refusal::bad_request(format!(
            "invalid 'timeout_s' parameter {seconds:?}: not a number of seconds from 1 to {TIMEOUT_S_MAX}"
        ))),
    }
}
