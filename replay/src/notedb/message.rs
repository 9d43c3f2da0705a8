//! What the message of any commit says.

use std::borrow::Cow;

use memchr::memchr;

use super::line::{Needle, line_value, line_value_of, trim_space};

static PARAGRAPH_END: Needle = Needle::new(b"\n\n");
static CHANGE_ID: Needle = Needle::new(b"Change-Id:");
static REVIEWER: Needle = Needle::new(b"Reviewer: ");

/// The first paragraph, its lines joined by spaces. A message that is all one paragraph keeps the
/// space that its last line end becomes. Allocates if there are lines to join.
pub(crate) fn subject(message: &[u8]) -> Cow<'_, [u8]> {
    let end = PARAGRAPH_END.find(message).unwrap_or(message.len());
    let paragraph = &message[..end];
    if memchr(b'\n', paragraph).is_none() {
        return Cow::Borrowed(paragraph);
    }
    let mut line = paragraph.to_vec();
    for byte in &mut line {
        if *byte == b'\n' {
            *byte = b' ';
        }
    }
    Cow::Owned(line)
}

/// The first line, trimmed.
pub(crate) fn summary(message: &[u8]) -> &[u8] {
    trim_space(&message[..memchr(b'\n', message).unwrap_or(message.len())])
}

/// The value of the first line anywhere in the message that starts with `key`, which ends in a
/// colon. A key that does not (the original panics) is in no message.
pub(crate) fn commit_footer<'a>(message: &'a [u8], key: &[u8]) -> Option<&'a [u8]> {
    if !key.ends_with(b":") {
        return None;
    }
    line_value_of(message, key).map(|(value, _)| value)
}

/// The change's name in the message, `I` and 40 more bytes.
pub(crate) fn change_id(message: &[u8]) -> Option<&[u8]> {
    let (id, _) = line_value(message, &CHANGE_ID)?;
    (id.starts_with(b"I") && id.len() == 41).then_some(id)
}

/// Who the first `Reviewer: ` line names, if it names somebody.
pub(crate) fn reviewer(message: &[u8]) -> Option<&[u8]> {
    let (reviewer, _) = line_value(message, &REVIEWER)?;
    (!reviewer.is_empty()).then_some(reviewer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_is_one_line() {
        for (message, want) in [
            ("a: b", "a: b"),
            ("a\n\nx", "a"),
            ("a\nb\n\nx", "a b"),
            ("a\nb", "a b"),
            ("a\n", "a "),
            ("", ""),
            ("\n\na", ""),
        ] {
            assert_eq!(*subject(message.as_bytes()), *want.as_bytes(), "{message}");
        }
        assert!(matches!(subject(b"a\n\nb"), Cow::Borrowed(_)));
    }

    #[test]
    fn a_summary_is_the_first_line() {
        assert_eq!(summary(b" a b \t\r\nc\n"), b"a b");
        assert_eq!(summary(b"a"), b"a");
        assert_eq!(summary(b"\na"), b"");
    }

    #[test]
    fn a_footer_is_found_anywhere() {
        let message = b"Bug: 1\n\nBug: 2\nX:\n";
        assert_eq!(commit_footer(message, b"Bug:"), Some(&b"1"[..]));
        assert_eq!(commit_footer(message, b"X:"), Some(&b""[..]));
        assert_eq!(commit_footer(message, b"Y:"), None);
        assert_eq!(commit_footer(message, b"Bug"), None);
        assert_eq!(commit_footer(message, b""), None);
    }

    #[test]
    fn a_change_id_has_41_bytes() {
        let id = format!("I{}", "0".repeat(40));
        let of = |text: &str| change_id(text.as_bytes()).map(<[u8]>::to_vec);
        assert_eq!(
            of(&format!("a\n\nChange-Id: {id}")),
            Some(id.clone().into())
        );
        assert_eq!(of(&format!("a\n\nChange-Id: {id}0")), None);
        assert_eq!(of(&format!("a\n\nChange-Id: i{}", "0".repeat(40))), None);
        // Only the first one counts.
        assert_eq!(of(&format!("Change-Id: x\nChange-Id: {id}")), None);
        assert_eq!(of("maintner: slurp up all the things"), None);
    }

    #[test]
    fn the_first_reviewer_counts() {
        for (message, want) in [
            (
                "x\n\nReviewer: Ian <5206@u>\nReviewer: B <1@u>\n",
                "Ian <5206@u>",
            ),
            ("Reviewer: at the very start\n", "at the very start"),
            ("x\n\n  Reviewer: not\nReviewer: real one\n", "real one"),
            ("x\n\nReviewer:no space\n", ""),
            ("x\n\nReviewer:  \n", ""),
            ("x\n\nReviewer: trimmed  \t\r\n", "trimmed"),
            ("x Reviewer: inside a line\n", ""),
            (
                "x\rReviewer: after a carriage return\n",
                "after a carriage return",
            ),
        ] {
            let want = (!want.is_empty()).then_some(want.as_bytes());
            assert_eq!(reviewer(message.as_bytes()), want, "{message:?}");
        }
    }
}
