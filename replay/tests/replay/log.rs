//! A small log in memory, and records without one.

use std::sync::Arc;

use forgelog_replay::{Builds, Folded, Projection};
use log_core::{NewRecord, Position, Record, Stream, Writer, WriterOptions};
use object_store::memory::InMemory;
use proto::Message;
use proto::forgelog::builds::mutation::Kind;
use proto::forgelog::builds::{BuildQueued, Mutation};

pub(crate) const PREFIX: &str = "streams/builds";

/// A mutation that queues a build of this id.
pub(crate) fn queued(id: &str) -> Mutation {
    let kind = Kind::BuildQueued(BuildQueued {
        build_id: id.into(),
        build_key: format!("key of {id}"),
        builder: "linux".into(),
        repo: "go".into(),
        commit: "0123456789abcdef0123456789abcdef01234567".into(),
        ..BuildQueued::default()
    });
    Mutation {
        kind: Some(kind),
        meta: None,
    }
}

/// Opens the log below [`PREFIX`]; its segments end after three batches.
pub(crate) async fn open(store: &Arc<InMemory>) -> (Stream, Writer) {
    let stream = reopen(store).await;
    let options = WriterOptions {
        segment_batches: 3,
        ..WriterOptions::new("test")
    };
    let writer = Writer::open(stream.clone(), options).await.unwrap();
    (stream, writer)
}

/// The same log as another process has it.
pub(crate) async fn reopen(store: &Arc<InMemory>) -> Stream {
    Stream::open(Arc::clone(store) as _, PREFIX).await.unwrap()
}

/// Appends a record that queues a build and gives its end.
pub(crate) async fn append(writer: &Writer, id: &str) -> Position {
    writer
        .append(NewRecord::new(&queued(id)))
        .await
        .unwrap()
        .next
}

/// Appends `count` builds, in batches of one to three; their ids are their numbers from `from`.
pub(crate) async fn fill(writer: &Writer, from: usize, count: usize) {
    let records: Vec<_> = (from..from + count)
        .map(|number| NewRecord::new(&queued(&number.to_string())))
        .collect();
    let mut rest = &records[..];
    while !rest.is_empty() {
        let (batch, after) = rest.split_at(rest.len().min(1 + rest.len() % 3));
        writer.append_all(batch.to_vec()).await.unwrap();
        rest = after;
    }
}

/// All records of the log.
pub(crate) async fn all_records(stream: &Stream) -> Vec<Record> {
    let mut reader = stream.reader(Position::START);
    let mut all = Vec::new();
    loop {
        match reader.next_batch().await.unwrap() {
            records if records.is_empty() => return all,
            records => all.extend(records),
        }
    }
}

/// Records that follow each other without a log around them.
pub(crate) fn records_of<M: Message>(mutations: &[M]) -> Vec<Record> {
    let mut at = Position::START;
    let mut records = Vec::new();
    for mutation in mutations {
        let payload = bytes::Bytes::from(mutation.encode_to_vec());
        let next = Position {
            offset: at.offset + 10 + payload.len() as u64,
            ..at
        };
        records.push(Record { at, next, payload });
        at = next;
    }
    records
}

/// The records folded at once.
pub(crate) fn folded<'r, P: Projection>(
    records: impl IntoIterator<Item = &'r Record>,
) -> Folded<P> {
    let mut folded = Folded::default();
    folded.fold(records);
    folded
}

/// The ids of all builds, the last queued first.
pub(crate) fn ids(folded: &Folded<Builds>) -> Vec<&str> {
    folded.state().latest().map(|build| build.id()).collect()
}

/// A log that holds these mutations as they are, in one batch.
pub(crate) async fn store_with(mutations: impl IntoIterator<Item = impl Message>) -> Arc<InMemory> {
    use object_store::ObjectStoreExt as _;
    let mut bytes = Vec::new();
    for mutation in mutations {
        let offset = bytes.len() as u64;
        log_core::frame::encode(&mut bytes, offset, &mutation.encode_to_vec());
    }
    let store = Arc::<InMemory>::default();
    let batch =
        object_store::path::Path::from(format!("{PREFIX}/{}", log_core::layout::batch_path(0, 0)));
    store.put(&batch, bytes.into()).await.unwrap();
    store
}
