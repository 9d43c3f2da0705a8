//! `forgelog corpus cl`: one change, and what was said of it. Depends on the corpus's views.

use anyhow::{Context as _, Result};
use clap::Args;
use forgelog_replay::corpus::Cl;
use forgelog_replay::{Loaded, Scope};
use serde_json::Value;
use std::io::Write;
use std::process::ExitCode;
use std::str::FromStr;

use super::json;
use super::opening::{AsOf, Log, origin};
use super::with_exit_codes;
use crate::commands::show;

/// So many projects are named to who asks for one that is not there.
const NAMED_MAX: usize = 8;

/// Show a Gerrit change: its patch sets, votes and messages.
#[derive(Debug, Args)]
#[command(after_help = with_exit_codes("\
The server may be that of its review site.

Examples:
  forgelog corpus cl go.googlesource.com/go~12345 --log https://maintner.golang.org/logs
  forgelog corpus cl go-review.googlesource.com/go~12345 --json"))]
pub(in crate::commands) struct Arguments {
    /// The change.
    #[arg(value_name = "SERVER/PROJECT~N")]
    cl: ClName,
    #[command(flatten)]
    log: Log,
    #[command(flatten)]
    at: AsOf,
    /// Print a JSON object.
    #[arg(long)]
    json: bool,
}

/// What names a change.
#[derive(Clone, Debug, PartialEq, Eq)]
struct ClName {
    server: String,
    project: String,
    number: i32,
}

impl FromStr for ClName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parsed = || {
            let (project, number) = text.rsplit_once('~')?;
            let project = project.split_once("://").map_or(project, |(_, rest)| rest);
            let (server, project) = project.split_once('/')?;
            let number = number.parse().ok()?;
            (!server.is_empty() && !project.is_empty()).then(|| Self {
                server: server.to_owned(),
                project: project.to_owned(),
                number,
            })
        };
        parsed()
            .ok_or_else(|| "write SERVER/PROJECT~N, such as go.googlesource.com/go~1234".to_owned())
    }
}

impl Arguments {
    pub(super) async fn run(&self, out: &mut impl Write) -> Result<ExitCode> {
        self.log
            .ask(self.at, Scope::default(), out, |loaded, out| {
                let cl = self.find(loaded)?;
                if self.json {
                    writeln!(out, "{:#}", as_json(&cl))?;
                } else {
                    write_text(&cl, out)?;
                }
                Ok(ExitCode::SUCCESS)
            })
            .await
    }

    fn find<'l>(&self, loaded: &'l Loaded) -> Result<Cl<'l>> {
        let ClName {
            server,
            project: name,
            number,
        } = &self.cl;
        let corpus = loaded.folded.state();
        let project = corpus.gerrit_project(server, name).with_context(|| {
            let known = corpus.gerrit_projects().take(NAMED_MAX);
            let known: Vec<String> = known.map(|one| show::line(one.name(), 80)).collect();
            let known = match known.is_empty() {
                true => "there are no projects at all".to_owned(),
                false => format!("there are {}", known.join(", ")),
            };
            format!(
                "no Gerrit project {server}/{name} in {}; {known}",
                origin(loaded)
            )
        })?;
        project.cl(*number).with_context(|| {
            format!(
                "no change {}~{number} that is complete in {}",
                project.name(),
                origin(loaded)
            )
        })
    }
}

fn as_json(cl: &Cl<'_>) -> Value {
    let mut object = json::cl(cl);
    let votes = json::votes(cl).into_iter().map(|(label, voters)| {
        let voters = voters.into_iter().map(|(who, vote)| (who, vote.into()));
        (label, Value::Object(voters.collect()))
    });
    object["votes"] = Value::Object(votes.collect());
    let sets = cl.patch_sets().map(|(version, commit)| {
        serde_json::json!({ "patch_set": version, "commit": commit.hash().to_string() })
    });
    object["patch_sets"] = sets.collect();
    object["issues"] = cl.github_refs().iter().map(ToString::to_string).collect();
    object["message"] = cl.commit().message().into();
    object["files"] = cl.commit().files().map(|file| json::file(&file)).collect();
    object["messages"] = cl.messages().map(|one| json::message(&one)).collect();
    object
}

fn write_text(cl: &Cl<'_>, out: &mut impl Write) -> Result<()> {
    let name = show::line(&json::cl_name(cl), 200);
    writeln!(out, "{name}: {}", show::line(&cl.subject(), 500))?;
    let marks = [
        (cl.is_work_in_progress(), ", work in progress"),
        (cl.is_private(), ", private"),
    ];
    let marks = marks.into_iter().filter(|(is, _)| *is);
    let marks: String = marks.map(|(_, mark)| mark).collect();
    writeln!(out, "{}{marks}", cl.status().as_str())?;
    let owner = cl.owner().map(|owner| show::line(&owner.person, 120));
    let id = cl.owner_id().map(|id| format!("account {id}"));
    let issues: Vec<String> = cl.github_refs().iter().map(ToString::to_string).collect();
    let rows = [
        (
            "owner",
            [owner, id]
                .into_iter()
                .flatten()
                .collect::<Vec<_>>()
                .join(", "),
        ),
        ("branch", show::line(&cl.branch(), 120)),
        ("created", cl.created().map(show::time).unwrap_or_default()),
        (
            "updated",
            json::cl_updated(cl).map(show::time).unwrap_or_default(),
        ),
        (
            "change id",
            cl.change_id()
                .map(|id| show::line(&id, 80))
                .unwrap_or_default(),
        ),
        ("hashtags", show::line(&json::hashtags(cl).join(", "), 500)),
        ("issues", show::line(&issues.join(", "), 500)),
    ];
    for (name, value) in rows.into_iter().filter(|(_, value)| !value.is_empty()) {
        writeln!(out, "{name:<10} {value}")?;
    }
    for (label, voters) in json::votes(cl) {
        let voters = voters.iter().filter(|(_, vote)| *vote != 0);
        let voters: Vec<String> = voters
            .map(|(who, vote)| format!("{vote:+} {who}"))
            .collect();
        if !voters.is_empty() {
            let line = format!("{label}: {}", voters.join(", "));
            writeln!(out, "{:<10} {}", "votes", show::line(&line, 500))?;
        }
    }
    for (version, commit) in cl.patch_sets() {
        writeln!(out, "patch set  {version} {}", commit.hash())?;
    }
    writeln!(out, "\n{}", show::text(&cl.commit().message()))?;
    super::commit::write_files(&cl.commit(), out)?;
    for message in cl.messages() {
        let author = message.author();
        let author = author.map(|author| show::line(&author.person, 120));
        let date = message.date().map(|date| show::time(date.time()));
        writeln!(
            out,
            "\n── {} {}",
            date.unwrap_or_default(),
            author.unwrap_or_default()
        )?;
        writeln!(out, "\n{}", show::text(&message.text()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_named_by_server_project_and_number() {
        let name = |server: &str, project: &str| ClName {
            server: server.to_owned(),
            project: project.to_owned(),
            number: 7,
        };
        assert_eq!("a.org/x~7".parse(), Ok(name("a.org", "x")));
        assert_eq!("a.org/x/y~7".parse(), Ok(name("a.org", "x/y")));
        assert_eq!("https://a.org/x~7".parse(), Ok(name("a.org", "x")));
        for wrong in ["", "x~7", "a.org/x", "a.org/x~", "/x~7", "a.org/~7"] {
            assert!(wrong.parse::<ClName>().is_err(), "{wrong}");
        }
    }
}
