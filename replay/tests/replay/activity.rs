//! Logs of the `activity` stream in memory, and corpora of them.

use bytes::Bytes;
use forgelog_replay::corpus::{self, DumpOptions};
use forgelog_replay::segments::Block;
use forgelog_replay::{BrokenFrame, Corpus, Folded, Rules};
use proto::Message as _;
use proto::maintpb::{GithubIssueMutation, Mutation};

/// Framed payloads.
pub(crate) fn framed<B: AsRef<[u8]>>(payloads: impl IntoIterator<Item = B>) -> Bytes {
    let mut bytes = Vec::new();
    for payload in payloads {
        let offset = bytes.len() as u64;
        log_core::frame::encode(&mut bytes, offset, payload.as_ref());
    }
    bytes.into()
}

/// Framed mutations.
pub(crate) fn log_of(mutations: &[Mutation]) -> Bytes {
    framed(mutations.iter().map(|mutation| mutation.encode_to_vec()))
}

/// The corpus of a log of one segment, by the original's rules, and where the log is broken.
pub(crate) fn fold(log: Bytes) -> (Folded<Corpus>, Option<BrokenFrame>) {
    let mut rules = Rules::default();
    rules.original_semantics = true;
    let mut folded = Folded::with(Corpus::with_rules(rules));
    let block = Block {
        segment: 0,
        start: 0,
        bytes: log.into(),
    };
    let outcome = folded.fold_blocks(&[block]);
    (folded, outcome.err())
}

/// The corpus of these mutations.
pub(crate) fn corpus_of(mutations: &[Mutation]) -> Folded<Corpus> {
    let (folded, broken) = fold(log_of(mutations));
    assert_eq!(broken, None);
    folded
}

/// The corpus of changes of `golang/go#3`.
pub(crate) fn corpus_of_issue(
    mutations: impl IntoIterator<Item = GithubIssueMutation>,
) -> Folded<Corpus> {
    let mutations: Vec<_> = mutations.into_iter().map(of_issue).collect();
    corpus_of(&mutations)
}

/// A change of `golang/go#3`.
pub(crate) fn of_issue(mutation: GithubIssueMutation) -> Mutation {
    Mutation {
        github_issue: Some(GithubIssueMutation {
            owner: "golang".into(),
            repo: "go".into(),
            number: 3,
            ..mutation
        }),
        ..Mutation::default()
    }
}

/// The canonical dump.
pub(crate) fn dump(corpus: &Corpus) -> String {
    let mut out = Vec::new();
    corpus::dump(corpus, &DumpOptions::default(), &mut out).unwrap();
    String::from_utf8(out).unwrap()
}
