//! The `Range` header, read as the log's protocol wants it (spec/log-and-corpus.md 1.4). Pure; depends on nothing.

/// What a `Range` header means for a body of some size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ranged {
    /// It says nothing that is understood, or there are no bytes: the whole body is the answer.
    Whole,
    /// These bytes: `first` to `last`, both within the body.
    Part {
        /// The first byte.
        first: u64,
        /// The last byte; at least `first`.
        last: u64,
    },
    /// Nothing of it is in the body.
    Unsatisfiable,
}

/// Reads the header's value for a body of `size` bytes.
///
/// One range is understood: `bytes=a-b`, `bytes=a-` and `bytes=-n`. Several ranges, another unit and what is
/// no range at all are ignored, as RFC 9110 allows. An `a` above `b` cannot be satisfied, as the original
/// has it, and over an empty body every range is ignored.
pub fn parse(value: &[u8], size: u64) -> Ranged {
    if size == 0 {
        return Ranged::Whole;
    }
    read(value, size).unwrap_or(Ranged::Whole)
}

fn read(value: &[u8], size: u64) -> Option<Ranged> {
    let text = std::str::from_utf8(value).ok()?;
    let (unit, range) = text.split_once('=')?;
    if !unit.trim_matches(blank).eq_ignore_ascii_case("bytes") {
        return None;
    }
    let (first, last) = range.split_once('-')?;
    let (first, last) = (first.trim_matches(blank), last.trim_matches(blank));
    if first.is_empty() {
        let length = number(last)?.min(size);
        return Some(if length == 0 {
            Ranged::Unsatisfiable
        } else {
            Ranged::Part {
                first: size - length,
                last: size - 1,
            }
        });
    }
    let first = number(first)?;
    let last = if last.is_empty() {
        u64::MAX
    } else {
        number(last)?
    };
    Some(if first >= size || first > last {
        Ranged::Unsatisfiable
    } else {
        Ranged::Part {
            first,
            last: last.min(size - 1),
        }
    })
}

fn blank(c: char) -> bool {
    c == ' ' || c == '\t'
}

/// Digits and nothing else; what is too large for the type is larger than any body.
fn number(digits: &str) -> Option<u64> {
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some(digits.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
#[path = "range/tests.rs"]
mod tests;
