//! The table of spec 1.1, and the laws of framing.

use super::*;
use proptest::prelude::*;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, ReadBuf};

/// Gives a few bytes at a time, and an error or a pause in between.
struct Drops<'a> {
    rest: &'a [u8],
    at_a_time: usize,
    turn: usize,
}

impl AsyncRead for Drops<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.turn += 1;
        match self.turn % 4 {
            1 => return Poll::Ready(Err(io::Error::other("not now"))),
            2 => {
                context.waker().wake_by_ref();
                return Poll::Pending;
            }
            _ => {}
        }
        let (now, later) = self.rest.split_at(self.at_a_time.min(self.rest.len()));
        out.put_slice(now);
        self.rest = later;
        Poll::Ready(Ok(()))
    }
}

type Decoded = (Vec<(u64, u64, Vec<u8>)>, Option<FrameError>);

/// What the slice reader finds.
fn by_slice(bytes: &[u8], offset: u64) -> Decoded {
    let mut frames = Vec::new();
    for frame in Frames::new(bytes, offset) {
        match frame {
            Ok(frame) => frames.push((frame.offset, frame.end, frame.payload.to_vec())),
            Err(error) => return (frames, Some(error)),
        }
    }
    (frames, None)
}

/// What the stream reader finds, which is cancelled at every pause and asked again after every error.
fn by_stream(bytes: &[u8], offset: u64, at_a_time: usize) -> Decoded {
    let source = Drops {
        rest: bytes,
        at_a_time,
        turn: 0,
    };
    let mut reader = FrameReader::new(source, offset);
    let mut frames = Vec::new();
    let mut context = Context::from_waker(std::task::Waker::noop());
    loop {
        let next = std::pin::pin!(reader.next());
        match next.poll(&mut context) {
            Poll::Pending | Poll::Ready(Err(FrameReadError::Io { .. })) => {}
            Poll::Ready(Ok(None)) => return (frames, None),
            Poll::Ready(Ok(Some(frame))) => {
                let at = (frame.offset - offset) as usize..(frame.end - offset) as usize;
                assert_eq!(frame.framed, bytes[at]);
                frames.push((frame.offset, frame.end, frame.payload.to_vec()));
            }
            Poll::Ready(Err(FrameReadError::Frame { source })) => return (frames, Some(source)),
        }
    }
}

fn decode(bytes: &[u8]) -> (Vec<Vec<u8>>, Option<FrameError>) {
    let mut payloads = Vec::new();
    for frame in Frames::new(bytes, 0) {
        match frame {
            Ok(frame) => payloads.push(frame.payload.to_vec()),
            Err(error) => return (payloads, Some(error)),
        }
    }
    (payloads, None)
}

fn encode_all(payloads: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for payload in payloads {
        let offset = bytes.len() as u64;
        encode(&mut bytes, offset, payload);
    }
    bytes
}

#[test]
fn the_example_of_the_spec() {
    let bytes = encode_all(&[b"hello".to_vec(), Vec::new()]);
    assert_eq!(bytes, b"REC@0+5=helloREC@d+0=");
    assert_eq!(decode(&bytes), (vec![b"hello".to_vec(), Vec::new()], None));
    assert_eq!(decode(b""), (vec![], None));
}

#[test]
fn accepted_spellings() {
    assert_eq!(
        decode(b"REC@0000+05=hello"),
        (vec![b"hello".to_vec()], None)
    );
    let mut padded = encode_all(&[b"hello".to_vec()]);
    padded.extend_from_slice(b"REC@D+0A=0123456789");
    assert_eq!(
        decode(&padded),
        (vec![b"hello".to_vec(), b"0123456789".to_vec()], None)
    );
}

#[test]
fn refused_spellings() {
    for header in [
        "REC@-0+5=hello",
        "REC@+0+5=hello",
        "REC@0+-1=",
        "REC@+5=hello",
        "REC@0+=",
        "REC@0x0+5=hello",
        "REC@0+0x5=hello",
        "REC@0+0_5=hello",
        "rec@0+5=hello",
        "REC@0+5+5=hello",
        "REC@05=hello",
        "REC@ 0+5=hello",
        "REC@0+5 =hello",
        "REC@0+10000000000000000=",
        "hello=",
        "=",
        "xyz",
    ] {
        assert_eq!(
            decode(header.as_bytes()),
            (vec![], Some(FrameError::BadHeader { offset: 0 })),
            "{header}"
        );
    }
}

#[test]
fn torn_and_overlong() {
    let one = b"REC@0+5=hello".to_vec();
    let (payloads, error) = decode(&[one.clone(), b"REC".to_vec()].concat());
    assert_eq!(
        (payloads.len(), error),
        (1, Some(FrameError::TornHeader { offset: 13 }))
    );
    assert_eq!(
        decode(b"REC@0+5").1,
        Some(FrameError::TornHeader { offset: 0 })
    );
    assert_eq!(
        decode(b"REC@0+5=hell").1,
        Some(FrameError::TornPayload {
            offset: 0,
            want: 5,
            have: 4
        })
    );
    let long = [b"REC@".to_vec(), vec![b'0'; 60], b"+5=hello".to_vec()].concat();
    assert_eq!(
        decode(&long).1,
        Some(FrameError::OverlongHeader { offset: 0 })
    );
    assert_eq!(
        decode(&vec![b'x'; 5000]).1,
        Some(FrameError::BadHeader { offset: 0 })
    );
    assert_eq!(
        decode(b"REC@0+7fffffffffffffff=").1,
        Some(FrameError::OverlongPayload {
            offset: 0,
            want: i64::MAX as u64
        })
    );
    assert_eq!(
        decode(b"REC@1+5=hello").1,
        Some(FrameError::WrongOffset {
            offset: 0,
            found: 1
        })
    );
}

fn payloads() -> impl Strategy<Value = Vec<Vec<u8>>> {
    prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..8)
}

/// Pieces of which random logs are made: sound ones too, or hardly anything would decode.
fn part() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        Just(b"REC@".to_vec()),
        Just(b"REC@0+5=hello".to_vec()),
        Just(b"REC@d+0=".to_vec()),
        Just(b"REC@15+1=x".to_vec()),
        Just(b"0+0=".to_vec()),
        Just(b"0000000000000000000".to_vec()),
        prop::collection::vec(any::<u8>(), 0..12),
    ]
}

#[test]
fn an_error_stays_an_error() {
    let mut reader = FrameReader::new(&b"REC@0+1=aREC@9+2=b"[..], 0);
    let mut context = Context::from_waker(std::task::Waker::noop());
    let mut next = || std::pin::pin!(reader.next()).poll(&mut context);
    assert!(matches!(next(), Poll::Ready(Ok(Some(frame))) if frame.payload == b"a"[..]));
    let torn = FrameError::TornPayload {
        offset: 9,
        want: 2,
        have: 1,
    };
    for _ in 0..2 {
        assert!(
            matches!(next(), Poll::Ready(Err(FrameReadError::Frame { source })) if source == torn)
        );
    }
}

#[test]
fn every_length_of_number_is_written_as_the_standard_library_does() {
    for shift in 0..64 {
        for number in [1u64 << shift, (1 << shift) - 1, (1 << shift) | 1] {
            let mut bytes = Vec::new();
            encode(&mut bytes, number, b"xy");
            assert_eq!(bytes, format!("REC@{number:x}+2=xy").into_bytes());
        }
    }
}

proptest! {
    #[test]
    fn round_trip(payloads in payloads()) {
        prop_assert_eq!(decode(&encode_all(&payloads)), (payloads, None));
    }

    /// Every truncation gives whole records of the beginning, and says so unless it is at a boundary.
    #[test]
    fn truncation_gives_a_prefix(payloads in payloads()) {
        let bytes = encode_all(&payloads);
        let (whole, _) = by_slice(&bytes, 0);
        for cut in 0..bytes.len() {
            let boundary = cut == 0 || whole.iter().any(|&(_, end, _)| end == cut as u64);
            let (frames, error) = by_slice(&bytes[..cut], 0);
            prop_assert_eq!(&frames[..], &whole[..frames.len()]);
            prop_assert_eq!(error.is_none(), boundary);
            prop_assert_eq!((frames, error), by_stream(&bytes[..cut], 0, 7));
        }
    }

    /// No changed byte moves a record or makes one up. A byte of a payload changes that payload alone.
    /// One of a header is noticed there, or right behind the record if it changed the length; only a
    /// length that now ends where a later record does passes, which digests have to find.
    #[test]
    fn a_changed_byte_never_shifts_a_record(payloads in payloads(), with in any::<u8>()) {
        let bytes = encode_all(&payloads);
        let (whole, _) = by_slice(&bytes, 0);
        for at in 0..bytes.len() {
            for with in [with, b'0', b'f', b'+', b'=', bytes[at] ^ 0x20, bytes[at] ^ 1] {
                let mut changed = bytes.clone();
                changed[at] = with;
                let (mut frames, error) = by_slice(&changed, 0);
                prop_assert_eq!((frames.clone(), error), by_stream(&changed, 0, 5));
                let hit = whole.iter().position(|&(_, end, _)| (at as u64) < end).unwrap();
                let in_payload = at as u64 >= whole[hit].1 - whole[hit].2.len() as u64;
                if in_payload {
                    prop_assert_eq!(error, None);
                    frames[hit].2.clone_from(&whole[hit].2);
                    prop_assert_eq!(&frames, &whole);
                } else {
                    let start = whole[hit].0;
                    prop_assert!(frames.len() >= hit);
                    prop_assert!(frames.iter().all(|frame| frame.0 == start || whole.contains(frame)));
                    if let Some(changed) = frames.iter().find(|frame| frame.0 == start) {
                        let swallowed = whole[hit..].iter().any(|frame| frame.1 == changed.1);
                        prop_assert!(swallowed || (error.is_some() && frames.len() == hit + 1));
                    }
                }
            }
        }
    }

    /// The two readers agree on anything, wherever the pieces end.
    #[test]
    fn slices_and_streams_agree(parts in prop::collection::vec(part(), 0..12), at_a_time in 1usize..50, offset in prop_oneof![Just(0), 0..300u64, Just(i64::MAX as u64)]) {
        let bytes = parts.concat();
        prop_assert_eq!(by_slice(&bytes, offset), by_stream(&bytes, offset, at_a_time));
    }

    /// The quick way takes what the thorough way takes, and nothing else.
    #[test]
    fn the_quick_header_is_the_thorough_one(header in "(REC@|rec@|)[0-9a-fA-F+=x]{0,20}[+=]?[0-9a-fA-F]{0,17}=?.{0,3}|REC@0{0,16}[0-3]?[0-9A-Fa-f]\\+[0-9a-f]{1,17}=", offset in 0..40u64) {
        prop_assert_eq!(parse::header(header.as_bytes(), offset), parse::any(header.as_bytes(), offset));
        let number = format!("REC@{offset:X}+{header}");
        prop_assert_eq!(parse::header(number.as_bytes(), offset), parse::any(number.as_bytes(), offset));
    }

    /// Likewise where but one byte is not as usual.
    #[test]
    fn the_quick_header_is_the_thorough_one_at_any_offset(
        offset in prop_oneof![any::<u32>().prop_map(u64::from), 0..0x1000u64, u64::from(u32::MAX) - 2..u64::from(u32::MAX) + 3],
        shift in 0..32,
        payload in prop_oneof![any::<u32>(), 0..0x1000u32],
        at in any::<prop::sample::Index>(),
        change in prop::option::of(prop_oneof![any::<u8>(), prop::sample::select(&b"0aAfF+=@"[..])]),
    ) {
        let offset = offset >> shift;
        let mut header = format!("REC@{offset:x}+{payload:x}=and what follows").into_bytes();
        if let Some(byte) = change {
            let at = at.index(24);
            header[at] = byte;
        }
        prop_assert_eq!(parse::header(&header, offset), parse::any(&header, offset));
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), offset in 0..=i64::MAX as u64) {
        for frame in Frames::new(&bytes, offset) {
            let _ = frame;
        }
    }
}
