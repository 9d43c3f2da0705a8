//! Folding the mutations of Gerrit projects and plain repositories in (spec/log-and-corpus.md 3.5).
//!
//! Where the original would panic, the mutation is passed over whole and the fault is listed.

use super::parse::{ParsedGerrit, ParsedGit, ReadRef, Unread};
use super::{Git, PLAIN, change_flag, commit_flag};
use crate::columns::{Chain, Key, Moment, NONE, ROWS_MAX, Text};
use crate::corpus::fault::FaultKind;
use crate::corpus::record::Step;
use crate::notedb::change_ref::ChangeRef;
use crate::notedb::issue_ref::github_refs;

/// What is set of the refs of Gerrit's own, which are of no interest.
const META_REFS: &[u8] = b"refs/meta/";

/// What a mutation touched, for those who want to know.
pub(in crate::corpus) trait Touched {
    /// A change of a project.
    fn change(&mut self, change: u32);
    /// A ref, by its row.
    fn git_ref(&mut self, git_ref: u32);
    /// A commit that became known.
    fn commit(&mut self, commit: u32);
}

impl Git {
    /// A commit of a plain repository, and what became of its refs.
    pub(in crate::corpus) fn apply_git(
        &mut self,
        step: &Step<'_>,
        git: &ParsedGit<'_, '_>,
        touched: &mut impl Touched,
    ) {
        if let Some(put) = git.commit.and_then(|read| self.put_commit(step, read)) {
            self.commit_changed(step, &put, touched);
        }
        if let Some(Unread { kind, name, .. }) = git.unread {
            self.faults.add(&step.record, *kind, name);
        }
        let says_refs = !git.refs.is_empty() || !git.deleted_refs.is_empty();
        if git.repo.is_empty() {
            if says_refs {
                self.faults.add(&step.record, FaultKind::RefsOfNoRepo, b"");
            }
            return;
        }
        let Some(repo) = self.repos.row(step, git.repo.as_bytes()) else {
            return self.faults.add(&step.record, FaultKind::Full, b"");
        };
        self.delete_refs(step, repo | PLAIN, git.deleted_refs, touched);
        for git_ref in git.refs {
            self.put_plain_ref(step, repo | PLAIN, &git_ref.value, touched);
        }
    }

    /// Commits and refs of a Gerrit project.
    pub(in crate::corpus) fn apply_gerrit(
        &mut self,
        step: &Step<'_>,
        gerrit: &ParsedGerrit<'_, '_>,
        touched: &mut impl Touched,
    ) {
        let fatal = gerrit.unread.iter().find(|unread| unread.is_fatal);
        if let Some(Unread { kind, name, .. }) = fatal {
            return self.faults.add(&step.record, *kind, name);
        }
        for Unread { kind, name, .. } in gerrit.unread {
            self.faults.add(&step.record, *kind, name);
        }
        let Some(project) = self.projects.row(step, gerrit.project.as_bytes()) else {
            return self.faults.add(&step.record, FaultKind::Full, b"");
        };
        for read in gerrit.commits {
            if let Some(put) = self.put_commit(step, read) {
                self.join(project, put.row);
                self.commit_changed(step, &put, touched);
            }
        }
        self.delete_refs(step, project, gerrit.deleted_refs, touched);
        for git_ref in gerrit.refs {
            self.put_project_ref(step, project, git_ref, touched);
        }
    }

    fn put_project_ref(
        &mut self,
        step: &Step<'_>,
        project: u32,
        git_ref: &ReadRef<'_>,
        touched: &mut impl Touched,
    ) {
        let ReadRef {
            name,
            hash,
            key,
            change,
            change_key,
            patch_set_key,
        } = *git_ref;
        match change {
            ChangeRef::Ignored if name.starts_with(META_REFS) => return,
            ChangeRef::Ignored => {
                return self.faults.add(&step.record, FaultKind::ChangeNumber, name);
            }
            _ => {}
        }
        let Some(commit) = self.commit_of_key(&hash, key) else {
            return self
                .faults
                .add(&step.record, FaultKind::RefUnknownCommit, name);
        };
        let (ChangeRef::Meta { change: number } | ChangeRef::PatchSet { change: number, .. }) =
            change
        else {
            return self.put_ref(step, project, name, Some(hash), b"", touched);
        };
        let Some(row) = self.change_row(project, number, change_key) else {
            return self.faults.add(&step.record, FaultKind::Full, name);
        };
        match change {
            ChangeRef::PatchSet { version, .. } => {
                self.put_patch_set(step, row, (version, patch_set_key), commit);
            }
            _ => self.meta_moved(step, row, commit),
        }
        touched.change(row);
    }

    /// Sets a patch set's commit; it is the change's from now on, whatever its number (spec 3.5, 4).
    fn put_patch_set(
        &mut self,
        step: &Step<'_>,
        change: u32,
        (version, key): (i32, Key),
        commit: u32,
    ) {
        match self.patch_set_of_key(change, version, key) {
            Some(row) => self.patch_sets.commit.set(row, commit),
            None => {
                let row = self.patch_sets.change.len();
                if row == ROWS_MAX {
                    return self.faults.add(&step.record, FaultKind::Full, b"");
                }
                let chain = self.changes.patch_sets.get(change);
                self.patch_sets.change.push(change);
                self.patch_sets.version.push(version);
                self.patch_sets.commit.push(commit);
                self.patch_sets.previous.push(chain.last);
                self.patch_sets.by_version.insert(key, row);
                self.changes.patch_sets.set(change, chain.with(row));
            }
        }
        self.uncount(change);
        self.changes.commit.set(change, commit);
        self.count(change);
        self.changes.version.set(change, version);
        let is_known = self.commits.flags.get(commit) & commit_flag::KNOWN != 0;
        self.set_change_flag(change, change_flag::UNREAD, !is_known);
        self.note_mentions(step, self.changes.project.get(change), commit);
    }

    /// Makes the repositories known that a message speaks of (spec 3.6.3).
    fn note_mentions(&mut self, step: &Step<'_>, project: u32, commit: u32) {
        let texts = step.texts;
        let project = self.projects.name.get(project);
        let message = self.message(texts, commit);
        let mentioned: Vec<_> = github_refs(message, texts.get(&project))
            .into_iter()
            .map(|issue| (issue.owner.into_owned(), issue.repo.into_owned()))
            .collect();
        for (owner, name) in mentioned {
            if self.mention(texts, &owner, &name).is_some() {
                continue;
            }
            let row = self.mentions.owner.len();
            if row == ROWS_MAX {
                return;
            }
            self.mentions
                .by_name
                .insert(Key::of_texts(&owner, &name), row);
            let owner = self.extra_text(owner);
            self.mentions.owner.push(owner);
            let name = self.extra_text(name);
            self.mentions.name.push(name);
        }
    }

    /// The row of a repository that was mentioned.
    pub(in crate::corpus) fn mention(
        &self,
        texts: crate::corpus::record::Texts<'_>,
        owner: &[u8],
        name: &[u8],
    ) -> Option<u32> {
        let (mentions, texts) = (&self.mentions, self.texts(texts));
        let is_it = |row| {
            texts.get(&mentions.owner.get(row)) == owner
                && texts.get(&mentions.name.get(row)) == name
        };
        mentions.by_name.find(Key::of_texts(owner, name), is_it)
    }

    /// A text that need not be anywhere in the log.
    fn extra_text(&mut self, text: Vec<u8>) -> Text {
        let cell = Text::new(&text, 0, 0);
        if cell.resolve().is_ok() {
            return cell;
        }
        let place = self.add_extra(text.clone());
        Text::new(&text, place.segment, place.offset)
    }

    /// The change's row, made if it is new.
    fn change_row(&mut self, project: u32, number: i32, key: Key) -> Option<u32> {
        if let Some(row) = self.change_of_key(project, number, key) {
            return Some(row);
        }
        let changes = &mut self.changes;
        let row = Some(changes.project.len()).filter(|row| *row < ROWS_MAX)?;
        let chain = self.projects.changes.get(project);
        changes.project.push(project);
        changes.number.push(number);
        changes.flags.push(0);
        changes.commit.push(NONE);
        changes.version.push(0);
        changes.patch_sets.push(Chain::EMPTY);
        changes.meta.push(NONE);
        changes.oldest.push(NONE);
        changes.metas.push(0);
        changes.label_changes.push(0);
        changes.status.push(0);
        changes.branch.push(Text::default());
        changes.created.push(Moment::default());
        changes.owner.push(-1);
        changes.previous.push(chain.last);
        changes.by_number.insert(key, row);
        self.projects.changes.set(project, chain.with(row));
        Some(row)
    }

    pub(super) fn set_change_flag(&mut self, change: u32, bit: u32, on: bool) {
        let flags = self.changes.flags.get(change);
        let flags = if on { flags | bit } else { flags & !bit };
        self.changes.flags.set(change, flags);
    }
}
