//! Which commits are missing, with `git rev-list` as the oracle.

use std::collections::{HashMap, HashSet};
use std::fmt::Write;
use std::sync::atomic::{AtomicBool, Ordering};

use git::{Error, Repository};
use proto::GitHash;

use crate::fixture::{TestRepo, command, output};

fn missing(
    repo: &Repository,
    tips: &[GitHash],
    known: &HashSet<GitHash>,
) -> Result<Vec<GitHash>, Error> {
    repo.missing(
        tips,
        &|commit| known.contains(commit),
        &AtomicBool::new(false),
    )
}

/// What `git rev-list` prints, as a set.
fn rev_list(repo: &TestRepo, args: &[&str]) -> HashSet<GitHash> {
    let args = ["rev-list"].into_iter().chain(args.iter().copied());
    repo.git(args)
        .lines()
        .map(|line| line.parse().unwrap())
        .collect()
}

/// Each commit once, and after all of its parents that are there too.
fn assert_topological(repo: &TestRepo, order: &[GitHash]) {
    let positions: HashMap<_, _> = order
        .iter()
        .enumerate()
        .map(|(at, commit)| (*commit, at))
        .collect();
    assert_eq!(positions.len(), order.len(), "a commit is there twice");
    let input: String = order.iter().map(|commit| format!("{commit}\n")).collect();
    let text = repo.git_reading(
        ["rev-list", "--no-walk", "--parents", "--stdin"],
        input.as_bytes(),
    );
    for line in text.lines() {
        let mut hashes = line.split(' ').map(|hash| hash.parse::<GitHash>().unwrap());
        let child = positions[&hashes.next().unwrap()];
        for parent in hashes {
            assert!(positions.get(&parent).is_none_or(|parent| *parent < child));
        }
    }
}

/// A stream for `git fast-import`: 200 commits on 10 branches, that fork and merge in a fixed irregular way.
fn woven_history() -> Vec<u8> {
    let mut stream = String::new();
    for number in 1..=200u32 {
        // Times go back now and then.
        let seconds = 1_700_000_000 + number * 10 - (number % 7) * 35;
        let branch = number * number % 10;
        write!(stream, "commit refs/heads/b{branch}\nmark :{number}\ncommitter C <c> {seconds} +0000\ndata 1\nm\n").unwrap();
        if number > 1 {
            writeln!(
                stream,
                "from :{}",
                number - 1 - (number * 7 % 5).min(number - 2)
            )
            .unwrap();
        }
        if number > 20 && number % 3 == 0 {
            writeln!(stream, "merge :{}", number - 12 - number % 8).unwrap();
        }
        if number > 50 && number % 9 == 0 {
            writeln!(stream, "merge :{}", number - 40).unwrap();
        }
    }
    stream.into_bytes()
}

#[test]
fn all_of_a_woven_history() {
    let repo = TestRepo::new();
    repo.git_reading(["fast-import", "--quiet", "--force"], &woven_history());
    let opened = repo.open();
    let refs = opened.refs().unwrap().refs;
    assert!(refs.len() > 3);
    let tips: Vec<_> = refs.iter().map(|found| found.target).collect();
    let all = missing(&opened, &tips, &HashSet::new()).unwrap();
    assert_eq!(
        all.iter().copied().collect::<HashSet<_>>(),
        rev_list(&repo, &["--branches"])
    );
    assert_topological(&repo, &all);
    assert_eq!(
        missing(&opened, &tips, &HashSet::new()).unwrap(),
        all,
        "the order is fixed"
    );
    for tip in &tips {
        let tip_text = tip.to_string();
        let known = rev_list(&repo, &[&tip_text]);
        let new = missing(&opened, &tips, &known).unwrap();
        assert_topological(&repo, &new);
        let expected = rev_list(&repo, &["--branches", "--not", &tip_text]);
        assert_eq!(new.into_iter().collect::<HashSet<_>>(), expected);
    }
    let known = all.iter().copied().collect();
    assert_eq!(missing(&opened, &tips, &known).unwrap(), []);
}

#[test]
fn no_tips_and_repeated_tips() {
    let repo = TestRepo::new();
    let commit = repo.commit("root");
    let opened = repo.open();
    assert_eq!(missing(&opened, &[], &HashSet::new()).unwrap(), []);
    assert_eq!(
        missing(&opened, &[commit, commit], &HashSet::new()).unwrap(),
        [commit]
    );
}

#[test]
fn a_deep_history() {
    let repo = TestRepo::new();
    let mut stream = String::new();
    for number in 0..100_000 {
        write!(
            stream,
            "commit refs/heads/main\ncommitter C <c> {number} +0000\ndata 0\n"
        )
        .unwrap();
    }
    repo.git_reading(["fast-import", "--quiet"], stream.as_bytes());
    let opened = repo.open();
    let tip = repo.hash("main");
    let all = missing(&opened, &[tip], &HashSet::new()).unwrap();
    assert_eq!(all.len(), 100_000);
    assert_eq!(all.last(), Some(&tip));
    assert_eq!(all[0], repo.hash("main~99999"));
    let known = HashSet::from([all[99_989]]);
    assert_eq!(missing(&opened, &[tip], &known).unwrap(), all[99_990..]);
}

#[test]
fn a_shallow_clone_ends_where_it_is_cut() {
    let repo = TestRepo::new();
    for number in 0..5 {
        repo.write("a", number.to_string());
        repo.commit("more");
    }
    let url = format!("file://{}", repo.path.display());
    output(
        command(repo.around.path()).args(["clone", "-q", "--depth=2", &url, "shallow"]),
        b"",
    );
    let opened = Repository::open(repo.path_around("shallow")).unwrap();
    assert!(opened.is_shallow());
    assert!(!repo.open().is_shallow());
    let order = missing(&opened, &[repo.hash("HEAD")], &HashSet::new()).unwrap();
    assert_eq!(order, [repo.hash("HEAD~1"), repo.hash("HEAD")]);
    let cut = opened.commit(&order[0]).unwrap();
    assert_eq!(
        cut.raw,
        repo.git_bytes(["cat-file", "commit", "HEAD~1"]),
        "with the parent that is not here"
    );
    assert!(cut.files_left_out && cut.files.is_empty());
    assert_eq!(opened.commit(&order[1]).unwrap().files.len(), 1);

    // Deepened while open.
    output(
        command(&repo.path_around("shallow")).args(["fetch", "-q", "--unshallow"]),
        b"",
    );
    assert!(!opened.is_shallow());
    assert_eq!(
        missing(&opened, &[repo.hash("HEAD")], &HashSet::new())
            .unwrap()
            .len(),
        5
    );
    assert_eq!(opened.commit(&order[0]).unwrap().files.len(), 1);
}

#[test]
fn a_treeless_clone_has_commits_without_files() {
    let repo = TestRepo::new();
    for number in 0..3 {
        repo.write("a", number.to_string());
        repo.commit("more");
    }
    repo.git(["config", "uploadpack.allowFilter", "true"]);
    let url = format!("file://{}", repo.path.display());
    output(
        command(repo.around.path()).args([
            "clone",
            "-q",
            "--no-checkout",
            "--filter=tree:0",
            &url,
            "partial",
        ]),
        b"",
    );
    let opened = Repository::open(repo.path_around("partial")).unwrap();
    let order = missing(&opened, &[repo.hash("HEAD")], &HashSet::new()).unwrap();
    assert_eq!(order.len(), 3);
    assert!(opened.commit(&order[1]).unwrap().files_left_out);
}

#[test]
fn grafts_and_replacements_have_no_say() {
    let repo = TestRepo::new();
    let commits: Vec<_> = ["one", "two", "three"]
        .map(|message| repo.commit(message))
        .into();
    std::fs::write(
        repo.path.join(".git/info/grafts"),
        format!("{}\n", commits[2]),
    )
    .unwrap();
    repo.git(["replace", &commits[1].to_string(), &commits[0].to_string()]);
    assert_eq!(
        missing(&repo.open(), &commits[2..], &HashSet::new()).unwrap(),
        commits
    );
}

#[test]
fn absent_parents_are_skipped_and_absent_tips_are_not() {
    let repo = TestRepo::new();
    let absent: GitHash = "3".repeat(40).parse().unwrap();
    let tree = repo.git(["write-tree"]).parse().unwrap();
    let commit = repo.commit_tree(&tree, &[absent]);
    let opened = repo.open();
    assert_eq!(
        missing(&opened, &[commit], &HashSet::new()).unwrap(),
        [commit]
    );
    assert!(
        matches!(missing(&opened, &[absent], &HashSet::new()), Err(Error::Missing { hash, .. }) if hash == absent)
    );
    assert!(matches!(
        missing(&opened, &[tree], &HashSet::new()),
        Err(Error::WrongKind { found: "tree", .. })
    ));
    let on_a_tree = repo.commit_tree(&tree, &[tree]);
    assert!(matches!(
        missing(&opened, &[on_a_tree], &HashSet::new()),
        Err(Error::WrongKind { .. })
    ));
}

#[test]
fn cancelling_ends_the_walk() {
    let repo = TestRepo::new();
    let commits = ["one", "two", "three"].map(|message| repo.commit(message));
    let cancel = AtomicBool::new(false);
    let stop_at_second = |commit: &GitHash| {
        cancel.fetch_or(*commit == commits[1], Ordering::Relaxed);
        false
    };
    let result = repo.open().missing(&commits[2..], &stop_at_second, &cancel);
    assert!(matches!(result, Err(Error::Cancelled { .. })), "{result:?}");
}
