//! Gerrit's part of the dump: projects, refs, CLs, their metas and messages.

use std::io;

use super::git::{gittime, person};
use super::json::Lines;
use crate::corpus::Corpus;
use crate::corpus::gerrit::{Cl, GerritProject, Message, Meta, Votes, VotesError, VotesWalk};
use crate::notedb::change_ref::{ChangeRef, change_ref};

/// Writes the lines of all of Gerrit's kinds.
pub(super) fn dump(corpus: &Corpus, lines: &mut Lines<'_>) -> io::Result<()> {
    let mut cls = Vec::new();
    lines.kind("gerrit_project")?;
    for project in corpus.gerrit_projects() {
        let from = cls.len();
        cls.extend(project.cls());
        cls[from..].sort_unstable_by_key(Cl::number);
        dump_project(&project, &cls[from..], lines)?;
    }
    lines.kind("ref")?;
    for project in corpus.gerrit_projects() {
        dump_refs(&project, lines)?;
    }
    lines.kind("cl")?;
    cls.iter().try_for_each(|cl| dump_cl(cl, lines))?;
    lines.kind("cl_meta")?;
    cls.iter().try_for_each(|cl| dump_metas(cl, lines))?;
    lines.kind("cl_message")?;
    cls.iter().try_for_each(|cl| dump_messages(cl, lines))
}

fn dump_project(
    project: &GerritProject<'_>,
    cls: &[Cl<'_>],
    lines: &mut Lines<'_>,
) -> io::Result<()> {
    start_of_project(lines, project)
        .str("server", project.server().as_bytes())
        .str("name", project.project().as_bytes())
        .int("num_label_changes", project.num_label_changes())
        .int("cls", cls.len() as i64)
        .int(
            "open_cls",
            cls.iter().filter(|cl| cl.is_open()).count() as i64,
        )
        .int("commits", project.commit_count() as i64)
        .end()
}

fn dump_refs(project: &GerritProject<'_>, lines: &mut Lines<'_>) -> io::Result<()> {
    for git_ref in project.refs() {
        let name = git_ref.name.as_bytes();
        if change_ref(name) != ChangeRef::NotAChange {
            continue;
        }
        let hash = git_ref.commit.map(|hash| *hash.as_bytes());
        start_of_project(lines, project)
            .str("ref", name)
            .hash("hash", hash.as_ref().map_or(&[], |hash| hash))
            .end()?;
    }
    Ok(())
}

fn dump_cl(cl: &Cl<'_>, lines: &mut Lines<'_>) -> io::Result<()> {
    let created = cl.oldest_meta().commit().committer();
    start_of_project(lines, &cl.project()).int("number", cl.number().into());
    gittime(lines, "created", created.as_ref())
        .int("version", cl.version().into())
        .hash("commit", cl.commit().hash().as_bytes())
        .array("patch_sets");
    for (version, commit) in cl.patch_sets() {
        lines
            .item_array()
            .item_int(version.into())
            .item_hash(commit.hash().as_bytes())
            .close();
    }
    let owner = cl.owner();
    lines
        .close()
        .str("branch", cl.branch_bytes())
        .str("status", cl.status().as_str().as_bytes())
        .bool("private", cl.is_private())
        .bool("wip", cl.is_work_in_progress())
        .bool("open", cl.is_open())
        .int_or_null("owner_id", cl.owner_number());
    person(lines, "owner", owner.as_ref())
        .str("subject", &cl.subject_bytes())
        .str("change_id", cl.change_id_bytes().unwrap_or_default())
        .array("github_refs");
    for issue in cl.github_refs() {
        lines.item_str(issue.to_string().as_bytes());
    }
    lines.close().str("hashtags", cl.hashtags().text());
    let mut walk = VotesWalk::new(cl.project());
    cl.metas().for_each(|meta| walk.step(meta));
    votes(lines, walk.votes())
        .hash("meta", cl.meta().commit().hash().as_bytes())
        .array("metas");
    for meta in cl.metas() {
        lines.item_hash(meta.commit().hash().as_bytes());
    }
    lines
        .close()
        .int("messages", cl.messages().count() as i64)
        .end()
}

fn dump_metas(cl: &Cl<'_>, lines: &mut Lines<'_>) -> io::Result<()> {
    let mut walk = VotesWalk::new(cl.project());
    let mut hashtags = b"".as_slice();
    for (index, meta) in cl.metas().enumerate() {
        walk.step(meta);
        if let Some(set) = meta.own_hashtags() {
            hashtags = set.text();
        }
        dump_meta(&meta, index, hashtags, walk.votes(), lines)?;
    }
    Ok(())
}

fn dump_meta(
    meta: &Meta<'_>,
    index: usize,
    hashtags: &[u8],
    of_all: Result<&Votes<'_>, VotesError>,
    lines: &mut Lines<'_>,
) -> io::Result<()> {
    let edits = meta.hashtag_edits();
    let (added, removed) = edits
        .map(|edits| (edits.added.text(), edits.removed.text()))
        .unwrap_or_default();
    start_of_cl(lines, &meta.cl())
        .int("index", index as i64)
        .hash("hash", meta.commit().hash().as_bytes())
        .str("tag", meta.action_tag_bytes())
        .str("hashtags", hashtags)
        .bool("hashtag_edit", edits.is_some())
        .str("hashtags_added", added)
        .str("hashtags_removed", removed);
    votes(lines, of_all).end()
}

fn dump_messages(cl: &Cl<'_>, lines: &mut Lines<'_>) -> io::Result<()> {
    for (index, message) in cl.messages().enumerate() {
        dump_message(&message, index, lines)?;
    }
    Ok(())
}

fn dump_message(message: &Message<'_>, index: usize, lines: &mut Lines<'_>) -> io::Result<()> {
    let meta = message.meta();
    let (date, author) = (message.date(), message.author());
    start_of_cl(lines, &meta.cl())
        .int("index", index as i64)
        .hash("meta", meta.commit().hash().as_bytes())
        .int("version", message.version().into());
    gittime(lines, "date", date.as_ref());
    person(lines, "author", author.as_ref())
        .str("message", message.text_bytes())
        .end()
}

/// The votes, by label and voter.
fn votes<'l, 'o>(
    lines: &'l mut Lines<'o>,
    votes: Result<&Votes<'_>, VotesError>,
) -> &'l mut Lines<'o> {
    let no_votes =
        |lines: &'l mut Lines<'o>, why| lines.object("votes").bool(why, true).close_object();
    let votes = match votes {
        Ok(votes) => votes,
        Err(VotesError::UnknownCommit) => return no_votes(lines, "error"),
        Err(VotesError::NoAuthor) => return no_votes(lines, "panic"),
    };
    lines.array("votes");
    for (label, voters) in votes {
        lines.item_array().item_str(label);
        for (email, vote) in voters {
            lines
                .item_array()
                .item_str(email)
                .item_int((*vote).into())
                .close();
        }
        lines.close();
    }
    lines.close()
}

fn start_of_project<'l, 'o>(
    lines: &'l mut Lines<'o>,
    project: &GerritProject<'_>,
) -> &'l mut Lines<'o> {
    lines.start().str("project", project.name().as_bytes())
}

fn start_of_cl<'l, 'o>(lines: &'l mut Lines<'o>, cl: &Cl<'_>) -> &'l mut Lines<'o> {
    start_of_project(lines, &cl.project()).int("cl", cl.number().into())
}
