//! `forgelog build list`: the builds, the last queued first. Depends on the projections.

use anyhow::Result;
use clap::{Args, builder::PossibleValuesParser};
use forgelog_replay::builds::{Build, State};
use forgelog_replay::{Builds, Corpus};
use std::io::Write;
use std::process::ExitCode;

use super::{folded, json};
use crate::commands::{Data, show};

const SUBJECT_WIDTH: usize = 50;
const HEADINGS: [&str; 7] = [
    "ID", "STATE", "BUILDER", "COMMIT", "SUBJECT", "TOOK", "WHEN",
];

/// List builds, the last queued first.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  forgelog build list --state failed --limit 10
  forgelog build list --commit 1f2e3d4 --json")]
pub(in crate::commands) struct Arguments {
    #[command(flatten)]
    data: Data,
    /// Print a JSON array.
    #[arg(long)]
    json: bool,
    /// Only those of this builder.
    #[arg(long, value_name = "NAME")]
    builder: Option<String>,
    /// Only those of commits that begin with these digits.
    #[arg(long, value_name = "PREFIX", value_parser = hex_prefix)]
    commit: Option<String>,
    /// Only those in this state.
    #[arg(long, value_parser = PossibleValuesParser::new(State::ALL.map(State::word)))]
    state: Option<String>,
    /// At most so many.
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
}

impl Arguments {
    pub(super) async fn run(&self, out: &mut impl Write) -> Result<ExitCode> {
        let folder = self.data.look()?;
        let builds = folded::<Builds>(&folder.stream("builds").await?).await?;
        let limit = self.limit.unwrap_or(usize::MAX);
        let wanted: Vec<Build<'_>> = builds
            .state()
            .latest()
            .filter(|it| self.wants(it))
            .take(limit)
            .collect();
        if self.json {
            write_json(&wanted, out)?;
        } else {
            let corpus = folded::<Corpus>(&folder.stream("activity").await?).await?;
            write_table(&wanted, corpus.state(), out)?;
        }
        Ok(ExitCode::SUCCESS)
    }

    fn wants(&self, build: &Build<'_>) -> bool {
        self.builder
            .as_ref()
            .is_none_or(|builder| builder == build.builder())
            && self
                .commit
                .as_ref()
                .is_none_or(|prefix| build.commit().to_string().starts_with(prefix))
            && self
                .state
                .as_ref()
                .is_none_or(|state| state == build.state().word())
    }
}

fn hex_prefix(text: &str) -> Result<String, String> {
    if text.is_empty() || text.len() > 40 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err("a commit is up to 40 digits from 0 to 9 and a to f".to_owned());
    }
    Ok(text.to_ascii_lowercase())
}

/// An array with a build a line.
fn write_json(builds: &[Build<'_>], out: &mut impl Write) -> Result<()> {
    for (index, build) in builds.iter().enumerate() {
        write!(
            out,
            "{}{}",
            if index == 0 { "[\n" } else { ",\n" },
            json::build(build)
        )?;
    }
    writeln!(out, "{}", if builds.is_empty() { "[]" } else { "\n]" })?;
    Ok(())
}

fn write_table(builds: &[Build<'_>], corpus: &Corpus, out: &mut impl Write) -> Result<()> {
    let rows: Vec<[String; 7]> = builds.iter().map(|it| row(it, corpus)).collect();
    let mut widths = HEADINGS.map(str::len);
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    for row in std::iter::once(&HEADINGS.map(str::to_owned)).chain(&rows) {
        let cells: Vec<String> = row
            .iter()
            .zip(widths)
            .map(|(cell, width)| format!("{cell:width$}"))
            .collect();
        writeln!(out, "{}", cells.join("  ").trim_end())?;
    }
    Ok(())
}

fn row(build: &Build<'_>, corpus: &Corpus) -> [String; 7] {
    let commit = build.commit();
    let subject = corpus
        .commit(&commit)
        .map(|commit| show::line(&commit.subject(), SUBJECT_WIDTH));
    let when = build
        .finished_at()
        .or(build.started_at())
        .or(build.queued_at());
    [
        show::line(build.id(), 16),
        build.state().word().to_owned(),
        show::line(build.builder(), 64),
        show::short(&commit),
        subject.unwrap_or_default(),
        build.took().map(show::took).unwrap_or_default(),
        when.map(show::time).unwrap_or_default(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commit_may_be_named_by_its_first_digits() {
        assert_eq!(hex_prefix("1F2e"), Ok("1f2e".to_owned()));
        for wrong in ["", "main", "12 34", &"0".repeat(41)] {
            assert!(hex_prefix(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn no_builds_are_an_empty_array_and_a_heading() {
        let (mut json, mut table) = (Vec::new(), Vec::new());
        write_json(&[], &mut json).unwrap();
        write_table(&[], &Corpus::default(), &mut table).unwrap();
        assert_eq!(json, b"[]\n");
        assert_eq!(
            String::from_utf8(table).unwrap(),
            "ID  STATE  BUILDER  COMMIT  SUBJECT  TOOK  WHEN\n"
        );
    }
}
