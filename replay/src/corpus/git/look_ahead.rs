//! Asking for what will be looked up, some time before. Depends on the tables.

use super::Git;
use super::parse::Taken;
use crate::notedb::change_ref::ChangeRef;

impl Git {
    /// Asks for where what is named in a part will be looked for. Changes nothing but the time that it takes.
    pub(in crate::corpus) fn look_ahead(&self, taken: &Taken<'_>, part: usize) {
        let (commits, refs) = taken.named(part);
        for read in commits {
            self.commits.by_hash.prefetch(read.key);
            if let Some((_, key)) = read.first_parent {
                self.commits.by_hash.prefetch(key);
            }
        }
        for git_ref in refs {
            // Most point to what comes with them.
            if commits.last().is_none_or(|last| last.key != git_ref.key) {
                self.commits.by_hash.prefetch(git_ref.key);
            }
            match git_ref.change {
                ChangeRef::Meta { .. } => self.changes.by_number.prefetch(git_ref.change_key),
                ChangeRef::PatchSet { .. } => {
                    self.changes.by_number.prefetch(git_ref.change_key);
                    self.patch_sets.by_version.prefetch(git_ref.patch_set_key);
                }
                _ => {}
            }
        }
    }
}
