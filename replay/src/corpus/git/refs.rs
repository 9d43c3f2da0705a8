//! Folding refs in: of Gerrit projects, but for those of changes, and of plain repositories. Depends on the tables.

use proto::GitHash;

use super::apply::Touched;
use super::{Git, Owners, PLAIN, ref_flag};
use crate::columns::{Chain, Key, ROWS_MAX, Text};
use crate::corpus::fault::FaultKind;
use crate::corpus::record::Step;
use crate::wire::GitRef;

impl Owners {
    /// The row of this name, made if it is new; `None` if no row is left.
    pub(super) fn row(&mut self, step: &Step<'_>, name: &[u8]) -> Option<u32> {
        let is_it = |row| step.texts.get(self.name.cell(row)) == name;
        if let Some(row) = self.recent.find(0, self.name.len(), is_it) {
            return Some(row);
        }
        let known = self.find(step.texts, name);
        let row = known.or_else(|| self.add(step, name))?;
        Some(self.recent.note(0, row))
    }

    fn add(&mut self, step: &Step<'_>, name: &[u8]) -> Option<u32> {
        // The owner of a ref has a bit less.
        let row = Some(self.name.len()).filter(|row| *row < PLAIN)?;
        self.name.push(step.record.text(name));
        self.refs.push(Chain::EMPTY);
        self.live_refs.push(0);
        self.changes.push(Chain::EMPTY);
        self.commits.push(0);
        self.label_changes.push(0);
        self.by_name.insert(Key::of_text(0, name), row);
        Some(row)
    }
}

impl Git {
    /// A ref of a plain repository: it points to an object, or is a name for another ref, which need not be there.
    pub(super) fn put_plain_ref(
        &mut self,
        step: &Step<'_>,
        owner: u32,
        git_ref: &GitRef<'_>,
        touched: &mut impl Touched,
    ) {
        let (name, symref) = (git_ref.r#ref.as_bytes(), git_ref.symref_target.as_bytes());
        if name.is_empty() {
            return self
                .faults
                .add(&step.record, FaultKind::RefWithoutName, b"");
        }
        let hash = GitHash::from_hex(git_ref.sha1.as_bytes());
        if hash.is_none() && (!git_ref.sha1.is_empty() || symref.is_empty()) {
            return self.faults.add(&step.record, FaultKind::RefBadHash, name);
        }
        self.put_ref(step, owner, name, hash, symref, touched);
    }

    pub(super) fn put_ref(
        &mut self,
        step: &Step<'_>,
        owner: u32,
        name: &[u8],
        hash: Option<GitHash>,
        symref: &[u8],
        touched: &mut impl Touched,
    ) {
        let Some(row) = self.make_ref(step, owner, name) else {
            return self.faults.add(&step.record, FaultKind::Full, name);
        };
        let was_live = self.refs.flags.get(row) & ref_flag::LIVE != 0;
        let target = if hash.is_some() { ref_flag::TARGET } else { 0 };
        let symbolic = if symref.is_empty() {
            0
        } else {
            ref_flag::SYMBOLIC
        };
        self.refs.flags.set(row, ref_flag::LIVE | target | symbolic);
        let bytes = hash.map_or([0; 20], |hash| *hash.as_bytes());
        self.refs.target.set(row, bytes);
        step.put(&mut self.refs.symref_target, row, symref);
        if !was_live {
            self.count_refs(owner, 1);
        }
        touched.git_ref(row);
    }

    /// Deletes refs; of names that are not there, nothing is said.
    pub(super) fn delete_refs(
        &mut self,
        step: &Step<'_>,
        owner: u32,
        names: &[&str],
        touched: &mut impl Touched,
    ) {
        for name in names {
            let row = self.ref_row(step.texts, owner, name.as_bytes());
            let live = row.filter(|row| self.refs.flags.get(*row) & ref_flag::LIVE != 0);
            if let Some(row) = live {
                self.refs.flags.set(row, 0);
                self.count_refs(owner, -1);
                touched.git_ref(row);
            }
        }
    }

    fn make_ref(&mut self, step: &Step<'_>, owner: u32, name: &[u8]) -> Option<u32> {
        if let Some(row) = self.ref_row(step.texts, owner, name) {
            return Some(row);
        }
        let row = Some(self.refs.owner.len()).filter(|row| *row < ROWS_MAX)?;
        let (owners, number) = self.owner_of(owner);
        let chain = owners.refs.get(number);
        owners.refs.set(number, chain.with(row));
        self.refs.owner.push(owner);
        self.refs.name.push(step.record.text(name));
        self.refs.flags.push(0);
        self.refs.target.push([0; 20]);
        self.refs.symref_target.push(Text::default());
        self.refs.previous.push(chain.last);
        self.refs.by_name.insert(Key::of_text(owner, name), row);
        Some(row)
    }

    fn count_refs(&mut self, owner: u32, by: i32) {
        let (owners, number) = self.owner_of(owner);
        let live = owners.live_refs.get(number);
        owners.live_refs.set(number, live.saturating_add_signed(by));
    }

    /// The table that the owner of a ref is in, and its row there.
    fn owner_of(&mut self, owner: u32) -> (&mut Owners, u32) {
        match owner & PLAIN {
            0 => (&mut self.projects, owner),
            _ => (&mut self.repos, owner & !PLAIN),
        }
    }
}
