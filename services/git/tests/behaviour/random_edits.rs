//! Line counts of many random edits, against git's.

use std::collections::BTreeMap;
use std::fmt::Write;

use git::FileStat;
use proto::GitHash;

use crate::commits::parse_numstat_line;
use crate::fixture::TestRepo;

/// A small generator with a fixed sequence (splitmix64).
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }
}

/// Lines as source code has them: many different ones, and some that are everywhere.
fn line(random: &mut Random) -> String {
    match random.below(10) {
        0..3 => ["}\n", "\n", "    }\n", "{\n"][random.below(4)].to_owned(),
        3..6 => format!("    call_{}();\n", random.below(40)),
        _ => format!(
            "    let value_{} = {};\n",
            random.below(1000),
            random.below(1000)
        ),
    }
}

fn block(random: &mut Random, size: usize) -> Vec<String> {
    (0..size).map(|_| line(random)).collect()
}

fn edit(random: &mut Random, text: &mut Vec<String>) {
    for _ in 0..=random.below(6) {
        let at = random.below(text.len() + 1);
        let end = (at + random.below(8)).min(text.len());
        match random.below(6) {
            0 => drop(text.drain(at..end)),
            1 | 2 => {
                let size = 1 + random.below(12);
                let new = block(random, size);
                text.splice(at..end, new);
            }
            3 => {
                let copy = text[at..end].to_vec();
                let to = random.below(text.len() + 1);
                text.splice(to..to, copy);
            }
            4 => {
                let moved: Vec<_> = text.drain(at..end).collect();
                let to = random.below(text.len() + 1);
                text.splice(to..to, moved);
            }
            _ => text.reverse(),
        }
        // Turning everything around is one edit among many.
        if random.below(8) != 0 && text.len() > 400 {
            text.truncate(300);
        }
    }
}

/// A stream for `git fast-import`: commits that each change some of a few files.
fn history(random: &mut Random, commits: usize) -> Vec<u8> {
    let mut files: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut stream = String::new();
    for number in 0..commits {
        let seconds = 1_700_000_000 + number;
        write!(
            stream,
            "commit refs/heads/main\ncommitter C <c@example.com> {seconds} +0000\ndata 1\nm\n"
        )
        .unwrap();
        for _ in 0..=random.below(3) {
            let name = format!("dir{}/file{}", random.below(3), random.below(4));
            if random.below(15) == 0 && files.remove(&name).is_some() {
                writeln!(stream, "D {name}").unwrap();
                continue;
            }
            let size = 1 + random.below(300);
            let text = files
                .entry(name.clone())
                .or_insert_with(|| block(random, size));
            edit(random, text);
            let mut text = text.concat();
            if random.below(10) == 0 {
                text.pop();
            }
            write!(stream, "M 644 inline {name}\ndata {}\n{text}\n", text.len()).unwrap();
        }
    }
    stream.into_bytes()
}

/// What git says of all commits.
fn oracle(repo: &TestRepo) -> Vec<(GitHash, Vec<FileStat>)> {
    let hashes = repo.git(["rev-list", "--reverse", "main"]);
    let text = repo.git_reading(["diff-tree", "--stdin", "--numstat"], hashes.as_bytes());
    let mut commits: Vec<(GitHash, Vec<FileStat>)> = Vec::new();
    for line in text.lines() {
        match (parse_numstat_line(line), commits.last_mut()) {
            (Some(file), Some((_, files))) => files.push(file),
            _ => commits.push((line.parse().unwrap(), Vec::new())),
        }
    }
    commits
}

#[test]
fn line_counts_are_those_of_git() {
    let mut files = 0;
    let mut differing = Vec::new();
    for seed in 0..4 {
        let repo = TestRepo::new();
        repo.git_reading(["fast-import", "--quiet"], &history(&mut Random(seed), 400));
        let opened = repo.open();
        for (commit, expected) in oracle(&repo) {
            let found = opened.commit(&commit).unwrap().files;
            let names = |files: &[FileStat]| {
                files
                    .iter()
                    .map(|file| file.name.clone())
                    .collect::<Vec<_>>()
            };
            assert_eq!(
                names(&found),
                names(&expected),
                "seed {seed}, commit {commit}"
            );
            for (found, expected) in found.into_iter().zip(expected) {
                assert_eq!(
                    found.added - found.deleted,
                    expected.added - expected.deleted
                );
                files += 1;
                if found != expected {
                    differing.push((seed, commit, found, expected));
                }
            }
        }
    }
    assert!(files > 2000, "{files}");
    assert!(
        differing.is_empty(),
        "{} of {files}: {:#?}",
        differing.len(),
        &differing[..differing.len().min(5)]
    );
}
