//! That going on from what is known is the same as walking everything again, and that it is not walked again.

use std::cell::Cell;

use log_core::{Position, Record};
use proptest::prelude::*;
use proto::GitHash;
use proto::maintpb::{GerritMutation, GitCommit, GitRef, Mutation};

use super::*;
use crate::corpus::Corpus;
use crate::projection::{Folded, Projection as _, RecordRef};

thread_local! {
    static VISITS: Cell<u64> = const { Cell::new(0) };
}

/// A walk looks at a commit.
pub(super) fn count_visit() {
    VISITS.set(VISITS.get() + 1);
}

/// How many commits walks looked at meanwhile.
fn visits(work: impl FnOnce()) -> u64 {
    let before = VISITS.get();
    work();
    VISITS.get() - before
}

const MESSAGES: [&str; 9] = [
    "nothing",
    "x\n\nPatch-set: 1\nStatus: merged\nLabel: A=+1\n",
    "x\n\nPatch-set: 1\nStatus: new\n",
    "x\n\nPatch-set: 1\nStatus: abandoned\nWork-in-progress: true\n",
    "x\n\nPatch-set: 1\nBranch: refs/heads/a\nPrivate: true\n",
    "x\n\nPatch-set: 1\nBranch: refs/heads/a-long-name-that-is-not-inline\n",
    "x\n\nPatch-set: 1\nBranch: refs/heads/\n",
    "x\n\nPatch-set: 1\nWork-in-progress: false\nLabel: B=+1\n",
    "x\n\nBranch: b\nWork-in-progress: true\n",
];

#[derive(Clone, Debug)]
enum Told {
    Commit(u32, Vec<u32>, usize),
    Meta(u32, u32),
    PatchSet(u32, u32),
}

fn hash(number: u32) -> GitHash {
    let mut bytes = [0; 20];
    bytes[16..].copy_from_slice(&number.to_be_bytes());
    GitHash::from_bytes(bytes)
}

impl Told {
    fn mutation(&self) -> Mutation {
        let git_ref = |change: u32, version: &str, name: u32| GitRef {
            r#ref: format!("refs/changes/00/{change}/{version}"),
            sha1: hash(name).to_string(),
            ..GitRef::default()
        };
        let (mut commits, mut refs) = (Vec::new(), Vec::new());
        match self {
            Self::Commit(name, parents, message) => {
                let parents = parents
                    .iter()
                    .map(|name| format!("parent {}\n", hash(*name)));
                let parents: String = parents.collect();
                let by = format!("A <{name}@x> {} +0000", 1_500_000_000 + name);
                let message = MESSAGES[*message];
                // With a tree, as all have, and without, which is read another way.
                let tree = match name % 3 {
                    0 => String::new(),
                    _ => format!("tree {}\n", hash(0)),
                };
                let raw = format!("{tree}{parents}author {by}\ncommitter {by}\n\n{message}");
                commits.push(GitCommit {
                    sha1: hash(*name).to_string(),
                    raw: raw.into_bytes().into(),
                    ..GitCommit::default()
                });
            }
            Self::Meta(change, name) => refs.push(git_ref(*change, "meta", *name)),
            Self::PatchSet(change, name) => refs.push(git_ref(*change, "1", *name)),
        }
        let gerrit = GerritMutation {
            project: "server/project".into(),
            commits,
            refs,
            ..GerritMutation::default()
        };
        Mutation {
            gerrit: Some(gerrit),
            ..Mutation::default()
        }
    }
}

fn apply(folded: &mut Folded<Corpus>, told: &Told) {
    let payload = prost::Message::encode_to_vec(&told.mutation());
    let at = folded.position();
    let next = Position {
        offset: at.offset + 16 + payload.len() as u64,
        ..at
    };
    folded.apply(&Record {
        at,
        next,
        payload: payload.into(),
    });
}

fn corpus_of(told: &[Told]) -> Folded<Corpus> {
    let mut folded = Folded::default();
    told.iter().for_each(|told| apply(&mut folded, told));
    folded
}

/// The same, with everything walked again from nothing.
fn walked_again(folded: &mut Folded<Corpus>) -> Corpus {
    let mut corpus = folded.snapshot().state().again();
    let Corpus { git, segments, .. } = &mut corpus;
    let record = RecordRef {
        at: Position::START,
        next: Position::START,
        payload: &[],
    };
    let texts = Texts {
        segments,
        extra: None,
    };
    let step = Step { record, texts };
    (0..git.commits.hash.len()).for_each(|row| git.forget_commit(row));
    for change in 0..git.changes.project.len() {
        if git.changes.meta.get(change) != NONE {
            git.walk_all(&step, change);
        }
    }
    corpus
}

/// Everything that is derived from histories.
fn derived(corpus: &Corpus) -> Vec<String> {
    let (git, changes) = (&corpus.git, &corpus.git.changes);
    let of_change = |row| {
        let branch = changes.branch.get(row);
        format!(
            "{} flags {:b} oldest {} metas {} labels {} status {} branch {:?} created {:?} owner {}",
            changes.number.get(row),
            changes.flags.get(row),
            changes.oldest.get(row),
            changes.metas.get(row),
            changes.label_changes.get(row),
            changes.status.get(row),
            corpus.texts().get(&branch),
            changes.created.get(row),
            changes.owner.get(row),
        )
    };
    let of_commit = |row| {
        let is_shared = git.commits.flags.get(row) & commit_flag::SHARED != 0;
        let change = git.commits.change.get(row);
        if change != NONE {
            let mut is_there = false;
            git.walk(changes.meta.get(change), NONE, |met| is_there |= met == row);
            assert!(is_there, "{row} is in the history of {change}");
        }
        // Of a commit that is shared it is any of those that have it.
        let change = if is_shared { 0 } else { change };
        format!("commit {row} of {change} shared {is_shared}")
    };
    let totals = format!(
        "{:?} complete with {:?} metas, labels {:?}",
        changes.complete.get(),
        changes.complete_metas.get(),
        git.projects.label_changes.iter().collect::<Vec<_>>(),
    );
    let rows = (0..changes.project.len()).map(of_change);
    let commits = (0..git.commits.hash.len()).map(of_commit);
    rows.chain(commits).chain([totals]).collect()
}

fn told() -> impl Strategy<Value = Told> {
    let name = || 0..9u32;
    let message = || 0..MESSAGES.len();
    prop_oneof![
        // A line from 0 to 8, of which any part may come first.
        6 => (name(), message()).prop_map(|(name, message)| {
            let parents = if name == 8 { vec![] } else { vec![name + 1] };
            Told::Commit(name, parents, message)
        }),
        2 => (name(), prop::collection::vec(name(), 0..2), message())
            .prop_map(|(name, parents, message)| Told::Commit(name, parents, message)),
        1 => (name(), prop::collection::vec(name(), 0..4), message())
            .prop_map(|(name, parents, message)| Told::Commit(name, parents, message)),
        3 => (1..5u32, name()).prop_map(|(change, name)| Told::Meta(change, name)),
        1 => (1..5u32, name()).prop_map(|(change, name)| Told::PatchSet(change, name)),
    ]
}

proptest! {
    #[test]
    fn it_is_the_same_as_walking_everything_again(
        told in prop::collection::vec(told(), 1..40),
    ) {
        let mut folded = Folded::default();
        for (number, one) in told.iter().enumerate() {
            apply(&mut folded, one);
            let again = walked_again(&mut folded);
            prop_assert_eq!(derived(folded.state()), derived(&again), "after {}", number);
        }
    }

    #[test]
    fn the_order_in_which_a_history_comes_does_not_matter(
        messages in prop::collection::vec(0..MESSAGES.len(), 2..30),
        order in any::<prop::sample::Selector>(),
        at in any::<prop::sample::Index>(),
    ) {
        let count = messages.len() as u32;
        let commit = |name: u32| {
            let parents = if name + 1 == count { vec![] } else { vec![name + 1] };
            Told::Commit(name, parents, messages[name as usize])
        };
        // The newest is 0; its ref comes as soon as it is known, or later.
        let mut names: Vec<_> = (0..count).collect();
        names.sort_by_cached_key(|name| order.select((0..1000).map(|key| (key, *name))));
        let first = names.iter().position(|name| *name == 0).unwrap();
        let at = first + 1 + at.index(names.len() - first);
        let mut told: Vec<_> = names.into_iter().map(commit).collect();
        told.insert(at, Told::Meta(1, 0));
        told.push(Told::PatchSet(1, 0));
        let mut oldest_first: Vec<_> = (0..count).rev().map(commit).collect();
        oldest_first.extend([Told::Meta(1, 0), Told::PatchSet(1, 0)]);
        let text = |told: &[Told]| {
            let folded = corpus_of(told);
            let mut out = Vec::new();
            crate::corpus::dump(folded.state(), &Default::default(), &mut out).unwrap();
            (folded.state().counts(), String::from_utf8(out).unwrap())
        };
        prop_assert_eq!(text(&told), text(&oldest_first));
    }
}

/// Commits from `from` on, each the parent of the one before it; the last has none.
fn line(from: u32, count: u32) -> impl DoubleEndedIterator<Item = Told> {
    (from..from + count).map(move |name| {
        let is_last = name + 1 == from + count;
        let parents = if is_last { vec![] } else { vec![name + 1] };
        Told::Commit(name, parents, name as usize % MESSAGES.len())
    })
}

#[test]
fn each_meta_is_visited_a_few_times_in_whatever_order_they_come() {
    const COUNT: u32 = 500;
    let newest_first: Vec<_> = line(0, COUNT).collect();
    let oldest_first: Vec<_> = line(0, COUNT).rev().collect();
    // Pieces that come in no order, and within each piece either way round.
    let mut pieces: Vec<_> = newest_first.chunks(10).map(<[Told]>::to_vec).collect();
    pieces[1..].sort_by_key(|piece| match piece[0] {
        Told::Commit(name, ..) => name.wrapping_mul(2_654_435_761),
        _ => 0,
    });
    for piece in pieces.iter_mut().step_by(2).skip(1) {
        piece.reverse();
    }
    let metas = |changes: u32| (1..=changes).map(|change| Told::Meta(change, 0));
    for order in [&newest_first, &oldest_first, &pieces.concat()] {
        for changes in [1, 3] {
            let mut folded = Folded::default();
            let found = visits(|| {
                apply(&mut folded, &order[0]);
                // Where the newest is not known yet, these are passed over, and done again.
                metas(changes).for_each(|meta| apply(&mut folded, &meta));
                order[1..].iter().for_each(|one| apply(&mut folded, one));
                metas(changes).for_each(|meta| apply(&mut folded, &meta));
            });
            assert!(
                found <= u64::from(5 * COUNT * changes),
                "{found}, {changes} changes"
            );
            for change in 0..changes {
                assert_eq!(folded.state().git.changes.metas.get(change), COUNT);
            }
        }
    }
}

#[test]
fn a_commit_that_changes_has_only_those_walked_again_that_may_have_it() {
    const COUNT: u32 = 100;
    // Twenty changes with a history each, and two that share one.
    let mut told = Vec::new();
    for change in 0..20 {
        told.extend(line(1_000 * change, COUNT));
        told.push(Told::Meta(change + 1, 1_000 * change));
    }
    told.extend([Told::Meta(100, 5_000), Told::PatchSet(100, 5_000)]);
    let mut folded = corpus_of(&told);
    let other_text = Told::Commit(5_050, vec![5_051], 1);
    let other_parent = Told::Commit(5_050, vec![5_052], 1);
    let back = Told::Commit(5_050, vec![5_051], 2);
    let moved = Told::Meta(100, 5_010);
    for one in [&other_text, &other_parent, &back, &moved] {
        let found = visits(|| apply(&mut folded, one));
        assert!(found <= u64::from(10 * COUNT), "{found} for {one:?}");
        let again = walked_again(&mut folded);
        assert_eq!(derived(folded.state()), derived(&again));
    }
}
