//! A corpus that is followed: what it tells, when, and how it ends.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use forgelog_replay::corpus::touched::{ClKey, IssueKey, RefKey};
use forgelog_replay::{Corpus, Error, Folded, Live, LiveOptions, Rules, Stopped, Touched};
use log_core::{NewRecord, Stream, Writer, WriterOptions};
use object_store::memory::InMemory;
use proto::maintpb::{GitMutation, GitRef, GitRepo, GithubIssueMutation, Mutation};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::forge::{PROJECT, change, commit, gerrit, git_ref, hash};
use crate::invariants::check;
#[cfg(feature = "http")]
use crate::log::put_stream;
use crate::log::{
    Bytewise, DiskLog, PATIENCE, assert_equal, assert_same, cut, dump, folded, log_of_mutations,
    open_stream, records, synth_log,
};
#[cfg(feature = "http")]
use crate::server::Served;

pub(crate) fn issue(number: i32, title: &str) -> Mutation {
    let github_issue = Some(GithubIssueMutation {
        owner: "golang".into(),
        repo: "go".into(),
        number,
        title: title.into(),
        ..GithubIssueMutation::default()
    });
    Mutation {
        github_issue,
        ..Mutation::default()
    }
}

pub(crate) fn key(number: i32) -> IssueKey {
    IssueKey {
        owner: "golang".into(),
        repo: "go".into(),
        number,
    }
}

pub(crate) async fn update(live: &mut Live<Corpus>) -> Result<Touched, Stopped> {
    timeout(PATIENCE, live.update())
        .await
        .expect("news in time")
}

/// Waits for news until all of these issues were told of.
async fn told(live: &mut Live<Corpus>, numbers: std::ops::Range<i32>) {
    let mut left: BTreeSet<_> = numbers.map(key).collect();
    while !left.is_empty() {
        let touched = update(live).await.unwrap();
        assert!(!touched.is_partial);
        for issue in touched.issues {
            let snapshot = live.snapshot();
            let repo = snapshot.state().github_repo(&issue.owner, &issue.repo);
            assert!(repo.unwrap().issue(issue.number).is_some(), "{issue:?}");
            left.remove(&issue);
        }
    }
}

/// A log of issues 1 to `count`, of which each is a record.
fn issues(count: i32) -> Bytewise {
    let mutations: Vec<_> = (1..=count).map(|number| issue(number, "x")).collect();
    log_of_mutations(&mutations, 1 << 20)
}

pub(crate) async fn open(disk: &DiskLog) -> Live<Corpus> {
    let options = disk.options(&Rules::default());
    Corpus::open(&disk.place(), options).await.unwrap()
}

#[tokio::test]
async fn news_name_what_was_touched_and_are_in_the_snapshot() {
    let mut mutations = vec![issue(1, "before")];
    let disk = DiskLog::new(&log_of_mutations(&mutations, 1 << 20));
    let mut live = open(&disk).await;
    let mut append = |more: Vec<Mutation>| {
        mutations.extend(more);
        disk.extend_to(&log_of_mutations(&mutations, 1 << 20));
    };
    append(vec![issue(3, "new")]);
    let touched = update(&mut live).await.unwrap();
    let mut want = Touched::default();
    want.issues = vec![key(3)];
    assert_eq!(touched, want);
    let snapshot = live.snapshot();
    let repo = snapshot.state().github_repo("golang", "go").unwrap();
    assert_eq!(repo.issue(3).unwrap().title(), "new");

    let commits = vec![
        commit(1, &[], "net: fix\n"),
        commit(2, &[], "Patch-set: 1\n"),
    ];
    let refs = vec![
        change(7, "1", 1),
        change(7, "meta", 2),
        git_ref("refs/heads/x", 1),
    ];
    append(vec![gerrit(PROJECT, commits, refs)]);
    let touched = update(&mut live).await.unwrap();
    let mut want = Touched::default();
    want.cls = vec![ClKey {
        project: PROJECT.into(),
        number: 7,
    }];
    want.refs = vec![RefKey {
        owner: PROJECT.into(),
        name: "refs/heads/x".into(),
    }];
    want.commits = vec![hash(1), hash(2)];
    assert_eq!(touched, want);
    assert_eq!(live.snapshot().state().cls().count(), 1);

    // A commit of a history touches its change, a ref its repository.
    let git = GitMutation {
        repo: Some(GitRepo {
            name: "plain".into(),
            ..GitRepo::default()
        }),
        refs: vec![GitRef {
            r#ref: "HEAD".into(),
            sha1: hash(1).to_string(),
            ..GitRef::default()
        }],
        ..GitMutation::default()
    };
    append(vec![
        Mutation {
            git: Some(git),
            ..Mutation::default()
        },
        gerrit(
            PROJECT,
            vec![commit(2, &[], "Patch-set: 1\nStatus: merged\n")],
            vec![],
        ),
        issue(3, "again"),
        issue(1, "again"),
        issue(3, "and again"),
    ]);
    let mut all = Touched::default();
    while all.issues.len() < 2 {
        all.extend(&update(&mut live).await.unwrap());
    }
    assert_eq!(all.issues, [key(1), key(3)]);
    assert_eq!(all.cls, want.cls);
    assert_eq!(all.refs[0].owner, "plain");
    check(live.snapshot().state());
}

#[tokio::test]
async fn what_comes_right_after_it_was_opened_is_told() {
    for before in [0, 1, 50] {
        let disk = DiskLog::new(&issues(before));
        let mut live = open(&disk).await;
        // The task that follows has not begun: nothing was waited for.
        disk.extend_to(&issues(before + 3));
        told(&mut live, before + 1..before + 4).await;
    }
}

/// Appends issues 1, 2, … to a stream, some each time that it is asked to.
struct Busy {
    wanted: watch::Sender<i32>,
    task: JoinHandle<()>,
}

impl Busy {
    async fn start(stream: &Stream) -> Self {
        let writer = Writer::open(stream.clone(), WriterOptions::new("test"))
            .await
            .unwrap();
        let (wanted, mut asked) = watch::channel(0);
        let append = async move {
            let mut number = 0;
            while let Ok(wanted) = asked
                .wait_for(|wanted| *wanted > number)
                .await
                .map(|it| *it)
            {
                while number < wanted {
                    number += 1;
                    let record = NewRecord::new(&issue(number, "x"));
                    writer.append(record).await.unwrap();
                }
            }
            writer.close().await.unwrap();
        };
        Self {
            wanted,
            task: tokio::spawn(append),
        }
    }

    /// Begins to append more.
    fn go_on(&self) {
        self.wanted.send_modify(|wanted| *wanted += 40);
    }

    async fn stop(self) {
        drop(self.wanted);
        self.task.await.unwrap();
    }

    /// Every issue is in the state or told of after it.
    async fn assert_complete(&self, state: &Folded<Corpus>, live: &mut Live<Corpus>) {
        let repo = state.state().github_repo("golang", "go");
        let known = repo.map_or(0, |repo| repo.issue_count() as i32);
        let wanted = *self.wanted.borrow();
        told(live, known + 1..wanted + 1).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_state_does_not_have_is_told_after_it() {
    let store = Arc::<InMemory>::default();
    let stream = open_stream(&store, "activity").await;
    let busy = Busy::start(&stream).await;
    for _ in 0..30 {
        busy.go_on();
        let cancel = CancellationToken::new();
        let options = LiveOptions::default();
        let (mut live, task) = Live::<Corpus>::spawn(stream.clone(), options, cancel.clone());
        let state = live.caught_up().await.unwrap();
        busy.assert_complete(&state, &mut live).await;
        cancel.cancel();
        task.await.unwrap().unwrap();
    }
    busy.stop().await;
}

#[cfg(feature = "http")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_not_there_when_it_was_opened_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let store = Arc::<InMemory>::default();
    let stream = open_stream(&store, "activity").await;
    let served = Served::start(vec![stream.clone()], "127.0.0.1:0").await;
    let busy = Busy::start(&stream).await;
    let options = crate::log::options(dir.path(), &Rules::default());
    for _ in 0..30 {
        busy.go_on();
        let url = served.url("activity");
        let mut live = Corpus::open(&url, options.clone()).await.unwrap();
        let state = live.snapshot();
        busy.assert_complete(&state, &mut live).await;
    }
    busy.stop().await;
    served.stop().await;
}

#[tokio::test]
async fn handles_have_news_of_their_own() {
    let disk = DiskLog::new(&issues(1));
    let mut first = open(&disk).await;
    disk.extend_to(&issues(2));
    first.wait_for(records(&issues(2))[1].next).await.unwrap();
    let mut second = first.clone();
    let mut third = first.subscribe();
    told(&mut first, 2..3).await;
    disk.extend_to(&issues(3));
    told(&mut first, 3..4).await;
    // A clone has what its original had not told; a subscription begins where it was made.
    let mut seen = update(&mut second).await.unwrap().issues;
    if !seen.contains(&key(3)) {
        seen.extend(update(&mut second).await.unwrap().issues);
    }
    assert!(seen.contains(&key(3)), "{seen:?}");
    assert_eq!(third.next().await.unwrap().issues, [key(3)]);
    // Nothing is told twice.
    let none = timeout(Duration::from_millis(20), first.update()).await;
    assert!(none.is_err(), "{none:?}");
}

#[tokio::test]
async fn who_is_too_far_behind_is_told_that_there_was_more() {
    let store = Arc::<InMemory>::default();
    let stream = open_stream(&store, "activity").await;
    let writer = Writer::open(stream.clone(), WriterOptions::new("test"))
        .await
        .unwrap();
    let cancel = CancellationToken::new();
    let (mut live, task) =
        Live::<Corpus>::spawn(stream.clone(), LiveOptions::default(), cancel.clone());
    live.caught_up().await.unwrap();
    let mut lagging = live.subscribe();
    for number in 1..=1_100 {
        let record = NewRecord::new(&issue(number, "x"));
        let end = writer.append(record).await.unwrap().next;
        live.wait_for(end).await.unwrap();
    }
    let touched = lagging.next().await.unwrap();
    assert!(touched.is_partial && touched.has_more_commits);
    assert!(touched.issues.contains(&key(1_100)), "the newest are there");
    assert!(!touched.issues.contains(&key(1)), "the oldest are not");
    assert!(update(&mut live).await.unwrap().is_partial);
    assert_eq!(live.snapshot().state().counts().issues, 1_100);
    cancel.cancel();
    task.await.unwrap().unwrap();
    assert!(lagging.next().await.is_none());
    writer.close().await.unwrap();
}

#[tokio::test]
async fn it_ends_with_the_last_handle() {
    let disk = DiskLog::new(&issues(5));
    let live = open(&disk).await;
    let (clone, mut news, mut watch) = (live.clone(), live.subscribe(), live.watch());
    drop(live);
    disk.extend_to(&issues(6));
    let touched = timeout(PATIENCE, news.next()).await.unwrap().unwrap();
    assert_eq!(touched.issues, [key(6)]);
    let snapshot = clone.snapshot();
    drop(clone);
    assert_eq!(timeout(PATIENCE, news.next()).await.unwrap(), None);
    let closed = async { while watch.changed().await.is_ok() {} };
    timeout(PATIENCE, closed).await.unwrap();
    assert_eq!(snapshot.state().counts().issues, 6);
}

#[tokio::test]
async fn followed_from_a_checkpoint_it_is_what_a_cold_fold_is() {
    let log = synth_log(3);
    let all = records(&log);
    let rules = Rules::default();
    let end = |part: usize| all[all.len() * part / 8].next;
    let disk = DiskLog::new(&cut(&log, end(3)));
    disk.load(&rules).await.checkpoint().await.unwrap();
    let live = open(&disk).await;
    let held = live.snapshot();
    let text = dump(held.state());
    for part in 4..8 {
        disk.extend_to(&cut(&log, end(part)));
        let newest = live.wait_for(end(part)).await.unwrap();
        assert_equal(&newest, &folded(&cut(&log, end(part)), &rules), "followed");
    }
    assert_same(&dump(held.state()), &text, "held");
    assert_eq!(live.health().applied, end(7));
}

/// Waits until there are checkpoints in the cache, and gives their files.
async fn checkpoints(disk: &DiskLog) -> Vec<PathBuf> {
    let look = || {
        let caches = std::fs::read_dir(disk.cache()).into_iter().flatten();
        let folders = caches
            .flatten()
            .map(|cache| cache.path().join("checkpoints"));
        let files = folders.flat_map(|folder| std::fs::read_dir(folder).into_iter().flatten());
        let paths = files.flatten().map(|file| file.path());
        paths
            .filter(|path| path.extension().is_some_and(|ending| ending == "ckpt"))
            .collect()
    };
    let found = async {
        loop {
            let found: Vec<_> = look();
            if !found.is_empty() {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, found)
        .await
        .expect("a checkpoint in time")
}

#[tokio::test]
async fn checkpoints_are_written_once_it_is_open_and_while_it_is_followed() {
    // In the log 12 MiB each, in the corpus next to nothing.
    let long = |number| {
        let mut mutation = issue(number, "long");
        mutation.github_issue.as_mut().unwrap().body = "x".repeat(12 << 20);
        mutation
    };
    let log = log_of_mutations(&[1, 2, 3, 4, 5].map(long), 1 << 20);
    let end = |number| records(&log[..=number]).last().unwrap().next;
    let disk = DiskLog::new(&cut(&log, end(0)));
    let live = open(&disk).await;
    let first = checkpoints(&disk).await;
    assert_eq!(first.len(), 1, "{first:?}");
    std::fs::remove_file(&first[0]).unwrap();
    for number in 1..4 {
        disk.extend_to(&cut(&log, end(number)));
        live.wait_for(end(number)).await.unwrap();
    }
    let second = checkpoints(&disk).await;
    disk.extend_to(&log);
    live.wait_for(end(4)).await.unwrap();
    drop(live);
    let loaded = disk.load(&Rules::default()).await;
    assert_eq!(loaded.opening.checkpoint, second.last().cloned());
    assert_eq!(loaded.opening.from, end(3));
    assert_eq!(loaded.folded.records(), 5);
    let (all, own) = (60 << 20, 30 << 20);
    let bytes: usize = log.iter().map(Vec::len).sum();
    assert!(bytes > all && own < all);
    assert_same(
        &dump(loaded.folded.state()),
        &dump(folded(&log, &Rules::default()).state()),
        "from it",
    );
}

/// Why the following ended: another history.
#[track_caller]
fn assert_split(stopped: &Stopped) {
    let source = stopped.source.as_deref().expect("it was not asked to stop");
    assert!(
        matches!(source, Error::Read { source, .. } if source.is_split()),
        "{stopped:?}"
    );
}

#[tokio::test]
async fn a_log_that_shrinks_or_changes_ends_it_and_leaves_what_was_there() {
    let log = issues(200);
    for shorter in [true, false] {
        let disk = DiskLog::new(&log);
        let mut live = open(&disk).await;
        let before = dump(live.snapshot().state());
        // As a new file: what is mapped is never changed.
        let new = disk.file(0).with_extension("new");
        let bytes = if shorter {
            &log[0][..log[0].len() / 2]
        } else {
            &log[0]
        };
        std::fs::write(&new, bytes).unwrap();
        if shorter {
            std::fs::rename(&new, disk.file(0)).unwrap();
        } else {
            // A file that comes before the one that is known.
            std::fs::rename(&new, disk.file(0).with_file_name("maintner-2016.mutlog")).unwrap();
        }
        for _ in 0..2 {
            assert_split(&update(&mut live).await.unwrap_err());
        }
        assert!(live.health().stopped);
        assert_same(&dump(live.snapshot().state()), &before, "what was there");
    }
}

#[tokio::test]
async fn a_log_that_becomes_garbage_ends_it_with_its_place() {
    let disk = DiskLog::new(&issues(20));
    let mut live = open(&disk).await;
    let mut log = issues(25);
    log[0].extend(b"this is no record at all, and it is long enough to be the header of one");
    disk.extend_to(&log);
    told(&mut live, 21..26).await;
    let stopped = update(&mut live).await.unwrap_err();
    let end = records(&issues(25)).last().unwrap().next;
    assert_eq!(stopped.at, end);
    let text = log_core::explain(&stopped);
    assert!(text.contains(&format!("{:#x}", end.offset)), "{text}");
    assert!(text.contains("maintner-2017-03-01.mutlog"), "{text}");
    assert_eq!(live.snapshot().state().counts().issues, 25);
}

#[cfg(feature = "http")]
#[tokio::test]
async fn a_servers_log_is_followed_until_it_splits() {
    let dir = tempfile::tempdir().unwrap();
    let store = Arc::<InMemory>::default();
    put_stream(&store, "activity", &issues(10)).await;
    let stream = open_stream(&store, "activity").await;
    let served = Served::start(vec![stream.clone()], "127.0.0.1:0").await;
    let options = crate::log::options(dir.path(), &Rules::default());
    let mut live = Corpus::open(&served.url("activity"), options)
        .await
        .unwrap();
    let writer = Writer::open(stream, WriterOptions::new("test"))
        .await
        .unwrap();
    for number in 11..20 {
        let record = NewRecord::new(&issue(number, "x"));
        writer.append(record).await.unwrap();
        told(&mut live, number..number + 1).await;
    }
    writer.close().await.unwrap();
    let before = dump(live.snapshot().state());
    let address = served.stop().await;
    let other = Arc::<InMemory>::default();
    put_stream(&other, "activity", &issues(3)).await;
    let stream = open_stream(&other, "activity").await;
    let served = Served::start(vec![stream], &address).await;
    assert_split(&update(&mut live).await.unwrap_err());
    assert_same(&dump(live.snapshot().state()), &before, "what was there");
    served.stop().await;
}
