//! A folder like an original bucket: one file a segment.

use super::{ExportError, Exported, failed, log_files, off_runtime, publish, temporary};
use crate::layout::Segment;
use crate::segment::SegmentName;
use crate::stream::Stream;
use bytes::Bytes;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};

pub(super) async fn export(
    stream: &Stream,
    dir: PathBuf,
    progress: &mut (impl FnMut(u64, u64) + Send),
) -> Result<Exported, ExportError> {
    let segments = stream.segments();
    let total = segments.iter().map(Segment::len).sum();
    let listed = dir.clone();
    let there = off_runtime(&dir, move || log_files(&listed)).await?;
    let count = segments.len() as u32;
    let foreign = |name: &&String| SegmentName::parse(name).is_none_or(|name| name.number >= count);
    if let Some(name) = there.iter().find(foreign) {
        let path = dir.join(name);
        return Err(ExportError::Foreign { path });
    }
    let mut exported = Exported::default();
    for (number, segment) in (0..).zip(segments) {
        let bytes = stream.bytes(number, 0..segment.len()).await?;
        let wanted = match segment {
            Segment::Sealed(sealed) => Some(sealed.name),
            Segment::Tail(_) => None,
        };
        exported.files += 1;
        exported.bytes += bytes.len() as u64;
        let others = there
            .iter()
            .filter_map(|name| SegmentName::parse(name))
            .filter(|name| name.number == number)
            .collect();
        let (to, stream) = (dir.clone(), stream.name().to_owned());
        let found = off_runtime(&dir, move || {
            let name = SegmentName::of(number, &bytes);
            if wanted.is_some_and(|wanted| wanted != name) {
                return Ok(wanted);
            }
            write(&to, name, &bytes, others).map(|()| None)
        });
        if let Some(damaged) = found.await? {
            let object = damaged.to_string();
            return Err(ExportError::Digest { stream, object });
        }
        progress(exported.bytes, total);
    }
    Ok(exported)
}

/// Writes the segment, and removes its shorter self of an earlier export.
fn write(
    dir: &Path,
    name: SegmentName,
    bytes: &Bytes,
    there: Vec<SegmentName>,
) -> Result<(), ExportError> {
    for other in &there {
        let path = dir.join(other.to_string());
        let found = fs::read(&path).map_err(failed("read", &path))?;
        let same = found.iter().zip(bytes).take_while(|(a, b)| a == b).count();
        if same < found.len() || (*other == name && same < bytes.len()) {
            let offset = same as u64;
            return Err(ExportError::Differs { path, offset });
        }
    }
    if !there.contains(&name) {
        let path = temporary(dir);
        let mut file = File::create(&path).map_err(failed("make", &path))?;
        file.write_all(bytes).map_err(failed("write", &path))?;
        publish(dir, &file, &name.to_string())?;
    }
    for other in there.iter().filter(|&&other| other != name) {
        let path = dir.join(other.to_string());
        fs::remove_file(&path).map_err(failed("remove", &path))?;
    }
    Ok(())
}
