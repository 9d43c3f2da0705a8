//! Reading while other processes pack, and from many threads.

use crate::fixture::{TestRepo, command, lines, output};

#[test]
fn repacking_while_open_disturbs_nothing() {
    let repo = TestRepo::new();
    let commits: Vec<_> = (0..20)
        .map(|number| {
            repo.write("a", lines(0..number));
            repo.commit("more")
        })
        .collect();
    let opened = repo.open();
    let read = || -> Vec<_> {
        commits
            .iter()
            .map(|commit| opened.commit(commit).unwrap())
            .collect()
    };
    let before = read();
    repo.git(["gc", "-q", "--prune=now"]);
    assert_eq!(read(), before);
    repo.git(["repack", "-q", "-a", "-d", "-f", "--depth=3"]);
    repo.git(["pack-refs", "--all"]);
    assert_eq!(read(), before);
    repo.git(["multi-pack-index", "write"]);
    repo.git(["commit-graph", "write", "--reachable"]);
    assert_eq!(read(), before);
    repo.write("new", "after");
    let after = repo.commit("after");
    assert_eq!(opened.commit(&after).unwrap().files.len(), 1);
}

#[test]
fn many_packs_that_come_one_by_one_are_found() {
    let repo = TestRepo::new();
    let opened = repo.open();
    for number in 0..60 {
        repo.write("a", format!("{number}\n"));
        let commit = repo.commit("more");
        repo.git(["repack", "-q", "-d"]);
        assert!(opened.commit(&commit).is_ok(), "after {number} packs");
    }
}

#[test]
fn many_threads_read_at_once() {
    let repo = TestRepo::new();
    let commits: Vec<_> = (0..10)
        .map(|number| {
            repo.write("a", lines(0..number));
            repo.commit("more")
        })
        .collect();
    let opened = repo.open();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            let opened = opened.clone();
            scope.spawn(|| {
                let opened = opened;
                for commit in &commits {
                    assert!(opened.commit(commit).is_ok());
                }
            });
        }
        output(command(&repo.path).args(["gc", "-q", "--prune=now"]), b"");
    });
}
