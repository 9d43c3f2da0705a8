//! The conditions and the range of a read. Pure; depends on the bucket's object.
//!
//! Source: RFC 9110, sections 13.2.2 (precedence) and 14.1.2 (byte ranges).

use super::bucket::{Object, Refused};
use http::{HeaderMap, HeaderName, header};
use jiff::Timestamp;
use std::ops::Range;

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// A date; one that cannot be read is as if it were not there.
fn date(headers: &HeaderMap, name: &HeaderName) -> Option<Timestamp> {
    let text = text(headers, name)?;
    jiff::fmt::rfc2822::DateTimeParser::new()
        .parse_timestamp(text)
        .ok()
}

fn names(tags: &str, etag: &str) -> bool {
    tags.split(',')
        .map(str::trim)
        .any(|tag| tag == "*" || tag == etag)
}

/// Whether the object is to be sent.
pub(super) fn admit(object: &Object, headers: &HeaderMap) -> Result<(), Refused> {
    let modified = object.modified.as_second();
    match text(headers, &header::IF_MATCH) {
        Some(tags) if !names(tags, &object.etag) => return Err(Refused::Precondition),
        Some(_) => {}
        None => {
            let since = date(headers, &header::IF_UNMODIFIED_SINCE);
            if since.is_some_and(|since| modified > since.as_second()) {
                return Err(Refused::Precondition);
            }
        }
    }
    let unchanged = match text(headers, &header::IF_NONE_MATCH) {
        Some(tags) => names(tags, &object.etag),
        None => date(headers, &header::IF_MODIFIED_SINCE)
            .is_some_and(|since| modified <= since.as_second()),
    };
    if unchanged {
        return Err(Refused::NotModified(object.etag.clone()));
    }
    Ok(())
}

/// What of an object is asked for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) range: Range<usize>,
    /// Whether a range was asked for at all.
    pub(super) partial: bool,
}

/// The range that is asked for; a header that is not a single range of bytes is ignored.
pub(super) fn part(length: usize, headers: &HeaderMap) -> Result<Part, Refused> {
    let whole = Part {
        range: 0..length,
        partial: false,
    };
    let asked = text(headers, &header::RANGE).and_then(|text| parse(text, length));
    match asked {
        None => Ok(whole),
        Some(range) if range.start < range.end => Ok(Part {
            range,
            partial: true,
        }),
        Some(_) => Err(Refused::Range(length as u64)),
    }
}

/// The range in an object of `length` bytes; an empty one cannot be satisfied.
fn parse(text: &str, length: usize) -> Option<Range<usize>> {
    let (first, last) = text.strip_prefix("bytes=")?.split_once('-')?;
    if first.is_empty() {
        let suffix: usize = last.parse().ok()?;
        return Some(length.saturating_sub(suffix)..length);
    }
    let first: usize = first.parse().ok()?;
    let end = match last {
        "" => length,
        last => {
            let last: usize = last.parse().ok()?;
            if last < first {
                return None;
            }
            last.saturating_add(1).min(length)
        }
    };
    Some(first..end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn ranges() {
        let of = |text: &'static str| {
            let headers = HeaderMap::from_iter([(header::RANGE, HeaderValue::from_static(text))]);
            part(14, &headers).map(|part| part.partial.then_some(part.range))
        };
        for (text, range) in [
            ("bytes=3-6", Some(3..7)),
            ("bytes=2-99", Some(2..14)),
            ("bytes=13-", Some(13..14)),
            ("bytes=-2", Some(12..14)),
            ("bytes=-100", Some(0..14)),
            ("bytes=6-3", None),
            ("bytes=1-2,4-5", None),
            ("lines=1-2", None),
            ("bytes=", None),
        ] {
            assert_eq!(of(text), Ok(range), "{text}");
        }
        for text in ["bytes=14-", "bytes=200-300", "bytes=-0"] {
            assert_eq!(of(text), Err(Refused::Range(14)), "{text}");
        }
    }
}
