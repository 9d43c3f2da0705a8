//! Which checkpoints there are of a log, in the cache of this machine and beside the log itself, and which one fits.
//!
//! A name says the position and the rules, so that only what may fit is opened:
//! `NNNN.<16 hex digits of the offset>-<16 hex digits for the rules>.ckpt`. Depends on [`crate::source`].

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use log_core::Position;
use log_core::segment::SegmentName;
use tempfile::NamedTempFile;
use xxhash_rust::xxh3::xxh3_64;

use super::head::{EndMark, Head, SegmentMark};
use super::{Checkpoint, CheckpointError, Log, Origin, write};
use crate::columns::BlockSource;
use crate::corpus::{Corpus, Rules};
use crate::error::Error;
use crate::live::{At, off_the_runtime};
use crate::projection::Folded;
use crate::segments::{Block, Segments};
use crate::source::{SegmentId, Source, make_private};

const FOLDER: &str = "checkpoints";
const SUFFIX: &str = ".ckpt";
/// Checkpoints of the same rules that are kept in the cache, or beside the log: the newest ones.
const KEPT: usize = 3;
/// A file that is not whole after so long is of a process that was killed.
const UNFINISHED_AGE: Duration = Duration::from_secs(24 * 60 * 60);
/// About so many bytes before the position are compared with the log's.
const MARK_BYTES: u64 = 64 << 10;

/// Where a checkpoint is.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    Cache(PathBuf),
    Beside(String),
}

/// A checkpoint that may fit.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Candidate {
    position: Position,
    place: Place,
}

/// A corpus that a checkpoint gave.
pub(crate) struct Opened {
    pub(crate) folded: Folded<Corpus>,
    pub(crate) path: PathBuf,
}

fn file_name(position: Position, rules: &str) -> String {
    let Position { segment, offset } = position;
    format!(
        "{segment:04}.{offset:016x}-{:016x}{SUFFIX}",
        xxh3_64(rules.as_bytes())
    )
}

/// The position of a name, if it is one for these rules.
fn parse_name(name: &str, rules: &str) -> Option<Position> {
    let (position, _) = name.strip_suffix(SUFFIX)?.split_once('-')?;
    let position = position.parse().ok()?;
    (file_name(position, rules) == name).then_some(position)
}

/// The newest checkpoint after a position that fits the log, the rules and the limit. What does not fit is told and
/// passed over.
pub(crate) async fn open_newest(
    mut log: Log<'_>,
    rules: &Rules,
    after: Option<Position>,
    limit: Option<At>,
) -> Option<Opened> {
    let mut candidates = candidates(&log, &rules.as_text()).await;
    let end = match limit {
        Some(At::Position(position)) => position,
        _ => log.tail(),
    };
    candidates.retain(|candidate| {
        candidate.position <= end && after.is_none_or(|after| candidate.position > after)
    });
    // The cache's first, of two for the same position.
    candidates.sort_by_key(|candidate| {
        let is_far = matches!(candidate.place, Place::Beside(_));
        (std::cmp::Reverse(candidate.position), is_far)
    });
    for candidate in candidates {
        match open_one(&mut log, rules, &candidate, limit).await {
            Ok(Some(opened)) => return Some(opened),
            Ok(None) => {}
            Err(error) => {
                let text = log_core::explain(&error);
                tracing::warn!("a checkpoint is not used: {text}");
            }
        }
    }
    None
}

async fn candidates(log: &Log<'_>, rules: &str) -> Vec<Candidate> {
    let mut candidates = Vec::new();
    if let Some(folder) = log.cache_folder().map(|folder| folder.join(FOLDER)) {
        let listed = off_the_runtime(usize::MAX, move || in_cache(&folder)).await;
        candidates.extend(listed.unwrap_or_default());
    }
    if let Some(source) = log.beside() {
        match source.list_checkpoints().await {
            Ok(names) => {
                candidates.extend(names.into_iter().map(|(name, _)| Place::Beside(name)));
            }
            Err(error) => {
                tracing::warn!("no checkpoints of the log: {}", log_core::explain(&error));
            }
        }
    }
    let candidate = |place: Place| {
        let name = match &place {
            Place::Cache(path) => path.file_name()?.to_str()?,
            Place::Beside(name) => name,
        };
        let position = parse_name(name, rules)?;
        Some(Candidate { position, place })
    };
    candidates.into_iter().filter_map(candidate).collect()
}

fn in_cache(folder: &Path) -> Vec<Place> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| Place::Cache(entry.path())).collect()
}

/// Opens one; `None` if it goes beyond the limit, which is found out before much is read.
async fn open_one(
    log: &mut Log<'_>,
    rules: &Rules,
    candidate: &Candidate,
    limit: Option<At>,
) -> Result<Option<Opened>, Error> {
    let checkpoint = match &candidate.place {
        Place::Cache(path) => {
            let path = path.clone();
            off_the_runtime(usize::MAX, move || Checkpoint::open(&path))
                .await
                .map_err(Error::joined)??
        }
        Place::Beside(name) => {
            // It was listed there.
            let source = log
                .beside()
                .ok_or_else(|| CheckpointError::Foreign { path: name.into() })?;
            let bytes = source.read_checkpoint(name).await?;
            Checkpoint::of(&Path::new(source.place()).join(FOLDER).join(name), bytes)?
        }
    };
    let head = checkpoint.head();
    let path = checkpoint.path().to_owned();
    if head.tables != write::TABLES_VERSION || head.position() != candidate.position {
        return Err(CheckpointError::Foreign { path }.into());
    }
    if head.rules != rules.as_text() {
        let rules = head.rules.clone();
        return Err(CheckpointError::OtherRules { path, rules }.into());
    }
    if let Some(At::Time(time)) = limit
        && head.walked().recorded > Some(time)
    {
        return Ok(None);
    }
    let mut folded = load(&checkpoint, rules)?;
    let blocks = log.history(&checkpoint).await?;
    for block in &blocks {
        folded.state_mut().attach_bytes(block);
    }
    let segments = folded.state().segments().clone();
    check_history(log, &checkpoint, &segments).await?;
    checkpoint.set_origin(Origin {
        segments,
        rules: rules.clone(),
        position: checkpoint.head().position(),
    });
    Ok(Some(Opened { folded, path }))
}

fn load(checkpoint: &Arc<Checkpoint>, rules: &Rules) -> Result<Folded<Corpus>, CheckpointError> {
    let foreign = |_| CheckpointError::Foreign {
        path: checkpoint.path().to_owned(),
    };
    let numbers = checkpoint.numbers().to_vec();
    let mut parts = BlockSource::new(checkpoint, &numbers);
    let corpus = Corpus::of_pages(&mut parts, rules.clone()).map_err(foreign)?;
    let rest = u32::from(checkpoint.head().tail.is_some());
    if !parts.is_at_end(rest) {
        return Err(foreign(crate::columns::NotStored));
    }
    Ok(Folded::resumed(corpus, checkpoint.head().walked()))
}

fn other_log(checkpoint: &Checkpoint, what: String) -> CheckpointError {
    CheckpointError::OtherLog {
        path: checkpoint.path().to_owned(),
        what,
    }
}

/// Compares the history that the checkpoint stands for with that of the log.
async fn check_history(
    log: &mut Log<'_>,
    checkpoint: &Arc<Checkpoint>,
    segments: &Segments,
) -> Result<(), Error> {
    let there = log.segments();
    let (marked, held) = (Arc::clone(checkpoint), segments.clone());
    // Much may have to be read.
    let checked = off_the_runtime(usize::MAX, move || check_marks(&marked, &there, &held)).await;
    let Some(mark) = checked.map_err(Error::joined)?? else {
        return Ok(());
    };
    let position = checkpoint.head().position();
    if mark.matches(&log.marked(mark, position).await?) {
        return Ok(());
    }
    let what = format!("segment {} has other records", position.segment);
    Err(other_log(checkpoint, what).into())
}

/// The same but for the mark of the last segment's end, which is given: the checkpoint may bring its bytes itself.
fn check_marks(
    checkpoint: &Checkpoint,
    there: &[SegmentId],
    segments: &Segments,
) -> Result<Option<EndMark>, CheckpointError> {
    let other = |what: String| other_log(checkpoint, what);
    let head = checkpoint.head();
    if head.segments.len() != head.position().segment as usize + 1 {
        return Err(other("it does not say of which segments".to_owned()));
    }
    for (mark, number) in head.segments.iter().zip(0u32..) {
        let Some(id) = there.get(number as usize) else {
            return Err(other(format!("segment {number} is not there")));
        };
        let is_last = number == head.position().segment;
        let has_size = match is_last {
            true => id.size >= mark.size,
            false => id.size == mark.size,
        };
        if !has_size {
            return Err(other(format!("segment {number} has another size")));
        }
        let digest = id
            .sha224
            .map(|digest| data_encoding::HEXLOWER.encode(&digest));
        if let (Some(ours), Some(theirs)) = (&mark.sha224, digest)
            && !is_last
        {
            if *ours == theirs {
                continue;
            }
            return Err(other(format!("segment {number} has another digest")));
        }
        let matches = match mark.end {
            // It was sealed, and the source does not say what it is now.
            None if mark.sha224.is_some() => {
                let bytes = part(segments, number, 0, mark.size);
                let digest = SegmentName::of(number, &bytes).sha224;
                mark.sha224.as_deref() == Some(&*data_encoding::HEXLOWER.encode(&digest))
            }
            None => mark.size == 0,
            Some(end) if end.from > mark.size => false,
            Some(end) if is_last => return Ok(Some(end)),
            Some(end) => end.matches(&part(segments, number, end.from, mark.size)),
        };
        if !matches {
            return Err(other(format!("segment {number} has other records")));
        }
    }
    Ok(None)
}

/// The bytes of a segment up to an end.
pub(super) fn joined(blocks: &[Block], segment: u32, end: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    for block in blocks.iter().filter(|block| block.segment == segment) {
        let len = usize::try_from(end.saturating_sub(block.start)).unwrap_or(usize::MAX);
        bytes.extend_from_slice(&block.bytes[..len.min(block.bytes.len())]);
    }
    bytes
}

/// A part of a segment; nothing else of it is looked at.
fn part(segments: &Segments, segment: u32, from: u64, end: u64) -> Vec<u8> {
    joined(&blocks_of(segments, segment, from, end), segment, end)
}

fn blocks_of(segments: &Segments, segment: u32, from: u64, end: u64) -> Vec<Block> {
    let place = |offset| Position { segment, offset };
    segments.blocks_between(place(from), place(end))
}

/// What a checkpoint is to be written of, taken while the log is followed.
pub(crate) struct Snapshot {
    pub(crate) folded: Folded<Corpus>,
    pub(crate) ids: Vec<SegmentId>,
}

impl Snapshot {
    /// Its name.
    pub(crate) fn name(&self) -> String {
        file_name(
            self.folded.position(),
            &self.folded.state().rules().as_text(),
        )
    }

    /// Writes it into the cache folder of its log, and removes what is older than is kept there. Blocks.
    pub(crate) fn write_to_cache(&self, cache: &Path) -> Result<PathBuf, CheckpointError> {
        let folder = cache.join(FOLDER);
        make_private(&folder).map_err(|source| CheckpointError::Io {
            what: "make",
            path: folder.clone(),
            source,
        })?;
        let path = folder.join(self.name());
        self.write_to(&path)?;
        remove_old(&folder, &self.folded.state().rules().as_text(), &path);
        Ok(path)
    }

    /// Writes it beside its log, for all who open that, and removes what is older than is kept there; gives its name.
    pub(crate) async fn write_beside(self, source: &Source) -> Result<String, Error> {
        let (name, rules) = (self.name(), self.folded.state().rules().as_text());
        let written = off_the_runtime(usize::MAX, move || {
            let file = NamedTempFile::new().map_err(|source| CheckpointError::Io {
                what: "write a file in",
                path: std::env::temp_dir(),
                source,
            })?;
            self.write_to(file.path())?;
            Ok::<_, CheckpointError>(file)
        });
        let file = written.await.map_err(Error::joined)??;
        source.put_checkpoint_file(&name, file.path()).await?;
        remove_old_beside(source, &rules, &name).await;
        Ok(name)
    }

    /// Writes it to a file. Blocks.
    pub(crate) fn write_to(&self, path: &Path) -> Result<u64, CheckpointError> {
        let folded = &self.folded;
        let (position, segments) = (folded.position(), folded.state().segments());
        let marks = (0..=position.segment).map(|number| self.mark(segments, number, position));
        let is_open = |id: &SegmentId| id.number == position.segment && !id.complete;
        let keeps_tail = self.ids.iter().any(is_open) && !segments.is_mapped(position.segment);
        let tail = keeps_tail.then_some(position.segment);
        let rules = folded.state().rules().as_text();
        let head = Head::new(rules, &folded.walked(), marks.collect(), tail);
        write::write(path, &head, |sink| {
            folded.state().save_pages(sink);
            if let Some(segment) = tail {
                sink.block(&part(segments, segment, 0, position.offset));
            }
        })
    }

    fn mark(&self, segments: &Segments, number: u32, position: Position) -> SegmentMark {
        let id = self.ids.iter().find(|id| id.number == number);
        let is_last = number == position.segment;
        let sha224 = id.and_then(|id| id.sha224).filter(|_| !is_last);
        let size = match (is_last, id) {
            (false, Some(id)) => id.size,
            (false, None) => segments.end_of(number),
            (true, _) => position.offset,
        };
        SegmentMark {
            size,
            sha224: sha224.map(|digest| data_encoding::HEXLOWER.encode(&digest)),
            end: match sha224 {
                Some(_) => None,
                None => end_mark(segments, number, size),
            },
        }
    }
}

/// The mark of a segment's last records.
fn end_mark(segments: &Segments, segment: u32, size: u64) -> Option<EndMark> {
    let blocks = blocks_of(segments, segment, 0, size);
    let frames = blocks.iter().flat_map(Block::frames).map_while(Result::ok);
    let from = frames
        .map(|frame| frame.offset)
        .find(|offset| size - offset <= MARK_BYTES)
        // A record that is longer than that.
        .or_else(|| {
            let frames = blocks.iter().flat_map(Block::frames).map_while(Result::ok);
            frames.map(|frame| frame.offset).last()
        })?;
    Some(EndMark::of(from, &part(segments, segment, from, size)))
}

/// Removes all but the newest. Those that go further than the log go first, and the one that was just written stays in any
/// case, also where it is of an early moment.
async fn remove_old_beside(source: &Source, rules: &str, written: &str) {
    let Ok(names) = source.list_checkpoints().await else {
        return;
    };
    let tail = source.tail();
    let mut found: Vec<_> = names
        .into_iter()
        .filter_map(|(name, _)| {
            let position = parse_name(&name, rules)?;
            Some((name == written, position <= tail, position, name))
        })
        .collect();
    found.sort();
    let old = found.len().saturating_sub(KEPT);
    for (.., name) in found.into_iter().take(old) {
        // Whoever reads it has it mapped, or begins anew. If it can't be removed, the next one tries again.
        let _ = source.remove_checkpoint(&name).await;
    }
}

/// Removes all but the newest. Not the furthest: of a log that was begun anew, those of the one before may go further, and
/// would be in the way for ever. The one that was just written stays in any case. What killed processes left goes too.
fn remove_old(folder: &Path, rules: &str, written: &Path) {
    let mut found = Vec::new();
    for place in in_cache(folder) {
        let Place::Cache(path) = place else { continue };
        let name = path.file_name().and_then(|name| name.to_str());
        let modified = path.metadata().and_then(|found| found.modified()).ok();
        if name.is_some_and(|name| name.starts_with(write::UNFINISHED)) {
            let age = modified.and_then(|modified| modified.elapsed().ok());
            if age > Some(UNFINISHED_AGE) {
                let _ = std::fs::remove_file(path);
            }
            continue;
        }
        let Some(position) = name.and_then(|name| parse_name(name, rules)) else {
            continue;
        };
        found.push((path == written, modified, position, path));
    }
    found.sort();
    let old = found.len().saturating_sub(KEPT);
    for (.., path) in found.into_iter().take(old) {
        // Whoever has it mapped keeps it. If it can't be removed, the next one tries again.
        let _ = std::fs::remove_file(path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_the_position_and_the_rules() {
        let position = Position {
            segment: 17,
            offset: 0x2ab10,
        };
        let name = file_name(position, "rules");
        assert!(name.starts_with("0017.000000000002ab10-"), "{name}");
        assert_eq!(parse_name(&name, "rules"), Some(position));
        assert_eq!(parse_name(&name, "other rules"), None);
        assert_eq!(parse_name("0017.2ab10.ckpt", "rules"), None);
        assert_eq!(parse_name("", "rules"), None);
    }
}
