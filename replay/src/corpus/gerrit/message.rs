//! A message on a change.

use std::borrow::Cow;

use super::Meta;
use crate::corpus::git::signature::Signature;
use crate::notedb::meta::MetaMessage;

/// What somebody said about a change as a whole, not about a line of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message<'a> {
    pub(super) meta: Meta<'a>,
    pub(super) said: MetaMessage<'a>,
}

impl<'a> Message<'a> {
    /// The meta that holds it.
    pub fn meta(&self) -> Meta<'a> {
        self.meta
    }

    /// The patch set that it was said on.
    pub fn version(&self) -> i32 {
        self.said.version
    }

    /// What was said, such as `Patch Set 1: Code-Review+2` and what follows.
    pub fn text(&self) -> Cow<'a, str> {
        String::from_utf8_lossy(self.said.text)
    }

    /// The same as it was written.
    pub fn text_bytes(&self) -> &'a [u8] {
        self.said.text
    }

    /// When it was said; of the signature, only when and where are of interest.
    pub fn date(&self) -> Option<Signature<'a>> {
        self.meta.commit.committer()
    }

    /// Who said it, such as `Gerrit User 13437 <13437@server-uuid>`.
    pub fn author(&self) -> Option<Signature<'a>> {
        self.meta.commit.author()
    }
}
