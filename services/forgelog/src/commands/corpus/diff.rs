//! `forgelog corpus diff`: what changed between two moments. Depends on `replay` for what the records in between
//! touched, and on the views of both corpora for what became of it.

mod changes;
mod cls;
mod issues;
mod refs;

use anyhow::Result;
use clap::Args;
use forgelog_replay::corpus::touched::{ClKey, IssueKey, RefKey};
use forgelog_replay::{At, Corpus, Folded, Scope, Touched};
use log_core::Position;
use std::collections::BTreeSet;
use std::io::Write;
use std::process::ExitCode;
use tokio::task::block_in_place;

use super::opening::{Log, Only, moment, shown_if_long, with_hint};
use super::with_exit_codes;
use changes::Changed;

/// Show what changed between two moments.
#[derive(Debug, Args)]
#[command(after_help = with_exit_codes("\
A moment is a position, such as 17.2ab10, or a time; without a second one, the end of the log is meant.
What was only touched and looks as before is left out, and so are private changes.

Examples:
  forgelog corpus diff 2019-01-01T00:00:00Z 2019-01-02T00:00:00Z --log https://maintner.golang.org/logs
  forgelog corpus diff 0003.2ab10 --repo golang/go --json"))]
pub(in crate::commands) struct Arguments {
    /// From when.
    #[arg(value_name = "FROM", value_parser = moment)]
    from: At,
    /// Until when [default: the end of the log]
    #[arg(value_name = "TO", value_parser = moment)]
    to: Option<At>,
    #[command(flatten)]
    log: Log,
    #[command(flatten)]
    only: Only,
    /// Print a JSON object a line.
    #[arg(long)]
    json: bool,
}

impl Arguments {
    pub(super) async fn run(&self, out: &mut impl Write) -> Result<ExitCode> {
        let scope = Scope::default();
        let mut loaded = self.log.load(Some(self.from), scope).await?;
        let before = loaded.folded.snapshot();
        let touched = shown_if_long(loaded.fold_on(self.to)).await;
        let touched = touched.map_err(|error| with_hint(loaded.source().place(), error))?;
        block_in_place(|| self.write(&before, &loaded.folded, touched, out))?;
        Ok(ExitCode::SUCCESS)
    }

    fn write(
        &self,
        before: &Folded<Corpus>,
        after: &Folded<Corpus>,
        touched: Touched,
        out: &mut impl Write,
    ) -> Result<()> {
        let mut counts = [0; 3];
        let corpora = (before.state(), after.state());
        let Keys { issues, cls, refs } = Keys::of(corpora, touched);
        let scope = self.only.scope();
        let wants =
            |names: &BTreeSet<String>, name: &str| scope.is_everything() || names.contains(name);
        for IssueKey {
            owner,
            repo,
            number,
        } in issues
        {
            if wants(&scope.github, &format!("{owner}/{repo}")) {
                let changed = issues::changed(corpora, &owner, &repo, number);
                counts[0] += self.write_one(changed, out)?;
            }
        }
        for key in cls.iter().filter(|key| wants(&scope.gerrit, &key.project)) {
            counts[1] += self.write_one(cls::changed(corpora, key), out)?;
        }
        let owners = refs::Owners::of(corpora);
        for key in refs {
            if wants(&scope.gerrit, &key.owner) || wants(&scope.git, &key.owner) {
                counts[2] += self.write_one(owners.changed(&key), out)?;
            }
        }
        if !self.json {
            write_summary((before.position(), after.position()), counts, out)?;
        }
        Ok(())
    }

    /// Writes one thing, if it changed; gives how many that are.
    fn write_one(&self, changed: Option<Changed>, out: &mut impl Write) -> Result<usize> {
        let Some(changed) = changed else { return Ok(0) };
        match self.json {
            true => writeln!(out, "{}", changed.as_json())?,
            false => changed.write_text(out)?,
        }
        Ok(1)
    }
}

fn write_summary(
    (from, to): (Position, Position),
    [issues, cls, refs]: [usize; 3],
    out: &mut impl Write,
) -> Result<()> {
    let many = |count: usize, what: &str| match count {
        1 => format!("1 {what}"),
        _ => format!("{count} {what}s"),
    };
    let (issues, cls, refs) = (many(issues, "issue"), many(cls, "CL"), many(refs, "ref"));
    writeln!(out, "{from} to {to}: {issues}, {cls} and {refs} changed")?;
    Ok(())
}

/// What may have changed, in order.
struct Keys {
    issues: Vec<IssueKey>,
    cls: Vec<ClKey>,
    refs: Vec<RefKey>,
}

impl Keys {
    /// What was touched; where that was too much to be noted, everything.
    fn of((before, after): (&Corpus, &Corpus), touched: Touched) -> Self {
        if !touched.is_partial {
            let Touched {
                issues, cls, refs, ..
            } = touched;
            return Self { issues, cls, refs };
        }
        let corpora = [before, after];
        // Nothing of them goes from a corpus but that changes get incomplete and refs are deleted.
        let cls: BTreeSet<ClKey> = corpora.into_iter().flat_map(cls::all).collect();
        let refs: BTreeSet<RefKey> = corpora.into_iter().flat_map(refs::all).collect();
        Self {
            issues: issues::all(after).collect(),
            cls: cls.into_iter().collect(),
            refs: refs.into_iter().collect(),
        }
    }
}
