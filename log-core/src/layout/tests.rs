//! What listings mean, by example.

use super::*;

fn object(path: impl Into<String>, size: u64) -> Object {
    Object {
        path: path.into(),
        size,
        modified: 0,
    }
}

fn batch(number: u32, offset: u64, size: u64) -> Object {
    object(batch_path(number, offset), size)
}

fn sealed(number: u32, size: u64) -> Object {
    object(
        SegmentName::of(number, &size.to_be_bytes()).to_string(),
        size,
    )
}

fn end(objects: &[Object]) -> String {
    Layout::read(objects).end().to_string()
}

#[test]
fn where_streams_end() {
    assert_eq!(end(&[]), "0000.0");
    assert_eq!(end(&[batch(0, 0, 10), batch(0, 10, 6)]), "0000.10");
    assert_eq!(end(&[batch(0, 0, 10), batch(0, 10, 0)]), "0001.0");
    assert_eq!(
        end(&[batch(0, 0, 10), batch(0, 10, 0), batch(1, 0, 3)]),
        "0001.3"
    );
    assert_eq!(end(&[sealed(0, 10), batch(1, 0, 3)]), "0001.3");
    assert_eq!(end(&[sealed(0, 10), sealed(1, 9)]), "0002.0");
    assert_eq!(
        end(&[sealed(0, 10), batch(0, 0, 10), batch(0, 10, 0)]),
        "0001.0"
    );
}

#[test]
fn joined_batches_are_not_strays() {
    let layout = Layout::read(&[sealed(0, 10), batch(0, 0, 10), batch(0, 10, 0)]);
    assert_eq!(layout.joined, [(0, 0), (0, 10)]);
    assert!(layout.strays.is_empty());
}

#[test]
fn what_was_never_joined_is_a_stray() {
    let layout = Layout::read(&[
        sealed(0, 10),
        batch(0, 0, 10),
        batch(0, 8, 5),
        batch(0, 10, 0),
    ]);
    assert_eq!(layout.joined, [(0, 0), (0, 10)]);
    assert_eq!(layout.strays, ["tail/0000/0000000000000008"]);
}

#[test]
fn what_is_beyond_the_end_is_reported() {
    let layout = Layout::read(&[
        batch(0, 0, 10),
        batch(0, 12, 3),
        batch(2, 0, 1),
        object("notes.txt", 1),
    ]);
    assert_eq!(layout.end().to_string(), "0000.a");
    assert!(layout.open_segment_has_strays());
    assert_eq!(
        layout.strays,
        [
            "notes.txt",
            "tail/0000/000000000000000c",
            "tail/0002/0000000000000000"
        ]
    );
}

#[test]
fn a_segment_begins_only_after_the_last_is_closed() {
    let layout = Layout::read(&[batch(0, 0, 10), batch(1, 0, 5)]);
    assert_eq!(layout.end().to_string(), "0000.a");
    assert_eq!(layout.strays, ["tail/0001/0000000000000000"]);
}

#[test]
fn gaps_are_errors() {
    let layout = Layout::read(&[sealed(0, 1), sealed(2, 1), sealed(3, 1)]);
    assert_eq!(
        layout.end().to_string(),
        "0001.0",
        "what is before it is readable"
    );
    assert_eq!(layout.strays.len(), 2, "what is behind it is not");
    let gap = layout.gap.unwrap();
    assert_eq!(
        gap,
        Gap {
            missing: 1,
            present: 3
        }
    );
    assert!(Layout::read(&[batch(0, 0, 4), sealed(1, 1)]).gap.is_some());
    assert!(
        Layout::read(&[batch(0, 0, 4), batch(0, 4, 0), sealed(1, 1)])
            .gap
            .is_none()
    );
}

#[test]
fn of_two_objects_with_one_number_the_latest_is_meant() {
    let old = Object {
        modified: 1,
        ..sealed(0, 5)
    };
    let new = Object {
        modified: 2,
        ..sealed(0, 9)
    };
    for objects in [[old.clone(), new.clone()], [new, old.clone()]] {
        let layout = Layout::read(&objects);
        assert_eq!(layout.segments[0].len(), 9);
        assert_eq!(layout.strays, std::slice::from_ref(&old.path));
    }
}

#[test]
fn odd_names_are_strays() {
    for path in [
        "tail/0/0000000000000000",
        "tail/0000/0",
        "tail/0000/000000000000000A",
        "tail/0000",
        "tail/00000/0000000000000000",
    ] {
        assert_eq!(Layout::read(&[object(path, 5)]).strays, [path]);
    }
}

#[test]
fn what_was_moved_aside_or_derived_is_no_stray() {
    let paths = [
        "quarantine/1/0000.x",
        "checkpoints/a",
        "checkpoints/b/c",
        "quarantine",
        "checkpoints",
        "checkpoint/a",
    ];
    let objects = paths.map(|path| object(path, 5));
    assert_eq!(Layout::read(&objects).strays, paths[3..]);
}

/// A file's time can be anything, and what is no part of the log must not make its batches look old.
#[test]
fn strays_do_not_tell_the_time() {
    let at = |modified, object| Object { modified, ..object };
    let mut objects = vec![
        at(5, sealed(0, 10)),
        at(4, batch(0, 0, 10)),
        at(7, batch(1, 0, 3)),
    ];
    assert_eq!(Layout::read(&objects).newest, 7);
    objects.push(at(1 << 40, object("notes.txt", 3)));
    objects.push(at(
        1 << 40,
        object("quarantine/tail/0001/0000000000000009", 3),
    ));
    objects.push(at(1 << 40, batch(1, 9, 3)));
    assert_eq!(Layout::read(&objects).newest, 7);
}
