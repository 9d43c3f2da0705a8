//! The corpus as it was at any position or time: a cold fold up to there, whatever checkpoints there are.

use std::fs::OpenOptions;
use std::io::Write as _;

use forgelog_replay::{
    At, AtError, Corpus, Error, Folded, Projection as _, RecordRef, Rules, Time,
};
use log_core::{Position, Record};
use proto::Message as _;
use proto::forgelog::Meta;
use proto::maintpb::{GithubIssueMutation, Mutation};

use crate::forge::{PROJECT, change, commit, gerrit};
use crate::log::{
    Bytewise, DiskLog, assert_equal, cut, folded, log_of, original_rules, records, rich_log,
    synth_log,
};
use crate::warnings::Warnings;

/// Every so many records of the log that has a bit of everything, in small segments.
fn short_log() -> Bytewise {
    let all = records(&rich_log());
    let step = all.len() / 60;
    let some = all.iter().step_by(step).map(|record| &record.payload);
    log_of(some, 3_000)
}

/// The end of the last record of a segment.
fn end_of(log: &Bytewise, segment: u32) -> Position {
    Position {
        segment,
        offset: log[segment as usize].len() as u64,
    }
}

/// A log with checkpoints at these positions.
async fn with_checkpoints(log: &Bytewise, rules: &Rules, ends: &[Position]) -> DiskLog {
    let disk = DiskLog::new(&[]);
    for end in ends {
        disk.extend_to(&cut(log, *end));
        disk.load(rules).await.checkpoint().await.unwrap();
    }
    disk.extend_to(log);
    disk
}

#[tokio::test]
async fn at_every_position() {
    let (log, rules) = (short_log(), original_rules());
    let all = records(&log);
    assert!(log.len() > 5, "{}", log.len());
    // Before the first there is none; one is where a segment ends, one is the newest.
    let ends = [all[20].next, end_of(&log, 3), all.last().unwrap().next];
    let disks = [
        DiskLog::new(&log),
        with_checkpoints(&log, &rules, &ends).await,
    ];
    for (number, record) in all.iter().enumerate() {
        let before = match number {
            0 => folded(&[], &rules),
            _ => folded(&cut(&log, all[number - 1].next), &rules),
        };
        let after = folded(&cut(&log, record.next), &rules);
        for disk in &disks {
            for (at, want) in [(record.at, &before), (record.next, &after)] {
                let options = disk.options(&rules);
                let got = Corpus::open_at(&disk.place(), At::Position(at), &options).await;
                let got = got.unwrap_or_else(|error| panic!("{at}: {error:?}"));
                assert_equal(&got, want, &at.to_string());
            }
        }
    }
}

#[tokio::test]
async fn checkpoints_after_it_are_not_used_and_those_before_it_are() {
    let (log, rules) = (short_log(), original_rules());
    let all = records(&log);
    let ends = [all[20].next, all[40].next];
    let disk = with_checkpoints(&log, &rules, &ends).await;
    for (number, from) in [
        (5, None),
        (20, Some(0)),
        (30, Some(0)),
        (40, Some(1)),
        (45, Some(1)),
    ] {
        let at = At::Position(all[number].next);
        let options = disk.options(&rules);
        let loaded = Corpus::load(&disk.place(), Some(at), &options)
            .await
            .unwrap();
        let from = from.map_or(Position::START, |number: usize| ends[number]);
        assert_eq!(loaded.opening.from, from, "{number}");
        assert_eq!(loaded.opening.checkpoint.is_some(), from > Position::START);
        assert_eq!(loaded.folded.records(), number as u64 + 1);
    }
}

#[tokio::test]
async fn a_place_that_is_between_no_records_is_refused() {
    let (log, rules) = (short_log(), original_rules());
    let all = records(&log);
    let end = all.last().unwrap().next;
    let ends = [all[20].next, end_of(&log, 3)];
    let disk = with_checkpoints(&log, &rules, &ends).await;
    let options = disk.options(&rules);
    let open = async |asked| Corpus::open_at(&disk.place(), At::Position(asked), &options).await;
    for Record { at, next, .. } in &all {
        for offset in [at.offset + 1, next.offset - 1] {
            let asked = Position { offset, ..*at };
            match open(asked).await {
                Err(Error::At(AtError::NotABoundary {
                    asked: a, next: n, ..
                })) => {
                    assert_eq!((a, n), (asked, *next));
                }
                other => panic!("{asked}: {other:?}"),
            }
        }
    }
    let behind = Position {
        segment: 2,
        offset: end_of(&log, 2).offset + 7,
    };
    let refused = open(behind).await;
    assert!(
        matches!(refused, Err(Error::At(AtError::NotABoundary { .. }))),
        "{refused:?}"
    );
    for asked in [
        Position {
            offset: end.offset + 1,
            ..end
        },
        Position {
            segment: u32::MAX,
            offset: 0,
        },
    ] {
        match open(asked).await {
            Err(Error::At(AtError::PastEnd { asked: a, end: e })) => {
                assert_eq!((a, e), (asked, end));
            }
            other => panic!("{asked}: {other:?}"),
        }
    }
}

fn recorded(seconds: i64) -> Option<Meta> {
    let recorded = Some(proto::Timestamp { seconds, nanos: 0 });
    Some(Meta {
        recorded,
        ..Meta::default()
    })
}

fn issue(number: i32, updated: Option<i64>, meta: Option<Meta>) -> Vec<u8> {
    let github_issue = Some(GithubIssueMutation {
        owner: "golang".into(),
        repo: "go".into(),
        number,
        updated: updated.map(|seconds| proto::Timestamp { seconds, nanos: 0 }),
        ..GithubIssueMutation::default()
    });
    let mutation = Mutation {
        github_issue,
        meta,
        ..Mutation::default()
    };
    mutation.encode_to_vec()
}

/// Records that say when they were written, or of which it follows, or neither; in no order, and some make no sense.
fn timed_log() -> Bytewise {
    let meta_commit = |number, meta| {
        let commits = vec![commit(number, &[], "Update patch set 1\n\nPatch-set: 1\n")];
        let mut mutation = gerrit(PROJECT, commits, vec![change(7, "meta", number)]);
        mutation.meta = meta;
        mutation.encode_to_vec()
    };
    let broken = |seconds, kind: u8| {
        let meta = recorded(seconds);
        let mut payload = Mutation {
            meta,
            ..Mutation::default()
        }
        .encode_to_vec();
        // A part of this kind with half a field in it.
        payload.extend([kind << 3 | 2, 2, 1 << 3 | 2, 9]);
        payload
    };
    let both_kinds = |number, seconds| {
        let mut payload = issue(number, Some(seconds), None);
        payload.extend(meta_commit(seconds as u32, None));
        payload
    };
    let payloads = [
        issue(1, None, None),
        issue(2, Some(1_000), None),
        issue(3, Some(1_500_000_100), None),
        meta_commit(50, None),
        broken(1_500_000_900, 2),
        issue(4, Some(1_500_000_000), recorded(1_500_000_200)),
        broken(1_500_000_901, 4),
        meta_commit(60, recorded(1_500_000_300)),
        broken(1_500_000_902, 1),
        issue(5, None, recorded(1_500_000_250)),
        broken(1_500_000_903, 3),
        issue(6, None, None),
        both_kinds(7, 400),
        [issue(8, None, recorded(1_500_000_904)), broken(0, 4)].concat(),
        meta_commit(500, None),
        b"\xff\xff".to_vec(),
        issue(9, Some(1_500_000_600), None),
        issue(10, Some(1_500_000_950), None),
    ];
    log_of(payloads, 400)
}

/// By definition: all records up to the first that was written later.
fn until(log: &Bytewise, time: Time, rules: &Rules) -> Folded<Corpus> {
    let mut state = folded(&[], rules);
    let all = records(log);
    let is_later = |record: &&Record| Corpus::recorded(RecordRef::from(*record)) > Some(time);
    let first = all.iter().position(|record| is_later(&record));
    state.fold(&all[..first.unwrap_or(all.len())]);
    state
}

#[tokio::test]
async fn at_every_time() {
    for rules in [Rules::default(), original_rules()] {
        let log = timed_log();
        let all = records(&log);
        let mut disks = vec![DiskLog::new(&log)];
        for number in (0..all.len()).step_by(3) {
            let ends = [all[number].next, all[(number + 5).min(all.len() - 1)].next];
            disks.push(with_checkpoints(&log, &rules, &ends).await);
        }
        let said = all
            .iter()
            .filter_map(|record| Corpus::recorded(record.into()));
        let mut times: Vec<_> = said
            .flat_map(|time| [time.unix_seconds() - 1, time.unix_seconds()])
            .map(Time::from_unix_seconds)
            .collect();
        times.extend([Time::MIN, Time::MAX]);
        for time in times {
            let want = until(&log, time, &rules);
            for (number, disk) in disks.iter().enumerate() {
                let options = disk.options(&rules);
                let got = Corpus::open_at(&disk.place(), At::Time(time), &options).await;
                let what = format!("{time}, disk {number}");
                assert_equal(&got.unwrap(), &want, &what);
                let live = Corpus::open(&disk.place(), options).await.unwrap();
                let got = live.at(At::Time(time)).await.unwrap();
                assert_equal(&got, &want, &format!("{what}, live"));
            }
        }
    }
}

/// What a record says alone of when it was written is what the fold takes from it.
#[test]
fn the_fold_and_the_record_agree_on_when_it_was_written() {
    for rules in [Rules::default(), original_rules()] {
        for log in [timed_log(), rich_log(), synth_log(4)] {
            let mut state = folded(&[], &rules);
            let mut latest = None;
            for record in records(&log) {
                latest = latest.max(Corpus::recorded(RecordRef::from(&record)));
                state.apply(&record);
                assert_eq!(state.recorded(), latest, "{}", record.at);
            }
        }
    }
}

#[tokio::test]
async fn a_followed_corpus_knows_its_past_from_before_its_checkpoint() {
    let (log, rules) = (short_log(), original_rules());
    let all = records(&log);
    let ends = [all[10].next, all[30].next];
    let disk = with_checkpoints(&log, &rules, &ends).await;
    let live = Corpus::open(&disk.place(), disk.options(&rules))
        .await
        .unwrap();
    for number in [0, 7, 10, 11, 29, 30, 31, all.len() - 1] {
        let at = all[number].next;
        let got = live.at(At::Position(at)).await.unwrap();
        assert_equal(&got, &folded(&cut(&log, at), &rules), &at.to_string());
    }
}

/// Makes the log's first record none, in the file that is mapped: whoever begins there finds that out.
fn break_the_start(disk: &DiskLog) {
    let mut file = OpenOptions::new().write(true).open(disk.file(0)).unwrap();
    file.write_all(b"XXX").unwrap();
}

#[tokio::test]
async fn a_followed_corpus_begins_at_the_checkpoint_before_what_is_asked_for() {
    let (log, rules) = (synth_log(3), original_rules());
    let all = records(&log);
    let (first, last) = (all.len() / 3, all.len() - 1);
    let ends = [all[first].next, end_of(&log, 1)];
    for reads_checkpoints in [true, false] {
        let disk = with_checkpoints(&log, &rules, &ends).await;
        let mut options = disk.options(&rules);
        options.reads_checkpoints = reads_checkpoints;
        options.writes_checkpoints = false;
        let live = Corpus::open(&disk.place(), options).await.unwrap();
        break_the_start(&disk);
        for number in [0, first - 1, first, first + 1, last / 2, last - 1, last] {
            let at = all[number].next;
            let got = live.at(At::Position(at)).await;
            if number == last || (reads_checkpoints && number >= first) {
                let want = folded(&cut(&log, at), &rules);
                assert_equal(&got.unwrap(), &want, &at.to_string());
            } else {
                let got = got.map(|state| state.position());
                assert!(matches!(got, Err(AtError::Broken(_))), "{got:?}");
            }
        }
    }
}

#[tokio::test]
async fn checkpoints_that_come_while_it_is_followed_are_looked_at() {
    let (log, rules) = (short_log(), original_rules());
    let all = records(&log);
    let disk = DiskLog::new(&cut(&log, all[5].next));
    let live = Corpus::open(&disk.place(), disk.options(&rules))
        .await
        .unwrap();
    // In the middle of a segment that is open, and where one ends.
    for end in [all[20].next, end_of(&log, 3)] {
        disk.extend_to(&cut(&log, end));
        disk.load(&rules).await.checkpoint().await.unwrap();
    }
    disk.extend_to(&log);
    live.wait_for(all[all.len() - 1].next).await.unwrap();
    // Of another log, of which only the order of two records is another: it does not fit.
    let swapped = |at: usize| {
        let mut payloads: Vec<_> = all.iter().map(|record| &record.payload).collect();
        payloads.swap(at, at + 1);
        log_of(&payloads[..at + 2], 3_000)
    };
    let is_as_long = |at: &usize| {
        let end = records(&swapped(*at)).last().unwrap().next;
        end == all[at + 1].next && end > end_of(&log, 3)
    };
    let at = (30..all.len() - 2).find(is_as_long).unwrap();
    let other = DiskLog::new(&swapped(at));
    let other = other.load(&rules).await.checkpoint().await.unwrap();
    let caches = std::fs::read_dir(disk.cache()).unwrap();
    let cache = caches.map(|entry| entry.unwrap().path()).next().unwrap();
    let place = cache.join("checkpoints").join(other.file_name().unwrap());
    std::fs::copy(&other, &place).unwrap();
    let warnings = Warnings::listen();
    let last = &all[all.len() - 2];
    let got = live.at(At::Position(last.next)).await.unwrap();
    assert_equal(
        &got,
        &folded(&cut(&log, last.next), &rules),
        "the last but one",
    );
    let told = warnings.take();
    assert!(
        told.iter().any(|text| text.contains("another log")),
        "{told:?}"
    );
    for record in &all[20..all.len() - 1] {
        let got = live.at(At::Position(record.next)).await.unwrap();
        let want = folded(&cut(&log, record.next), &rules);
        assert_equal(&got, &want, &record.next.to_string());
    }
}

#[tokio::test]
async fn going_on_from_any_position_is_the_same_as_opening_there() {
    let (log, rules) = (short_log(), original_rules());
    let all = records(&log);
    let disk = with_checkpoints(&log, &rules, &[end_of(&log, 3)]).await;
    let options = disk.options(&rules);
    let load = async |at| {
        Corpus::load(&disk.place(), Some(at), &options)
            .await
            .unwrap()
    };
    // From the checkpoint to each place behind it, and from each place to the end.
    let behind = all.iter().filter(|record| record.at.segment > 3);
    for record in behind {
        let mut loaded = load(At::Position(end_of(&log, 3))).await;
        let held = loaded.folded.snapshot();
        loaded.fold_on(Some(At::Position(record.at))).await.unwrap();
        let opened = load(At::Position(record.at)).await;
        assert_equal(&loaded.folded, &opened.folded, &record.at.to_string());
        loaded.fold_on(None).await.unwrap();
        assert_equal(&loaded.folded, &folded(&log, &rules), "the end");
        assert_equal(&held, &folded(&log[..4], &rules), "what was held");
    }
    let mut loaded = load(At::Position(all[40].next)).await;
    for (at, is_before) in [
        (At::Position(all[39].next), true),
        (At::Time(Time::MIN), true),
        (
            At::Position(Position {
                segment: 99,
                offset: 0,
            }),
            false,
        ),
    ] {
        let refused = loaded.fold_on(Some(at)).await;
        match refused {
            Err(Error::At(AtError::Before { asked, .. })) if is_before => assert_eq!(asked, at),
            Err(Error::At(AtError::PastEnd { .. })) if !is_before => {}
            other => panic!("{at}: {other:?}"),
        }
        let inside = Position {
            offset: all[41].next.offset - 1,
            ..all[41].next
        };
        loaded
            .fold_on(Some(At::Position(inside)))
            .await
            .unwrap_err();
        assert_equal(
            &loaded.folded,
            &folded(&cut(&log, all[40].next), &rules),
            "as it was",
        );
    }
}
