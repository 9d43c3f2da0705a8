//! Our follower on the original's own server, whose log grows, and which forgets what it never stored.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // tests fail by panicking

use log_core::follower::{FollowError, Follower, FollowerOptions, Tail};
use log_core::{Position, Record};
use peers::ledger::Ledger;
use peers::maintner::Server;
use std::time::Duration;
use tempfile::tempdir;

const LIMIT: Duration = Duration::from_secs(60);

/// All that the follower has.
async fn read(follower: &Follower) -> Ledger {
    let mut records = follower.records(Position::START).unwrap();
    let mut ledger = Ledger::default();
    while let Some(block) = records.next_block().await.unwrap() {
        for frame in block.frames() {
            let at = |offset| Position { offset, ..block.at };
            let record = Record {
                at: at(frame.offset),
                next: at(frame.end),
                payload: frame.payload.to_vec().into(),
            };
            ledger.see(&record).unwrap();
        }
    }
    ledger
}

#[tokio::test]
async fn our_follower_follows_the_original() {
    let cache = tempdir().unwrap();
    let mut server = Server::start().await.unwrap();
    server.log(20).await.unwrap();
    let options = FollowerOptions::default();
    let mut follower = Follower::open(server.url(), cache.path(), options.clone())
        .await
        .unwrap();
    follower.sync().await.unwrap();
    assert_eq!(read(&follower).await.len(), 20);
    let mut tail = Tail::open(server.url(), options.clone()).await.unwrap();
    for logged in 21..31 {
        server.log(1).await.unwrap();
        let updated = tokio::time::timeout(LIMIT, follower.update()).await;
        updated.unwrap().unwrap();
        assert_eq!(read(&follower).await.len(), logged);
    }
    let mut tailed = Ledger::default();
    while tailed.len() < 10 {
        let news = tokio::time::timeout(LIMIT, tail.next()).await;
        for record in news.unwrap().unwrap() {
            tailed.see(&record).unwrap();
        }
    }
    assert!(tailed.place(21).is_some() && tailed.place(30).is_some());
    drop((follower, tail));

    // It ends as by a crash, and comes back without what it served: the history that we know is gone.
    let mut server = Server::start().await.unwrap();
    server.log(5).await.unwrap();
    let reopened = Follower::open(server.url(), cache.path(), options).await;
    let mut follower = reopened.unwrap();
    assert_eq!(read(&follower).await.len(), 30);
    let split = follower.sync().await.unwrap_err();
    assert!(matches!(split, FollowError::Split { .. }), "{split}");
    assert_eq!(read(&follower).await.len(), 30);
    follower.reset().await.unwrap();
    follower.sync().await.unwrap();
    assert_eq!(read(&follower).await.len(), 5);
}
