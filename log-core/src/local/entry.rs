//! One journal's bytes: what an entry looks like, and which entries are sound (docs/LOG-FORMAT.md,
//! "Local files").
//!
//! Pure. The header's checksum covers the journal's random id and the entry's own place, so that bytes
//! which merely look like an entry, inside a payload or left over from another file, are never taken
//! for one.

use std::ops::Range;

/// Bytes of an entry before its payload.
pub const HEADER_BYTES: usize = 56;
/// The longest payload.
pub const PAYLOAD_BYTES_MAX: usize = 1 << 20;

const MAGIC: [u8; 7] = *b"\x89mutlog";
const VERSION: u8 = 1;
/// Bytes of payloads that are read in vain while looking for the next sound entry. What comes after so
/// many is not looked for, and counts as damaged.
const VAIN_BYTES_MAX: usize = 64 << 20;

/// What an entry says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// There is an object of this name; the payload is its bytes.
    Object,
    /// The object of this name is removed.
    Removal,
    /// The damage at the offset that is the name has been dealt with and is not reported any more.
    Settled,
}

/// An entry without its payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The journal's id.
    pub id: u64,
    /// Where it starts in the journal.
    pub at: u64,
    /// What it says.
    pub kind: Kind,
    /// Whose name it is: the 16 hex digits of the object's file name.
    pub name: u64,
    /// Bytes of the payload.
    pub len: u32,
    /// When it was appended, in microseconds since 1970.
    pub time: i64,
    /// The payload's CRC-32.
    pub crc: u32,
}

impl Entry {
    /// Where its payload is in the journal.
    pub fn payload(&self) -> Range<u64> {
        let start = self.at + HEADER_BYTES as u64;
        start..start + u64::from(self.len)
    }

    /// Where the next entry starts.
    pub fn end(&self) -> u64 {
        self.payload().end
    }

    /// Appends header and payload to `out`; length and checksum are the payload's.
    pub fn encode(mut self, payload: &[u8], out: &mut Vec<u8>) {
        self.len = u32::try_from(payload.len()).unwrap_or(u32::MAX);
        self.crc = crc32fast::hash(payload);
        let start = out.len();
        out.extend_from_slice(&MAGIC);
        out.push(VERSION);
        out.extend_from_slice(&self.id.to_le_bytes());
        out.extend_from_slice(&self.at.to_le_bytes());
        out.extend_from_slice(&self.name.to_le_bytes());
        out.extend_from_slice(&self.time.to_le_bytes());
        out.extend_from_slice(&self.len.to_le_bytes());
        out.extend_from_slice(&self.kind.code().to_le_bytes());
        out.extend_from_slice(&self.crc.to_le_bytes());
        out.extend_from_slice(&crc32fast::hash(&out[start..]).to_le_bytes());
        out.extend_from_slice(payload);
    }
}

impl Kind {
    fn code(self) -> u32 {
        match self {
            Self::Object => 1,
            Self::Removal => 2,
            Self::Settled => 3,
        }
    }

    fn of(code: u32) -> Option<Self> {
        [Self::Object, Self::Removal, Self::Settled]
            .into_iter()
            .find(|kind| kind.code() == code)
    }
}

/// What a piece of a journal holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scan {
    /// The sound entries, in order.
    pub entries: Vec<Entry>,
    /// Bytes between sound entries, or before the first, that are none; as places in the journal.
    pub damaged: Vec<Range<u64>>,
    /// Where the last sound entry ends. What is behind it is torn, or not there yet.
    pub end: u64,
}

/// The journal was made by a later version of this program, which this one can't read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the entry at byte {at} has version {version}, and this program knows {VERSION}; use a newer one"
)]
pub struct UnknownVersion {
    /// Where the entry starts.
    pub at: u64,
    /// Its version.
    pub version: u8,
}

/// Why there is no entry at a place.
enum NoEntry {
    NotOne,
    /// The header is sound, but so many bytes of payload are not its.
    Payload(usize),
    Version(UnknownVersion),
}

/// Finds the sound entries in `bytes`, which start at `from` in the journal whose id is `id`, if that
/// is known already; otherwise the first entry's holds.
pub fn scan(bytes: &[u8], from: u64, mut id: Option<u64>) -> Result<Scan, UnknownVersion> {
    let mut found = Scan {
        end: from,
        ..Scan::default()
    };
    let (mut at, mut vain) = (0, 0);
    while at < bytes.len() && vain <= VAIN_BYTES_MAX {
        match decode(&bytes[at..], from + at as u64, id) {
            Ok(entry) => {
                if found.end < entry.at {
                    found.damaged.push(found.end..entry.at);
                }
                id = Some(entry.id);
                found.end = entry.end();
                at = (found.end - from) as usize;
                found.entries.push(entry);
                continue;
            }
            Err(NoEntry::NotOne) => {}
            Err(NoEntry::Payload(len)) => vain += len,
            Err(NoEntry::Version(error)) => return Err(error),
        }
        let next = bytes[at + 1..].iter().position(|&byte| byte == MAGIC[0]);
        at = next.map_or(bytes.len(), |skip| at + 1 + skip);
    }
    Ok(found)
}

fn decode(bytes: &[u8], at: u64, id: Option<u64>) -> Result<Entry, NoEntry> {
    let header = bytes.get(..HEADER_BYTES).ok_or(NoEntry::NotOne)?;
    let u64_at = |place: usize| {
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&header[place..place + 8]);
        u64::from_le_bytes(bytes)
    };
    let u32_at = |place: usize| {
        let mut bytes = [0; 4];
        bytes.copy_from_slice(&header[place..place + 4]);
        u32::from_le_bytes(bytes)
    };
    let ours = header.starts_with(&MAGIC)
        && u64_at(16) == at
        && id.is_none_or(|id| u64_at(8) == id)
        && u32_at(52) == crc32fast::hash(&header[..52]);
    if !ours {
        return Err(NoEntry::NotOne);
    }
    if header[7] != VERSION {
        return Err(NoEntry::Version(UnknownVersion {
            at,
            version: header[7],
        }));
    }
    let entry = Entry {
        id: u64_at(8),
        at,
        name: u64_at(24),
        time: u64_at(32).cast_signed(),
        len: u32_at(40),
        kind: Kind::of(u32_at(44)).ok_or(NoEntry::NotOne)?,
        crc: u32_at(48),
    };
    let len = entry.len as usize;
    if len > PAYLOAD_BYTES_MAX {
        return Err(NoEntry::NotOne);
    }
    let payload = bytes.get(HEADER_BYTES..HEADER_BYTES + len);
    match payload {
        Some(payload) if crc32fast::hash(payload) == entry.crc => Ok(entry),
        Some(payload) => Err(NoEntry::Payload(payload.len())),
        None => Err(NoEntry::NotOne),
    }
}

#[cfg(test)]
#[path = "entry/tests.rs"]
mod tests;
