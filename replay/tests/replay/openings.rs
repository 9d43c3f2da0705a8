//! Opening corpora of logs in files: as of a moment of a log that is broken, and from checkpoints that are in the way.

use std::path::Path;

use forgelog_replay::{At, Corpus, CorpusOptions, Error, Loaded, SourceError, Time};
use log_core::Position;
use log_core::frame::Frames;
use proto::maintpb::{GithubIssueMutation, Mutation};

use crate::activity::{log_of, of_issue};

fn updated(seconds: i64) -> Mutation {
    of_issue(GithubIssueMutation {
        updated: Some(proto::Timestamp { seconds, nanos: 0 }),
        ..GithubIssueMutation::default()
    })
}

/// An original's log of two days, of two records each, in a folder; gives where the first day's records end.
fn two_days(folder: &Path) -> [u64; 2] {
    std::fs::create_dir_all(folder).unwrap();
    let first = log_of(&[updated(10), updated(20)]);
    std::fs::write(folder.join("maintner-2019-01-01.mutlog"), &first).unwrap();
    let second = log_of(&[updated(30), updated(40)]);
    std::fs::write(folder.join("maintner-2019-01-02.mutlog"), second).unwrap();
    let mut ends = Frames::new(&first, 0).map(|frame| frame.unwrap().end);
    [ends.next().unwrap(), ends.next().unwrap()]
}

fn options(cache: &Path) -> CorpusOptions {
    let mut options = CorpusOptions::default();
    options.source.cache = Some(cache.to_owned());
    options.source.refresh = None;
    options
}

fn place(segment: u32, offset: u64) -> At {
    At::Position(Position { segment, offset })
}

async fn load(log: &Path, at: At, cache: &Path) -> Result<Loaded, Error> {
    Corpus::load(log.to_str().unwrap(), Some(at), &options(cache)).await
}

#[tokio::test]
async fn nothing_is_told_of_a_moment_that_may_lie_behind_what_is_broken() {
    let dir = tempfile::tempdir().unwrap();
    let (log, cache) = (dir.path().join("log"), dir.path().join("cache"));
    let [middle, end] = two_days(&log);
    let path = log.join("maintner-2019-01-01.mutlog");
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[middle as usize] ^= 0xff;
    std::fs::write(&path, bytes).unwrap();

    let before = load(&log, place(0, middle), &cache).await.unwrap();
    assert_eq!(before.folded.records(), 1);
    let times = [20, 35, 100].map(|seconds| At::Time(Time::from_unix_seconds(seconds)));
    for at in times.into_iter().chain([place(0, end), place(1, 0)]) {
        let error = load(&log, at, &cache).await.err().unwrap();
        let is_told = match &error {
            Error::Source(SourceError::Frame {
                segment, source, ..
            }) => (*segment, source.offset()) == (0, middle),
            _ => false,
        };
        assert!(is_told, "{at}: {error}");
    }
}

#[tokio::test]
async fn checkpoints_of_later_positions_are_not_in_the_way_of_a_new_one() {
    let dir = tempfile::tempdir().unwrap();
    let (log, cache) = (dir.path().join("log"), dir.path().join("cache"));
    let [middle, end] = two_days(&log);
    let places = [
        place(1, end),
        place(1, middle),
        place(0, end),
        place(0, middle),
    ];
    for at in places {
        let mut loaded = load(&log, at, &cache).await.unwrap();
        let written = loaded.checkpoint().await.unwrap();
        assert!(written.exists(), "{at}");
        let folder = written.parent().unwrap();
        assert!(std::fs::read_dir(folder).unwrap().count() <= 3, "{at}");
        let warm = load(&log, at, &cache).await.unwrap();
        assert_eq!(warm.opening.checkpoint.as_deref(), Some(&*written), "{at}");
        assert_eq!(warm.folded.position(), loaded.folded.position());
    }
}
