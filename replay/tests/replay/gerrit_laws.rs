//! What holds for commits and changes after any records, in any order, however they were batched.

use std::collections::{BTreeMap, BTreeSet};

use forgelog_replay::corpus::gerrit::Status;
use forgelog_replay::segments::Block;
use forgelog_replay::{Corpus, Folded, Rules};
use proptest::prelude::*;
use proto::Message as _;
use proto::maintpb::{GitCommit, GitRef, Mutation};

use crate::forge::{Forge, PROJECT, change, commit, gerrit, hash, number};

/// What metas say, in messages of which it is known.
const MESSAGES: [&str; 7] = [
    "nothing",
    "x\n\nStatus: merged\nLabel: A=+1\n",
    "x\n\nStatus: new\n",
    "x\n\nBranch: refs/heads/a\nPrivate: true\n",
    "x\n\nBranch: b\nWork-in-progress: true\n",
    "x\n\nWork-in-progress: false\nLabel: Run-TryBot=+1\n",
    "x\n\nPatch Set 1: hello\n\nPatch-set: 1\n",
];

#[derive(Clone, Debug)]
enum Step {
    Commit {
        name: u32,
        parents: Vec<u32>,
        message: usize,
        is_plain: bool,
    },
    Meta(i32, u32),
    PatchSet(i32, i32, u32),
}

fn step() -> impl Strategy<Value = Step> {
    let name = || 0..8u32;
    let parents = prop_oneof![
        1 => Just(vec![]),
        6 => name().prop_map(|parent| vec![parent]),
        1 => prop::collection::vec(name(), 2..4),
    ];
    prop_oneof![
        5 => (name(), parents, 0..MESSAGES.len(), any::<bool>()).prop_map(
            |(name, parents, message, is_plain)| Step::Commit { name, parents, message, is_plain }
        ),
        3 => (1..4, name()).prop_map(|(cl, name)| Step::Meta(cl, name)),
        1 => (1..4, 1..3, name()).prop_map(|(cl, set, name)| Step::PatchSet(cl, set, name)),
    ]
}

impl Step {
    fn git_commit(&self) -> Option<GitCommit> {
        match self {
            Self::Commit {
                name,
                parents,
                message,
                ..
            } => Some(commit(*name, parents, MESSAGES[*message])),
            _ => None,
        }
    }

    fn git_ref(&self) -> Option<GitRef> {
        match self {
            Self::Meta(cl, name) => Some(change(*cl, "meta", *name)),
            Self::PatchSet(cl, set, name) => Some(change(*cl, &set.to_string(), *name)),
            Self::Commit { .. } => None,
        }
    }

    fn mutation(&self) -> Mutation {
        let commit = self.git_commit();
        if let Self::Commit { is_plain: true, .. } = self {
            let git = proto::maintpb::GitMutation {
                commit,
                ..Default::default()
            };
            return Mutation {
                git: Some(git),
                ..Mutation::default()
            };
        }
        let (commits, refs) = (commit.into_iter(), self.git_ref().into_iter());
        gerrit(PROJECT, commits.collect(), refs.collect())
    }
}

/// What the original has after one look at all of it.
#[derive(Default)]
struct Model {
    /// Parents and messages.
    commits: BTreeMap<u32, (Vec<u32>, usize)>,
    known: BTreeSet<u32>,
    metas: BTreeMap<i32, u32>,
    patch_sets: BTreeMap<i32, u32>,
}

impl Model {
    fn of(steps: &[Step]) -> Self {
        let mut model = Self::default();
        for step in steps {
            match step {
                Step::Commit {
                    name,
                    parents,
                    message,
                    ..
                } => {
                    model.known.insert(*name);
                    model.known.extend(parents);
                    model.commits.insert(*name, (parents.clone(), *message));
                }
                Step::Meta(cl, name) if model.known.contains(name) => {
                    model.metas.insert(*cl, *name);
                }
                Step::PatchSet(cl, _, name) if model.known.contains(name) => {
                    model.patch_sets.insert(*cl, *name);
                }
                _ => {}
            }
        }
        model
    }

    /// The metas of a change from the newest on, and whether that is all of them. Nothing of a circle.
    fn history(&self, cl: i32) -> Option<(Vec<u32>, bool)> {
        let mut line = vec![*self.metas.get(&cl)?];
        loop {
            let newest = line[line.len() - 1];
            let parents = self
                .commits
                .get(&newest)
                .map_or(&[][..], |(parents, _)| parents);
            match parents {
                [] => return Some((line, true)),
                [parent] if line.contains(parent) => return None,
                [parent] => line.push(*parent),
                _ => return Some((line, false)),
            }
        }
    }

    fn message(&self, name: u32) -> &'static str {
        self.commits
            .get(&name)
            .map_or("", |(_, message)| MESSAGES[*message])
    }

    fn check(&self, forge: &Forge) {
        let (mut labels, mut of_any) = (0, BTreeSet::new());
        for cl in 1..4 {
            let Some((line, is_all)) = self.history(cl) else {
                assert_eq!(forge.cl(cl), None, "{cl}");
                continue;
            };
            let says = |what: &str| {
                line.iter()
                    .filter(|name| self.message(**name).contains(what))
                    .count()
            };
            labels += says("\nLabel: ");
            if !is_all || !self.patch_sets.contains_key(&cl) {
                assert_eq!(forge.cl(cl), None, "{cl}");
                continue;
            }
            of_any.extend(line.iter().copied());
            self.check_cl(forge, cl, &line);
        }
        assert_eq!(forge.project().num_label_changes(), labels as i64);
        for name in self.known.difference(&of_any) {
            let commit = forge.corpus().any_commit(&hash(*name)).unwrap();
            assert_eq!(commit.meta_of(), None, "{name}");
        }
    }

    fn check_cl(&self, forge: &Forge, number_of_cl: i32, line: &[u32]) {
        let cl = forge.cl(number_of_cl).unwrap();
        let metas = cl.metas().rev().map(|meta| number(meta.commit().hash()));
        assert_eq!(metas.collect::<Vec<_>>(), line);
        let newest = |what: [&str; 2]| {
            let place = |what: &str| {
                line.iter()
                    .position(|name| self.message(*name).contains(what))
            };
            match what.map(place) {
                [None, None] => None,
                [first, None] => first.map(|_| true),
                [None, _] => Some(false),
                [first, second] => Some(first < second),
            }
        };
        let merged = newest(["Status: merged", "Status: new"]) == Some(true);
        assert_eq!(
            cl.status(),
            if merged { Status::Merged } else { Status::New }
        );
        let branch = match newest(["heads/a", "Branch: b"]) {
            Some(true) => "a",
            Some(false) => "b",
            None => "",
        };
        assert_eq!(cl.branch(), branch);
        let is_wip = newest(["progress: true", "progress: false"]) == Some(true);
        assert_eq!(cl.is_work_in_progress(), is_wip);
        let says = |what: &str| {
            line.iter()
                .filter(|name| self.message(**name).contains(what))
                .count()
        };
        assert_eq!(cl.is_private(), says("Private: true") > 0);
        assert_eq!(cl.messages().count(), says("Patch Set 1"));
        let oldest = line[line.len() - 1];
        let is_known = self.commits.contains_key(&oldest);
        assert_eq!(cl.owner_id(), is_known.then_some(137));
        let created = is_known.then(|| 1_500_000_000 + i64::from(oldest));
        assert_eq!(cl.created().map(|time| time.unix_seconds()), created);
        for name in line {
            let meta_of = forge.corpus().any_commit(&hash(*name)).unwrap().meta_of();
            let meta_of = meta_of.map(|cl| cl.number());
            let has_it = |cl| {
                self.history(cl)
                    .is_some_and(|(line, _)| line.contains(name))
            };
            assert!(meta_of.is_none_or(has_it), "{name}");
        }
    }
}

/// The dump of a log whose blocks are these ranges of records.
fn dump_in_blocks(mutations: &[Mutation], cuts: &[usize]) -> String {
    let mut bytes = Vec::new();
    let mut ends = Vec::new();
    for mutation in mutations {
        let offset = bytes.len() as u64;
        log_core::frame::encode(&mut bytes, offset, &mutation.encode_to_vec());
        ends.push(bytes.len());
    }
    let mut rules = Rules::default();
    rules.original_semantics = true;
    let mut folded = Folded::with(Corpus::with_rules(rules));
    let mut start = 0;
    let ends = cuts
        .iter()
        .map(|cut| ends.get(*cut).copied().unwrap_or(bytes.len()));
    for end in ends.chain([bytes.len()]) {
        let block = Block {
            segment: 0,
            start: start as u64,
            bytes: bytes::Bytes::copy_from_slice(&bytes[start..end]).into(),
        };
        folded.fold_blocks(&[block]).unwrap();
        // What is shared with a snapshot is copied before it is written.
        drop(folded.snapshot());
        start = end;
    }
    let mut out = Vec::new();
    forgelog_replay::corpus::dump(folded.state(), &Default::default(), &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

proptest! {
    #[test]
    fn changes_say_what_their_metas_say(steps in prop::collection::vec(step(), 1..40)) {
        let mut forge = Forge::new(true);
        forge.apply(gerrit(PROJECT, vec![], vec![]));
        for at in 0..steps.len() {
            forge.apply(steps[at].mutation());
            Model::of(&steps[..=at]).check(&forge);
        }
    }

    #[test]
    fn however_batched_the_dump_is_the_same(
        steps in prop::collection::vec(step(), 1..30),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..5),
    ) {
        let mutations: Vec<_> = steps.iter().map(Step::mutation).collect();
        let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(steps.len())).collect();
        cuts.sort_unstable();
        let mut one_by_one = Forge::new(true);
        for mutation in &mutations {
            one_by_one.apply(mutation.clone());
        }
        let at_once = dump_in_blocks(&mutations, &[]);
        prop_assert_eq!(&dump_in_blocks(&mutations, &cuts), &at_once);
        prop_assert_eq!(&one_by_one.dump(), &at_once);
    }
}
