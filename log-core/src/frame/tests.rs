//! The table of spec 1.1, and the laws of framing.

use super::*;
use proptest::prelude::*;

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

proptest! {
    #[test]
    fn round_trip(payloads in payloads()) {
        prop_assert_eq!(decode(&encode_all(&payloads)), (payloads, None));
    }

    /// Every truncation gives whole records of the beginning, and says so unless it is at a boundary.
    #[test]
    fn truncation_gives_a_prefix(payloads in payloads()) {
        let bytes = encode_all(&payloads);
        let boundaries: Vec<usize> = std::iter::once(0)
            .chain(Frames::new(&bytes, 0).map(|frame| frame.unwrap().end as usize)).collect();
        for cut in 0..bytes.len() {
            let (decoded, error) = decode(&bytes[..cut]);
            prop_assert_eq!(&decoded[..], &payloads[..decoded.len()]);
            prop_assert_eq!(error.is_none(), boundaries.contains(&cut));
        }
    }

    /// A changed byte never shifts a record: what decodes before the fault is unchanged, and a
    /// change in a header is noticed or leaves every payload as it was.
    #[test]
    fn a_changed_header_byte_is_noticed(payloads in payloads(), at in any::<prop::sample::Index>(), with in any::<u8>()) {
        let bytes = encode_all(&payloads);
        prop_assume!(!bytes.is_empty());
        let at = at.index(bytes.len());
        let frames: Vec<_> = Frames::new(&bytes, 0).map(Result::unwrap).collect();
        let hit = frames.iter().position(|frame| (at as u64) < frame.end).unwrap();
        let in_header = (at as u64) < frames[hit].end - frames[hit].payload.len() as u64;
        prop_assume!(in_header && bytes[at] != with);
        let mut changed = bytes.clone();
        changed[at] = with;
        let (decoded, error) = decode(&changed);
        prop_assert_eq!(&decoded[..hit.min(decoded.len())], &payloads[..hit.min(decoded.len())]);
        if error.is_none() {
            prop_assert_eq!(decoded, payloads);
        }
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), offset in 0..=i64::MAX as u64) {
        for frame in Frames::new(&bytes, offset) {
            let _ = frame;
        }
    }
}
