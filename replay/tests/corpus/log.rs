//! Logs to open a corpus from: an original's files in a folder of the test, with a cache beside it, and streams.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use forgelog_replay::Loaded;
use forgelog_replay::corpus::{self, DumpOptions};
use forgelog_replay::{Block, Corpus, CorpusOptions, Folded, Rules, SourceOptions};
use log_core::frame::{Frames, encode};
use log_core::{Position, Record, Stream};
#[cfg(feature = "http")]
use log_core::{layout::batch_path, segment::SegmentName};
use object_store::ObjectStore;
#[cfg(feature = "http")]
use object_store::ObjectStoreExt as _;
use object_store::memory::InMemory;
use proto::Message;
use proto::maintpb::Mutation;
use synth::{Synth, SynthOptions};
use tempfile::TempDir;

/// Longer than anything here takes, so that a lost wake-up is a failure and not a hang.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// The bytes of a log, by segment.
pub(crate) type Bytewise = Vec<Vec<u8>>;

/// Adds a record to a segment.
pub(crate) fn push(segment: &mut Vec<u8>, payload: &[u8]) {
    let offset = segment.len() as u64;
    encode(segment, offset, payload);
}

/// A log of payloads, whose segments are about so long.
pub(crate) fn log_of<B: AsRef<[u8]>>(
    payloads: impl IntoIterator<Item = B>,
    segment_bytes: usize,
) -> Bytewise {
    let mut log = vec![Vec::new()];
    for payload in payloads {
        if log.last().is_some_and(|last| last.len() >= segment_bytes) {
            log.push(Vec::new());
        }
        push(log.last_mut().unwrap(), payload.as_ref());
    }
    log
}

/// The same of mutations.
pub(crate) fn log_of_mutations(mutations: &[Mutation], segment_bytes: usize) -> Bytewise {
    log_of(mutations.iter().map(Message::encode_to_vec), segment_bytes)
}

/// About two megabytes of what a large project does, in some segments.
pub(crate) fn synth_log(seed: u64) -> Bytewise {
    let options = SynthOptions { scale: 0.001, seed };
    log_of(Synth::new(options).unwrap(), 600 << 10)
}

/// All records, in order.
pub(crate) fn records(log: &[Vec<u8>]) -> Vec<Record> {
    let mut all = Vec::new();
    for (segment, bytes) in (0..).zip(log) {
        for frame in Frames::new(bytes, 0) {
            let frame = frame.unwrap();
            let place = |offset| Position { segment, offset };
            all.push(Record {
                at: place(frame.offset),
                next: place(frame.end),
                payload: Bytes::copy_from_slice(frame.payload),
            });
        }
    }
    all
}

/// The log up to a position.
pub(crate) fn cut(log: &[Vec<u8>], end: Position) -> Bytewise {
    let mut log = log[..=end.segment as usize].to_vec();
    if let Some(last) = log.last_mut() {
        last.truncate(end.offset as usize);
    }
    log
}

/// Each segment as one block.
pub(crate) fn blocks(log: &[Vec<u8>]) -> Vec<Block> {
    let block = |(segment, bytes): (u32, &Vec<u8>)| Block {
        segment,
        start: 0,
        bytes: Bytes::copy_from_slice(bytes).into(),
    };
    (0..).zip(log).map(block).collect()
}

/// The log folded at once, in memory.
pub(crate) fn folded(log: &[Vec<u8>], rules: &Rules) -> Folded<Corpus> {
    let mut folded = Folded::with(Corpus::with_rules(rules.clone()));
    folded.fold_blocks(&blocks(log)).unwrap();
    folded
}

/// The canonical dump.
pub(crate) fn dump(corpus: &Corpus) -> String {
    let mut out = Vec::new();
    corpus::dump(corpus, &DumpOptions::default(), &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

/// Tells the first line that is not the same.
#[track_caller]
pub(crate) fn assert_same(got: &str, want: &str, what: &str) {
    if got == want {
        return;
    }
    let lines = got.lines().zip(want.lines()).enumerate();
    for (number, (got, want)) in lines {
        assert_eq!(got, want, "{what}: line {number}");
    }
    let (got, want) = (got.lines().count(), want.lines().count());
    panic!("{what}: {got} lines, not {want}");
}

/// Everything that two corpora of one history have in common: what they hold, and how far they are.
#[track_caller]
pub(crate) fn assert_equal(got: &Folded<Corpus>, want: &Folded<Corpus>, what: &str) {
    assert_eq!(got.position(), want.position(), "{what}");
    assert_eq!(got.records(), want.records(), "{what}");
    assert_eq!(got.recorded(), want.recorded(), "{what}");
    assert_eq!(got.skipped(), want.skipped(), "{what}");
    assert_eq!(got.skips(), want.skips(), "{what}");
    let faults = |folded: &Folded<Corpus>| folded.state().faults().collect::<Vec<_>>();
    assert_eq!(faults(got), faults(want), "{what}");
    assert_same(&dump(got.state()), &dump(want.state()), what);
}

/// The rules of the conformance logs.
pub(crate) fn original_rules() -> Rules {
    let mut rules = Rules::default();
    rules.original_semantics = true;
    rules
}

/// Puts a log into a store as a stream: all segments but the last sealed, and of the last what is not there yet.
#[cfg(feature = "http")]
pub(crate) async fn put_stream(store: &Arc<InMemory>, name: &str, log: &[Vec<u8>]) {
    let (last, sealed) = log.split_last().unwrap();
    for (number, bytes) in (0..).zip(sealed) {
        let path = format!("{name}/{}", SegmentName::of(number, bytes));
        store.put(&path.into(), bytes.clone().into()).await.unwrap();
    }
    let number = sealed.len() as u32;
    let mut offset = 0;
    // A batch for each call, which is how a tail grows.
    while let Ok(batch) = store
        .get(&format!("{name}/{}", batch_path(number, offset)).into())
        .await
    {
        offset += batch.meta.size;
    }
    if offset < last.len() as u64 {
        let path = format!("{name}/{}", batch_path(number, offset));
        let rest = last[offset as usize..].to_vec();
        store.put(&path.into(), rest.into()).await.unwrap();
    }
}

pub(crate) async fn open_stream(store: &Arc<InMemory>, name: &str) -> Stream {
    let store: Arc<dyn ObjectStore> = Arc::clone(store) as _;
    Stream::open(store, name).await.unwrap()
}

/// A disk log of an original in a folder, and a cache beside it.
pub(crate) struct DiskLog {
    folder: TempDir,
}

impl DiskLog {
    pub(crate) fn new(log: &[Vec<u8>]) -> Self {
        let disk = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        fs::create_dir(disk.folder.path().join("log")).unwrap();
        disk.extend_to(log);
        disk
    }

    pub(crate) fn place(&self) -> String {
        self.folder.path().join("log").display().to_string()
    }

    pub(crate) fn file(&self, segment: usize) -> PathBuf {
        let name = format!("log/maintner-2017-03-{:02}.mutlog", segment + 1);
        self.folder.path().join(name)
    }

    /// Appends what is missing.
    pub(crate) fn extend_to(&self, log: &[Vec<u8>]) {
        for (segment, bytes) in log.iter().enumerate() {
            let path = self.file(segment);
            let mut file = OpenOptions::new()
                .create(true)
                .append(true)
                .open(path)
                .unwrap();
            let have = file.metadata().unwrap().len() as usize;
            file.write_all(&bytes[have..]).unwrap();
        }
    }

    pub(crate) fn cache(&self) -> PathBuf {
        self.folder.path().join("cache")
    }

    pub(crate) fn options(&self, rules: &Rules) -> CorpusOptions {
        options(&self.cache(), rules)
    }

    /// Opens it once.
    pub(crate) async fn load(&self, rules: &Rules) -> Loaded {
        Corpus::load(&self.place(), None, &self.options(rules))
            .await
            .unwrap()
    }
}

/// Options that look for news often, and keep everything in the folder.
pub(crate) fn options(cache: &Path, rules: &Rules) -> CorpusOptions {
    let mut options = CorpusOptions::default();
    options.source = SourceOptions {
        cache: Some(cache.to_owned()),
        refresh: Some(Duration::from_millis(2)),
        verify: false,
    };
    options.rules = rules.clone();
    options
}

/// The folder of the conformance logs.
fn conformance() -> PathBuf {
    PathBuf::from(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../shared/conformance"
    ))
}

/// A conformance log that the original's client can load: its name, its bytes, and the dump of them.
pub(crate) struct Conforming {
    pub(crate) name: String,
    pub(crate) log: Vec<u8>,
    pub(crate) dump: String,
}

/// All of them, by name.
pub(crate) fn conforming() -> Vec<Conforming> {
    let index = conformance().join("INDEX.tsv");
    let index = fs::read_to_string(&index).unwrap_or_else(|error| {
        let place = index.display();
        panic!("the conformance logs are not beside the clone, in {place}: {error}")
    });
    let lines = index.lines().skip(1).map(|line| line.split('\t'));
    let mut all = Vec::new();
    for mut fields in lines {
        let name = fields.next().unwrap().to_owned();
        if fields.nth(2) != Some("ok") {
            continue;
        }
        let read = |ending: &str| fs::read(conformance().join(format!("{name}.{ending}"))).unwrap();
        all.push(Conforming {
            log: read("mutlog"),
            dump: String::from_utf8(read("dump.jsonl")).unwrap(),
            name,
        });
    }
    all.sort_by(|a, b| a.name.cmp(&b.name));
    assert!(all.len() > 50, "{}", all.len());
    all
}

/// A small log that has a bit of everything: the conformance logs one after the other, in some segments.
pub(crate) fn rich_log() -> Bytewise {
    let logs = conforming();
    let small = logs.iter().filter(|one| one.log.len() < 100_000);
    let payloads =
        small.flat_map(|one| Frames::new(&one.log, 0).map(|frame| frame.unwrap().payload));
    log_of(payloads, 60_000)
}
