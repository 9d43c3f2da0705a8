//! NoteDb: the meta commits that tell a change's story, in footers (spec 3.6). Depends on [`super`].

use super::{Change, Found};
use crate::commit::Header;
use crate::people::Person;
use crate::text::hex;
use crate::world::World;
use std::fmt::Write as _;

/// When Gerrit began to put a UUID after a vote: 2023-01-01.
const VOTE_UUIDS: i64 = 1_672_531_200;

/// What happened to a change.
#[derive(Clone, Copy)]
pub(super) enum Note {
    Create,
    PatchSet,
    Comment,
    Vote,
    /// The reviewer takes the vote back.
    Unvote,
    TryBegin,
    /// Whether the try went well.
    TryEnd(bool),
    /// Set, or taken away.
    Hashtag(bool),
    /// Ready for review, or work in progress again.
    Ready(bool),
    Private(bool),
    Topic,
    Attention,
    Approve,
    Merge,
    Abandon,
    Restore,
}

impl Change {
    /// Adds the meta commit of what happened.
    pub(super) fn note(&mut self, world: &mut World, found: &mut Found, note: Note, now: i64) {
        let parents: Vec<_> = self.meta.into_iter().collect();
        let by = self.author_of(note);
        let message = self.meta_message(world, note, now);
        let (hash, commit) = Header::bare(&parents)
            .ident(
                "author",
                |out| world.crowd.gerrit_ident(by, out),
                now,
                "+0000",
            )
            .ident(
                "committer",
                |out| out.push_str("Gerrit Code Review <noreply-gerritcodereview@google.com>"),
                now,
                "+0000",
            )
            .message(message.as_bytes(), Vec::new());
        self.meta = Some(hash);
        found.commits.push(commit);
    }

    fn author_of(&self, note: Note) -> Person {
        match note {
            Note::Vote | Note::Unvote | Note::Approve | Note::Merge | Note::Comment => {
                self.reviewer
            }
            // The robot.
            Note::TryBegin | Note::TryEnd(_) => 0,
            _ => self.owner,
        }
    }

    /// The whole message: a subject, what people see, and the footers.
    fn meta_message(&self, world: &mut World, note: Note, now: i64) -> String {
        let set = self.patch_set;
        let mut text = String::with_capacity(768);
        match note {
            Note::Create => text.push_str("Create change"),
            Note::PatchSet => {
                let _ = write!(text, "Create patch set {set}");
            }
            _ => {
                let _ = write!(text, "Update patch set {set}");
            }
        }
        text.push_str("\n\n");
        self.say(world, note, &mut text);
        let _ = write!(text, "\n\nPatch-set: {set}\n");
        self.footers(world, note, now, &mut text);
        text
    }

    /// What people see of it.
    fn say(&self, world: &mut World, note: Note, text: &mut String) {
        let set = self.patch_set;
        let said = match note {
            Note::Create | Note::PatchSet => format!("Uploaded patch set {set}."),
            Note::Comment => {
                let _ = write!(text, "Patch Set {set}:\n\n");
                return world.prose.paragraphs(&mut world.rng, 280, text);
            }
            Note::Vote => {
                let _ = write!(text, "Patch Set {set}: Run-TryBot+1 Code-Review+1\n\n");
                return world.prose.paragraphs(&mut world.rng, 90, text);
            }
            Note::Unvote => format!("Patch Set {set}: -Code-Review"),
            Note::TryBegin => {
                let _ = write!(
                    text,
                    "Patch Set {set}:\n\nTryBots beginning. Status page: https://farmer.golang.org/try?commit="
                );
                return hex(&mut world.rng, 8, text);
            }
            Note::TryEnd(true) => format!("Patch Set {set}: TryBot-Result+1\n\nTryBots are happy."),
            Note::TryEnd(false) => {
                let _ = write!(text, "Patch Set {set}: TryBot-Result-1\n\nBuild failed on ");
                text.push_str(
                    world
                        .rng
                        .pick(&["linux-386", "windows-amd64", "darwin-arm64"]),
                );
                text.push_str(".\nSee https://storage.googleapis.com/go-build-log/");
                return hex(&mut world.rng, 8, text);
            }
            Note::Hashtag(true) => "Hashtag added: wait-release".to_owned(),
            Note::Hashtag(false) => "Hashtag removed: wait-release".to_owned(),
            Note::Ready(true) => format!("Patch Set {set}: This change is ready for review."),
            Note::Ready(false) => "Set Work In Progress".to_owned(),
            Note::Private(true) => "Set private".to_owned(),
            Note::Private(false) => "Unset private".to_owned(),
            Note::Topic => "Topic set".to_owned(),
            Note::Attention => format!("Patch Set {set}:\n\n(1 comment)"),
            Note::Approve => format!("Patch Set {set}: Code-Review+2"),
            Note::Merge => {
                format!(
                    "Change has been successfully cherry-picked as {}",
                    self.commit
                )
            }
            Note::Abandon => "Abandoned".to_owned(),
            Note::Restore => "Restored".to_owned(),
        };
        text.push_str(&said);
    }

    fn footers(&self, world: &mut World, note: Note, now: i64, text: &mut String) {
        match note {
            Note::Create => {
                let _ = write!(text, "Change-id: {}\nSubject: ", self.id);
                text.push_str(&self.text[..self.subject_len]);
                let _ = write!(
                    text,
                    "\nBranch: refs/heads/{}\nStatus: new\nTopic: \n",
                    self.branch
                );
                self.commit_footers("newPatchSet", text);
                let _ = writeln!(text, "Private: false\nWork-in-progress: {}", self.wip);
            }
            Note::PatchSet => {
                text.push_str("Subject: ");
                text.push_str(&self.text[..self.subject_len]);
                text.push('\n');
                self.commit_footers("newPatchSet", text);
            }
            Note::Merge => {
                text.push_str("Status: merged\n");
                self.commit_footers("merged", text);
                let _ = writeln!(
                    text,
                    "Label: SUBM=+1\nSubmission-id: {0}-{now}000\nSubmitted-with: OK",
                    self.number
                );
            }
            Note::Vote => {
                self.reviewer_footer(world, "Reviewer", text);
                text.push_str("Label: Run-TryBot=+1\n");
                self.vote(world, "Code-Review=+1", now, text);
            }
            Note::Unvote => text.push_str("Label: -Code-Review\n"),
            Note::Approve => {
                self.reviewer_footer(world, "Reviewer", text);
                self.vote(world, "Code-Review=+2", now, text);
            }
            Note::TryBegin => {
                self.reviewer_footer(world, "CC", text);
                text.push_str("Tag: autogenerated:trybots~beginning\n");
            }
            Note::TryEnd(true) => {
                text.push_str("Tag: autogenerated:trybots~happy\nLabel: TryBot-Result=+1\n");
            }
            Note::TryEnd(false) => {
                text.push_str("Tag: autogenerated:trybots~failed\nLabel: TryBot-Result=-1\n");
            }
            Note::Hashtag(set) => {
                let tags = if set {
                    "wait-release,early-in-cycle"
                } else {
                    ""
                };
                let _ = writeln!(
                    text,
                    "Hashtags: {tags}\nTag: autogenerated:gerrit:setHashtag"
                );
            }
            Note::Ready(ready) => {
                let tag = if ready {
                    "setReadyForReview"
                } else {
                    "setWorkInProgress"
                };
                let _ = writeln!(
                    text,
                    "Work-in-progress: {}\nTag: autogenerated:gerrit:{tag}",
                    !ready
                );
            }
            Note::Private(set) => {
                let _ = writeln!(text, "Private: {set}\nTag: autogenerated:gerrit:setPrivate");
            }
            Note::Topic => {
                text.push_str("Topic: topic-of-the-day\nTag: autogenerated:gerrit:setTopic\n")
            }
            Note::Attention => self.attention(world, text),
            Note::Abandon => {
                text.push_str("Status: abandoned\nTag: autogenerated:gerrit:abandon\n")
            }
            Note::Restore => text.push_str("Status: new\nTag: autogenerated:gerrit:restore\n"),
            Note::Comment => {}
        }
    }

    /// A vote of whoever writes; newer servers give each a number of its own.
    fn vote(&self, world: &mut World, vote: &str, now: i64, text: &mut String) {
        let _ = write!(text, "Label: {vote}");
        if now > VOTE_UUIDS && world.rng.percent(20) {
            text.push_str(", ");
            hex(&mut world.rng, 40, text);
        }
        text.push('\n');
    }

    /// Whose turn it is, in JSON as Gerrit writes it.
    fn attention(&self, world: &World, text: &mut String) {
        text.push_str(r#"Attention: {"person_ident":""#);
        let mut ident = String::with_capacity(80);
        world.crowd.gerrit_ident(self.reviewer, &mut ident);
        text.push_str(&ident.replace('<', r"\u003c").replace('>', r"\u003e"));
        text.push_str("\",\"operation\":\"ADD\",\"reason\":\"replied\"}\n");
    }

    fn commit_footers(&self, tag: &str, text: &mut String) {
        let commit = self.commit;
        let _ = writeln!(
            text,
            "Commit: {commit}\nTag: autogenerated:gerrit:{tag}\nGroups: {commit}"
        );
    }

    fn reviewer_footer(&self, world: &World, role: &str, text: &mut String) {
        text.push_str(role);
        text.push_str(": ");
        world.crowd.gerrit_ident(self.reviewer, text);
        text.push('\n');
    }
}
