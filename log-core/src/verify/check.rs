//! Checking one object. Hashing and framing run off the runtime.

use super::{Fault, FaultKind, SEGMENT_TAKEN_MAX};
use crate::error::explain;
use crate::frame::Frames;
use crate::layout::batch_path;
use crate::position::Position;
use crate::segment::SegmentName;
use crate::store::Objects;
use bytes::Bytes;
use prost::Message as _;
use proto::forgelog::AnyMutation;

/// One thing to read.
#[derive(Clone, Debug)]
pub(super) enum Check {
    /// A sealed segment, and offset and size of the batches that still lie below it.
    Sealed {
        name: SegmentName,
        size: u64,
        joined: Vec<(u64, u64)>,
    },
    /// A batch of a segment that is not sealed.
    Batch { at: Position, size: u64 },
}

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Checked {
    pub(super) bytes: u64,
    pub(super) records: u64,
    pub(super) faults: Vec<Fault>,
}

impl Check {
    /// Bytes, as they were listed.
    pub(super) fn size(&self) -> u64 {
        match self {
            Self::Sealed { size, .. } | Self::Batch { size, .. } => *size,
        }
    }

    fn at(&self) -> Position {
        match self {
            Self::Sealed { name, .. } => Position::start_of(name.number),
            Self::Batch { at, .. } => *at,
        }
    }

    fn object(&self) -> String {
        match self {
            Self::Sealed { name, .. } => name.to_string(),
            Self::Batch { at, .. } => batch_path(at.segment, at.offset),
        }
    }

    pub(super) async fn run(self, objects: Objects) -> Checked {
        let mut checked = Checked {
            bytes: self.size(),
            ..Checked::default()
        };
        if self.size() > SEGMENT_TAKEN_MAX {
            let what = format!("{} bytes are more than any segment has", self.size());
            checked.faults.push(self.fault(FaultKind::Size, what));
            return checked;
        }
        let bytes = match objects.get(&self.object()).await {
            Ok(bytes) => bytes,
            Err(error) => {
                let fault = self.fault(FaultKind::Unreadable, explain(&error));
                checked.faults.push(fault);
                return checked;
            }
        };
        if bytes.len() as u64 != self.size() {
            let what = format!("{} bytes where {} were listed", bytes.len(), self.size());
            checked.faults.push(self.fault(FaultKind::Size, what));
        }
        let (this, held) = (self.clone(), bytes.clone());
        let scanned = tokio::task::spawn_blocking(move || {
            this.scan(&held, &mut checked);
            checked
        });
        let mut checked = match scanned.await {
            Ok(checked) => checked,
            Err(error) => Checked {
                bytes: self.size(),
                records: 0,
                faults: vec![self.fault(FaultKind::Unreadable, explain(&error))],
            },
        };
        if let Self::Sealed { name, joined, .. } = &self {
            for &(offset, size) in joined {
                let fault = check_joined(&objects, name.number, offset, size, &bytes).await;
                checked.faults.extend(fault);
            }
        }
        checked
    }

    /// Digest, frames, payloads.
    fn scan(&self, bytes: &Bytes, checked: &mut Checked) {
        if let Self::Sealed { name, .. } = self
            && SegmentName::of(name.number, bytes) != *name
        {
            let what = "its bytes are not those of its name".to_owned();
            checked.faults.push(self.fault(FaultKind::Digest, what));
        }
        let mut at = self.at();
        let (mut odd, mut first_odd) = (0u64, at);
        for frame in Frames::new(bytes, at.offset) {
            match frame {
                Ok(frame) => {
                    if AnyMutation::decode(frame.payload).is_err() {
                        if odd == 0 {
                            first_odd = at;
                        }
                        odd += 1;
                    }
                    checked.records += 1;
                    at.offset = frame.end;
                }
                Err(error) => {
                    let fault = self.fault(FaultKind::Frame, error.to_string());
                    checked.faults.push(Fault { at, ..fault });
                }
            }
        }
        if odd > 0 {
            let what = match odd {
                1 => "its payload is not a protobuf message".to_owned(),
                _ => format!("{odd} payloads from here on are not protobuf messages"),
            };
            let fault = self.fault(FaultKind::Payload, what);
            checked.faults.push(Fault {
                at: first_odd,
                ..fault
            });
        }
    }

    fn fault(&self, kind: FaultKind, what: String) -> Fault {
        Fault {
            at: self.at(),
            object: self.object(),
            kind,
            what,
        }
    }
}

/// A batch below a sealed segment must be the part of it that its name says.
async fn check_joined(
    objects: &Objects,
    segment: u32,
    offset: u64,
    size: u64,
    sealed: &Bytes,
) -> Option<Fault> {
    if size == 0 {
        return None; // it closed the segment
    }
    let object = batch_path(segment, offset);
    let (kind, what) = match objects.get(&object).await {
        // Removed since it was listed: its day is over.
        Err(object_store::Error::NotFound { .. }) => return None,
        Err(error) => (FaultKind::Unreadable, explain(&error)),
        Ok(batch) => {
            let part = offset as usize..(offset + size) as usize;
            if sealed.get(part).is_some_and(|part| part == batch) {
                return None;
            }
            let what = "it differs from the sealed segment that it was joined into".to_owned();
            (FaultKind::Joined, what)
        }
    };
    let at = Position { segment, offset };
    Some(Fault {
        at,
        object,
        kind,
        what,
    })
}
