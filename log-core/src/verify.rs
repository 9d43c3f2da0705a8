//! Reads a whole stream and checks it: digests, framing, and that nothing lies about.
//!
//! Depends on the reader. Faults are reported with their place; nothing is changed.

use crate::error::{OpenError, ReadError, explain};
use crate::frame::Frames;
use crate::layout::{Segment, batch_path};
use crate::position::Position;
use crate::segment::SegmentName;
use crate::stream::Stream;

/// What a stream holds, and what is wrong with it.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Segments, the open one included.
    pub segments: u64,
    /// Records that are sound.
    pub records: u64,
    /// Bytes of all segments.
    pub bytes: u64,
    /// What is wrong, in order of the log.
    pub faults: Vec<Fault>,
}

/// Something wrong.
#[derive(Clone, Debug)]
pub struct Fault {
    /// Where.
    pub at: Position,
    /// The object, below the stream's prefix.
    pub object: String,
    /// What.
    pub what: String,
}

/// Checks every object of the stream as the store has it now.
pub async fn verify(stream: &Stream) -> Result<Report, OpenError> {
    stream.refresh().await?;
    let mut report = Report::default();
    for (number, segment) in (0..).zip(stream.segments()) {
        report.segments += 1;
        report.bytes += segment.len();
        match segment {
            Segment::Sealed(sealed) => {
                let object = sealed.name.to_string();
                check(
                    stream,
                    &mut report,
                    Position::start_of(number),
                    object,
                    sealed.size,
                    Some(sealed.name),
                )
                .await;
            }
            Segment::Tail(tail) => {
                for (offset, size) in tail.batches {
                    let at = Position {
                        segment: number,
                        offset,
                    };
                    check(
                        stream,
                        &mut report,
                        at,
                        batch_path(number, offset),
                        size,
                        None,
                    )
                    .await;
                }
            }
        }
    }
    let end = stream.tail();
    report
        .faults
        .extend(stream.strays().into_iter().map(|object| Fault {
            at: end,
            object,
            what: "no part of the log".to_owned(),
        }));
    Ok(report)
}

async fn check(
    stream: &Stream,
    report: &mut Report,
    at: Position,
    object: String,
    size: u64,
    name: Option<SegmentName>,
) {
    let fault = |at: Position, what: String| Fault {
        at,
        object: object.clone(),
        what,
    };
    let bytes = match stream.objects().get(&object).await {
        Ok(bytes) => bytes,
        Err(source) => {
            let error = ReadError::Store {
                stream: stream.name().to_owned(),
                object: object.clone(),
                source,
            };
            report.faults.push(fault(at, explain(&error)));
            return;
        }
    };
    if bytes.len() as u64 != size {
        report.faults.push(fault(
            at,
            format!("{} bytes where {size} were listed", bytes.len()),
        ));
    }
    if name.is_some_and(|name| SegmentName::of(name.number, &bytes) != name) {
        report
            .faults
            .push(fault(at, "its bytes are not those of its name".to_owned()));
    }
    let mut place = at;
    for frame in Frames::new(&bytes, at.offset) {
        match frame {
            Ok(frame) => {
                report.records += 1;
                place.offset = frame.end;
            }
            Err(error) => report.faults.push(fault(place, error.to_string())),
        }
    }
}
