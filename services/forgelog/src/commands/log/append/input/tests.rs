//! Tests of the formats that stdin may have.

#![allow(clippy::unwrap_used, clippy::panic)]

use super::*;
use log_core::frame;
use prost::Message as _;
use proto::forgelog::{AnyMutation, Meta};

fn read(format: Format, key_prefix: Option<&str>, bytes: &[u8]) -> Vec<Result<NewRecord, String>> {
    let input = Input::new(format, Mutation::Activity, key_prefix.map(str::to_owned)).unwrap();
    let mut items = Vec::new();
    input.read(bytes, |item| {
        items.push(match item {
            Item::Record(_, record) => Ok(record),
            Item::Bad(bad) => Err(bad.text),
        });
        true
    });
    items
}

fn mutation(owner: &str) -> Vec<u8> {
    let github = proto::maintpb::GithubMutation {
        owner: owner.into(),
        ..Default::default()
    };
    proto::maintpb::Mutation {
        github: Some(github),
        ..Default::default()
    }
    .encode_to_vec()
}

fn stamp(payload: &[u8]) -> Vec<u8> {
    let meta = Some(Meta {
        epoch: 3,
        ..Meta::default()
    });
    [payload, &AnyMutation { meta }.encode_to_vec()].concat()
}

fn payloads(items: &[Result<NewRecord, String>]) -> Vec<Vec<u8>> {
    items
        .iter()
        .map(|item| item.as_ref().unwrap().payload.to_vec())
        .collect()
}

#[test]
fn lines_of_json_are_records() {
    let text = "{\"github\":{\"owner\":\"a\"}}\n\n  {\"github\":{\"owner\":\"b\"}}\r\n{}";
    let items = read(Format::Json, Some("job"), text.as_bytes());
    assert_eq!(payloads(&items), [mutation("a"), mutation("b"), Vec::new()]);
    let keys: Vec<String> = items
        .into_iter()
        .map(|item| item.unwrap().idempotency_key)
        .collect();
    assert_eq!(keys, ["job-1", "job-2", "job-3"]);
}

#[test]
fn a_bad_line_is_named_and_the_next_is_read() {
    let text = "{}\n{\"github\": {\"nope\": 1}}\n{\"meta\": {\"epoch\": 1}}\nx\n{}\n";
    let items = read(Format::Json, None, text.as_bytes());
    assert_eq!(items.len(), 5);
    let said = items[1].as_ref().unwrap_err();
    assert!(
        said.starts_with("line 2, column 18: ") && said.contains("nope"),
        "{said}"
    );
    assert!(items[2].as_ref().unwrap_err().starts_with("line 3: "));
    assert!(
        items[3]
            .as_ref()
            .unwrap_err()
            .starts_with("line 4, column 1: ")
    );
    assert!(items[4].is_ok());
}

#[test]
fn lengths_before_messages_are_records() {
    let long = mutation(&"x".repeat(300));
    let mut bytes = Vec::new();
    for payload in [&b""[..], &long] {
        prost::encoding::encode_varint(payload.len() as u64, &mut bytes);
        bytes.extend_from_slice(payload);
    }
    assert_eq!(
        payloads(&read(Format::Binary, None, &bytes)),
        [vec![], long]
    );
    // Every end but that of a record is noticed.
    for end in 2..bytes.len() {
        let items = read(Format::Binary, None, &bytes[..end]);
        let said = items[1].as_ref().unwrap_err();
        assert!(said.starts_with("record 2, at byte 1: "), "{end}: {said}");
    }
}

#[test]
fn what_is_no_message_or_too_long_is_refused() {
    let items = read(Format::Binary, None, b"\x02\xff\xff\x00");
    assert!(
        items[0]
            .as_ref()
            .unwrap_err()
            .contains("no maintpb.Mutation")
    );
    assert!(items[1].is_ok());
    let mut bytes = Vec::new();
    prost::encoding::encode_varint(PAYLOAD_BYTES_MAX as u64 + 1, &mut bytes);
    let items = read(Format::Binary, None, &bytes);
    assert!(
        items[0]
            .as_ref()
            .unwrap_err()
            .contains("more than the 67108864")
    );
    let items = read(Format::Binary, None, &[0xff; 12]);
    assert!(items[0].as_ref().unwrap_err().contains("no length"));
}

#[test]
fn frames_of_any_offset_are_records_without_their_meta() {
    let mut bytes = Vec::new();
    frame::encode(&mut bytes, 0, &stamp(b""));
    frame::encode(&mut bytes, 77, &stamp(&mutation("a")));
    frame::encode(&mut bytes, 0, &mutation("b"));
    frame::encode(&mut bytes, 5, b"");
    let items = read(Format::Raw, None, &bytes);
    assert_eq!(payloads(&items), [mutation("a"), mutation("b"), vec![]]);
}

#[test]
fn what_is_no_frame_is_refused() {
    for (bytes, says) in [
        (&b"REC@0+5=he"[..], "ends after 2 of its 5"),
        (b"REC@0+", "cut off"),
        (b"REC@0+-1=", "no framed record"),
        (b"REC@+5=hello", "no framed record"),
        (b"rec@0+5=hello", "no framed record"),
        (b"REC@0+ffffffffff=", "more than the"),
        (&[b'x'; 100], "no framed record"),
    ] {
        let items = read(Format::Raw, None, bytes);
        let said = items[0].as_ref().unwrap_err();
        assert!(items.len() == 1 && said.contains(says), "{said}");
    }
}
