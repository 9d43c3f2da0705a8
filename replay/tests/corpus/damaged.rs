//! Checkpoints that are not what they should be: opening a log never fails for it, and the corpus is right.

use std::fs::{self, OpenOptions};
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use forgelog_replay::Loaded;
use forgelog_replay::{Corpus, Folded, Rules};
use log_core::Position;

use crate::checkpoint_file::CheckpointFile;
use crate::log::{
    Bytewise, DiskLog, assert_equal, assert_same, cut, dump, folded, original_rules, push, records,
    rich_log, synth_log,
};
use crate::warnings::Warnings;

/// A log with a checkpoint at a record in the middle, and more records since.
struct Case {
    log: Bytewise,
    rules: Rules,
    disk: DiskLog,
    path: PathBuf,
    file: CheckpointFile,
    want: Folded<Corpus>,
    dump: String,
}

impl Case {
    async fn new(log: Bytewise, rules: Rules) -> Self {
        let all = records(&log);
        let end = all[all.len() * 2 / 3].next;
        let disk = DiskLog::new(&cut(&log, end));
        let path = disk.load(&rules).await.checkpoint().await.unwrap();
        disk.extend_to(&log);
        let want = folded(&log, &rules);
        Self {
            file: CheckpointFile::read(&path),
            dump: dump(want.state()),
            log,
            rules,
            disk,
            path,
            want,
        }
    }

    /// Puts other bytes in the checkpoint's place. As a new file: one that is mapped is never changed.
    fn replace(&self, bytes: &[u8]) {
        let new = self.path.with_extension("new");
        fs::write(&new, bytes).unwrap();
        fs::rename(&new, &self.path).unwrap();
    }

    async fn load(&self) -> Loaded {
        self.disk.load(&self.rules).await
    }

    /// It is refused, which is told, and the corpus is made without it.
    async fn assert_refused(&self, why: &str, what: &str) {
        let warnings = Warnings::listen();
        let loaded = self.load().await;
        assert_eq!(loaded.opening.checkpoint, None, "{what}");
        let told = warnings.take();
        assert!(
            matches!(told.as_slice(), [one] if one.contains("a checkpoint is not used") && one.contains(why)),
            "{what}: {told:?}"
        );
        assert_equal(&loaded.folded, &self.want, what);
    }

    /// Whether it is used or not, the corpus is right. Gives what was told.
    async fn assert_right(&self, what: &str) -> (bool, Vec<String>) {
        let warnings = Warnings::listen();
        let loaded = self.load().await;
        assert_same(&dump(loaded.folded.state()), &self.dump, what);
        assert_eq!(loaded.folded.position(), self.want.position(), "{what}");
        (loaded.opening.checkpoint.is_some(), warnings.take())
    }
}

#[tokio::test]
async fn one_that_was_cut() {
    let case = Case::new(rich_log(), original_rules()).await;
    let len = case.file.bytes.len();
    let places = [
        0,
        case.file.table.start,
        case.file.head.start,
        case.file.head.end,
        len,
    ];
    let around = places
        .iter()
        .flat_map(|place| (0..3).flat_map(move |by| [place.saturating_sub(by), place + by]));
    let even = (0..24).map(|part| len * part / 24);
    let ends = [
        15,
        16,
        17,
        63,
        64,
        65,
        79,
        80,
        len - 16,
        len - 17,
        len - 63,
        len - 65,
    ];
    for cut in around.chain(even).chain(ends).filter(|cut| *cut < len) {
        case.replace(&case.file.bytes[..cut]);
        case.assert_refused("", &format!("{cut} of {len} bytes"))
            .await;
    }
    let mut longer = case.file.bytes.clone();
    longer.push(0);
    case.replace(&longer);
    case.assert_refused("damaged", "a byte more").await;
    case.replace(&case.file.bytes);
    assert_eq!(
        case.load().await.opening.checkpoint.as_ref(),
        Some(&case.path)
    );
}

#[tokio::test]
async fn bits_that_flipped_at_its_end() {
    let case = Case::new(rich_log(), original_rules()).await;
    let file = &case.file;
    let len = file.bytes.len();
    let sample = |range: &std::ops::Range<usize>, parts: usize| -> Vec<usize> {
        let step = (range.len() / parts).max(1);
        range.clone().step_by(step).chain([range.end - 1]).collect()
    };
    let mut places = sample(&(0..16), 4);
    places.extend(sample(&file.table, 24));
    places.extend(sample(&file.numbers, 8));
    places.extend(sample(&file.head, 24));
    // All but the word that means nothing yet.
    let end = len - 64;
    places.extend((end..end + 40).step_by(3));
    places.extend(sample(&(end + 48..len), 4));
    for place in places {
        case.replace(&file.flipped(place));
        case.assert_refused("", &format!("byte {place} of {len}"))
            .await;
    }
}

#[tokio::test]
async fn bits_that_flipped_in_a_block() {
    let case = Case::new(rich_log(), original_rules()).await;
    let blocks = case.file.blocks.iter().enumerate();
    let full: Vec<_> = blocks.filter(|(_, block)| !block.is_empty()).collect();
    assert!(full.len() > 100);
    let mut used = 0;
    for (number, block) in full {
        let place = block.start + (block.len() * number / case.file.blocks.len());
        case.replace(&case.file.flipped(place));
        let what = format!("block {number}, byte {place}");
        let (is_used, told) = case.assert_right(&what).await;
        used += usize::from(is_used);
        // A page that nobody looks at is not looked for.
        assert!(is_used || told.len() == 1, "{what}: {told:?}");
        assert!(
            told.iter().all(|text| text.contains("checkpoint")),
            "{told:?}"
        );
    }
    assert!(used > 50, "{used}: what is not read at once is found later");
    let all = case.file.blocks.iter().filter(|block| !block.is_empty());
    let mut bytes = case.file.bytes.clone();
    for block in all {
        bytes[block.end - 1] ^= 1;
    }
    case.replace(&bytes);
    case.assert_right("all blocks").await;
}

#[tokio::test]
async fn bits_that_flip_after_it_was_opened_are_healed_for_all_who_read() {
    let log = synth_log(3);
    let disk = DiskLog::new(&log);
    let rules = Rules::default();
    let path = disk.load(&rules).await.checkpoint().await.unwrap();
    let file = CheckpointFile::read(&path);
    let want = dump(folded(&log, &rules).state());
    let warnings = Warnings::listen();
    let loaded = disk.load(&rules).await;
    assert_eq!(loaded.opening.folded_bytes, 0);
    let mut open = OpenOptions::new().write(true).open(&path).unwrap();
    // The last block is the log's tail, which is checked when it is opened.
    let (tail, pages) = file.blocks.split_last().unwrap();
    assert!(tail.len() > 1 << 10, "{tail:?}");
    for block in pages.iter().filter(|block| !block.is_empty()) {
        open.seek(SeekFrom::Start(block.start as u64)).unwrap();
        open.write_all(&vec![0xee; block.len()]).unwrap();
    }
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| assert_same(&dump(loaded.folded.state()), &want, "healed"));
        }
    });
    assert_same(
        &dump(loaded.folded.state()),
        &want,
        "healed once and for all",
    );
    assert_eq!(
        warnings.take(),
        Vec::<String>::new(),
        "it was told where it was found"
    );
    drop(loaded);
    // The next one finds it too, and heals it again.
    let loaded = disk.load(&rules).await;
    assert_eq!(
        loaded.opening.checkpoint, None,
        "what is read at once is broken"
    );
    assert!(warnings.take()[0].contains("a checkpoint is not used"));
    assert_same(&dump(loaded.folded.state()), &want, "made without it");
}

#[tokio::test]
async fn what_is_no_checkpoint_of_this_version_or_these_rules() {
    let case = Case::new(rich_log(), original_rules()).await;
    let name = case.path.file_name().unwrap().to_str().unwrap().to_owned();
    case.replace(
        b"not a checkpoint, but a note that somebody left here, which is as long as an end",
    );
    case.assert_refused("not a checkpoint of this version", "a note")
        .await;
    let mut other = case.file.bytes.clone();
    let end = other.len() - 1;
    (other[15], other[end]) = (b'2', b'2');
    case.replace(&other);
    case.assert_refused("not a checkpoint of this version", "a later format")
        .await;
    let version = case.file.tables();
    let tables = case
        .file
        .with_head(&format!("\"tables\":{version}"), "\"tables\":9");
    case.replace(&tables);
    case.assert_refused("not a checkpoint of this version", "later tables")
        .await;
    let rules = case
        .file
        .with_head("original_semantics=true", "original_semantics=t:ue");
    case.replace(&rules);
    case.assert_refused("it was made by other rules", "other rules")
        .await;
    let not_a_head = case.file.with_head("\"tables\"", "\"tubles\"");
    case.replace(&not_a_head);
    case.assert_refused("not a checkpoint of this version", "no head")
        .await;
    // Under the name of another position.
    let all = records(&case.log);
    let rules = name.split_once('-').unwrap().1;
    let Position { segment, offset } = all[3].next;
    fs::remove_file(&case.path).unwrap();
    let wrong = case
        .path
        .with_file_name(format!("{segment:04}.{offset:016x}-{rules}"));
    fs::write(&wrong, &case.file.bytes).unwrap();
    case.assert_refused("not a checkpoint of this version", "another position")
        .await;
    fs::remove_file(&wrong).unwrap();
    // Names that are none are not looked at, whatever is behind them.
    let folder = case.path.parent().unwrap();
    for name in [
        "x.ckpt",
        ".tmp123",
        "0000.0000000000000000.ckpt",
        "9999.0-0.ckpt",
    ] {
        fs::write(folder.join(name), b"x").unwrap();
    }
    fs::create_dir(&case.path).unwrap();
    let (is_used, told) = case.assert_right("a folder").await;
    assert!(!is_used && told.len() == 1, "{told:?}");
}

/// The same log, but for one letter in a record of each segment that is to be another.
fn other(log: &Bytewise, segment: usize) -> Bytewise {
    let mut other = log.clone();
    let all = records(&[log[segment].clone()]);
    // The last one that has a word to change.
    let at = all.iter().rev().find_map(|record| {
        let start = record.next.offset as usize - record.payload.len();
        let word = record
            .payload
            .windows(6)
            .position(|word| word.is_ascii() && word.iter().all(u8::is_ascii_lowercase))?;
        Some(start + word)
    });
    let at = at.unwrap();
    other[segment][at] = if log[segment][at] == b'q' { b'x' } else { b'q' };
    other
}

#[tokio::test]
async fn one_of_another_log_of_the_same_lengths() {
    let case = Case::new(rich_log(), original_rules()).await;
    let all = records(&case.log);
    let end = all[all.len() * 2 / 3].next;
    for segment in 0..=end.segment as usize {
        let mut before = cut(&case.log, end);
        before = other(&before, segment);
        let mut log = case.log.clone();
        log[segment][..before[segment].len()].copy_from_slice(&before[segment]);
        let disk = DiskLog::new(&log);
        let mut own = disk.load(&case.rules).await;
        // Where this log has its checkpoints, the other's is put under the same name.
        let folder = own.checkpoint().await.unwrap();
        fs::remove_file(&folder).unwrap();
        fs::copy(
            &case.path,
            folder.with_file_name(case.path.file_name().unwrap()),
        )
        .unwrap();
        let there = Case {
            want: folded(&log, &case.rules),
            dump: String::new(),
            path: folder,
            file: CheckpointFile::read(&case.path),
            rules: case.rules.clone(),
            log,
            disk,
        };
        there
            .assert_refused("it is of another log", &format!("segment {segment}"))
            .await;
    }
}

/// Puts the checkpoint of a case into the cache of another log.
async fn foster(case: &Case, log: &Bytewise) -> Case {
    let disk = DiskLog::new(log);
    let own = disk.load(&case.rules).await.checkpoint().await.unwrap();
    fs::remove_file(&own).unwrap();
    let path = own.with_file_name(case.path.file_name().unwrap());
    fs::copy(&case.path, &path).unwrap();
    let want = folded(log, &case.rules);
    Case {
        dump: dump(want.state()),
        want,
        path,
        file: CheckpointFile::read(&case.path),
        rules: case.rules.clone(),
        log: log.clone(),
        disk,
    }
}

#[tokio::test]
async fn one_of_a_log_that_is_shorter_or_has_other_segments() {
    let case = Case::new(rich_log(), original_rules()).await;
    let all = records(&case.log);
    let shorter = foster(&case, &cut(&case.log, all[all.len() / 3].next)).await;
    let (is_used, _) = shorter.assert_right("it is ahead of the log").await;
    assert!(!is_used);
    // The same records in other segments: the first has one more.
    let mut log = case.log.clone();
    let moved = records(&log)
        .into_iter()
        .find(|record| record.at.segment == 1)
        .unwrap();
    push(&mut log[0], &moved.payload);
    foster(&case, &log)
        .await
        .assert_refused("it is of another log", "other lengths")
        .await;
}

#[tokio::test]
async fn one_that_is_gone_while_it_is_used() {
    let case = Case::new(synth_log(2), Rules::default()).await;
    let loaded = case.load().await;
    assert!(loaded.opening.checkpoint.is_some());
    let live = Corpus::open(&case.disk.place(), case.disk.options(&case.rules))
        .await
        .unwrap();
    fs::remove_dir_all(case.disk.cache()).unwrap();
    assert_equal(&loaded.folded, &case.want, "gone");
    let mut log = case.log.clone();
    let payload = records(&log)[7].payload.clone();
    push(log.last_mut().unwrap(), &payload);
    case.disk.extend_to(&log);
    let end = records(&log).last().unwrap().next;
    let newest = live.wait_for(end).await.unwrap();
    assert_equal(&newest, &folded(&log, &case.rules), "it goes on");
}

#[tokio::test]
async fn the_newest_that_fits_is_taken_and_few_are_kept() {
    let log = rich_log();
    let rules = original_rules();
    let disk = DiskLog::new(&[]);
    let all = records(&log);
    let mut paths = Vec::new();
    for number in [10, 20, 30, 40, 50] {
        disk.extend_to(&cut(&log, all[number].next));
        paths.push(disk.load(&rules).await.checkpoint().await.unwrap());
    }
    disk.extend_to(&log);
    let exists: Vec<bool> = paths.iter().map(|path| path.exists()).collect();
    assert_eq!(exists, [false, false, true, true, true]);
    let want = folded(&log, &rules);
    for newest in [4, 3, 2] {
        let loaded = disk.load(&rules).await;
        assert_eq!(loaded.opening.checkpoint.as_ref(), Some(&paths[newest]));
        assert_equal(&loaded.folded, &want, "from one of several");
        damage(&paths[newest]);
    }
    let loaded = disk.load(&rules).await;
    assert_eq!(loaded.opening.checkpoint, None);
    assert_equal(&loaded.folded, &want, "from none of several");
    let mut options = disk.options(&rules);
    fs::remove_dir_all(disk.cache()).unwrap();
    disk.load(&rules).await.checkpoint().await.unwrap();
    options.reads_checkpoints = false;
    let loaded = Corpus::load(&disk.place(), None, &options).await.unwrap();
    assert_eq!(loaded.opening.checkpoint, None);
}

/// Puts a file in its place of which the end is not right.
fn damage(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    let end = bytes.len() - 30;
    bytes[end] ^= 1;
    let new = path.with_extension("new");
    fs::write(&new, bytes).unwrap();
    fs::rename(new, path).unwrap();
}
