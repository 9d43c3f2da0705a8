//! Records as people see them.

use proto::forgelog::builds::mutation::Kind;
use proto::forgelog::builds::{
    BuildFinished, Builder, ConfigActivated, Mutation as BuildMutation, Verdict,
};
use proto::forgelog::{AnyMutation, Cause};
use proto::maintpb::{GitCommit, GitMutation, Mutation};
use proto::{Duration, Timestamp};

use super::*;

fn meta() -> Meta {
    Meta {
        recorded: Some(Timestamp {
            seconds: 1_772_357_400,
            nanos: 0,
        }),
        writer: "coordinator-7f3a".into(),
        epoch: 3,
        cause: Some(Cause {
            stream: "activity".into(),
            segment: 2,
            offset: 255,
        }),
        idempotency_key: "a key".into(),
    }
}

fn record(payload: impl Into<bytes::Bytes>) -> Record {
    let payload = payload.into();
    let at = Position {
        segment: 17,
        offset: 0x2ab10,
    };
    Record {
        at,
        next: Position {
            offset: at.offset + payload.len() as u64,
            ..at
        },
        payload,
    }
}

fn build(kind: Option<Kind>) -> Record {
    record(
        BuildMutation {
            kind,
            meta: Some(meta()),
        }
        .encode_to_vec(),
    )
}

fn finished() -> Record {
    build(Some(Kind::BuildFinished(BuildFinished {
        build_id: "b\n1".into(),
        attempt: 2,
        lease: u64::MAX,
        verdict: Verdict::Timeout.into(),
        took: Some(Duration {
            seconds: 2,
            nanos: 500_000_000,
        }),
        ..BuildFinished::default()
    })))
}

const META: &str =
    "0017.2ab10 2026-03-01T09:30:00Z coordinator-7f3a/3 cause=activity@0002.ff key=\"a key\"";

#[test]
fn a_build_record_is_one_line() {
    let text = describe("builds", &finished()).to_string();
    assert_eq!(text.lines().count(), 1);
    assert!(text.starts_with(META), "{text}");
    for part in [
        " build_finished {",
        "build_id: \"b\\n1\"",
        "attempt: 2",
        "VERDICT_TIMEOUT",
        "took: \"2.500s\"",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    assert_eq!(describe("streams/builds", &finished()).to_string(), text);
}

#[test]
fn a_build_record_is_json() {
    let record = finished();
    let want = json!({
        "at": "0017.2ab10",
        "next": record.next.to_string(),
        "bytes": record.payload.len(),
        "meta": {
            "recorded": "2026-03-01T09:30:00Z",
            "writer": "coordinator-7f3a",
            "epoch": 3,
            "cause": { "stream": "activity", "segment": 2, "offset": 255 },
            "idempotency_key": "a key",
        },
        "mutation": { "build_finished": {
            "build_id": "b\n1",
            "attempt": 2,
            "lease": u64::MAX,
            "verdict": "VERDICT_TIMEOUT",
            "took": "2.500s",
        } },
    });
    assert_eq!(describe_json("builds", &record), want);
}

#[test]
fn lists_and_maps_are_shown() {
    let builder = Builder {
        name: "linux".into(),
        known_issues: vec!["#7".into(), "#8".into()],
        ..Builder::default()
    };
    let config = ConfigActivated {
        builders: vec![builder],
        ..ConfigActivated::default()
    };
    let record = build(Some(Kind::ConfigActivated(config)));
    let builder = json!({ "name": "linux", "known_issues": ["#7", "#8"] });
    assert_eq!(
        describe_json("builds", &record)["mutation"]["config_activated"]["builders"],
        json!([builder])
    );
    assert!(
        describe("builds", &record)
            .to_string()
            .contains("known_issues: [\"#7\", \"#8\"]")
    );

    let map = [
        (MapKey::U64(2), Value::Bool(true)),
        (MapKey::String("x".into()), Value::F32(0.5)),
    ];
    let shown = json(&prost_reflect::Kind::Bool, &Value::Map(map.into()));
    assert_eq!(shown, json!({ "2": true, "x": 0.5 }));
}

#[test]
fn bytes_are_text_where_they_can_be() {
    let commit = |raw: &'static [u8]| {
        let commit = Some(GitCommit {
            raw: bytes::Bytes::from_static(raw),
            ..GitCommit::default()
        });
        let git = Some(GitMutation {
            commit,
            ..GitMutation::default()
        });
        record(
            Mutation {
                git,
                ..Mutation::default()
            }
            .encode_to_vec(),
        )
    };
    let raw = |record: &Record| {
        describe_json("activity", record)["mutation"]["git"]["commit"]["raw"].clone()
    };
    assert_eq!(raw(&commit(b"tree\n")), json!("tree\n"));
    assert_eq!(raw(&commit(b"\xff\x00")), json!({ "hex": "ff00" }));
    let text = describe("activity", &commit(b"tree\n")).to_string();
    assert_eq!(text, "0017.2ab10 - -/0 git {commit: {raw: \"tree\\n\"}}");
}

#[test]
fn long_texts_are_shortened_between_characters() {
    let git = GitMutation {
        deleted_refs: vec!["é".repeat(200)],
        ..GitMutation::default()
    };
    let record = record(
        Mutation {
            git: Some(git),
            ..Mutation::default()
        }
        .encode_to_vec(),
    );
    let text = describe("activity", &record).to_string();
    assert!(
        text.ends_with(&format!("\"{}\"…(+240 bytes)]}}", "é".repeat(80))),
        "{text}"
    );
}

#[test]
fn a_claim_holds_nothing() {
    assert_eq!(
        describe("builds", &build(None)).to_string(),
        format!("{META} nothing")
    );
}

#[test]
fn of_an_unknown_stream_the_meta_is_shown() {
    let record = record(AnyMutation { meta: Some(meta()) }.encode_to_vec());
    assert_eq!(
        describe("bot", &record).to_string(),
        format!("{META} {} bytes", record.payload.len())
    );
    let json = describe_json("bot", &record);
    assert_eq!(json["meta"]["epoch"], json!(3));
    assert_eq!(json.get("mutation"), None);
}

#[test]
fn what_is_no_message_is_said_so() {
    for stream in ["activity", "builds", "bot"] {
        let record = record(&b"\xff\xff"[..]);
        let text = describe(stream, &record).to_string();
        assert!(
            text.starts_with("0017.2ab10 2 bytes: not a mutation: "),
            "{text}"
        );
        assert!(describe_json(stream, &record)["error"].is_string());
    }
}
