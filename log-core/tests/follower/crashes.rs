//! A follower that is interrupted at every request, killed at every write, and finds its files cut or changed.

use super::server::{Fault, Server};
use super::{assert_has, history, open, options, read};
use log_core::Position;
use log_core::follower::{Check, Fault as DiskFault, Follower, FollowerOptions};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// At every request in turn the process is gone: its call is dropped, or fails. The next goes on.
#[tokio::test]
async fn an_interruption_at_any_request_is_resumed() {
    for fault in [Fault::Silence, Fault::Cut, Fault::Status(400)] {
        for stop in 0.. {
            let folder = tempfile::tempdir().unwrap();
            let server = Server::start(&[]).await;
            let mut hit = false;
            let reached = Arc::new(tokio::sync::Notify::new());
            let reach = reached.clone();
            server.fault(move |count, _| {
                hit |= count >= stop;
                if hit {
                    reach.notify_one();
                }
                hit.then_some(fault)
            });
            let mut cut_off = false;
            for step in history() {
                server.set(&step);
                let mut follower = open(&server, folder.path()).await;
                tokio::select! {
                    biased;
                    () = reached.notified(), if fault == Fault::Silence => cut_off = true,
                    synced = follower.sync() => cut_off |= synced.is_err(),
                }
            }
            server.well();
            let mut follower = open(&server, folder.path()).await;
            follower.sync().await.unwrap();
            assert_has(&follower, &history()[1]).await;
            if !cut_off {
                break;
            }
        }
    }
}

/// The process is killed before, or in the middle of, each of its writes.
#[tokio::test]
async fn a_crash_at_any_write_is_resumed() {
    let mut steps_seen = std::collections::BTreeSet::new();
    for stop in 0.. {
        let folder = tempfile::tempdir().unwrap();
        let server = Server::start(&[]).await;
        let count = Arc::new(AtomicUsize::new(0));
        let last = Arc::new(std::sync::Mutex::new(String::new()));
        let (counted, noted) = (count.clone(), last.clone());
        let dying = FollowerOptions {
            fault: DiskFault::new(move |step| {
                if counted.fetch_add(1, Ordering::Relaxed) < stop {
                    return Ok(());
                }
                noted.lock().unwrap().push_str(step);
                Err(std::io::Error::other("killed"))
            }),
            ..options()
        };
        let mut killed = false;
        for step in history() {
            server.set(&step);
            let mut follower = Follower::open(&server.url, folder.path(), dying.clone())
                .await
                .unwrap();
            let shown = read(&follower).await;
            killed |= follower.sync().await.is_err();
            // What was shown is there still, and goes on.
            let after = read(&open(&server, folder.path()).await).await;
            for (before, after) in shown.iter().zip(&after) {
                assert!(after.starts_with(before), "{stop}");
            }
            assert!(after.len() >= shown.len());
        }
        steps_seen.insert(last.lock().unwrap().clone());
        let mut follower = open(&server, folder.path()).await;
        follower.sync().await.unwrap();
        assert_has(&follower, &history()[1]).await;
        if !killed {
            assert!(stop > 10, "only {stop} writes");
            break;
        }
    }
    assert!(
        steps_seen.iter().any(|step| step.starts_with("publish")),
        "{steps_seen:?}"
    );
}

/// What a power cut may leave: any prefix of the growing file or of the list of what is verified.
#[tokio::test]
async fn files_cut_anywhere_are_healed() {
    let segments = history()[0].clone();
    let server = Server::start(&segments).await;
    let whole = tempfile::tempdir().unwrap();
    open(&server, whole.path()).await.sync().await.unwrap();
    // Every place in the short one; in the list, enough of them.
    for (name, step) in [("0002.growing.mutlog", 1), ("state.json", 23)] {
        for len in (0..).step_by(step) {
            let folder = tempfile::tempdir().unwrap();
            copy_files(whole.path(), folder.path());
            let path = folder.path().join(name);
            let bytes = std::fs::read(&path).unwrap();
            if len >= bytes.len() {
                break;
            }
            std::fs::write(&path, &bytes[..len]).unwrap();
            server.take_asked();
            let mut follower = open(&server, folder.path()).await;
            assert!(
                follower.tail()
                    < Position {
                        segment: 2,
                        offset: 1
                    }
            );
            follower.sync().await.unwrap();
            assert_has(&follower, &segments).await;
            let missing = if name == "state.json" {
                0
            } else {
                bytes.len() - len
            };
            assert_eq!(server.take_asked().1, missing, "{name} cut at {len}");
        }
    }
}

#[tokio::test]
async fn wrong_bytes_in_cached_files_are_found_and_fetched_anew() {
    let segments = history()[0].clone();
    for at in 0..segments.len() {
        let folder = tempfile::tempdir().unwrap();
        let server = Server::start(&segments).await;
        let mut follower = open(&server, folder.path()).await;
        follower.sync().await.unwrap();
        let path = follower.segments()[at].path.clone();
        let mut bytes = segments[at].clone();
        *bytes.last_mut().unwrap() ^= 1;
        let modified = std::fs::metadata(&path).unwrap().modified().unwrap();
        std::fs::write(&path, &bytes).unwrap();
        // Not even the time tells: only a full check finds it in a frozen file.
        let file = std::fs::File::options().write(true).open(&path).unwrap();
        file.set_modified(modified).unwrap();
        let full = FollowerOptions {
            check: Check::All,
            ..options()
        };
        let mut follower = Follower::open(&server.url, folder.path(), full)
            .await
            .unwrap();
        assert_eq!(follower.segments().len(), at);
        let news = follower.sync().await.unwrap();
        assert_eq!(news.tail.segment, 2);
        assert_has(&follower, &segments).await;
        // Without the full check, a changed time is enough.
        let path = follower.segments()[at].path.clone();
        std::fs::write(&path, &bytes).unwrap();
        let later = modified + Duration::from_secs(5);
        let file = std::fs::File::options().write(true).open(&path).unwrap();
        file.set_modified(later).unwrap();
        let mut follower = open(&server, folder.path()).await;
        assert_eq!(follower.segments().len(), at);
        follower.sync().await.unwrap();
        assert_has(&follower, &segments).await;
    }
}

/// The list of what is verified comes last and at once, as a follower writes it.
pub(crate) fn copy_files(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let name = entry.unwrap().file_name();
        if name.to_str().unwrap().ends_with(".mutlog") {
            std::fs::copy(from.join(&name), to.join(&name)).unwrap();
        }
    }
    std::fs::copy(from.join("state.json"), to.join("state.copy")).unwrap();
    std::fs::rename(to.join("state.copy"), to.join("state.json")).unwrap();
}
