//! Git's part of the dump: every commit, and whether all that is known is there.

use std::io;

use super::json::Lines;
use crate::columns::Moment;
use crate::corpus::{Commit, Corpus, Signature};

/// Writes the lines of all of git's kinds.
pub(super) fn dump(corpus: &Corpus, lines: &mut Lines<'_>) -> io::Result<()> {
    lines.kind("commit")?;
    let mut commits: Vec<_> = corpus.commits().collect();
    commits.sort_unstable_by_key(|commit| *commit.hash().as_bytes());
    for commit in commits {
        dump_commit(&commit, lines)?;
    }
    lines.kind("check")?;
    lines.start().bool("ok", corpus.check().is_ok()).end()
}

fn dump_commit(commit: &Commit<'_>, lines: &mut Lines<'_>) -> io::Result<()> {
    let parsed = commit.parsed();
    let parsed = parsed.as_ref();
    let tree = parsed.and_then(|commit| Some(*commit.tree()?.as_bytes()));
    lines
        .start()
        .hash("hash", commit.hash().as_bytes())
        .hash("tree", tree.as_ref().map_or(&[], |tree| tree))
        .array("parents");
    for parent in commit.parents() {
        lines.item_hash(parent.as_bytes());
    }
    lines.close();
    let author = parsed.and_then(|commit| Some(Signature::new(commit.author?)));
    let committer = parsed.and_then(|commit| Some(Signature::new(commit.committer?)));
    person(lines, "author", author.as_ref());
    gittime(lines, "author_time", author.as_ref());
    if commit.is_placeholder() {
        lines.str("committer", b"");
    } else {
        person(lines, "committer", committer.as_ref());
    }
    gittime(lines, "commit_time", committer.as_ref());
    match commit.reviewer_bytes() {
        Some(reviewer) => lines.str("reviewer", reviewer),
        None => lines.null("reviewer"),
    };
    lines.str("msg", commit.message_bytes()).array("files");
    for file in commit.files() {
        lines
            .item_array()
            .item_str(file.name.as_bytes())
            .item_int(file.added)
            .item_int(file.deleted)
            .item_bool(file.binary)
            .close();
    }
    lines.close();
    match commit.meta_of_any() {
        Some(cl) => {
            let of = format!("{}/{}", cl.project().name(), cl.number());
            lines.str("meta_of", of.as_bytes())
        }
        None => lines.null("meta_of"),
    };
    lines.array("projects");
    for project in commit.projects() {
        lines.item_str(project.name().as_bytes());
    }
    lines.close().end()
}

/// A key with who it was.
pub(super) fn person<'l, 'o>(
    lines: &'l mut Lines<'o>,
    key: &str,
    signature: Option<&Signature<'_>>,
) -> &'l mut Lines<'o> {
    match signature {
        Some(signature) => lines.str(key, signature.person_bytes()),
        None => lines.null(key),
    }
}

/// A key with when it was, and in which time zone.
pub(super) fn gittime<'l, 'o>(
    lines: &'l mut Lines<'o>,
    key: &str,
    signature: Option<&Signature<'_>>,
) -> &'l mut Lines<'o> {
    let is_set = |by: &&Signature<'_>| !Moment::from_unix(by.unix_seconds, 0).is_none();
    match signature.filter(is_set) {
        Some(by) => lines
            .array(key)
            .item_int(by.unix_seconds)
            .item_str(by.zone_bytes())
            .item_int(by.offset_seconds.into())
            .close(),
        None => lines.null(key),
    }
}
