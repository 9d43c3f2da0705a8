//! The history of a change: its meta commits, walked from the newest to the oldest, and what follows from them
//! (spec/log-and-corpus.md 3.5, "finishProcessing").
//!
//! The original walks all of it again at every update. Here a new meta on top of what is known costs one step, and so
//! does one below all that is known, whose name came before it; the whole is walked again only where the history was
//! replaced, or one of its commits came again with another text. What a change is then depends on its commits alone, not
//! on when anybody looked: it is what the original makes of the log in one go.
//!
//! Histories that have a commit in common are the same from there on, so they end with the same commit: that is how the
//! others are found where such a commit changes.

use super::apply::Touched;
use super::commits::Put;
use super::parse::all_facts;
use super::{Commits, Git, change_flag, commit_flag};
use crate::columns::{Moment, NONE, Text};
use crate::corpus::fault::FaultKind;
use crate::corpus::record::{Step, Texts};
use crate::notedb::commit::parse_commit;
use crate::notedb::meta;
use crate::notedb::person::{owner_id, person_email};

/// What metas say, the newest first.
#[derive(Default)]
struct Said {
    metas: u32,
    label_changes: u32,
    is_private: bool,
    /// A [`meta::Status`].
    status: Option<u32>,
    branch: Option<Text>,
    work_in_progress: Option<bool>,
}

/// How a walk ended.
#[derive(Clone, Copy)]
enum End {
    /// At the commit where it should.
    Met,
    /// At a commit without parents.
    Root(u32),
    Merge,
    Circle,
}

/// A walk from a commit back, up to but without another.
struct Walk {
    /// Where it goes on, or how it ends.
    next: Result<u32, End>,
    /// It ends there.
    until: u32,
    circle: CircleCheck,
}

impl Walk {
    fn new(head: u32, until: u32) -> Self {
        Self {
            next: Ok(head),
            until,
            circle: CircleCheck::new(NONE),
        }
    }

    /// The next commit, or how the walk ended.
    #[inline]
    fn next_row(&mut self, commits: &Commits) -> Result<u32, End> {
        let row = self.next?;
        if row == self.until {
            return Err(End::Met);
        }
        if self.circle.is_circle(row) {
            return Err(End::Circle);
        }
        #[cfg(test)]
        tests::count_visit();
        let parent = commits.parent.get(row);
        self.next = if parent == NONE {
            Err(End::Root(row))
        } else if commits.more_parents.get(row).len() > 0 {
            Err(End::Merge)
        } else {
            Ok(parent)
        };
        Ok(row)
    }
}

/// Finds out that a walk goes in a circle, within a small multiple of the steps to there (Brent).
struct CircleCheck {
    seen: u32,
    steps: u64,
    next: u64,
}

impl CircleCheck {
    fn new(first: u32) -> Self {
        Self {
            seen: first,
            steps: 0,
            next: 1,
        }
    }

    fn is_circle(&mut self, row: u32) -> bool {
        if row == self.seen {
            return true;
        }
        self.steps += 1;
        if self.steps == self.next {
            self.seen = row;
            self.next *= 2;
        }
        false
    }
}

impl Git {
    /// A change's meta ref points to another commit.
    pub(super) fn meta_moved(&mut self, step: &Step<'_>, change: u32, head: u32) {
        let old = self.changes.meta.get(change);
        let is_walked = self.changes.flags.get(change) & change_flag::HISTORY != 0;
        if old == head && is_walked {
            return;
        }
        if is_walked {
            let mut said = Said::default();
            let end = self.walk(head, old, |row| self.hear(step.texts, &mut said, row));
            if let End::Met = end {
                self.mark(change, head, old);
                self.changes.meta.set(change, head);
                self.uncount(change);
                self.take(change, &said);
                return self.count(change);
            }
        }
        if old != NONE {
            self.unmark(change, old);
        }
        self.changes.meta.set(change, head);
        if let Some(fault) = self.walk_all(step, change) {
            let number = self.changes.number.get(change).to_string();
            self.faults.add(&step.record, fault, number.as_bytes());
        }
    }

    /// A commit was recorded, perhaps again: whichever history it is in is walked on from it if it was the end so far, and
    /// else again, unless it says what it said.
    #[inline]
    pub(super) fn commit_changed(
        &mut self,
        step: &Step<'_>,
        put: &Put,
        touched: &mut impl Touched,
    ) {
        if put.is_new {
            touched.commit(put.row);
        }
        let change = self.commits.change.get(put.row);
        if change != NONE {
            self.history_changed(step, put, change, touched);
        }
    }

    /// The same for a commit that is in this change's history.
    #[inline(never)]
    fn history_changed(
        &mut self,
        step: &Step<'_>,
        put: &Put,
        change: u32,
        touched: &mut impl Touched,
    ) {
        touched.change(change);
        if put.says_the_same {
            return;
        }
        let is_shared = self.commits.flags.get(put.row) & commit_flag::SHARED != 0;
        let changes = match is_shared || put.has_new_parents {
            true => self.with_same_end(change),
            false => vec![change],
        };
        if put.has_new_parents {
            for change in &changes {
                self.forget(self.changes.meta.get(*change), put.row);
            }
            self.forget_commit(put.row);
            self.forget(put.old_parent, put.row);
        }
        for change in changes {
            touched.change(change);
            // What is wrong with a history is told of when its ref is set.
            let _ = match put.is_new {
                true => self.walk_on(step, change, put.row),
                false => self.walk_all(step, change),
            };
        }
    }

    /// Walks on from the commit where a change's history ended so far: it was only somebody's parent, and came by now.
    fn walk_on(&mut self, step: &Step<'_>, change: u32, row: u32) -> Option<FaultKind> {
        let mut said = Said::default();
        let ended_there = self.changes.oldest.get(change) == row;
        let end = match ended_there {
            true => self.walk(row, NONE, |row| self.hear(step.texts, &mut said, row)),
            false => End::Met,
        };
        let End::Root(oldest) = end else {
            return self.walk_all(step, change);
        };
        self.uncount(change);
        self.mark(change, row, NONE);
        self.take_oldest(step.texts, change, oldest);
        // As somebody's parent it counted already.
        said.metas = said.metas.saturating_sub(1);
        self.take_older(change, said);
        self.count(change);
        None
    }

    /// Walks a change's whole history anew; says what is wrong with it.
    fn walk_all(&mut self, step: &Step<'_>, change: u32) -> Option<FaultKind> {
        let head = self.changes.meta.get(change);
        let mut said = Said::default();
        let end = self.walk(head, NONE, |row| self.hear(step.texts, &mut said, row));
        self.uncount(change);
        self.reset(change);
        self.mark(change, head, NONE);
        match end {
            End::Root(oldest) => {
                self.set_change_flag(change, change_flag::HISTORY, true);
                self.take_oldest(step.texts, change, oldest);
                self.take(change, &said);
                self.count(change);
                None
            }
            // Its labels count all the same.
            End::Merge => {
                self.count_labels(change, said.label_changes);
                Some(FaultKind::MetaMerge)
            }
            End::Met | End::Circle => Some(FaultKind::MetaCircle),
        }
    }

    /// The changes whose histories may have a commit in common with that of this one, and itself: those that end where it
    /// does, or that come to no end, if it does not.
    fn with_same_end(&self, change: u32) -> Vec<u32> {
        let changes = &self.changes;
        let end = changes.oldest.get(change);
        let ends = changes.oldest.iter().zip(0u32..);
        ends.filter(|(other, row)| *other == end && changes.meta.get(*row) != NONE)
            .map(|(_, row)| row)
            .collect()
    }

    /// Visits the commits from `head` back, up to but without `until`.
    fn walk(&self, head: u32, until: u32, mut visit: impl FnMut(u32)) -> End {
        let mut walk = Walk::new(head, until);
        loop {
            match walk.next_row(&self.commits) {
                Ok(row) => visit(row),
                Err(end) => return end,
            }
        }
    }

    /// Takes in what an older meta says.
    fn hear(&self, texts: Texts<'_>, said: &mut Said, row: u32) {
        let flags = self.commits.flags.get(row);
        let facts = match flags & commit_flag::HAS_FACTS {
            0 => all_facts(self.message(texts, row)),
            _ => flags,
        };
        let says = |bit: u32| facts & bit != 0;
        said.metas = said.metas.saturating_add(1);
        if says(commit_flag::LABEL) {
            said.label_changes = said.label_changes.saturating_add(1);
        }
        said.is_private |= says(commit_flag::PRIVATE);
        if said.status.is_none() && says(commit_flag::SAYS_STATUS) {
            said.status = Some(facts >> commit_flag::STATUS_SHIFT & 3);
        }
        if said.work_in_progress.is_none() && says(commit_flag::SAYS_PROGRESS) {
            said.work_in_progress = Some(says(commit_flag::IN_PROGRESS));
        }
        if said.branch.is_none() && says(commit_flag::BRANCH) {
            let branch = meta::branch(self.message(texts, row));
            said.branch = branch.map(|branch| self.part_of_raw(texts, row, branch));
        }
    }

    /// A cell for a part of a commit's raw text.
    fn part_of_raw(&self, texts: Texts<'_>, commit: u32, part: &[u8]) -> Text {
        let raw = self.raw(texts, commit);
        let within = part.as_ptr().addr().wrapping_sub(raw.as_ptr().addr());
        match self.commits.raw.get(commit).resolve() {
            Err(place) => Text::new(
                part,
                place.segment,
                place.offset.wrapping_add(within as u32),
            ),
            Ok(_) => Text::new(part, 0, 0),
        }
    }

    /// Adds what older metas say to what a change is: of what can be said once, what newer ones do not.
    fn take_older(&mut self, change: u32, mut said: Said) {
        let flags = self.changes.flags.get(change);
        if flags & change_flag::SAYS_STATUS != 0 {
            said.status = None;
        }
        if flags & change_flag::SAYS_PROGRESS != 0 {
            said.work_in_progress = None;
        }
        if flags & change_flag::SAYS_BRANCH != 0 {
            said.branch = None;
        }
        self.take(change, &said);
    }

    /// Adds what newer metas say to what a change is.
    fn take(&mut self, change: u32, said: &Said) {
        let metas = self.changes.metas.get(change);
        self.changes
            .metas
            .set(change, metas.saturating_add(said.metas));
        let labels = self.changes.label_changes.get(change);
        self.count_labels(change, labels.saturating_add(said.label_changes));
        if said.is_private {
            self.set_change_flag(change, change_flag::PRIVATE, true);
        }
        if let Some(is) = said.work_in_progress {
            self.set_change_flag(change, change_flag::SAYS_PROGRESS, true);
            self.set_change_flag(change, change_flag::WORK_IN_PROGRESS, is);
        }
        if let Some(status) = said.status {
            self.set_change_flag(change, change_flag::SAYS_STATUS, true);
            self.changes.status.set(change, status);
        }
        if let Some(branch) = said.branch {
            self.set_change_flag(change, change_flag::SAYS_BRANCH, true);
            self.changes.branch.set(change, branch);
        }
    }

    /// Takes a change out of the counts, before it is changed.
    pub(super) fn uncount(&mut self, change: u32) {
        if self.counts_as_complete(change) {
            let metas = self.changes.metas.get(change);
            self.changes.complete.subtract(1);
            self.changes.complete_metas.subtract(metas.into());
        }
    }

    /// Takes a change into the counts, after it was changed.
    pub(super) fn count(&mut self, change: u32) {
        if self.counts_as_complete(change) {
            let metas = self.changes.metas.get(change);
            self.changes.complete.add(1);
            self.changes.complete_metas.add(metas.into());
        }
    }

    fn counts_as_complete(&self, change: u32) -> bool {
        let has_history = self.changes.flags.get(change) & change_flag::HISTORY != 0;
        has_history && self.changes.commit.get(change) != NONE
    }

    /// A change of whose history nothing is known.
    fn reset(&mut self, change: u32) {
        let of_metas = change_flag::HISTORY
            | change_flag::PRIVATE
            | change_flag::WORK_IN_PROGRESS
            | change_flag::NO_OWNER
            | change_flag::SAYS_STATUS
            | change_flag::SAYS_PROGRESS
            | change_flag::SAYS_BRANCH;
        self.set_change_flag(change, of_metas, false);
        self.count_labels(change, 0);
        let changes = &mut self.changes;
        changes.metas.set(change, 0);
        changes.oldest.set(change, NONE);
        changes.status.set(change, meta::Status::New as u32);
        changes.branch.set(change, Text::default());
        changes.created.set(change, Moment::default());
        changes.owner.set(change, -1);
    }

    /// When a change was made, and by whom.
    fn take_oldest(&mut self, texts: Texts<'_>, change: u32, oldest: u32) {
        self.changes.oldest.set(change, oldest);
        let parsed = parse_commit(self.raw(texts, oldest), false).ok();
        let author = parsed.as_ref().and_then(|commit| commit.author);
        let owner = author.map(|author| owner_id(person_email(author.person)));
        let committer = parsed.as_ref().and_then(|commit| commit.committer);
        let created = committer.map(|by| Moment::from_unix(by.unix_seconds, 0));
        self.changes
            .created
            .set(change, created.unwrap_or_default());
        self.changes.owner.set(change, owner.unwrap_or(-1));
        self.set_change_flag(change, change_flag::NO_OWNER, owner.is_none());
    }

    fn count_labels(&mut self, change: u32, label_changes: u32) {
        let project = self.changes.project.get(change);
        let old = i64::from(self.changes.label_changes.get(change));
        let all = self.projects.label_changes.get(project);
        let all = all - old + i64::from(label_changes);
        self.projects.label_changes.set(project, all);
        self.changes.label_changes.set(change, label_changes);
    }

    /// Notes of the commits from `head` back to `until` that they are in the change's history.
    fn mark(&mut self, change: u32, head: u32, until: u32) {
        let mut walk = Walk::new(head, until);
        while let Ok(row) = walk.next_row(&self.commits) {
            match self.commits.change.get(row) {
                NONE => self.commits.change.set(row, change),
                other if other == change => {}
                _ => {
                    let flags = self.commits.flags.get(row) | commit_flag::SHARED;
                    self.commits.flags.set(row, flags);
                }
            }
        }
    }

    /// Takes that back, of a history that is not the change's any more.
    fn unmark(&mut self, change: u32, head: u32) {
        let mut is_shared = false;
        self.walk(head, NONE, |row| {
            is_shared |= self.commits.flags.get(row) & commit_flag::SHARED != 0;
        });
        if !is_shared {
            return self.forget(head, NONE);
        }
        let others = self.with_same_end(change);
        for other in &others {
            self.forget(self.changes.meta.get(*other), NONE);
        }
        for other in others.into_iter().filter(|other| *other != change) {
            self.mark(other, self.changes.meta.get(other), NONE);
        }
    }

    /// Forgets of the commits from `head` back to `until` in whose histories they are.
    fn forget(&mut self, head: u32, until: u32) {
        if head == NONE {
            return;
        }
        let mut walk = Walk::new(head, until);
        while let Ok(row) = walk.next_row(&self.commits) {
            self.forget_commit(row);
        }
    }

    fn forget_commit(&mut self, row: u32) {
        self.commits.change.set(row, NONE);
        let flags = self.commits.flags.get(row) & !commit_flag::SHARED;
        self.commits.flags.set(row, flags);
    }
}

#[cfg(test)]
mod tests;
