//! Records from stdin: where one ends and the next begins, and what is wrong with one that cannot be taken.
//!
//! Reading blocks, so a thread does it; it ends with the input, with the first unreadable byte, or with the process.
//! Depends on `log-core` for framing and on [`Mutation`] for what a record may be.

use anyhow::Result;
use log_core::NewRecord;
use log_core::frame::{Frames, HEADER_BYTES_MAX, PAYLOAD_BYTES_MAX};
use log_core::meta_of;
use std::io::{BufRead, BufReader, ErrorKind, Read as _};
use tokio::sync::mpsc;

use super::super::mutation::{JsonReader, Mutation};
use super::Format;

/// Records that wait to be appended.
const QUEUE: usize = 64;
/// The longest line: a record of the longest payload has a few more bytes in JSON.
const LINE_BYTES_MAX: usize = 192 << 20;

/// What stdin has.
#[derive(Debug)]
pub(super) struct Input {
    format: Format,
    mutation: Mutation,
    json: JsonReader,
    key_prefix: Option<String>,
}

/// A record, or why there is none.
#[derive(Debug)]
pub(super) enum Item {
    /// Its number, from 1.
    Record(u64, NewRecord),
    Bad(Bad),
}

/// A record that cannot be taken.
#[derive(Debug)]
pub(super) struct Bad {
    /// Where and what, for people.
    pub(super) text: String,
    /// Whether it is known where the next one begins.
    pub(super) can_go_on: bool,
}

/// What a format makes of the next bytes.
enum Next {
    End,
    /// The payload, and where it was.
    Payload(Vec<u8>, String),
    Nothing,
    Bad(Bad),
}

impl Input {
    pub(super) fn new(
        format: Format,
        mutation: Mutation,
        key_prefix: Option<String>,
    ) -> Result<Self> {
        Ok(Self {
            format,
            mutation,
            json: JsonReader::new(mutation)?,
            key_prefix,
        })
    }

    /// Starts to read.
    pub(super) fn read_stdin(self) -> mpsc::Receiver<Item> {
        let (send, items) = mpsc::channel(QUEUE);
        // Not a task: nothing can end a read of stdin, and the process need not wait for it.
        std::thread::spawn(move || {
            let stdin = BufReader::with_capacity(256 << 10, std::io::stdin().lock());
            self.read(stdin, |item| send.blocking_send(item).is_ok());
        });
        items
    }

    /// Reads all, until `take` takes no more.
    fn read(&self, mut input: impl BufRead, mut take: impl FnMut(Item) -> bool) {
        let mut place = Place::default();
        loop {
            let next = match self.format {
                Format::Json => self.line(&mut input, &mut place),
                Format::Binary => delimited(&mut input, &mut place),
                Format::Raw => framed(&mut input, &mut place),
            };
            let item = match next {
                Next::End => return,
                Next::Nothing => continue,
                Next::Bad(bad) => Item::Bad(bad),
                Next::Payload(payload, at) => self.record(payload, &at, place.record),
            };
            let last = matches!(&item, Item::Bad(bad) if !bad.can_go_on);
            if !take(item) || last {
                return;
            }
        }
    }

    fn record(&self, payload: Vec<u8>, at: &str, number: u64) -> Item {
        let refused = if meta_of(&payload).is_some() {
            Err("the mutation has a meta already, which only the writer adds".to_owned())
        } else if self.format == Format::Json {
            Ok(())
        } else {
            self.mutation.check(&payload)
        };
        if let Err(what) = refused {
            return Item::Bad(bad(at, &what, true));
        }
        let record = NewRecord::from_payload(payload);
        let record = match &self.key_prefix {
            Some(prefix) => record.with_key(format!("{prefix}-{number}")),
            None => record,
        };
        Item::Record(number, record)
    }

    /// A line of JSON; empty ones are nothing.
    fn line(&self, input: &mut impl BufRead, place: &mut Place) -> Next {
        let mut line = Vec::new();
        let limit = LINE_BYTES_MAX as u64 + 1;
        let read = input.by_ref().take(limit).read_until(b'\n', &mut line);
        place.line += 1;
        let at = format!("line {}", place.line);
        match read {
            Err(error) => return Next::Bad(bad(&at, &error.to_string(), false)),
            Ok(0) => return Next::End,
            Ok(_) if line.len() > LINE_BYTES_MAX => {
                let what = format!("it is longer than {LINE_BYTES_MAX} bytes");
                return Next::Bad(bad(&at, &what, false));
            }
            Ok(_) => {}
        }
        let text = line.trim_ascii_end();
        if text.is_empty() {
            return Next::Nothing;
        }
        place.record += 1;
        match self.json.read(text) {
            Ok(payload) if payload.len() > PAYLOAD_BYTES_MAX => {
                Next::Bad(bad(&at, &too_long(payload.len() as u64), true))
            }
            Ok(payload) => Next::Payload(payload, at),
            Err((column, what)) => Next::Bad(bad(&format!("{at}, column {column}"), &what, true)),
        }
    }
}

/// How far the input is read.
#[derive(Debug, Default)]
struct Place {
    line: u64,
    /// The number of the record, from 1.
    record: u64,
    /// Bytes from the start.
    bytes: u64,
}

impl Place {
    fn begin(&mut self) -> String {
        self.record += 1;
        format!("record {}, at byte {}", self.record, self.bytes)
    }
}

fn bad(at: &str, what: &str, can_go_on: bool) -> Bad {
    Bad {
        text: format!("{at}: {what}"),
        can_go_on,
    }
}

fn too_long(bytes: u64) -> String {
    format!("it has {bytes} bytes, more than the {PAYLOAD_BYTES_MAX} that a record may have")
}

/// A varint, and so many bytes.
fn delimited(input: &mut impl BufRead, place: &mut Place) -> Next {
    match at_end(input) {
        Ok(true) => return Next::End,
        Ok(false) => {}
        Err(error) => return Next::Bad(bad("stdin", &error.to_string(), false)),
    }
    let at = place.begin();
    let (mut want, mut shift) = (0_u64, 0);
    loop {
        let byte = match byte(input) {
            Ok(byte) => byte,
            Err(what) => return Next::Bad(bad(&at, &format!("its length {what}"), false)),
        };
        place.bytes += 1;
        want |= u64::from(byte & 0x7f) << shift;
        shift += 7;
        if byte < 0x80 {
            break;
        }
        if shift > 56 {
            return Next::Bad(bad(&at, "this is no length before a record", false));
        }
    }
    payload(input, place, want, at)
}

/// A frame, of any segment and offset.
fn framed(input: &mut impl BufRead, place: &mut Place) -> Next {
    match at_end(input) {
        Ok(true) => return Next::End,
        Ok(false) => {}
        Err(error) => return Next::Bad(bad("stdin", &error.to_string(), false)),
    }
    let at = place.begin();
    let mut header = Vec::new();
    while header.last() != Some(&b'=') && header.len() < HEADER_BYTES_MAX {
        match byte(input) {
            Ok(byte) => header.push(byte),
            Err(what) => return Next::Bad(bad(&at, &format!("its header {what}"), false)),
        }
    }
    place.bytes += header.len() as u64;
    let Some(want) = promised(&header) else {
        return Next::Bad(bad(&at, "this is no framed record", false));
    };
    match payload(input, place, want, at) {
        Next::Payload(payload, at) => match without_meta(&payload) {
            Some(rest) if rest.is_empty() && !payload.is_empty() => Next::Nothing,
            Some(rest) => Next::Payload(rest, at),
            None => Next::Payload(payload, at),
        },
        next => next,
    }
}

/// How long a header says that its payload is.
fn promised(header: &[u8]) -> Option<u64> {
    let inner = header.strip_prefix(b"REC@")?.strip_suffix(b"=")?;
    let plus = inner.iter().position(|&byte| byte == b'+')?;
    let offset = std::str::from_utf8(&inner[..plus]).ok()?;
    let offset = u64::from_str_radix(offset, 16).ok()?;
    // The same rules as everywhere else: only what the parser of frames takes is a header.
    match Frames::new(header, offset).next()? {
        Ok(_) => Some(0),
        Err(log_core::frame::FrameError::TornPayload { want, .. }) => Some(want),
        Err(log_core::frame::FrameError::OverlongPayload { want, .. }) => Some(want),
        Err(_) => None,
    }
}

fn payload(input: &mut impl BufRead, place: &mut Place, want: u64, at: String) -> Next {
    if want > PAYLOAD_BYTES_MAX as u64 {
        return Next::Bad(bad(&at, &too_long(want), false));
    }
    let mut payload = Vec::new();
    match input.by_ref().take(want).read_to_end(&mut payload) {
        Err(error) => return Next::Bad(bad(&at, &error.to_string(), false)),
        Ok(have) if (have as u64) < want => {
            let what = format!("the input ends after {have} of its {want} bytes");
            return Next::Bad(bad(&at, &what, false));
        }
        Ok(_) => place.bytes += want,
    }
    Next::Payload(payload, at)
}

fn at_end(input: &mut impl BufRead) -> std::io::Result<bool> {
    loop {
        match input.fill_buf() {
            Ok(bytes) => return Ok(bytes.is_empty()),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

fn byte(input: &mut impl BufRead) -> Result<u8, String> {
    let mut byte = [0];
    input
        .read_exact(&mut byte)
        .map_err(|error| match error.kind() {
            ErrorKind::UnexpectedEof => "is cut off".to_owned(),
            _ => format!("cannot be read: {error}"),
        })?;
    Ok(byte[0])
}

/// The message without its field `meta`; `None` if the bytes are no message.
fn without_meta(payload: &[u8]) -> Option<Vec<u8>> {
    use prost::encoding::{DecodeContext, decode_key, skip_field};
    let mut rest = payload;
    let mut kept = Vec::with_capacity(payload.len());
    while !rest.is_empty() {
        let field = rest;
        let (tag, wire) = decode_key(&mut rest).ok()?;
        skip_field(wire, tag, &mut rest, DecodeContext::default()).ok()?;
        if tag != proto::META_FIELD {
            kept.extend_from_slice(&field[..field.len() - rest.len()]);
        }
    }
    Some(kept)
}

#[cfg(test)]
#[path = "input/tests.rs"]
mod tests;
