//! Compression for clients that ask for it: which one, and a compressor that works piece by piece.
//!
//! Depends on `flate2` and `zstd`. Knows nothing of logs.

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::{self, Write as _};

const ZSTD_LEVEL: i32 = 1;

/// How a body is encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    Identity,
    Gzip,
    Zstd,
}

impl Encoding {
    /// What an `Accept-Encoding` header wants of us: the best of what it names, by its own weights; nothing that it
    /// does not name.
    pub(super) fn accepted(header: &[u8]) -> Self {
        let text = String::from_utf8_lossy(header);
        let mut best = (0, Self::Identity);
        for item in text.split(',') {
            let (name, parameters) = item.split_once(';').unwrap_or((item, ""));
            let encoding = match name.trim().to_ascii_lowercase().as_str() {
                "zstd" => Self::Zstd,
                "gzip" | "x-gzip" => Self::Gzip,
                _ => continue,
            };
            // zstd wins a tie: it is the cheaper one.
            let rank = weight(parameters) * 2 + u32::from(encoding == Self::Zstd);
            if weight(parameters) > 0 && rank > best.0 {
                best = (rank, encoding);
            }
        }
        best.1
    }

    /// Its name in `Content-Encoding`.
    pub(super) fn name(self) -> Option<&'static str> {
        match self {
            Self::Identity => None,
            Self::Gzip => Some("gzip"),
            Self::Zstd => Some("zstd"),
        }
    }
}

/// In thousandths; what is no weight counts as none.
fn weight(parameters: &str) -> u32 {
    let Some((name, value)) = parameters.split_once('=') else {
        return 1000;
    };
    if !name.trim().eq_ignore_ascii_case("q") {
        return 1000;
    }
    let value: f32 = value.trim().parse().unwrap_or(0.0);
    (value.clamp(0.0, 1.0) * 1000.0) as u32
}

/// A compressor that is fed pieces.
pub(super) enum Compressor {
    Gzip(GzEncoder<Vec<u8>>),
    Zstd(zstd::stream::write::Encoder<'static, Vec<u8>>),
}

impl Compressor {
    /// `None` if the body stays as it is.
    pub(super) fn new(encoding: Encoding) -> io::Result<Option<Self>> {
        Ok(match encoding {
            Encoding::Identity => None,
            Encoding::Gzip => Some(Self::Gzip(GzEncoder::new(Vec::new(), Compression::fast()))),
            Encoding::Zstd => {
                let encoder = zstd::stream::write::Encoder::new(Vec::new(), ZSTD_LEVEL)?;
                Some(Self::Zstd(encoder))
            }
        })
    }

    /// Takes a piece, and gives what has come out so far; that may be nothing.
    pub(super) fn feed(&mut self, piece: &[u8]) -> io::Result<Bytes> {
        let out = match self {
            Self::Gzip(encoder) => {
                encoder.write_all(piece)?;
                std::mem::take(encoder.get_mut())
            }
            Self::Zstd(encoder) => {
                encoder.write_all(piece)?;
                std::mem::take(encoder.get_mut())
            }
        };
        Ok(out.into())
    }

    /// The end of the body.
    pub(super) fn finish(self) -> io::Result<Bytes> {
        Ok(match self {
            Self::Gzip(encoder) => encoder.finish()?,
            Self::Zstd(encoder) => encoder.finish()?,
        }
        .into())
    }
}

/// A whole body at once.
pub(super) fn whole(encoding: Encoding, body: &Bytes) -> io::Result<Bytes> {
    let Some(mut compressor) = Compressor::new(encoding)? else {
        return Ok(body.clone());
    };
    let start = compressor.feed(body)?;
    Ok([start, compressor.finish()?].concat().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_asked_for() {
        for (header, want) in [
            ("", Encoding::Identity),
            ("identity", Encoding::Identity),
            ("*", Encoding::Identity),
            ("br, deflate", Encoding::Identity),
            ("gzip", Encoding::Gzip),
            ("GZip;q=0.5", Encoding::Gzip),
            ("gzip;q=0", Encoding::Identity),
            ("gzip;q=nonsense", Encoding::Identity),
            ("gzip, zstd", Encoding::Zstd),
            ("zstd;q=0.5, gzip", Encoding::Gzip),
            ("zstd;q=0, gzip;q=0.1", Encoding::Gzip),
        ] {
            assert_eq!(Encoding::accepted(header.as_bytes()), want, "{header:?}");
        }
    }

    #[test]
    fn pieces_come_out_whole() {
        let body = Bytes::from("forgelog ".repeat(10_000));
        for encoding in [Encoding::Gzip, Encoding::Zstd] {
            let mut compressor = Compressor::new(encoding).unwrap().unwrap();
            let mut out = Vec::new();
            for piece in body.chunks(777) {
                out.extend_from_slice(&compressor.feed(piece).unwrap());
            }
            out.extend_from_slice(&compressor.finish().unwrap());
            let mut back = Vec::new();
            match encoding {
                Encoding::Gzip => drop(io::Read::read_to_end(
                    &mut flate2::read::GzDecoder::new(&out[..]),
                    &mut back,
                )),
                _ => back = zstd::decode_all(&out[..]).unwrap(),
            }
            assert_eq!(back, body);
            assert!(out.len() < body.len() / 10);
        }
    }
}
