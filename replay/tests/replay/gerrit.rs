//! Gerrit's projects and changes: what follows from their refs, patch sets and metas.

use forgelog_replay::corpus::Inconsistency;
use forgelog_replay::corpus::gerrit::Status;
use proto::maintpb::{GerritMutation, Mutation};

use crate::forge::{Forge, PROJECT, change, commit, commit_of, gerrit, git_ref, hash};

/// The message of a meta whose footer has these lines.
fn footer(lines: &str) -> String {
    format!("Update patch set 1\n\n{lines}\n")
}

/// A project with change 7, whose patch set 1 is commit 1 and whose metas, oldest first, have these messages.
fn change_7(messages: &[&str]) -> Forge {
    let mut commits = vec![commit(1, &[], "net: fix it\n")];
    for (number, message) in (100..).zip(messages) {
        let parent = number - 1;
        let parents = if number == 100 { &[][..] } else { &[parent] };
        commits.push(commit(number, parents, message));
    }
    let newest = 99 + messages.len() as u32;
    let refs = vec![change(7, "1", 1), change(7, "meta", newest)];
    Forge::of([gerrit(PROJECT, commits, refs)])
}

#[test]
fn a_project_is_found_by_any_name_of_its_server() {
    let projects = [
        "foo/x",
        "go.googlesource.com/x",
        "upspin.googlesource.com/x",
    ];
    let forge = Forge::of(projects.map(|name| gerrit(name, vec![], vec![])));
    let names: Vec<_> = forge.corpus().gerrit_projects().map(|p| p.name()).collect();
    assert_eq!(names, projects);
    for (server, name) in [
        ("foo", Some(projects[0])),
        ("http://foo", Some(projects[0])),
        ("go-review.googlesource.com", Some(projects[1])),
        ("https://go-review.googlesource.com", Some(projects[1])),
        ("upspin-review.googlesource.com", Some(projects[2])),
        ("bar", None),
        ("", None),
    ] {
        let project = forge.corpus().gerrit_project(server, "x");
        assert_eq!(project.map(|project| project.name()), name, "{server}");
        assert_eq!(forge.corpus().gerrit_project(server, "y"), None);
    }
    let odd = Forge::of(["", "a", "a/b/c"].map(|name| gerrit(name, vec![], vec![])));
    let parts = odd
        .corpus()
        .gerrit_projects()
        .map(|p| (p.server(), p.project()));
    assert!(parts.eq([("", ""), ("", ""), ("a", "b/c")]));
}

#[test]
fn refs_that_are_not_of_changes_are_kept() {
    let refs = vec![
        git_ref("refs/heads/master", 1),
        git_ref("HEAD", 1),
        git_ref("refs/meta/config", 1),
        git_ref("refs/tags/gone", 1),
    ];
    let mut forge = Forge::of([gerrit(PROJECT, vec![commit(1, &[], "")], refs)]);
    let gone = GerritMutation {
        project: PROJECT.into(),
        deleted_refs: vec!["refs/tags/gone".into(), "refs/never".into()],
        ..GerritMutation::default()
    };
    forge.apply(Mutation {
        gerrit: Some(gone),
        ..Mutation::default()
    });
    let unknown = forge.gerrit(vec![], vec![git_ref("refs/heads/x", 9)]);
    assert_eq!(
        unknown,
        ["a ref to a commit that is not there: \"refs/heads/x\""]
    );
    let project = forge.project();
    let names: Vec<_> = project.refs().map(|git_ref| git_ref.name).collect();
    assert_eq!(names, ["HEAD", "refs/heads/master"]);
    assert_eq!(project.git_ref("HEAD"), Some(hash(1)));
    for unknown in ["refs/tags/gone", "refs/meta/config", "refs/heads/x", ""] {
        assert_eq!(project.git_ref(unknown), None, "{unknown}");
    }
}

#[test]
fn a_change_is_there_when_it_has_a_patch_set_and_a_history() {
    let mut forge = Forge::new(true);
    forge.gerrit(vec![commit(1, &[], ""), commit(2, &[], "")], vec![]);
    forge.gerrit(vec![], vec![change(5, "1", 1), change(6, "meta", 2)]);
    assert!(forge.cl(5).is_none() && forge.cl(6).is_none() && forge.cl(7).is_none());
    assert_eq!(forge.corpus().cls().count(), 0);
    forge.gerrit(vec![], vec![change(5, "meta", 2), change(6, "1", 1)]);
    let numbers: Vec<_> = forge.project().open_cls().map(|cl| cl.number()).collect();
    assert_eq!(numbers, [5, 6]);
    assert_eq!(
        (forge.corpus().cls().count(), forge.corpus().counts().cls),
        (2, 2)
    );
    let cl = forge.cl(5).unwrap();
    assert_eq!(
        (cl.version(), cl.commit().hash(), cl.meta().commit().hash()),
        (1, hash(1), hash(2))
    );
    assert_eq!(
        (cl.project(), cl.status(), cl.is_open()),
        (forge.project(), Status::New, true)
    );
}

#[test]
fn a_meta_ref_from_before_its_commit_hurts_nobody() {
    let mut forge = Forge::new(true);
    let early = forge.gerrit(
        vec![commit(1, &[], "")],
        vec![change(5, "1", 1), change(5, "meta", 2)],
    );
    assert_eq!(
        early,
        ["a ref to a commit that is not there: \"refs/changes/05/5/meta\""]
    );
    assert!(forge.cl(5).is_none());
    forge.gerrit(
        vec![
            commit(2, &[], ""),
            commit(3, &[2], &footer("Status: merged")),
        ],
        vec![],
    );
    assert!(forge.cl(5).is_none());
    forge.gerrit(vec![], vec![change(5, "meta", 3)]);
    assert_eq!(forge.cl(5).unwrap().status(), Status::Merged);
}

#[test]
fn the_newest_meta_that_says_something_decides() {
    let forge = change_7(&[
        &footer("Branch: refs/heads/master\nStatus: new\nWork-in-progress: true"),
        &footer("Branch: refs/heads/dev.ssa\nStatus: abandoned"),
        &footer("Branch:\nWork-in-progress: false\nLabel: A=+1"),
        &footer("Private: true\n"),
        &footer("Private: false\nLabel: A=+2\n"),
    ]);
    let cl = forge.cl(7).unwrap();
    assert_eq!((&*cl.branch(), cl.status()), ("dev.ssa", Status::Abandoned));
    assert!(cl.is_private() && !cl.is_work_in_progress() && !cl.is_open());
    assert_eq!(forge.project().num_label_changes(), 2);
    assert_eq!(forge.project().open_cls().len(), 0);
    let metas: Vec<_> = cl.metas().map(|meta| meta.commit().hash()).collect();
    assert_eq!(metas, [100, 101, 102, 103, 104].map(hash));
    assert_eq!((cl.meta_count(), cl.metas().len()), (5, 5));
    assert_eq!(cl.metas().next_back(), Some(cl.meta()));
    assert_eq!(cl.metas().next(), Some(cl.oldest_meta()));
    assert_eq!(forge.commit(102).unwrap().meta_of(), Some(cl));
    assert_eq!(forge.commit(1).unwrap().meta_of(), None);
}

#[test]
fn nobody_sees_a_private_change_among_the_open_ones() {
    let forge = change_7(&[&footer("Private: true"), &footer("Status: new")]);
    assert_eq!(forge.project().open_cls().count(), 0);
    assert!(forge.cl(7).is_some_and(|cl| cl.is_private()));
}

#[test]
fn the_owner_is_who_made_the_oldest_meta() {
    let forge = change_7(&["a\n", "b\n"]);
    let cl = forge.cl(7).unwrap();
    assert_eq!(cl.owner_id(), Some(137));
    assert_eq!(cl.owner().unwrap().name(), "Rick Sanchez");
    assert_eq!(cl.created().unwrap().unix_seconds(), 1_500_000_100);
    for person in ["author A <b@c> 1 +0000", "author A 1 +0000", "tree-less x"] {
        let meta = commit_of(2, format!("{person}\n\nmeta"));
        let refs = vec![change(7, "1", 1), change(7, "meta", 2)];
        let forge = Forge::of([gerrit(PROJECT, vec![commit(1, &[], ""), meta], refs)]);
        let cl = forge.cl(7).unwrap();
        assert_eq!((cl.owner_id(), cl.created()), (None, None), "{person}");
    }
}

#[test]
fn the_patch_set_that_was_set_last_counts() {
    let mut forge = change_7(&["meta\n"]);
    let commits = [2, 3, 4].map(|number| commit(number, &[], &format!("patch set {number}")));
    forge.gerrit(commits.to_vec(), vec![change(7, "3", 3), change(7, "2", 2)]);
    // Another project has this one.
    forge.apply(gerrit("other/project", vec![commit(5, &[], "")], vec![]));
    forge.gerrit(
        vec![],
        vec![change(7, "1", 5), change(7, "10", 4), change(7, "2", 2)],
    );
    let cl = forge.cl(7).unwrap();
    assert_eq!((cl.version(), cl.subject()), (2, "patch set 2".into()));
    assert!(
        cl.patch_sets()
            .map(|(version, commit)| (version, commit.hash()))
            .eq([(2, hash(2))])
    );
    assert_eq!(cl.commit_at_version(2), forge.commit(2));
    for version in [i32::MIN, -1, 0, 1, 3, 10, i32::MAX] {
        assert_eq!(cl.commit_at_version(version), None, "{version}");
    }
    assert_eq!(cl.owner(), None);
    assert!(forge.project().has_commit(&hash(4)) && !forge.project().has_commit(&hash(5)));
    let names = |number| {
        forge
            .commit(number)
            .unwrap()
            .projects()
            .map(|p| p.name())
            .collect::<Vec<_>>()
    };
    assert_eq!((names(4), names(5)), (vec![PROJECT], vec!["other/project"]));
}

#[test]
fn subjects_and_footers_are_the_newest_patch_sets() {
    let id = format!("I{}", "a".repeat(40));
    for (message, subject) in [
        ("a: b".to_owned(), "a: b"),
        ("a\n\nx".to_owned(), "a"),
        ("a\nb\n\nx".to_owned(), "a b"),
        ("a\nb".to_owned(), "a b"),
        (format!("a\n\nChange-Id: {id}\nBug: 3\nBug: 4\n"), "a"),
    ] {
        let mut forge = change_7(&["meta\n"]);
        forge.gerrit(vec![commit(2, &[], &message)], vec![change(7, "2", 2)]);
        let cl = forge.cl(7).unwrap();
        assert_eq!(cl.subject(), subject);
        let has_footer = message.contains("Bug");
        assert_eq!(cl.change_id().as_deref(), has_footer.then_some(&*id));
        assert_eq!(cl.footer("Bug:").as_deref(), has_footer.then_some("3"));
        assert_eq!(cl.footer("Bug"), None);
    }
}

#[test]
fn github_issues_are_those_that_could_be_read_with_the_ref() {
    let mut forge = change_7(&["meta\n"]);
    let text = "net: x\n\nFixes #12, golang/Go#12 and a/b#3";
    forge.gerrit(vec![commit(2, &[3], text)], vec![change(7, "2", 2)]);
    let refs = |forge: &Forge| {
        let refs = forge.cl(7).unwrap().github_refs();
        refs.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(refs(&forge), ["golang/go#12", "a/b#3"]);
    let cl = forge.cl(7).unwrap();
    assert!(cl.references("golang", "go", 12) && !cl.references("golang", "go", 3));
    // Nobody looks again when the commit comes late.
    forge.gerrit(vec![], vec![change(7, "3", 3)]);
    forge.gerrit(vec![commit(3, &[], text)], vec![]);
    assert_eq!(refs(&forge), [""; 0]);
    assert_eq!(forge.cl(7).unwrap().subject(), "net: x");
}

#[test]
fn messages_are_told_oldest_first() {
    let forge = change_7(&[
        "Update\n\nUploaded patch set 1.\n\nPatch-set: 1\n",
        "Update\n\nPatch Set 1: Code-Review+2\n\nwell done\n\nPatch-set: 1\n",
        "Update\n\nUploaded patch set 2: Run-TryBot+1.\n\nPatch-set: 2\n",
    ]);
    let cl = forge.cl(7).unwrap();
    let messages: Vec<_> = cl.messages().collect();
    let texts: Vec<_> = messages.iter().map(|m| (m.version(), m.text())).collect();
    assert_eq!(
        texts,
        [
            (1, "Patch Set 1: Code-Review+2\n\nwell done".into()),
            (2, "Uploaded patch set 2: Run-TryBot+1.".into())
        ]
    );
    assert_eq!(messages[0].meta().commit().hash(), hash(101));
    assert_eq!(messages[0].date().unwrap().unix_seconds, 1_500_000_101);
    assert_eq!(
        messages[0].author().unwrap().email(),
        "137@62eb7196-b449-3ce5-99f1-c037f21e1705"
    );
}

#[test]
fn tests_are_wanted_until_somebody_takes_it_back() {
    let said = |text: &str| format!("Update\n\nPatch Set 1: {text}\n\nPatch-set: 1\n");
    let (run, result) = (said("Run-TryBot+1"), said("TryBot-Result+1"));
    for (metas, want) in [
        (vec![run.clone()], (true, false)),
        (vec![run.clone(), result], (true, true)),
        (vec![run.clone(), said("-Run-TryBot")], (false, false)),
        (vec![run.replace("Set 1", "Set 2")], (false, false)),
    ] {
        let metas: Vec<_> = metas.iter().map(String::as_str).collect();
        let forge = change_7(&metas);
        let status = forge.cl(7).unwrap().try_status();
        assert_eq!((status.wanted, status.done), want, "{metas:?}");
    }
}

#[test]
fn hashtags_are_those_of_the_newest_meta_that_has_some() {
    let forge = change_7(&[
        &footer("Hashtags: a, b"),
        &footer("Tag: autogenerated:gerrit:setHashtag"),
        "Hashtag removed: b\n\nHashtags: a\nTag: autogenerated:gerrit:setHashtag\n",
        &footer("Hashtags: "),
    ]);
    let cl = forge.cl(7).unwrap();
    let tags: Vec<_> = cl.metas().map(|meta| meta.hashtags().text()).collect();
    assert_eq!(tags, [&b"a, b"[..], b"a, b", b"a", b""]);
    let edits: Vec<_> = cl.metas().filter_map(|meta| meta.hashtag_edits()).collect();
    let [edits] = edits[..] else {
        panic!("{edits:?}")
    };
    assert!(edits.added.is_empty() && edits.removed.contains("b"));
    let first = cl.oldest_meta().hashtags();
    assert!(first.contains("a") && first.contains("b") && !first.contains("a, b"));
    assert_eq!((first.len(), cl.hashtags().len()), (2, 0));
    assert_eq!(
        cl.metas().nth(1).unwrap().action_tag(),
        "autogenerated:gerrit:setHashtag"
    );
}

#[test]
fn a_history_that_is_replaced_leaves_nothing_behind() {
    let (old, new) = (
        [
            &*footer("Branch: x\nStatus: merged\nPrivate: true\nLabel: A=+1"),
            "Label: B=+1",
        ],
        [&*footer("Work-in-progress: true"), "x\nLabel: B=+1\n"],
    );
    let mut forge = change_7(&old);
    assert_eq!(forge.project().num_label_changes(), 1);
    let metas = vec![commit(200, &[], new[0]), commit(201, &[200], new[1])];
    forge.gerrit(metas.clone(), vec![change(7, "meta", 201)]);
    let cl = forge.cl(7).unwrap();
    assert_eq!((&*cl.branch(), cl.status()), ("", Status::New));
    assert!(!cl.is_private() && cl.is_work_in_progress() && cl.is_open());
    assert_eq!(
        (cl.meta_count(), forge.project().num_label_changes()),
        (2, 1)
    );
    assert_eq!(forge.commit(100).unwrap().meta_of(), None);
    assert_eq!(forge.commit(200).unwrap().meta_of(), Some(cl));
    // A part of the old one is a part of the new one.
    let mut forge = change_7(&old);
    forge.gerrit(
        vec![commit(300, &[100], "on the root")],
        vec![change(7, "meta", 300)],
    );
    let cl = forge.cl(7).unwrap();
    assert_eq!((cl.status(), cl.meta_count()), (Status::Merged, 2));
    assert_eq!(forge.commit(101).unwrap().meta_of(), None);
    assert_eq!(forge.commit(100).unwrap().meta_of(), Some(cl));
    // Back to an older meta of the same history.
    let mut forge = change_7(&["a", "b", &footer("Status: merged")]);
    forge.gerrit(vec![], vec![change(7, "meta", 101)]);
    assert_eq!(forge.cl(7).unwrap().status(), Status::New);
    assert_eq!(forge.cl(7).unwrap().meta_count(), 2);
}

#[test]
fn it_does_not_matter_when_a_meta_comes() {
    let metas = [
        commit(
            100,
            &[],
            &footer("Branch: x\nStatus: merged\nPrivate: true\nLabel: A=+1"),
        ),
        commit(101, &[100], &footer("Label: B=+1")),
        commit(102, &[101], &footer("Hashtags: late")),
    ];
    let with = |order: &[usize]| {
        let mut forge = Forge::new(true);
        forge.gerrit(vec![commit(1, &[], "net: x")], vec![change(7, "1", 1)]);
        // The newest is known at least as a parent.
        forge.gerrit(vec![commit(500, &[102], "")], vec![change(7, "meta", 102)]);
        assert_eq!(forge.cl(7).unwrap().meta_count(), 1);
        for at in order {
            forge.gerrit(vec![metas[*at].clone()], vec![]);
        }
        let cl = forge.cl(7).unwrap();
        assert_eq!((cl.meta_count(), cl.status()), (3, Status::Merged));
        assert_eq!(forge.project().num_label_changes(), 2);
        forge.dump()
    };
    let in_order = with(&[0, 1, 2]);
    for order in [[0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        assert_eq!(with(&order), in_order, "{order:?}");
    }
}

#[test]
fn a_merge_among_the_metas_hides_the_change() {
    let mut forge = change_7(&["a", "x\nLabel: A=+1\n"]);
    let merge = commit(200, &[101, 100], "x\nLabel: A=+2\n");
    let said = forge.gerrit(vec![merge], vec![change(7, "meta", 200)]);
    assert_eq!(said, ["a change whose history of metas has a merge: \"7\""]);
    assert!(forge.cl(7).is_none());
    assert_eq!(forge.project().num_label_changes(), 1);
    assert_eq!(forge.commit(200).unwrap().meta_of(), None);
    forge.gerrit(vec![], vec![change(7, "meta", 101)]);
    assert_eq!(forge.cl(7).unwrap().meta_count(), 2);
    assert_eq!(forge.project().num_label_changes(), 1);
}

#[test]
fn a_circle_of_metas_hides_the_change() {
    let mut forge = change_7(&["a", "b"]);
    assert_eq!(
        forge.gerrit(vec![commit(100, &[101], "a")], vec![]),
        [""; 0]
    );
    assert!(forge.cl(7).is_none());
    let own = forge.gerrit(vec![commit(300, &[300], "a")], vec![change(7, "meta", 300)]);
    assert_eq!(own, ["a change whose history of metas is a circle: \"7\""]);
    assert!(forge.cl(7).is_none());
    forge.gerrit(vec![commit(100, &[], "a")], vec![change(7, "meta", 101)]);
    assert_eq!(forge.cl(7).unwrap().meta_count(), 2);
}

#[test]
fn two_projects_may_share_a_meta() {
    let commits = || {
        vec![
            commit(1, &[], "x"),
            commit(2, &[], &footer("Branch: x\nLabel: A=+1")),
        ]
    };
    let refs = || vec![change(7, "1", 1), change(7, "meta", 2)];
    let mut forge = Forge::of([
        gerrit(PROJECT, commits(), refs()),
        gerrit("other/project", commits(), refs()),
        gerrit(
            "other/project",
            vec![],
            vec![change(8, "1", 1), change(8, "meta", 2)],
        ),
    ]);
    let labels = |forge: &Forge| {
        let other = forge.corpus().gerrit_project("other", "project").unwrap();
        (
            forge.project().num_label_changes(),
            other.num_label_changes(),
        )
    };
    assert_eq!(labels(&forge), (1, 2));
    assert_eq!(forge.commit(2).unwrap().projects().len(), 2);
    assert_eq!(forge.commit(2).unwrap().meta_of(), forge.cl(7));
    // One goes on, and another is replaced.
    forge.gerrit(
        vec![commit(3, &[2], &footer("Status: merged"))],
        vec![change(7, "meta", 3)],
    );
    forge.apply(gerrit(
        "other/project",
        vec![commit(4, &[], "y")],
        vec![change(7, "meta", 4)],
    ));
    assert_eq!(forge.cl(7).unwrap().meta_count(), 2);
    assert_eq!(labels(&forge), (1, 1));
    let again = commit(2, &[], &footer("Branch: y"));
    forge.add(again);
    assert_eq!(forge.cl(7).unwrap().branch(), "y");
    assert_eq!(labels(&forge), (0, 0));
}

#[test]
fn a_new_patch_set_that_changes_something_takes_the_votes_of_tests_away() {
    let votes = |original: bool, commit_in_footer: u32, known: bool| {
        let mut forge = Forge::new(original);
        let new_set = |lines: &str| {
            footer(&format!(
                "Patch-set: 1\n{lines}\nTag: autogenerated:gerrit:newPatchSet"
            ))
        };
        let metas = vec![
            commit(100, &[], &new_set(&format!("Commit: {}", hash(1)))),
            commit(
                101,
                &[100],
                &footer("Label: Run-TryBot=+1\nLabel: Code-Review=+2"),
            ),
            commit(
                102,
                &[101],
                &new_set(&format!("Commit: {}", hash(commit_in_footer))),
            ),
        ];
        forge.gerrit(metas, vec![]);
        forge.gerrit(
            vec![with_file(1, 1), with_file(2, 1), with_file(3, 2)],
            vec![],
        );
        if !known {
            forge.add(with_file(4, 1));
        }
        forge.gerrit(vec![], vec![change(7, "1", 1), change(7, "meta", 102)]);
        let votes = forge.cl(7).unwrap().votes();
        votes.map(|votes| {
            let labels = votes
                .keys()
                .map(|label| String::from_utf8_lossy(label).into_owned());
            labels.collect::<Vec<_>>()
        })
    };
    let both = || Ok(vec!["Code-Review".to_owned(), "Run-TryBot".to_owned()]);
    for original in [false, true] {
        assert_eq!(votes(original, 2, true), both());
        assert_eq!(votes(original, 3, true), Ok(vec!["Code-Review".to_owned()]));
    }
    // The corpus has it, but not the project.
    assert!(votes(true, 4, false).is_err());
    assert_eq!(votes(false, 4, false), both());
}

/// A commit that adds so many lines to a file.
fn with_file(number: u32, added: i64) -> proto::maintpb::GitCommit {
    let file = proto::maintpb::GitDiffTreeFile {
        file: "x.go".into(),
        added,
        ..Default::default()
    };
    proto::maintpb::GitCommit {
        diff_tree: Some(proto::maintpb::GitDiffTree { file: vec![file] }),
        ..commit(number, &[], "")
    }
}

#[test]
fn votes_of_nobody_are_no_votes() {
    let mut forge = change_7(&["a"]);
    let nobodys = commit_of(
        200,
        format!("parent {}\ncommitter A <a@b> 1 +0000\n\nx", hash(100)),
    );
    let metas = vec![nobodys, commit(201, &[200], &footer("Label: A=+1"))];
    forge.gerrit(metas, vec![change(7, "meta", 201)]);
    let cl = forge.cl(7).unwrap();
    let outcomes: Vec<_> = cl.metas().map(|meta| meta.label_votes().is_ok()).collect();
    assert_eq!(outcomes, [true, false, false]);
    assert_eq!(cl.owner_id(), Some(137));
}

#[test]
fn the_latest_release_of_each_version_with_a_branch_is_told() {
    let refs = |names: &[&str]| {
        let refs = (1..).zip(names).map(|(number, name)| git_ref(name, number));
        let commits = (1..20).map(|number| commit(number, &[], "")).collect();
        Forge::of([gerrit(PROJECT, commits, refs.collect())])
    };
    let forge = refs(&[
        "refs/tags/go1.9.7",
        "refs/tags/go1.10.4",
        "refs/tags/go1.10",
        "refs/tags/go1.11",
        "refs/tags/go1.11.1",
        "refs/tags/go1.12beta1",
        "refs/heads/release-branch.go1.10",
        "refs/heads/release-branch.go1.11",
        "refs/heads/release-branch.go1.11-security",
        "refs/heads/release-branch.go1.12",
        "refs/tags/go1.11rc1",
    ]);
    let releases = forge.project().latest_releases();
    let tags: Vec<_> = releases.iter().map(|release| release.tag).collect();
    assert_eq!(tags, ["go1.11.1", "go1.10.4"]);
    let newest = releases[0];
    assert_eq!((newest.major, newest.minor, newest.patch), (1, 11, 1));
    assert_eq!(newest.branch, "release-branch.go1.11");
    assert_eq!(
        (newest.tag_commit, newest.branch_commit),
        (hash(5), hash(8))
    );

    let forge = refs(&[
        "refs/tags/go1.42.1",
        "refs/tags/go1.43",
        "refs/tags/go2",
        "refs/heads/release-branch.go1.42",
        "refs/heads/release-branch.go2",
    ]);
    let releases = forge.project().latest_releases();
    let told: Vec<_> = releases
        .iter()
        .map(|r| (r.tag, r.major, r.minor, r.patch))
        .collect();
    assert_eq!(told, [("go2", 2, 0, 0), ("go1.42.1", 1, 42, 1)]);
    let supported = forge.project().supported_releases().unwrap();
    assert_eq!(supported[..], releases);
    assert!(
        refs(&["refs/tags/go2", "refs/heads/release-branch.go2"])
            .project()
            .supported_releases()
            .is_err()
    );
}

#[test]
fn a_mutation_with_something_deadly_is_passed_over_whole() {
    let mut forge = Forge::new(true);
    let commits = || vec![commit(1, &[], ""), commit_of(2, "bad"), commit(3, &[1], "")];
    let said = forge.gerrit(commits(), vec![git_ref("HEAD", 1)]);
    let why = "a commit without an empty line; the mutation is passed over";
    assert_eq!(said, [format!("{why}: \"{}\"", hash(2))]);
    assert_eq!(forge.corpus().counts().commits, 0);
    assert_eq!(forge.corpus().gerrit_projects().len(), 0);
    // What is only dropped leaves the rest.
    let mut dropped = commits();
    dropped[1] = commit_of(2, "\n\nno header");
    assert_eq!(forge.gerrit(dropped, vec![git_ref("HEAD", 3)]).len(), 1);
    assert_eq!(forge.project().commit_count(), 2);
    assert_eq!(forge.project().git_ref("HEAD"), Some(hash(3)));
}

#[test]
fn a_check_tells_what_is_missing() {
    let mut forge = Forge::of([gerrit(PROJECT, vec![commit(2, &[1], "")], vec![])]);
    let not_in_project = Err(Inconsistency::ParentNotInProject {
        project: PROJECT.into(),
        commit: hash(2),
        parent: hash(1),
    });
    assert_eq!(forge.corpus().check(), not_in_project);
    // That the corpus has it is not enough.
    forge.add(commit(1, &[], ""));
    assert_eq!(forge.corpus().check(), not_in_project);
    forge.gerrit(vec![commit(1, &[], "")], vec![]);
    assert_eq!(forge.corpus().check(), Ok(()));
    forge.apply(gerrit("other/project", vec![commit(2, &[1], "")], vec![]));
    let missing = forge.corpus().check().unwrap_err().to_string();
    assert!(missing.contains("other/project") && missing.contains(&hash(1).to_string()));
    forge.apply(gerrit("other/project", vec![commit(1, &[], "")], vec![]));
    forge.add(commit(3, &[9], ""));
    assert_eq!(
        forge.corpus().check(),
        Err(Inconsistency::NeverRecorded { commit: hash(9) })
    );
}
