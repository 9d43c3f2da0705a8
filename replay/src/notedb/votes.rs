//! Votes on a change, as the `Label: ` lines of its metas cast and take them back.

use std::collections::BTreeMap;

use memchr::memchr;
use proto::GitHash;

use super::line::{contains, line_value, line_values, number, trim_space};
use super::meta::footer;

/// The labels whose votes a patch set with another diff stat takes away.
const TRYBOT_LABELS: [&[u8]; 2] = [b"Run-TryBot", b"TryBot-Result"];

/// What one `Label: ` line does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Vote<'a> {
    /// Casts a vote, instead of the one that the voter may have cast before.
    Set {
        /// The label's name, not empty.
        label: &'a [u8],
        /// The vote; 0 if the line's isn't a number from -128 to 127.
        value: i8,
        /// The voter's email; empty or `None` means the author of the meta.
        who: Option<&'a [u8]>,
    },
    /// Takes the voter's vote back.
    Remove {
        /// The label's name; may be empty, and then nobody has voted.
        label: &'a [u8],
        /// The voter's email; empty or `None` means the author of the meta.
        who: Option<&'a [u8]>,
    },
}

impl<'a> Vote<'a> {
    /// Reads the value of a `Label: ` line, such as `Run-TryBot=+1`, `-Run-TryBot` or
    /// `-TryBot-Result Gobot Gobot <5976@server-uuid>`. `None` if it names no label.
    ///
    /// Newer Gerrits put an id of the vote between label and voter,
    /// `Code-Review=+1, 577fb248… Rick <137@server-uuid>`. The original reads that comma as a part of
    /// the number (so that the vote is 0) or of the label; without `original_semantics` it is none.
    pub(crate) fn parse(text: &'a [u8], original_semantics: bool) -> Option<Self> {
        let (token, who) = match memchr(b' ', text) {
            Some(space) => (&text[..space], voter(&text[space + 1..])),
            None => (text, None),
        };
        let mut token = trim_space(token);
        if !original_semantics {
            token = token.strip_suffix(b",").unwrap_or(token);
        }
        let (label, value) = match memchr(b'=', token) {
            Some(equals) => (&token[..equals], number(&token[equals + 1..]).unwrap_or(0)),
            None => (token, 0),
        };
        match label {
            [] => None,
            [b'-', label @ ..] => Some(Self::Remove { label, who }),
            _ => Some(Self::Set { label, value, who }),
        }
    }
}

/// What is between the first `<` and the `>` after it.
fn voter(text: &[u8]) -> Option<&[u8]> {
    let start = memchr(b'<', text)? + 1;
    let email = &text[start..];
    Some(&email[..memchr(b'>', email)?])
}

/// Votes by label and voter's email. A label whose votes were all taken back stays, with none.
pub type VotesByLabel<'a> = BTreeMap<&'a [u8], BTreeMap<&'a [u8], i8>>;

/// Why the original has no votes to tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoVotes {
    /// It panics: a meta does not say who made it.
    #[error("a meta commit has no author")]
    NoAuthor,
    /// It returns an error: a meta names a patch set's commit that its project does not have.
    #[error("a meta commit names a patch set that its project does not have")]
    UnknownCommit,
}

/// The votes on a change as of one of its metas: all metas up to that one are added in order, oldest
/// first. `C` is whatever stands for a commit.
///
/// With `original_semantics` the answers are the original's. Without, three things are better:
/// * the votes of newer Gerrits are understood ([`Vote::parse`]), and the votes that they copy to a
///   new patch set (`Copied-Label: `) count like others;
/// * a patch set that is not known takes no vote away, and the rest of the metas still counts;
/// * a meta without an author only leaves out the votes that name no voter.
#[derive(Clone, Debug)]
pub(crate) struct Votes<'a, C> {
    labels: VotesByLabel<'a>,
    patch_set: Option<C>,
    failed: Option<NoVotes>,
    original_semantics: bool,
}

impl<'a, C> Votes<'a, C> {
    /// No votes yet.
    pub(crate) const fn new(original_semantics: bool) -> Self {
        Self {
            labels: BTreeMap::new(),
            patch_set: None,
            failed: None,
            original_semantics,
        }
    }

    /// The votes after the metas so far; an error only with `original_semantics`, and then one that
    /// stays.
    pub(crate) fn labels(&self) -> Result<&VotesByLabel<'a>, NoVotes> {
        self.failed.map_or(Ok(&self.labels), Err)
    }

    /// Adds the next meta: its author's email, if it has an author, and its message.
    ///
    /// `find` looks a commit up in the change's project, and `same_diff_stat` tells whether two of
    /// them change the same files by the same numbers of lines. They are asked only where the meta
    /// is of a new patch set, the second only if there was one before.
    pub(crate) fn apply_meta(
        &mut self,
        author_email: Option<&'a [u8]>,
        message: &'a [u8],
        find: impl FnOnce(GitHash) -> Option<C>,
        same_diff_stat: impl FnOnce(&C, &C) -> bool,
    ) {
        if self.failed.is_some() {
            return;
        }
        if self.original_semantics && author_email.is_none() {
            self.failed = Some(NoVotes::NoAuthor);
            return;
        }
        let footer = footer(message);
        if let Some(hex) = new_patch_set(footer) {
            match GitHash::from_hex(hex).and_then(find) {
                Some(commit) => self.replace_patch_set(commit, same_diff_stat),
                None if self.original_semantics => {
                    self.failed = Some(NoVotes::UnknownCommit);
                    return;
                }
                None => {}
            }
        }
        if !self.original_semantics {
            // First: who votes anew in the same meta means that vote.
            self.count(footer, b"Copied-Label: ", author_email);
        }
        self.count(footer, b"Label: ", author_email);
    }

    /// Gerrit has a rule for each label which votes outlive a new patch set, but does not tell it. So
    /// this is a guess: the diff stat says whether the patch changed.
    fn replace_patch_set(&mut self, commit: C, same_diff_stat: impl FnOnce(&C, &C) -> bool) {
        if let Some(last) = &self.patch_set
            && !same_diff_stat(last, &commit)
        {
            for label in TRYBOT_LABELS {
                self.labels.remove(label);
            }
        }
        self.patch_set = Some(commit);
    }

    fn count(&mut self, footer: &'a [u8], prefix: &'a [u8], author_email: Option<&'a [u8]>) {
        for line in line_values(footer, prefix) {
            let Some(vote) = Vote::parse(line, self.original_semantics) else {
                continue;
            };
            let (Vote::Set { who, .. } | Vote::Remove { who, .. }) = vote;
            let Some(who) = who.filter(|who| !who.is_empty()).or(author_email) else {
                continue;
            };
            match vote {
                Vote::Set { label, value, .. } => {
                    self.labels.entry(label).or_default().insert(who, value);
                }
                Vote::Remove { label, .. } => {
                    if let Some(votes) = self.labels.get_mut(label) {
                        votes.remove(who);
                    }
                }
            }
        }
    }
}

/// The commit of the patch set that a meta with this footer brings, as it is written there.
fn new_patch_set(footer: &[u8]) -> Option<&[u8]> {
    if !contains(footer, b"\nTag: autogenerated:gerrit:newPatchSet\n") {
        return None;
    }
    let (commit, _) = line_value(footer, b"Commit: ")?;
    (!commit.is_empty()).then_some(commit)
}

#[cfg(test)]
mod tests;
