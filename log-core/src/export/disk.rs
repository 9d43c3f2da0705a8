//! A folder like an original disk log: one file a day, framed anew.

use super::date::Day;
use super::{ExportError, Exported, failed, log_files, off_runtime, publish, temporary};
use crate::frame;
use crate::layout::Segment;
use crate::meta::meta_of;
use crate::position::Position;
use crate::reader::Record;
use crate::stream::Stream;
use std::fs::{self, File};
use std::io::{BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};

pub(super) async fn export(
    stream: &Stream,
    dir: PathBuf,
    progress: &mut (impl FnMut(u64, u64) + Send),
) -> Result<Exported, ExportError> {
    let total = stream.segments().iter().map(Segment::len).sum();
    let end = stream.tail();
    let to = dir.clone();
    let mut sink = off_runtime(&dir, move || Sink::open(to)).await?;
    let mut reader = stream.reader(Position::START);
    let mut done = 0;
    while reader.position() < end {
        let records = reader.next_batch().await?;
        if records.is_empty() {
            break;
        }
        done += records
            .iter()
            .map(|record| record.next.offset - record.at.offset)
            .sum::<u64>();
        sink = off_runtime(&dir, move || {
            records
                .iter()
                .filter(|record| record.at < end)
                .try_for_each(|record| sink.add(record))?;
            sink.flush()?;
            Ok(sink)
        })
        .await?;
        progress(done, total);
    }
    off_runtime(&dir, move || sink.finish()).await
}

/// Where records go.
struct Sink {
    dir: PathBuf,
    /// The log files that were there, and are still to be met.
    there: Vec<String>,
    day: Option<Day>,
    file: Option<DayFile>,
    frame: Vec<u8>,
    exported: Exported,
}

/// The file of the day.
struct DayFile {
    name: String,
    length: u64,
    to: To,
}

enum To {
    /// A file of that name is there; as far as it goes, it must have our bytes.
    Compare(BufReader<File>),
    /// It is being written.
    Write { file: File, pending: Vec<u8> },
}

impl Sink {
    fn open(dir: PathBuf) -> Result<Self, ExportError> {
        let there = log_files(&dir)?;
        if let Some(name) = there.iter().find(|name| !name.starts_with("maintner-")) {
            let path = dir.join(name);
            return Err(ExportError::Foreign { path });
        }
        Ok(Self {
            dir,
            there,
            day: None,
            file: None,
            frame: Vec::new(),
            exported: Exported::default(),
        })
    }

    fn add(&mut self, record: &Record) -> Result<(), ExportError> {
        let recorded = meta_of(&record.payload).and_then(|meta| meta.recorded);
        let day = recorded.map(|time| Day::of(time.seconds)).max(self.day);
        let day = day.unwrap_or_default();
        if self.day != Some(day) {
            self.finish_file()?;
            self.begin_file(day)?;
            self.day = Some(day);
        }
        let Some(file) = &mut self.file else {
            return Ok(()); // it has just begun
        };
        self.frame.clear();
        frame::encode(&mut self.frame, file.length, &record.payload);
        file.add(&self.dir, &self.frame)
    }

    fn begin_file(&mut self, day: Day) -> Result<(), ExportError> {
        let name = format!("maintner-{day}.mutlog");
        let path = self.dir.join(&name);
        // Files are met in the order of their names: one that is passed over is not ours.
        let to = match self.there.first().filter(|first| **first <= name) {
            Some(first) if *first != name => {
                let path = self.dir.join(first);
                return Err(ExportError::Foreign { path });
            }
            Some(_) => {
                self.there.remove(0);
                let file = File::open(&path).map_err(failed("read", &path))?;
                To::Compare(BufReader::new(file))
            }
            None => To::begin(&self.dir)?,
        };
        self.file = Some(DayFile {
            name,
            length: 0,
            to,
        });
        Ok(())
    }

    fn flush(&mut self) -> Result<(), ExportError> {
        match &mut self.file {
            Some(file) => file.to.flush(&self.dir),
            None => Ok(()),
        }
    }

    fn finish_file(&mut self) -> Result<(), ExportError> {
        self.flush()?;
        let Some(file) = self.file.take() else {
            return Ok(());
        };
        match file.to {
            To::Write { file: written, .. } => publish(&self.dir, &written, &file.name)?,
            To::Compare(mut rest) => {
                let path = self.dir.join(&file.name);
                let more = rest.read(&mut [0]).map_err(failed("read", &path))?;
                if more > 0 {
                    let offset = file.length;
                    return Err(ExportError::Differs { path, offset });
                }
            }
        }
        self.exported.files += 1;
        self.exported.bytes += file.length;
        Ok(())
    }

    fn finish(mut self) -> Result<Exported, ExportError> {
        self.finish_file()?;
        match self.there.first() {
            None => Ok(self.exported),
            Some(name) => Err(ExportError::Foreign {
                path: self.dir.join(name),
            }),
        }
    }
}

impl DayFile {
    fn add(&mut self, dir: &Path, frame: &[u8]) -> Result<(), ExportError> {
        let mut new = frame;
        if let To::Compare(there) = &mut self.to {
            let path = dir.join(&self.name);
            let mut found = Vec::with_capacity(frame.len());
            there
                .take(frame.len() as u64)
                .read_to_end(&mut found)
                .map_err(failed("read", &path))?;
            let same = found.iter().zip(frame).take_while(|(a, b)| a == b).count();
            if same < found.len() || (0 < same && same < frame.len()) {
                let offset = self.length + same as u64;
                return Err(ExportError::Differs { path, offset });
            }
            if same == 0 && !frame.is_empty() {
                // Here it ends, and we go on in a copy of it.
                fs::copy(&path, temporary(dir)).map_err(failed("copy", &path))?;
                self.to = To::go_on(dir)?;
            } else {
                new = &[];
            }
        }
        if let To::Write { pending, .. } = &mut self.to {
            pending.extend_from_slice(new);
        }
        self.length += frame.len() as u64;
        Ok(())
    }
}

impl To {
    fn begin(dir: &Path) -> Result<Self, ExportError> {
        let path = temporary(dir);
        let file = File::create(&path).map_err(failed("make", &path))?;
        Ok(Self::Write {
            file,
            pending: Vec::new(),
        })
    }

    fn go_on(dir: &Path) -> Result<Self, ExportError> {
        let path = temporary(dir);
        let file = File::options().append(true).open(&path);
        let file = file.map_err(failed("write", &path))?;
        Ok(Self::Write {
            file,
            pending: Vec::new(),
        })
    }

    fn flush(&mut self, dir: &Path) -> Result<(), ExportError> {
        if let Self::Write { file, pending } = self {
            let path = temporary(dir);
            file.write_all(pending).map_err(failed("write", &path))?;
            pending.clear();
        }
        Ok(())
    }
}
