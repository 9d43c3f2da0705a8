//! The state as of any position or time is that of a fresh fold up to there.

use std::sync::Arc;

use forgelog_replay::{At, AtError, Builds, Live, LiveOptions, Time};
use log_core::{Position, Record, Stream};
use proto::Timestamp;
use proto::forgelog::Meta;
use proto::forgelog::builds::Mutation;
use tokio_util::sync::CancellationToken;

use crate::log::{all_records, fill, folded, open, queued};

/// Few are retained, and thinned out often.
fn options() -> LiveOptions {
    LiveOptions {
        retain_every: 2,
        retained_max: 4,
        past_kept: 3,
        ..LiveOptions::default()
    }
}

async fn follow(stream: &Stream) -> Live<Builds> {
    let (live, _) = Live::spawn(stream.clone(), options(), CancellationToken::new());
    live.caught_up().await.unwrap();
    live
}

fn position(segment: u32, offset: u64) -> Position {
    Position { segment, offset }
}

#[tokio::test]
async fn at_every_position_it_is_a_fresh_fold() {
    let (stream, writer) = open(&Arc::default()).await;
    fill(&writer, 0, 40).await;
    writer.close().await.unwrap();
    let live = follow(&stream).await;
    let records = all_records(&stream).await;
    assert!(
        records.last().unwrap().at.segment > 2,
        "there are several segments"
    );

    let empty = live.at(At::Position(Position::START)).await.unwrap();
    assert_eq!(*empty, folded([]));
    for (number, record) in records.iter().enumerate() {
        let before = live.at(At::Position(record.at)).await.unwrap();
        assert_eq!(*before, folded(&records[..number]), "{}", record.at);
        let after = live.at(At::Position(record.next)).await.unwrap();
        assert_eq!(*after, folded(&records[..=number]), "{}", record.next);
    }
    let newest = live.at(At::Position(stream.tail())).await.unwrap();
    assert!(Arc::ptr_eq(&newest, &live.snapshot()));
}

#[tokio::test]
async fn a_position_inside_a_record_is_refused() {
    let (stream, writer) = open(&Arc::default()).await;
    fill(&writer, 0, 10).await;
    writer.close().await.unwrap();
    let live = follow(&stream).await;
    for Record { at, next, .. } in all_records(&stream).await {
        for offset in [at.offset + 1, next.offset - 1] {
            let asked = position(at.segment, offset);
            let error = live.at(At::Position(asked)).await.unwrap_err();
            let end = stream.tail();
            assert!(
                matches!(error, AtError::NotABoundary { asked: a, next: n, end: e } if (a, n, e) == (asked, next, end)),
                "{error:?}"
            );
        }
    }
}

#[tokio::test]
async fn a_position_beyond_its_segment_is_refused() {
    let (stream, writer) = open(&Arc::default()).await;
    fill(&writer, 0, 10).await;
    writer.close().await.unwrap();
    let live = follow(&stream).await;
    let records = all_records(&stream).await;
    let first_of_next = records
        .iter()
        .find(|record| record.at.segment == 1)
        .unwrap();
    let asked = position(0, 1 << 30);
    let error = live.at(At::Position(asked)).await.unwrap_err();
    assert!(
        matches!(error, AtError::NotABoundary { next, .. } if next == first_of_next.at),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_position_past_the_end_is_refused() {
    let (stream, writer) = open(&Arc::default()).await;
    fill(&writer, 0, 3).await;
    writer.close().await.unwrap();
    let live = follow(&stream).await;
    let end = stream.tail();
    for asked in [
        position(end.segment, end.offset + 1),
        position(u32::MAX, u64::MAX),
    ] {
        let error = live.at(At::Position(asked)).await.unwrap_err();
        assert!(
            matches!(error, AtError::PastEnd { asked: a, end: e } if (a, e) == (asked, end)),
            "{error:?}"
        );
        assert!(error.to_string().contains(&end.to_string()));
    }
}

#[tokio::test]
async fn what_is_not_applied_yet_is_waited_for() {
    let (stream, writer) = open(&Arc::default()).await;
    fill(&writer, 0, 20).await;
    let (live, task) = Live::<Builds>::spawn(stream.clone(), options(), CancellationToken::new());
    let records = all_records(&stream).await;
    let middle = records.len() / 2;
    let folded_there = live.at(At::Position(records[middle].at)).await.unwrap();
    assert_eq!(*folded_there, folded(&records[..middle]));
    drop((live, task));
    writer.close().await.unwrap();
}

#[tokio::test]
async fn at_every_time_it_is_all_that_was_recorded_until_then() {
    // Not even these times, which no writer of ours would write, are put in order first.
    let seconds = [
        None,
        Some(10),
        Some(10),
        Some(30),
        Some(20),
        None,
        Some(30),
        Some(31),
        Some(50),
    ];
    let records = seconds.iter().enumerate().map(|(number, seconds)| {
        let recorded = seconds.map(|seconds| Timestamp { seconds, nanos: 0 });
        let meta = Some(Meta {
            recorded,
            ..Meta::default()
        });
        Mutation {
            meta,
            ..queued(&number.to_string())
        }
    });
    let store = crate::log::store_with(records).await;
    let stream = crate::log::reopen(&store).await;
    let live = follow(&stream).await;
    let records = all_records(&stream).await;
    for (second, count) in [
        (9, 1),
        (10, 3),
        (29, 3),
        (30, 7),
        (31, 8),
        (49, 8),
        (50, 9),
        (1000, 9),
    ] {
        let state = live
            .at(At::Time(Time::from_unix_seconds(second)))
            .await
            .unwrap();
        assert_eq!(*state, folded(&records[..count]), "second {second}");
    }
    assert_eq!(live.at(At::Time(Time::MIN)).await.unwrap().records(), 1);
}

#[tokio::test]
async fn at_the_times_of_a_real_log() {
    let (stream, writer) = open(&Arc::default()).await;
    fill(&writer, 0, 30).await;
    let live = follow(&stream).await;
    let records = all_records(&stream).await;
    for record in &records {
        let recorded = log_core::meta_of(&record.payload)
            .unwrap()
            .recorded
            .unwrap();
        let time = Time::from(recorded);
        let until = records.iter().take_while(|record| {
            Time::from(
                log_core::meta_of(&record.payload)
                    .unwrap()
                    .recorded
                    .unwrap(),
            ) <= time
        });
        assert_eq!(*live.at(At::Time(time)).await.unwrap(), folded(until));
    }
    writer.close().await.unwrap();
}

#[tokio::test]
async fn what_was_looked_up_is_kept_for_the_next_who_asks() {
    let (stream, writer) = open(&Arc::default()).await;
    fill(&writer, 0, 20).await;
    writer.close().await.unwrap();
    let live = follow(&stream).await;
    let records = all_records(&stream).await;
    let at = |number: usize| At::Position(records[number].at);
    let first = live.at(at(5)).await.unwrap();
    assert!(Arc::ptr_eq(&first, &live.at(at(5)).await.unwrap()));
    for number in [6, 7, 8] {
        live.at(at(number)).await.unwrap();
    }
    let again = live.at(at(5)).await.unwrap();
    assert!(!Arc::ptr_eq(&first, &again) && first == again);
}

#[tokio::test]
async fn many_may_ask_at_the_same_time() {
    let (stream, writer) = open(&Arc::default()).await;
    fill(&writer, 0, 20).await;
    writer.close().await.unwrap();
    let live = follow(&stream).await;
    let records = all_records(&stream).await;
    let mut asked = tokio::task::JoinSet::new();
    for (number, record) in records.iter().enumerate() {
        let (live, at) = (live.clone(), At::Position(record.at));
        asked.spawn(async move { (number, live.at(at).await.unwrap()) });
    }
    while let Some(answer) = asked.join_next().await {
        let (number, state) = answer.unwrap();
        assert_eq!(*state, folded(&records[..number]));
    }
}
