//! A stream as the source of an import. Depends on the stream.

use super::{ImportError, SegmentSource, SourceSegment};
use crate::layout::Segment;
use crate::stream::Stream;
use async_trait::async_trait;
use std::io::Cursor;

/// The segments of a stream as it is when this is made.
#[derive(Debug)]
pub struct StreamSegments {
    stream: Stream,
    segments: std::iter::Enumerate<std::vec::IntoIter<Segment>>,
    total: u64,
}

impl StreamSegments {
    /// All segments, up to the end as this process knows it.
    pub fn new(stream: &Stream) -> Self {
        let segments = stream.segments();
        Self {
            stream: stream.clone(),
            total: segments.iter().map(Segment::len).sum(),
            segments: segments.into_iter().enumerate(),
        }
    }
}

#[async_trait]
impl SegmentSource for StreamSegments {
    fn total(&self) -> u64 {
        self.total
    }

    async fn next(&mut self) -> Result<Option<SourceSegment>, ImportError> {
        let Some((number, segment)) = self.segments.next() else {
            return Ok(None);
        };
        let number = number as u32;
        let bytes = self.stream.bytes(number, 0..segment.len()).await?;
        Ok(Some(SourceSegment {
            number,
            origin: format!("segment {number} of stream {}", self.stream.name()),
            sha224: match &segment {
                Segment::Sealed(sealed) => Some(sealed.name.sha224),
                Segment::Tail(_) => None,
            },
            complete: segment.is_complete(),
            body: Box::new(Cursor::new(bytes)),
        }))
    }
}
