//! The board as the original's programs read it, byte for byte in its shape: `mode=json`, which its
//! coordinator, `fetchlogs` and `retrybuilds` take in, and `mode=failures`
//! (spec/dashboards.md 1.4, 1.8).

use std::io;

use forgelog_replay::Time;
use forgelog_replay::builds::{Build, State};
use serde::Serialize;
use serde_json::ser::{CompactFormatter, Formatter, PrettyFormatter, Serializer};

use super::grid::{Grid, GridRow, Slot, default_branch, tip};
use super::mark::is_failing;
use crate::text::cut;

/// The longest description, in bytes.
const DESC_BYTES_MAX: usize = 500;

/// The SHA-1 of no bytes: what stands for the output of a build that never had any.
pub(crate) const EMPTY_SHA1: &str = "da39a3ee5e6b4b0d3255bfef95601890afd80709";

#[derive(Serialize)]
struct Status<'a> {
    builders: &'a [&'a str],
    revisions: Vec<Revision<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Revision<'a> {
    repo: &'a str,
    revision: String,
    parent_revisions: [String; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    go_revision: Option<String>,
    date: String,
    branch: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    go_branch: Option<&'a str>,
    author: String,
    desc: String,
    results: Vec<String>,
}

/// The whole page. `origin` is how the client names this server, such as `https://build.example.com`.
pub(crate) fn json(grid: &Grid<'_>, origin: &str) -> io::Result<Vec<u8>> {
    let main_head = grid.repo.and_then(|repo| {
        let branch = default_branch(&repo)?;
        Some((branch, tip(&repo, branch)?))
    });
    let own = grid.rows.iter().map(|row| Revision::new(row, origin));
    let others = grid.others.iter().map(|row| Revision {
        go_revision: main_head.map(|(_, head)| head.to_string()),
        go_branch: main_head.map(|(branch, _)| branch),
        ..Revision::new(row, origin)
    });
    let status = Status {
        builders: &grid.columns,
        revisions: own.chain(others).collect(),
    };
    let mut text = Vec::new();
    let formatter = AsTheOriginal {
        pretty: PrettyFormatter::with_indent(b"\t"),
    };
    status.serialize(&mut Serializer::with_formatter(&mut text, formatter))?;
    Ok(text)
}

/// One line for each failing build of the repository itself.
pub(crate) fn failures(grid: &Grid<'_>, origin: &str) -> String {
    let mut text = String::new();
    for row in &grid.rows {
        for (builder, cell) in grid.columns.iter().zip(&row.cells) {
            if let Slot::Build(build) = cell
                && is_failing(build.state())
            {
                let line = [
                    &row.commit.hash().to_string(),
                    *builder,
                    &log_url(build, origin),
                ]
                .join(" ");
                text.push_str(&line);
                text.push('\n');
            }
        }
    }
    text
}

impl<'a> Revision<'a> {
    fn new(row: &GridRow<'a>, origin: &str) -> Self {
        let commit = &row.commit;
        let time = commit
            .committer()
            .map_or(Time::from_unix_seconds(0), |committer| committer.time());
        Self {
            repo: row.repo,
            revision: commit.hash().to_string(),
            parent_revisions: [commit
                .parents()
                .next()
                .map_or_else(String::new, |parent| parent.to_string())],
            go_revision: None,
            date: time.to_string(),
            branch: row.branch,
            go_branch: None,
            author: commit
                .author()
                .map_or_else(String::new, |author| author.person.into_owned()),
            desc: cut(commit.message().trim_end(), DESC_BYTES_MAX).to_owned(),
            results: row.cells.iter().map(|cell| result(cell, origin)).collect(),
        }
    }
}

/// `ok`, the URL of what a failing build printed, or nothing: it is not finished, or not to be.
fn result(cell: &Slot<'_>, origin: &str) -> String {
    match cell {
        Slot::Build(build) if build.state() == State::Ok => "ok".to_owned(),
        Slot::Build(build) if is_failing(build.state()) => log_url(build, origin),
        _ => String::new(),
    }
}

fn log_url(build: &Build<'_>, origin: &str) -> String {
    let sha1 = build.output().map_or("", |output| &output.sha1);
    format!(
        "{origin}/log/{}",
        if sha1.is_empty() { EMPTY_SHA1 } else { sha1 }
    )
}

/// Indents with tabs, and escapes in strings what the original's encoder escapes.
struct AsTheOriginal {
    pretty: PrettyFormatter<'static>,
}

impl Formatter for AsTheOriginal {
    fn begin_array<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.pretty.begin_array(writer)
    }

    fn end_array<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.pretty.end_array(writer)
    }

    fn begin_array_value<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> io::Result<()> {
        self.pretty.begin_array_value(writer, first)
    }

    fn end_array_value<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.pretty.end_array_value(writer)
    }

    fn begin_object<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.pretty.begin_object(writer)
    }

    fn end_object<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.pretty.end_object(writer)
    }

    fn begin_object_key<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> io::Result<()> {
        self.pretty.begin_object_key(writer, first)
    }

    fn begin_object_value<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.pretty.begin_object_value(writer)
    }

    fn end_object_value<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.pretty.end_object_value(writer)
    }

    fn write_string_fragment<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let mut rest = fragment;
        while let Some(at) = rest.find(['<', '>', '&', '\u{2028}', '\u{2029}']) {
            let (before, found) = rest.split_at(at);
            CompactFormatter.write_string_fragment(writer, before)?;
            let mut letters = found.chars();
            let letter = letters.next().map_or(0, u32::from);
            write!(writer, "\\u{letter:04x}")?;
            rest = letters.as_str();
        }
        CompactFormatter.write_string_fragment(writer, rest)
    }
}
