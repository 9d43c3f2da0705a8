//! Counts that are kept with the tables, and what was touched between two moments or by what came: as if everything was
//! looked at.

use std::io::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use forgelog_replay::{At, Corpus, CorpusOptions, Folded, Loaded};
use log_core::frame::Frames;
use log_core::{Position, Record};

fn logs() -> Vec<PathBuf> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/conformance");
    let entries = std::fs::read_dir(folder).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let mut logs: Vec<_> = paths
        .filter(|path| path.extension().is_some_and(|ending| ending == "mutlog"))
        .collect();
    logs.sort();
    logs
}

fn check_counts(corpus: &Corpus, place: &str) {
    let counts = corpus.counts();
    let known = corpus.commits().filter(|commit| !commit.is_placeholder());
    assert_eq!(counts.commits, known.count(), "{place}");
    assert_eq!(counts.commits + counts.placeholders, corpus.commits().len());
    assert_eq!(counts.cls, corpus.cls().count(), "{place}");
    let metas: usize = corpus.cls().map(|cl| cl.metas().len()).sum();
    assert_eq!(counts.metas, metas, "{place}");
    let of_repos: usize = corpus.repos().map(|repo| repo.refs().len()).sum();
    let of_projects: usize = corpus.gerrit_projects().map(|one| one.refs().len()).sum();
    assert_eq!(counts.refs, of_repos + of_projects, "{place}");
    let issues: usize = corpus.github_repos().map(|repo| repo.issues().len()).sum();
    assert_eq!(counts.issues, issues, "{place}");
    assert_eq!(counts.faults, corpus.faults().count(), "{place}");
}

#[test]
fn counts_are_what_one_counts_after_every_record() {
    for log in logs() {
        let bytes = std::fs::read(&log).unwrap();
        let mut folded = Folded::<Corpus>::default();
        for frame in Frames::new(&bytes, 0).map_while(Result::ok) {
            let place = |offset| Position { segment: 0, offset };
            folded.apply(&Record {
                at: place(frame.offset),
                next: place(frame.end),
                payload: frame.payload.to_vec().into(),
            });
            let place = format!("{} at {:#x}", log.display(), frame.end);
            check_counts(folded.state(), &place);
        }
    }
}

async fn load(log: &str, at: At, cache: &std::path::Path) -> Loaded {
    let mut options = CorpusOptions::default();
    options.source.cache = Some(cache.to_owned());
    Corpus::load(log, Some(at), &options).await.unwrap()
}

#[tokio::test]
async fn folding_on_gives_the_later_corpus_and_tells_what_was_touched() {
    let cache = tempfile::tempdir().unwrap();
    for log in logs() {
        let bytes = std::fs::read(&log).unwrap();
        let frames: Vec<_> = Frames::new(&bytes, 0).map_while(Result::ok).collect();
        let [first, .., last] = frames.as_slice() else {
            continue;
        };
        let at = |offset| At::Position(Position { segment: 0, offset });
        let place = log.to_str().unwrap();
        let mut loaded = load(place, at(first.end), cache.path()).await;
        let before = loaded.folded.snapshot();
        let touched = loaded.fold_on(Some(at(last.end))).await.unwrap();
        let whole = load(place, at(last.end), cache.path()).await;
        let dump = crate::activity::dump;
        assert_eq!(dump(loaded.folded.state()), dump(whole.folded.state()));
        assert_eq!(loaded.folded.position(), whole.folded.position());
        assert_eq!(loaded.opening.folded_bytes, last.end);
        // Issues that differ were touched.
        for repo in whole.folded.state().github_repos() {
            for issue in repo.issues() {
                let id = repo.id();
                let repo = before.state().github_repo(id.owner, id.name);
                let old = repo.and_then(|repo| repo.issue(issue.number()));
                let is_same = old.is_some_and(|old| {
                    old.title() == issue.title() && old.comment_count() == issue.comment_count()
                });
                let is_touched = touched.issues.iter().any(|key| {
                    (&*key.owner, &*key.repo, key.number) == (id.owner, id.name, issue.number())
                });
                assert!(is_same || is_touched, "{place}: {issue}");
            }
        }
        let backwards = loaded.fold_on(Some(at(first.end))).await.unwrap_err();
        assert!(backwards.to_string().contains("is before"), "{backwards}");
        assert_eq!(loaded.folded.position(), whole.folded.position());
    }
}

#[tokio::test]
async fn what_is_appended_to_an_opened_log_is_told_and_seen() {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("one.mutlog");
    let issue = |title: &str| {
        crate::activity::of_issue(proto::maintpb::GithubIssueMutation {
            title: title.to_owned(),
            ..Default::default()
        })
    };
    let whole = crate::activity::log_of(&[issue("before"), issue("after")]);
    let first = Frames::new(&whole, 0).next().unwrap().unwrap().end as usize;
    std::fs::write(&log, &whole[..first]).unwrap();
    let mut options = CorpusOptions::default();
    options.source.cache = Some(dir.path().join("cache"));
    options.source.refresh = Some(Duration::from_millis(5));
    let mut live = Corpus::open(log.to_str().unwrap(), options).await.unwrap();
    let title = |folded: &Folded<Corpus>| {
        let repo = folded.state().github_repo("golang", "go").unwrap();
        repo.issue(3).unwrap().title().to_owned()
    };
    let before = live.snapshot();
    assert_eq!(title(&before), "before");
    let mut file = std::fs::OpenOptions::new().append(true).open(&log).unwrap();
    file.write_all(&whole[first..]).unwrap();
    let newer = live.changed(before.position()).await.unwrap();
    assert_eq!(
        (title(&newer), title(&before)),
        ("after".into(), "before".into())
    );
    let touched = live.update().await.unwrap();
    assert_eq!(touched.issues.len(), 1);
    assert_eq!(
        (&*touched.issues[0].repo, touched.issues[0].number),
        ("go", 3)
    );
}
