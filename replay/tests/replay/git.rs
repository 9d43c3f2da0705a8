//! The corpus's plain repositories and commits: what is kept, what is passed over, what their views say.

use forgelog_replay::corpus::{Commit, FileStat};
use proto::maintpb::{GitCommit, GitDiffTree, GitDiffTreeFile, GitMutation, GitRef, GitRepo};

use crate::forge::{Forge, commit, commit_of, git_ref, hash, number};

fn first_parents(forge: &Forge, from: u32) -> Vec<u32> {
    let line = forge.corpus().first_parents(&hash(from));
    line.map(|commit| number(commit.hash())).collect()
}

/// How many commits are known in full, and how many only as parents.
fn counts(forge: &Forge) -> (usize, usize) {
    let counts = forge.corpus().counts();
    (counts.commits, counts.placeholders)
}

#[test]
fn first_parents_are_followed_as_far_as_they_are_known() {
    let mut forge = Forge::new(false);
    forge.add(commit(2, &[1], ""));
    forge.add(commit(3, &[2, 9], ""));
    assert_eq!(first_parents(&forge, 3), [3, 2]);
    forge.add(commit(1, &[], ""));
    assert_eq!(first_parents(&forge, 3), [3, 2, 1]);
    assert!(first_parents(&forge, 9).is_empty());
    assert!(first_parents(&forge, 8).is_empty());
}

#[test]
fn a_circle_of_first_parents_ends() {
    let mut forge = Forge::new(false);
    for (number, parent) in [(1, 3), (2, 1), (3, 2), (4, 4)] {
        forge.add(commit(number, &[parent], ""));
    }
    assert_eq!(first_parents(&forge, 3), [3, 2, 1]);
    assert_eq!(first_parents(&forge, 4), [4]);
}

#[test]
fn a_commit_has_the_ancestors_that_its_parents_lead_to() {
    let mut forge = Forge::new(false);
    // 1 ← 2 ← 3, 1 ← 4 ← 5, and 6 merges 3, 5 and 7, of which nothing is known.
    for (number, parents) in [
        (1, &[][..]),
        (2, &[1]),
        (3, &[2]),
        (4, &[1]),
        (5, &[4]),
        (6, &[3, 5, 7]),
    ] {
        forge.add(commit(number, parents, ""));
    }
    let has = |a, b| forge.corpus().has_ancestor(&hash(a), &hash(b));
    for (of, ancestors) in [
        (1, ""),
        (2, "1"),
        (5, "14"),
        (6, "123457"),
        (7, ""),
        (8, ""),
    ] {
        for other in 1..9 {
            let want = ancestors.contains(&other.to_string());
            assert_eq!(has(of, other), want, "{other} of {of}");
        }
    }
    let of = |number| forge.commit(number).unwrap();
    assert!(of(6).has_ancestor(of(1)) && !of(1).has_ancestor(of(6)) && !of(6).has_ancestor(of(6)));
}

#[test]
fn in_a_circle_all_are_ancestors_of_each_other() {
    let mut forge = Forge::new(false);
    for (number, parents) in [(1, &[3][..]), (2, &[1]), (3, &[2, 4]), (4, &[4])] {
        forge.add(commit(number, parents, ""));
    }
    let has = |a, b| forge.corpus().has_ancestor(&hash(a), &hash(b));
    for a in 1..4 {
        for b in 1..5 {
            assert!(has(a, b), "{b} of {a}");
        }
    }
    assert!(has(4, 4) && !has(4, 1));
}

#[test]
fn an_ancestor_is_found_however_deep_it_is() {
    const DEPTH: u32 = 100_000;
    let mut forge = Forge::new(false);
    for number in 1..=DEPTH {
        // Every tenth is a merge with the one before its parent, so that there are 2^10,000 ways down.
        let both = [number - 1, number.saturating_sub(2)];
        let parents = if number % 10 == 0 {
            &both[..]
        } else {
            &both[..1]
        };
        forge.add(commit(number, parents, ""));
    }
    let has = |a, b| forge.corpus().has_ancestor(&hash(a), &hash(b));
    assert!(has(DEPTH, 0) && has(DEPTH, 1) && has(DEPTH, DEPTH - 1));
    assert!(!has(1, DEPTH) && !has(DEPTH, DEPTH));
    forge.add(commit(DEPTH + 1, &[], ""));
    assert!(!forge.corpus().has_ancestor(&hash(DEPTH), &hash(DEPTH + 1)));
    assert_eq!(first_parents(&forge, DEPTH).len(), DEPTH as usize);
}

#[test]
fn parents_are_placeholders_until_they_come() {
    let mut forge = Forge::new(false);
    forge.add(commit(2, &[1], ""));
    assert_eq!(counts(&forge), (1, 1));
    assert!(!forge.corpus().has_commit(&hash(1)) && forge.commit(1).is_none());
    let placeholder = forge.corpus().any_commit(&hash(1)).unwrap();
    assert!(placeholder.is_placeholder());
    assert_eq!((placeholder.tree(), placeholder.author()), (None, None));
    assert_eq!(
        (placeholder.message_bytes(), placeholder.files().len()),
        (&b""[..], 0)
    );
    let child = forge.commit(2).unwrap();
    assert!(child.parents().eq([hash(1)]) && child.parent_commits().eq([placeholder]));
    assert!(forge.corpus().check().is_err());

    forge.add(commit(1, &[], ""));
    assert_eq!(counts(&forge), (2, 0));
    assert!(forge.corpus().has_commit(&hash(1)));
    assert_eq!(forge.corpus().check(), Ok(()));
    assert!(forge.corpus().any_commit(&hash(3)).is_none());
}

#[test]
fn a_commit_that_comes_again_is_overwritten() {
    let mut forge = Forge::new(false);
    assert_eq!(forge.add(commit_of(1, "tree x\n\nnever stored")).len(), 1);
    assert_eq!(counts(&forge), (0, 0));
    forge.add(commit(1, &[2, 3], "one"));
    forge.add(commit(1, &[4], "another"));
    assert_eq!(forge.commit(1).unwrap().subject(), "another");
    assert!(forge.commit(1).unwrap().parents().eq([hash(4)]));
    assert_eq!(counts(&forge), (1, 3));
    // One that makes no sense does not take it away.
    assert_eq!(forge.add(commit_of(1, "nothing")).len(), 1);
    assert_eq!(forge.commit(1).unwrap().subject(), "another");
}

fn with_files(commit: GitCommit, files: &[(&str, i64, i64, bool)]) -> GitCommit {
    let file = files
        .iter()
        .map(|(file, added, deleted, binary)| GitDiffTreeFile {
            file: (*file).to_owned(),
            added: *added,
            deleted: *deleted,
            binary: *binary,
        })
        .collect();
    GitCommit {
        diff_tree: Some(GitDiffTree { file }),
        ..commit
    }
}

#[test]
fn files_are_sorted_by_name() {
    let mut forge = Forge::new(false);
    let files = [
        ("z.go", 1, -2, false),
        ("", 0, 0, true),
        ("a.go", i64::MAX, 0, false),
        ("", 7, 0, false),
    ];
    assert_eq!(forge.add(with_files(commit(1, &[], ""), &files)), [""; 0]);
    let stats: Vec<_> = forge.commit(1).unwrap().files().collect();
    let want = [1, 3, 2, 0].map(|at: usize| {
        let (name, added, deleted, binary) = files[at];
        FileStat {
            name,
            added,
            deleted,
            binary,
        }
    });
    assert_eq!(stats, [want[0], want[1], want[2], want[3]]);
}

#[test]
fn two_commits_have_the_same_diff_stat_if_all_of_it_is() {
    let mut forge = Forge::new(false);
    let (a, b) = (("a", 1, 2, false), ("b", 3, 4, true));
    for (number, files) in [
        (1, &[a, b][..]),
        (2, &[b, a]),
        (3, &[a]),
        (4, &[a, ("b", 3, 4, false)]),
        (5, &[]),
        (6, &[]),
    ] {
        forge.add(with_files(commit(number, &[], ""), files));
    }
    forge.add(commit(7, &[], ""));
    let same = |a, b| {
        let of = |number| forge.commit(number).unwrap();
        of(a).same_diff_stat(of(b))
    };
    assert!(same(1, 1) && same(1, 2) && same(5, 6) && same(6, 7));
    assert!(!same(1, 3) && !same(3, 1) && !same(1, 4) && !same(1, 5));
}

#[test]
fn people_and_zones_are_what_is_written() {
    let mut forge = Forge::new(false);
    let by = "author  Foo Bar <foo@bar.com> 1257894000 -0800\n";
    for number in [1, 2] {
        forge.add(commit_of(number, format!("{by}\nx")));
    }
    let author = |number| forge.commit(number).unwrap().author().unwrap();
    assert_eq!(author(1), author(2));
    assert_eq!(
        (author(1).name(), author(1).email()),
        ("Foo Bar", "foo@bar.com")
    );
    assert_eq!(
        (&*author(1).zone(), author(1).offset_seconds),
        ("-0800", -28_800)
    );
    assert_eq!(author(1).time().to_string(), "2009-11-10T23:00:00Z");
    assert_eq!(forge.commit(1).unwrap().committer(), None);
}

#[test]
fn a_reviewer_is_named_in_the_message() {
    let mut forge = Forge::new(false);
    forge.add(commit(
        1,
        &[],
        "x\n\nReviewer: Ian <5206@u>\nReviewer: other\n",
    ));
    forge.add(commit(2, &[], "x"));
    let reviewer = |number| forge.commit(number).unwrap().reviewer();
    assert_eq!(reviewer(1).as_deref(), Some("Ian <5206@u>"));
    assert_eq!(reviewer(2), None);
}

#[test]
fn the_commit_and_the_refs_of_one_mutation_do_not_depend_on_each_other() {
    let mut forge = Forge::new(false);
    let main = git_ref("refs/heads/main", 1);
    let skipped = forge.git(GitMutation {
        commit: Some(commit_of(1, "no header end")),
        refs: vec![main.clone()],
        ..GitMutation::default()
    });
    assert_eq!(skipped.len(), 1);
    let repo = forge.corpus().repo("go").unwrap();
    assert_eq!(repo.branch("main"), Some(hash(1)));

    let nobodys = GitMutation {
        repo: Some(GitRepo::default()),
        refs: vec![main],
        ..GitMutation::default()
    };
    assert_eq!(forge.git(nobodys), ["refs of no repository"]);
    assert_eq!(forge.corpus().repos().count(), 1);
}

#[test]
fn repositories_are_named_by_either_field_and_sorted() {
    let mut forge = Forge::new(false);
    for (name, go_repo) in [("z", ""), ("", "tools"), ("a", "ignored")] {
        let repo = Some(GitRepo {
            name: name.into(),
            go_repo: go_repo.into(),
        });
        let mutation = GitMutation {
            repo,
            ..GitMutation::default()
        };
        assert_eq!(forge.git(mutation), [""; 0]);
    }
    let names: Vec<_> = forge.corpus().repos().map(|repo| repo.name()).collect();
    assert_eq!(names, ["a", "tools", "z"]);
    assert!(forge.corpus().repo("ignored").is_none());
}

#[test]
fn snapshots_never_change() {
    let mut forge = Forge::new(false);
    forge.add(commit(2, &[1], ""));
    let before = forge.snapshot();
    forge.add(commit(1, &[], ""));
    forge.add(commit(2, &[], ""));
    let before = before.state();
    assert!(!before.has_commit(&hash(1)));
    assert!(before.commit(&hash(2)).unwrap().parents().eq([hash(1)]));
    assert_eq!(forge.commit(2).unwrap().parents().len(), 0);
}

#[test]
fn what_cannot_be_read_is_said_and_passed_over() {
    let mut forge = Forge::new(false);
    for (name, raw, why) in [
        ("12", "", "a commit whose name is not 40 characters long"),
        (
            &"g".repeat(40),
            "",
            "a commit whose name is not hexadecimal",
        ),
        ("", "tree x\nauthor y\n", "a commit without an empty line"),
        ("", "\n\nmessage", "a commit that begins with an empty line"),
        (
            "",
            "tree 123\n\n",
            "a commit with a tree or parent that is no hash",
        ),
        (
            "",
            "parent 123\n\n",
            "a commit with a tree or parent that is no hash",
        ),
    ] {
        let commit = commit_of(1, raw);
        let sha1 = if name.is_empty() {
            commit.sha1
        } else {
            name.to_owned()
        };
        let reasons = forge.add(GitCommit { sha1, ..commit });
        assert!(
            reasons.len() == 1 && reasons[0].starts_with(why),
            "{reasons:?}"
        );
        assert_eq!(counts(&forge), (0, 0));
    }
}

#[test]
fn nobody_knows_who_but_the_history_goes_on() {
    for person in [
        "",
        "x",
        "x 1",
        "x 12 ",
        "<a@b> twelve +0000",
        "<a@b> 12 +000",
    ] {
        let raw = format!("parent {}\nauthor {person}\n\n", hash(2));
        let mut ours = Forge::new(false);
        assert_eq!(ours.add(commit_of(1, raw.as_str())).len(), 1);
        assert!(
            ours.commit(1)
                .is_some_and(|commit| commit.author().is_none())
        );
        assert_eq!(counts(&ours), (1, 1));
        let mut originals = Forge::new(true);
        assert_eq!(originals.add(commit_of(1, raw.as_str())).len(), 1);
        // What it dies of is passed over whole; of what it drops, the parents stay.
        let parents = usize::from(!person.ends_with("+000"));
        assert_eq!(counts(&originals), (0, parents), "{person:?}");
    }
}

#[track_caller]
fn check(raw: impl Into<Vec<u8>>, check: impl FnOnce(Commit<'_>)) {
    let mut forge = Forge::new(false);
    assert_eq!(forge.add(commit_of(1, raw)), [""; 0]);
    check(forge.commit(1).unwrap());
}

#[test]
fn a_commit_is_taken_apart() {
    let raw = format!(
        "tree {}\nparent {}\nparent {}\nauthor Zoë <zoe@example.com> 1488624439 +0530\n\
         committer C <c@example.com> -5 -0800\nencoding ISO-8859-1\n\nSubject line \n\nBody.\n",
        hash(7),
        hash(2),
        hash(3)
    );
    check(raw.clone(), |commit| {
        assert_eq!(commit.hash(), hash(1));
        assert_eq!(commit.tree(), Some(hash(7)));
        assert!(commit.parents().eq([hash(2), hash(3)]));
        assert_eq!(commit.parents().len(), 2);
        let author = commit.author().unwrap();
        assert_eq!(author.person, "Zoë <zoe@example.com>");
        assert_eq!(author.unix_seconds, 1_488_624_439);
        assert_eq!(author.offset_seconds, 19_800);
        let committer = commit.committer().unwrap();
        assert_eq!(committer.time().to_string(), "1969-12-31T23:59:55Z");
        assert_eq!(commit.encoding(), Some(&b"ISO-8859-1"[..]));
        assert_eq!(commit.subject(), "Subject line");
        assert_eq!(commit.message(), "Subject line \n\nBody.\n");
        assert_eq!(commit.raw(), raw.as_bytes());
    });
}

#[test]
fn texts_that_are_not_utf8_are_kept_as_bytes() {
    let mut raw = b"author J\xf6rg <j@x> 1 +0000\nencoding latin1\n\nGr\xfc\xdfe\nmore".to_vec();
    check(raw.clone(), |commit| {
        let author = commit.author().unwrap();
        assert_eq!(author.name(), "J\u{fffd}rg");
        assert_eq!(author.person_bytes(), b"J\xf6rg <j@x>");
        assert_eq!(commit.message_bytes(), b"Gr\xfc\xdfe\nmore");
        assert_eq!(commit.subject(), "Gr\u{fffd}\u{fffd}e");
    });
    raw.truncate(raw.len() - 10);
    check(raw, |commit| {
        assert_eq!((commit.message_bytes(), &*commit.subject()), (&b""[..], ""));
    });
}

#[test]
fn the_shortest_commits_have_texts_too() {
    check("x\n\nmessage 1", |commit| {
        assert_eq!(commit.message(), "message 1")
    });
    check("x\n\n", |commit| assert_eq!(commit.raw(), b"x\n\n"));
}

#[test]
fn many_parents_are_kept() {
    let count = 100_000u32;
    let parents: Vec<_> = (2..count + 2).collect();
    let mut forge = Forge::new(false);
    forge.add(commit(1, &parents, ""));
    let merge = forge.commit(1).unwrap();
    assert_eq!(merge.parents().len(), count as usize);
    assert!(merge.parents().map(number).eq(parents));
}

#[test]
fn a_record_that_lies_about_its_refs_sets_the_others() {
    let mut forge = Forge::new(false);
    let bad = |name: &str, sha1: &str, target: &str| GitRef {
        r#ref: name.into(),
        sha1: sha1.into(),
        symref_target: target.into(),
    };
    let refs = vec![
        bad("", &hash(1).to_string(), ""),
        bad("refs/heads/a", "", ""),
        bad("refs/heads/b", "master", ""),
        bad("refs/heads/c", "xyz", "refs/heads/main"),
        git_ref("refs/heads/good", 1),
    ];
    let reasons = forge.git(GitMutation {
        refs,
        ..GitMutation::default()
    });
    let no_hash = "a ref that points to no hash; the mutation is passed over";
    let want = [
        "a ref without a name".to_owned(),
        format!("{no_hash}: \"refs/heads/a\""),
        format!("{no_hash}: \"refs/heads/b\""),
        format!("{no_hash}: \"refs/heads/c\""),
    ];
    assert_eq!(reasons, want);
    assert_eq!(forge.corpus().counts().refs, 1);
}
