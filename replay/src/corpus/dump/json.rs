//! Writes JSON lines in the form of the canonical dump: no spaces, keys in the order of the calls, only what must be
//! escaped is. Depends on nothing of the corpus but its moments.
//!
//! ```text
//! lines.kind("label")?;
//! lines.start().str("owner", b"golang").int("id", 1).end()?;
//! ```

use std::io::{self, Write};

use data_encoding::{BASE64, HEXLOWER};
use sha2::{Digest as _, Sha256};

use super::DumpOptions;
use crate::columns::Moment;

/// So many bytes are gathered before they are written, and one line more at most.
const GATHERED_BYTES: usize = 64 << 10;
/// What a long line leaves of the room that it took.
const KEPT_BYTES: usize = 1 << 20;
const SECONDS_PER_DAY: i64 = 86_400;
/// The first second of the year 0, and the first after the year 9999.
const YEARS: std::ops::Range<i64> = -62_167_219_200..253_402_300_800;

/// The lines of a dump, and the line that is being written.
pub(super) struct Lines<'o> {
    out: &'o mut dyn Write,
    bytes: Vec<u8>,
    longhash: Option<u64>,
    kind: &'static str,
    digest: Option<Digest>,
}

/// What is said of a kind instead of its lines.
#[derive(Default)]
struct Digest {
    sha256: Sha256,
    lines: u64,
    bytes: u64,
}

impl<'o> Lines<'o> {
    pub(super) fn new(options: &DumpOptions, out: &'o mut dyn Write) -> Self {
        Self {
            out,
            bytes: Vec::with_capacity(2 * GATHERED_BYTES),
            longhash: options.longhash,
            kind: "",
            digest: options.digest.then(Digest::default),
        }
    }

    /// The lines that follow are of this kind.
    pub(super) fn kind(&mut self, kind: &'static str) -> io::Result<()> {
        self.end_kind()?;
        self.kind = kind;
        Ok(())
    }

    /// Ends the dump.
    pub(super) fn finish(mut self) -> io::Result<()> {
        self.end_kind()?;
        self.out.flush()
    }

    /// Starts a line.
    pub(super) fn start(&mut self) -> &mut Self {
        self.bytes.extend_from_slice(b"{\"kind\":");
        self.plain(self.kind)
    }

    /// Ends the line.
    pub(super) fn end(&mut self) -> io::Result<()> {
        self.bytes.extend_from_slice(b"}\n");
        if let Some(digest) = &mut self.digest {
            digest.lines += 1;
        }
        if self.bytes.len() >= GATHERED_BYTES {
            self.pass_on()?;
        }
        Ok(())
    }

    /// A key with a text. Bytes that are not UTF-8 are given in base64.
    pub(super) fn str(&mut self, key: &str, text: &[u8]) -> &mut Self {
        self.key(key).item_str(text)
    }

    /// A key with a number.
    pub(super) fn int(&mut self, key: &str, number: i64) -> &mut Self {
        self.key(key).item_int(number)
    }

    /// A key with a number, or with nothing.
    pub(super) fn int_or_null(&mut self, key: &str, number: Option<i64>) -> &mut Self {
        match number {
            Some(number) => self.int(key, number),
            None => self.null(key),
        }
    }

    /// A key with a truth value.
    pub(super) fn bool(&mut self, key: &str, value: bool) -> &mut Self {
        self.key(key).item_bool(value)
    }

    /// A key with nothing.
    pub(super) fn null(&mut self, key: &str) -> &mut Self {
        self.key(key).item_null()
    }

    /// A key with a time.
    pub(super) fn time(&mut self, key: &str, moment: Moment) -> &mut Self {
        self.key(key).item_time(moment)
    }

    /// A key with a hash; nothing in quotes for none.
    pub(super) fn hash(&mut self, key: &str, hash: &[u8]) -> &mut Self {
        self.key(key).item_hash(hash)
    }

    /// A key with an array, up to [`Lines::close`].
    pub(super) fn array(&mut self, key: &str) -> &mut Self {
        self.key(key).item_array()
    }

    /// A key with an array of numbers.
    pub(super) fn ints(&mut self, key: &str, numbers: impl IntoIterator<Item = i64>) -> &mut Self {
        self.array(key);
        for number in numbers {
            self.item_int(number);
        }
        self.close()
    }

    /// A key with an object, up to [`Lines::close_object`].
    pub(super) fn object(&mut self, key: &str) -> &mut Self {
        self.key(key);
        self.bytes.push(b'{');
        self
    }

    /// A key, whose value follows.
    pub(super) fn key(&mut self, key: &str) -> &mut Self {
        self.plain_item(key);
        self.bytes.push(b':');
        self
    }

    /// A text without a key: what follows [`Lines::key`], or in an array.
    pub(super) fn item_str(&mut self, text: &[u8]) -> &mut Self {
        self.separate();
        if self.longhash.is_some_and(|max| text.len() as u64 > max) {
            let hash = HEXLOWER.encode(&Sha256::digest(text));
            self.push(format_args!(
                "{{\"len\":{},\"sha256\":\"{hash}\"}}",
                text.len()
            ));
        } else if std::str::from_utf8(text).is_ok() {
            self.bytes.push(b'"');
            escape(text, &mut self.bytes);
            self.bytes.push(b'"');
        } else {
            self.push(format_args!("{{\"b64\":\"{}\"}}", BASE64.encode(text)));
        }
        self
    }

    /// A number without a key.
    pub(super) fn item_int(&mut self, number: i64) -> &mut Self {
        self.separate();
        self.push(format_args!("{number}"));
        self
    }

    /// A truth value without a key.
    pub(super) fn item_bool(&mut self, value: bool) -> &mut Self {
        self.separate();
        self.push(format_args!("{value}"));
        self
    }

    /// Nothing, without a key.
    pub(super) fn item_null(&mut self) -> &mut Self {
        self.separate();
        self.bytes.extend_from_slice(b"null");
        self
    }

    /// A time without a key.
    pub(super) fn item_time(&mut self, moment: Moment) -> &mut Self {
        if moment.is_none() {
            return self.item_null();
        }
        self.separate();
        let (seconds, nanos) = (moment.unix_seconds(), moment.nanos());
        if !YEARS.contains(&seconds) {
            self.push(format_args!("\"unix:{seconds}.{nanos:09}\""));
            return self;
        }
        let (year, month, day) = date(seconds.div_euclid(SECONDS_PER_DAY));
        let second = seconds.rem_euclid(SECONDS_PER_DAY);
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        self.push(format_args!(
            "\"{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}"
        ));
        if nanos > 0 {
            self.push(format_args!(".{nanos:09}"));
            let zeros = self.bytes.iter().rev().take_while(|byte| **byte == b'0');
            let end = self.bytes.len() - zeros.count();
            self.bytes.truncate(end);
        }
        self.bytes.extend_from_slice(b"Z\"");
        self
    }

    /// A hash without a key.
    pub(super) fn item_hash(&mut self, hash: &[u8]) -> &mut Self {
        self.separate();
        self.bytes.push(b'"');
        for byte in hash {
            self.bytes.extend_from_slice(&hex(*byte));
        }
        self.bytes.push(b'"');
        self
    }

    /// An array without a key, up to [`Lines::close`].
    pub(super) fn item_array(&mut self) -> &mut Self {
        self.separate();
        self.bytes.push(b'[');
        self
    }

    /// Ends an array.
    pub(super) fn close(&mut self) -> &mut Self {
        self.bytes.push(b']');
        self
    }

    /// Ends an object that is the value of a key.
    pub(super) fn close_object(&mut self) -> &mut Self {
        self.bytes.push(b'}');
        self
    }

    /// A comma, unless what comes is the first of something. Texts end with a quote, so what the last byte says is
    /// never part of one.
    fn separate(&mut self) {
        if !matches!(self.bytes.last(), Some(b'[' | b'{' | b':')) {
            self.bytes.push(b',');
        }
    }

    fn plain_item(&mut self, text: &str) {
        self.separate();
        self.plain(text);
    }

    /// A text of ours, in which nothing is to be escaped.
    fn plain(&mut self, text: &str) -> &mut Self {
        self.bytes.push(b'"');
        self.bytes.extend_from_slice(text.as_bytes());
        self.bytes.push(b'"');
        self
    }

    fn push(&mut self, arguments: std::fmt::Arguments<'_>) {
        // A vector takes everything.
        let _ = self.bytes.write_fmt(arguments);
    }

    /// Writes or digests the whole lines that were gathered.
    fn pass_on(&mut self) -> io::Result<()> {
        match &mut self.digest {
            Some(digest) => {
                digest.bytes += self.bytes.len() as u64;
                digest.sha256.update(&self.bytes);
            }
            None => self.out.write_all(&self.bytes)?,
        }
        self.bytes.clear();
        self.bytes.shrink_to(KEPT_BYTES);
        Ok(())
    }

    fn end_kind(&mut self) -> io::Result<()> {
        self.pass_on()?;
        let Some(digest) = &mut self.digest else {
            return Ok(());
        };
        let Digest {
            sha256,
            lines,
            bytes,
        } = std::mem::take(digest);
        if lines == 0 {
            return Ok(());
        }
        let (kind, hash) = (self.kind, HEXLOWER.encode(&sha256.finalize()));
        writeln!(
            self.out,
            "{{\"kind\":\"digest\",\"of\":\"{kind}\",\"lines\":{lines},\"bytes\":{bytes},\"sha256\":\"{hash}\"}}"
        )
    }
}

/// Appends a text with its quotes, backslashes and control characters escaped.
fn escape(text: &[u8], out: &mut Vec<u8>) {
    let mut rest = text;
    while let Some(at) = rest.iter().position(|byte| IS_ESCAPED[usize::from(*byte)]) {
        let (plain, escaped) = rest.split_at(at);
        out.extend_from_slice(plain);
        let Some((byte, after)) = escaped.split_first() else {
            return; // it was just found
        };
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            byte => {
                out.extend_from_slice(b"\\u00");
                out.extend_from_slice(&hex(*byte));
            }
        }
        rest = after;
    }
    out.extend_from_slice(rest);
}

fn hex(byte: u8) -> [u8; 2] {
    [byte >> 4, byte & 15].map(|digit| match digit {
        0..10 => b'0' + digit,
        _ => b'a' + digit - 10,
    })
}

/// Which bytes can't stand in a JSON string as they are.
static IS_ESCAPED: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 0x20 {
        table[byte] = true;
        byte += 1;
    }
    table[b'"' as usize] = true;
    table[b'\\' as usize] = true;
    table
};

/// The year, month and day so many days after 1970-01-01, by the calendar of today.
fn date(days: i64) -> (i64, i64, i64) {
    // Years begin in March here, so that a leap day is the last of its year; 400 of them have always as many days.
    let from_year_0 = days + 719_468;
    let (cycle, day) = (
        from_year_0.div_euclid(146_097),
        from_year_0.rem_euclid(146_097),
    );
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = 400 * cycle + year + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(options: DumpOptions, write: impl FnOnce(&mut Lines<'_>)) -> String {
        let mut out = Vec::new();
        let mut lines = Lines::new(&options, &mut out);
        write(&mut lines);
        lines.finish().unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn values_have_one_form() {
        let line = written(DumpOptions::default(), |lines| {
            lines.kind("x").unwrap();
            lines
                .start()
                .str("s", "a\"\\\n\r\t\0\u{1f}\u{7f}</&é\u{2028}[".as_bytes());
            lines.str("raw", b"\xff").bool("b", true).null("n");
            lines.ints("none", []).ints("some", [1, -2]);
            lines
                .array("nested")
                .item_array()
                .item_int(1)
                .item_str(b"{")
                .close();
            lines.item_array().close().close();
            lines.object("o").int("i", i64::MIN).close_object();
            lines.end().unwrap();
        });
        assert_eq!(
            line,
            "{\"kind\":\"x\",\"s\":\"a\\\"\\\\\\n\\r\\t\\u0000\\u001f\u{7f}</&é\u{2028}[\",\
             \"raw\":{\"b64\":\"/w==\"},\"b\":true,\"n\":null,\"none\":[],\"some\":[1,-2],\
             \"nested\":[[1,\"{\"],[]],\"o\":{\"i\":-9223372036854775808}}\n"
        );
    }

    #[test]
    fn every_time_has_its_text() {
        for (seconds, nanos, want) in [
            (1_488_369_600, 0, "\"2017-03-01T12:00:00Z\""),
            (1_488_369_600, 500_000_000, "\"2017-03-01T12:00:00.5Z\""),
            (951_782_399, 1, "\"2000-02-28T23:59:59.000000001Z\""),
            (951_782_400, 0, "\"2000-02-29T00:00:00Z\""),
            (-62_135_596_800, 0, "null"),
            (-62_135_596_800, 10, "\"0001-01-01T00:00:00.00000001Z\""),
            (YEARS.start, 0, "\"0000-01-01T00:00:00Z\""),
            (YEARS.start - 1, 7, "\"unix:-62167219201.000000007\""),
            (YEARS.end - 1, 0, "\"9999-12-31T23:59:59Z\""),
            (YEARS.end, 0, "\"unix:253402300800.000000000\""),
        ] {
            let line = written(DumpOptions::default(), |lines| {
                lines.start().time("t", Moment::from_unix(seconds, nanos));
                lines.end().unwrap();
            });
            assert_eq!(line, format!("{{\"kind\":\"\",\"t\":{want}}}\n"));
        }
    }

    #[test]
    fn a_digest_says_how_much_there_was_of_each_kind() {
        let options = DumpOptions {
            digest: true,
            longhash: Some(2),
        };
        let write = |lines: &mut Lines<'_>| {
            for kind in ["a", "none", "b"] {
                lines.kind(kind).unwrap();
                if kind != "none" {
                    lines
                        .start()
                        .str("s", b"abc")
                        .str("t", b"ab")
                        .end()
                        .unwrap();
                }
            }
        };
        let lines = written(
            DumpOptions {
                digest: false,
                ..options
            },
            write,
        );
        let of_a = lines.lines().next().unwrap();
        let hash_of_abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(
            of_a,
            format!(
                "{{\"kind\":\"a\",\"s\":{{\"len\":3,\"sha256\":\"{hash_of_abc}\"}},\"t\":\"ab\"}}"
            )
        );
        let hash = HEXLOWER.encode(&Sha256::digest(format!("{of_a}\n")));
        let digests = written(options, write);
        assert_eq!(
            digests.lines().next().unwrap(),
            format!(
                "{{\"kind\":\"digest\",\"of\":\"a\",\"lines\":1,\"bytes\":{},\"sha256\":\"{hash}\"}}",
                of_a.len() + 1
            )
        );
        assert_eq!(digests.lines().count(), 2);
    }
}
