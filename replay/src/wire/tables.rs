//! The messages of `maintner.proto` and `meta.proto`, field by field; those files say what a field
//! means. Depends on nothing.

use super::field::Field;
use super::reader::{Reader, has_long_key, key_of};
use super::{DecodeError, DiffTree, Message, Part};

/// Declares messages: the number, name and type of each field.
macro_rules! define {
    ($($message:ident $(<$lifetime:lifetime>)? of $prost:ty {
        $($number:literal => $field:ident: $type:ty,)*
    })*) => {$(
        #[doc = concat!("The message `", stringify!($message), "`.")]
        #[derive(Clone, Debug, Default, PartialEq, Eq)]
        #[allow(missing_docs)] // the .proto files have them
        pub struct $message $(<$lifetime>)? {
            $(pub $field: $type,)*
        }

        impl<'a> Message<'a> for $message $(<$lifetime>)? {
            #[inline]
            fn merge(&mut self, bytes: &'a [u8]) -> Result<(), DecodeError> {
                const HAS_LONG_KEYS: bool = has_long_key(&[$($number),*]);
                let mut reader = Reader::new(bytes);
                // All who write do so in the order of the numbers: each field is looked for behind the one before it.
                while !reader.is_empty() {
                    let mut key = reader.key(HAS_LONG_KEYS);
                    $(while key == key_of($number, <$type as Field<'a>>::WIRE) {
                        reader.pass_key(key);
                        Field::merge(&mut self.$field, &mut reader)?;
                        if reader.is_empty() {
                            return Ok(());
                        }
                        key = reader.key(HAS_LONG_KEYS);
                    })*
                    reader.by_copy(|reader| self.merge_next(reader))?;
                }
                Ok(())
            }

            #[inline(always)]
            fn clear(&mut self) {
                $(Field::clear(&mut self.$field);)*
            }
        }

        impl<'a> $message $(<$lifetime>)? {
            /// Takes in the next field, whatever it is and wherever it stands.
            #[cold]
            fn merge_next(&mut self, reader: &mut Reader<'a>) -> Result<(), DecodeError> {
                let Some(tag) = reader.tag()? else {
                    return Ok(());
                };
                let is_taken = match tag.number {
                    $($number => Field::merge_as(&mut self.$field, tag.wire, reader)?,)*
                    _ => false,
                };
                match is_taken {
                    true => Ok(()),
                    false => reader.skip(tag),
                }
            }
        }
    )*};
}

/// Gives the messages and fields to another macro. The tests also make prost's messages of them.
macro_rules! messages {
    ($with:ident) => {
        $with! {
            GithubMutation<'a> of proto::maintpb::GithubMutation {
                1 => owner: &'a str,
                2 => repo: &'a str,
                3 => labels: Vec<Part<'a, GithubLabel<'a>>>,
                4 => milestones: Vec<Part<'a, GithubMilestone<'a>>>,
            }

            GithubIssueMutation<'a> of proto::maintpb::GithubIssueMutation {
                1 => owner: &'a str,
                2 => repo: &'a str,
                3 => number: i32,
                4 => user: Option<GithubUser<'a>>,
                5 => created: Option<Timestamp>,
                6 => updated: Option<Timestamp>,
                7 => body: &'a str,
                8 => comment: Vec<Part<'a, GithubIssueCommentMutation<'a>>>,
                9 => title: &'a str,
                10 => assignees: Vec<Part<'a, GithubUser<'a>>>,
                11 => deleted_assignees: Vec<i64>,
                12 => id: i64,
                13 => not_exist: bool,
                14 => comment_status: Option<GithubIssueSyncStatus>,
                15 => no_milestone: bool,
                16 => milestone_id: i64,
                17 => milestone_num: i64,
                18 => milestone_title: &'a str,
                19 => closed: Option<BoolChange>,
                21 => closed_at: Option<Timestamp>,
                22 => closed_by: Option<GithubUser<'a>>,
                23 => remove_label: Vec<i64>,
                24 => add_label: Vec<Part<'a, GithubLabel<'a>>>,
                25 => locked: Option<BoolChange>,
                26 => event: Vec<Part<'a, GithubIssueEvent<'a>>>,
                27 => event_status: Option<GithubIssueSyncStatus>,
                28 => pull_request: bool,
                29 => review: Vec<Part<'a, GithubReview<'a>>>,
                30 => review_status: Option<GithubIssueSyncStatus>,
                31 => body_change: Option<StringChange<'a>>,
            }

            BoolChange of proto::maintpb::BoolChange {
                1 => val: bool,
            }

            StringChange<'a> of proto::maintpb::StringChange {
                1 => val: &'a str,
            }

            GithubLabel<'a> of proto::maintpb::GithubLabel {
                1 => id: i64,
                2 => name: &'a str,
            }

            GithubMilestone<'a> of proto::maintpb::GithubMilestone {
                1 => id: i64,
                2 => title: &'a str,
                3 => closed: Option<BoolChange>,
                4 => number: i64,
            }

            GithubIssueEvent<'a> of proto::maintpb::GithubIssueEvent {
                1 => id: i64,
                2 => event_type: &'a str,
                3 => actor_id: i64,
                4 => created: Option<Timestamp>,
                5 => label: Option<GithubLabel<'a>>,
                6 => milestone: Option<GithubMilestone<'a>>,
                7 => assignee_id: i64,
                8 => assigner_id: i64,
                9 => commit: Option<GithubCommit<'a>>,
                10 => other_json: &'a [u8],
                11 => rename_from: &'a str,
                12 => rename_to: &'a str,
                13 => reviewer_id: i64,
                14 => review_requester_id: i64,
                15 => dismissed_review: Option<GithubDismissedReviewEvent<'a>>,
                16 => team_reviewer: Option<GithubTeam<'a>>,
            }

            GithubDismissedReviewEvent<'a> of proto::maintpb::GithubDismissedReviewEvent {
                1 => review_id: i64,
                3 => dismissal_message: &'a str,
                4 => state: &'a str,
            }

            GithubCommit<'a> of proto::maintpb::GithubCommit {
                1 => owner: &'a str,
                2 => repo: &'a str,
                3 => commit_id: &'a str,
            }

            GithubReview<'a> of proto::maintpb::GithubReview {
                1 => id: i64,
                2 => actor_id: i64,
                3 => created: Option<Timestamp>,
                4 => body: &'a str,
                5 => state: &'a str,
                6 => commit_id: &'a str,
                7 => actor_association: &'a str,
                8 => other_json: &'a [u8],
            }

            GithubIssueSyncStatus of proto::maintpb::GithubIssueSyncStatus {
                1 => server_date: Option<Timestamp>,
            }

            GithubIssueCommentMutation<'a> of proto::maintpb::GithubIssueCommentMutation {
                1 => id: i64,
                2 => user: Option<GithubUser<'a>>,
                3 => body: &'a str,
                4 => created: Option<Timestamp>,
                5 => updated: Option<Timestamp>,
            }

            GithubUser<'a> of proto::maintpb::GithubUser {
                1 => id: i64,
                2 => login: &'a str,
            }

            GithubTeam<'a> of proto::maintpb::GithubTeam {
                1 => id: i64,
                2 => slug: &'a str,
            }

            GitMutation<'a> of proto::maintpb::GitMutation {
                1 => repo: Option<GitRepo<'a>>,
                2 => commit: Option<GitCommit<'a>>,
                1000 => refs: Vec<Part<'a, GitRef<'a>>>,
                1001 => deleted_refs: Vec<&'a str>,
            }

            GitRepo<'a> of proto::maintpb::GitRepo {
                1 => go_repo: &'a str,
                1000 => name: &'a str,
            }

            GitCommit<'a> of proto::maintpb::GitCommit {
                1 => sha1: &'a str,
                2 => raw: &'a [u8],
                3 => diff_tree: DiffTree<'a>,
                1000 => raw_is_cut: bool,
            }

            GitDiffTreeFile<'a> of proto::maintpb::GitDiffTreeFile {
                1 => file: &'a str,
                2 => added: i64,
                3 => deleted: i64,
                4 => binary: bool,
            }

            GerritMutation<'a> of proto::maintpb::GerritMutation {
                1 => project: &'a str,
                2 => commits: Vec<Part<'a, GitCommit<'a>>>,
                3 => refs: Vec<Part<'a, GitRef<'a>>>,
                4 => deleted_refs: Vec<&'a str>,
            }

            GitRef<'a> of proto::maintpb::GitRef {
                1 => r#ref: &'a str,
                2 => sha1: &'a str,
                1000 => symref_target: &'a str,
            }

            Meta<'a> of proto::forgelog::Meta {
                1 => recorded: Option<Timestamp>,
                2 => writer: &'a str,
                3 => epoch: u64,
                4 => cause: Option<Cause<'a>>,
                5 => idempotency_key: &'a str,
            }

            Cause<'a> of proto::forgelog::Cause {
                1 => stream: &'a str,
                2 => segment: u32,
                3 => offset: u64,
            }

            Timestamp of proto::Timestamp {
                1 => seconds: i64,
                2 => nanos: i32,
            }
        }
    };
}

messages!(define);
#[cfg(test)]
pub(super) use messages;

impl Copy for Timestamp {}
impl Copy for BoolChange {}
impl Copy for GithubIssueSyncStatus {}
