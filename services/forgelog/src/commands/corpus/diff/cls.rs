//! How a change differs between two moments. Depends on the corpus's views.

use forgelog_replay::Corpus;
use forgelog_replay::corpus::Cl;
use forgelog_replay::corpus::touched::ClKey;
use std::collections::BTreeSet;

use super::changes::Changed;
use crate::commands::corpus::json;

/// Lines of a message that are shown.
const MESSAGE_LINES: usize = 2;

/// Every change that is complete, by its key.
pub(super) fn all(corpus: &Corpus) -> impl Iterator<Item = ClKey> {
    corpus.cls().map(|cl| ClKey {
        project: cl.project().name().into(),
        number: cl.number(),
    })
}

/// How a change changed, if it did.
pub(super) fn changed((before, after): (&Corpus, &Corpus), key: &ClKey) -> Option<Changed> {
    let (old, new) = (find(before, key), find(after, key));
    let shown = new.or(old)?;
    if shown.is_private() || is_same(old, new) {
        return None;
    }
    let subject = shown.subject().into_owned();
    let mut changed = Changed::new("cl", json::cl_name(&shown), subject);
    let Some(new) = new else {
        changed.did("no longer complete");
        return changed.if_any();
    };
    match &old {
        None => {
            changed.did("new CL");
            if new.status().as_str() != "new" {
                changed.did_to("status", new.status().as_str());
            }
        }
        Some(old) => compare(&mut changed, old, &new),
    }
    let tags = |cl: &Cl<'_>| json::hashtags(cl).into_iter().collect::<BTreeSet<_>>();
    let tags_before = old.as_ref().map(tags).unwrap_or_default();
    changed.set(["hashtag", "hashtag removed"], &tags_before, &tags(&new));
    let votes_before = old.as_ref().map(votes).unwrap_or_default();
    changed.set(["vote", "vote removed"], &votes_before, &votes(&new));
    messages(&mut changed, old.as_ref(), &new);
    changed.if_any()
}

/// Whether it is of the same commits, and so says the same.
fn is_same(old: Option<Cl<'_>>, new: Option<Cl<'_>>) -> bool {
    let commits = |cl: Cl<'_>| {
        let (commit, meta) = (cl.commit(), cl.meta().commit());
        (cl.version(), commit.hash(), meta.hash())
    };
    old.map(commits) == new.map(commits)
}

fn compare(changed: &mut Changed, old: &Cl<'_>, new: &Cl<'_>) {
    let text = |number: i32| Some(number.to_string());
    changed.value("patch set", text(old.version()), text(new.version()));
    let status = |cl: &Cl<'_>| Some(cl.status().as_str());
    changed.value("status", status(old), status(new));
    changed.value("subject", Some(old.subject()), Some(new.subject()));
    changed.value("branch", Some(old.branch()), Some(new.branch()));
    changed.truth(
        ["work in progress", "ready for review"],
        old.is_work_in_progress(),
        new.is_work_in_progress(),
    );
}

/// The votes that say something, such as `Code-Review+2 13437@server`.
fn votes(cl: &Cl<'_>) -> BTreeSet<String> {
    let votes = json::votes(cl).into_iter();
    let votes = votes.flat_map(|(label, voters)| {
        let voters = voters.into_iter().filter(|(_, vote)| *vote != 0);
        voters.map(move |(voter, vote)| format!("{label}{vote:+} {voter}"))
    });
    votes.collect()
}

/// Messages that are in metas that were not there.
fn messages(changed: &mut Changed, old: Option<&Cl<'_>>, new: &Cl<'_>) {
    let old: BTreeSet<_> = match old {
        Some(old) => old.metas().map(|meta| meta.commit().hash()).collect(),
        None => BTreeSet::new(),
    };
    for message in new.messages() {
        if !old.contains(&message.meta().commit().hash()) {
            let author = message.author();
            let author = author.as_ref().map_or("somebody", |author| author.name());
            let text = message.text();
            // The first line alone often says no more than the patch set.
            let lines = text.lines().filter(|line| !line.trim().is_empty());
            let lines: Vec<&str> = lines.take(MESSAGE_LINES).collect();
            changed.did_to("message", format!("{author}: {}", lines.join(" ")));
        }
    }
}

fn find<'c>(corpus: &'c Corpus, key: &ClKey) -> Option<Cl<'c>> {
    let (server, project) = key.project.split_once('/')?;
    corpus.gerrit_project(server, project)?.cl(key.number)
}
