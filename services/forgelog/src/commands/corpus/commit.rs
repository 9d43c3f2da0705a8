//! `forgelog corpus commit`: one commit and its files. Depends on the corpus's views.

use anyhow::{Result, bail};
use clap::Args;
use forgelog_replay::corpus::{Commit, Signature};
use forgelog_replay::{Loaded, Scope};
use serde_json::Value;
use std::io::Write;
use std::process::ExitCode;

use super::json;
use super::opening::{AsOf, Log, origin};
use super::with_exit_codes;
use crate::commands::show;

/// Digits of a whole hash, and the fewest that name a commit.
const DIGITS: usize = 40;
const DIGITS_MIN: usize = 4;

/// Show a commit and its files.
#[derive(Debug, Args)]
#[command(after_help = with_exit_codes("\
Example:
  forgelog corpus commit 1f2e3d4 --log file:///srv/log"))]
pub(in crate::commands) struct Arguments {
    /// The commit, or its first digits.
    #[arg(value_name = "HASH", value_parser = hash)]
    commit: String,
    #[command(flatten)]
    log: Log,
    #[command(flatten)]
    at: AsOf,
    /// Print a JSON object.
    #[arg(long)]
    json: bool,
}

fn hash(text: &str) -> Result<String, String> {
    let is_hash = (DIGITS_MIN..=DIGITS).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    match is_hash {
        true => Ok(text.to_ascii_lowercase()),
        false => Err(format!(
            "a commit is {DIGITS_MIN} to {DIGITS} digits from 0 to 9 and a to f"
        )),
    }
}

impl Arguments {
    pub(super) async fn run(&self, out: &mut impl Write) -> Result<ExitCode> {
        self.log
            .ask(self.at, Scope::default(), out, |loaded, out| {
                let commit = self.find(loaded)?;
                if self.json {
                    let mut object = json::commit(&commit);
                    object["files"] = commit
                        .files()
                        .map(|file| json::file(&file))
                        .collect::<Value>();
                    writeln!(out, "{object:#}")?;
                } else {
                    write_text(&commit, out)?;
                }
                Ok(ExitCode::SUCCESS)
            })
            .await
    }

    fn find<'l>(&self, loaded: &'l Loaded) -> Result<Commit<'l>> {
        let (corpus, digits) = (loaded.folded.state(), &self.commit);
        let found: Vec<Commit<'_>> = match digits.parse() {
            Ok(hash) => corpus.any_commit(&hash).into_iter().collect(),
            Err(_) => {
                let is_it = |commit: &Commit<'_>| commit.hash().to_string().starts_with(digits);
                corpus.commits().filter(is_it).take(2).collect()
            }
        };
        match found.as_slice() {
            [commit] => Ok(*commit),
            [] => bail!("no commit {digits} in {}", origin(loaded)),
            _ => bail!("several commits begin with {digits}; write more of it"),
        }
    }
}

fn write_text(commit: &Commit<'_>, out: &mut impl Write) -> Result<()> {
    writeln!(out, "commit     {}", commit.hash())?;
    if commit.is_placeholder() {
        writeln!(out, "It is a parent of others, and was never recorded.")?;
    }
    for parent in commit.parents() {
        writeln!(out, "parent     {parent}")?;
    }
    let by = [
        ("author", commit.author()),
        ("committer", commit.committer()),
    ];
    for (role, by) in by {
        if let Some(by) = by {
            writeln!(out, "{role:<10} {}", person(&by))?;
        }
    }
    for project in commit.projects() {
        writeln!(out, "project    {}", show::line(project.name(), 120))?;
    }
    if let Some(cl) = commit.meta_of() {
        let name = show::line(&json::cl_name(&cl), 120);
        writeln!(out, "meta of    {name}")?;
    }
    let message = show::text(&commit.message());
    if !message.is_empty() {
        writeln!(out, "\n{message}")?;
    }
    write_files(commit, out)
}

fn person(by: &Signature<'_>) -> String {
    let zone = show::line(&by.zone(), 10);
    let person = show::line(&by.person, 120);
    format!("{person}, {} ({zone})", show::time(by.time()))
}

/// The files of a commit, a line each.
pub(super) fn write_files(commit: &Commit<'_>, out: &mut impl Write) -> Result<()> {
    for (number, file) in commit.files().enumerate() {
        if number == 0 {
            writeln!(out)?;
        }
        let name = show::line(file.name, 500);
        match file.binary {
            true => writeln!(out, "     binary  {name}")?,
            false => writeln!(out, "{:>+5} {:>5}  {name}", file.added, -file.deleted)?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commits_are_named_by_their_first_digits() {
        assert_eq!(hash("1F2e"), Ok("1f2e".to_owned()));
        assert_eq!(hash(&"a".repeat(40)), Ok("a".repeat(40)));
        for wrong in ["", "123", "12 34", "master", &"0".repeat(41)] {
            assert!(hash(wrong).is_err(), "{wrong}");
        }
    }
}
