//! The GitHub issues that a commit message mentions.
//!
//! An issue is `owner/repo#12`, or in Go's own project just `#12`. What the original finds with the
//! pattern `(?:\b([\w\-]+)/([\w\-]+))?\#(\d+)\b` is found here from the `#`s: digits must follow, and
//! an owner and a repo may stand before, which are looked for backwards, never further than the end
//! of the mention before. `\w` and `\b` know ASCII only.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

use memchr::memchr_iter;

use super::line::number;

/// The only project where `#12` alone is an issue, and whose.
const GO_PROJECT: &[u8] = b"go.googlesource.com/go";
const GO_OWNER: &[u8] = b"golang";
const GO_REPO: &[u8] = b"go";

/// From so many on, a set tells whether an issue was mentioned before.
const FEW: usize = 16;

/// A mention of a GitHub issue.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct IssueRef<'a> {
    /// In lower case; ASCII.
    pub owner: Cow<'a, [u8]>,
    /// In lower case; ASCII.
    pub repo: Cow<'a, [u8]>,
    /// The issue's number; may be 0.
    pub number: i32,
}

impl fmt::Display for IssueRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = String::from_utf8_lossy;
        let (owner, repo) = (text(&self.owner), text(&self.repo));
        write!(f, "{owner}/{repo}#{}", self.number)
    }
}

/// The issues that a commit message in a Gerrit project (`go.googlesource.com/net`) mentions, in
/// order, each once. Allocates what it returns, and names that are not in lower case.
pub(crate) fn github_refs<'a>(message: &'a [u8], project: &[u8]) -> Vec<IssueRef<'a>> {
    let mut found = Vec::new();
    let mut seen = HashSet::new();
    let mut from = 0;
    for at in memchr_iter(b'#', message) {
        let Some(mention) = mention(message, from, at) else {
            continue;
        };
        from = mention.end;
        let (owner, repo) = match mention.repo {
            Some((owner, repo)) => (lower(owner), lower(repo)),
            None if project == GO_PROJECT => (Cow::Borrowed(GO_OWNER), Cow::Borrowed(GO_REPO)),
            None => continue,
        };
        let Some(number) = number(mention.digits) else {
            continue;
        };
        let issue = IssueRef {
            owner,
            repo,
            number,
        };
        let known = if found.len() < FEW {
            found.contains(&issue)
        } else {
            if seen.is_empty() {
                seen.extend(found.iter().cloned());
            }
            !seen.insert(issue.clone())
        };
        if !known {
            found.push(issue);
        }
    }
    found
}

struct Mention<'a> {
    repo: Option<(&'a [u8], &'a [u8])>,
    digits: &'a [u8],
    end: usize,
}

/// The mention whose `#` is at `hash`, if it is one. The one before it ends at `from`.
fn mention(message: &[u8], from: usize, hash: usize) -> Option<Mention<'_>> {
    let start = hash + 1;
    let rest = &message[start..];
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if digits == 0 || rest.get(digits).is_some_and(|next| is_word(*next)) {
        return None;
    }
    Some(Mention {
        repo: repo_before(message, from, hash),
        digits: &rest[..digits],
        end: start + digits,
    })
}

/// The owner and repo that end at `hash`, not before `from`.
fn repo_before(message: &[u8], from: usize, hash: usize) -> Option<(&[u8], &[u8])> {
    let repo = name_start(message, from, hash);
    let slash = repo.checked_sub(1).filter(|slash| *slash >= from)?;
    if repo == hash || message[slash] != b'/' {
        return None;
    }
    // The owner is as long as it can be: from the first place where a word starts or ends.
    let word_before = |at: usize| at > 0 && is_word(message[at - 1]);
    let owner = (name_start(message, from, slash)..slash)
        .find(|at| word_before(*at) != is_word(message[*at]))?;
    Some((&message[owner..slash], &message[repo..hash]))
}

/// Where the characters of a name that end at `end` start, not before `from`.
fn name_start(message: &[u8], from: usize, end: usize) -> usize {
    let name = message[from..end]
        .iter()
        .rev()
        .take_while(|byte| is_word(**byte) || **byte == b'-')
        .count();
    end - name
}

const fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn lower(name: &[u8]) -> Cow<'_, [u8]> {
    if name.iter().any(u8::is_ascii_uppercase) {
        Cow::Owned(name.to_ascii_lowercase())
    } else {
        Cow::Borrowed(name)
    }
}

#[cfg(test)]
mod tests;
