//! Output without its escape sequences: what a terminal obeys is dropped, what it shows stays.
//!
//! Works on a stream, so that output of any length can pass. A sequence never reaches past the end
//! of its line: one that is not finished there costs the rest of that line at most, and a window
//! that starts at any line reads as the whole does. Depends on nothing.

const ESC: u8 = 0x1b;
const BEL: u8 = 0x07;
const CAN: u8 = 0x18;
const SUB: u8 = 0x1a;

/// Drops escape sequences from bytes that come in pieces.
#[derive(Clone, Debug, Default)]
pub(crate) struct Plain {
    state: State,
}

#[derive(Clone, Copy, Debug, Default)]
enum State {
    #[default]
    Text,
    /// After the escape character.
    Escape,
    /// After its intermediate bytes.
    Intermediate,
    /// In a control sequence: `ESC [` and parameters.
    Control,
    /// In a string: a title, a link's target.
    String,
    /// In a string, after an escape character, which may end it.
    StringEscape,
}

impl Plain {
    /// Appends to `out` what is shown of the next bytes.
    pub(crate) fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        let mut rest = bytes;
        while let Some((&byte, after)) = rest.split_first() {
            if matches!(self.state, State::Text) {
                let shown = rest
                    .iter()
                    .position(|byte| *byte == ESC)
                    .unwrap_or(rest.len());
                out.extend_from_slice(&rest[..shown]);
                rest = &rest[shown..];
                if let Some((_, after)) = rest.split_first() {
                    self.state = State::Escape;
                    rest = after;
                }
                continue;
            }
            self.state = self.state.after(byte);
            if matches!(self.state, State::Text) && is_shown(byte) {
                out.push(byte);
            }
            rest = after;
        }
    }

    /// What is shown of one line.
    pub(crate) fn line(bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(bytes.len());
        Self::default().push(bytes, &mut out);
        out
    }
}

/// Whether a byte that brought a sequence to its end is itself text: a control character or a
/// letter that no sequence has broke it off. What ended it properly is a part of it.
const fn is_shown(byte: u8) -> bool {
    (byte < 0x20 && !matches!(byte, BEL | CAN | SUB)) || byte >= 0x80
}

impl State {
    const fn after(self, byte: u8) -> Self {
        match (self, byte) {
            (Self::String, ESC) => Self::StringEscape,
            (Self::String | Self::StringEscape, b'\n' | BEL | CAN | SUB) => Self::Text,
            (Self::String, _) => Self::String,
            (Self::StringEscape, b'\\') => Self::Text,
            (_, ESC) => Self::Escape,
            (Self::Escape | Self::StringEscape, b'[') => Self::Control,
            (Self::Escape | Self::StringEscape, b']' | b'P' | b'X' | b'^' | b'_') => Self::String,
            (Self::Escape | Self::StringEscape | Self::Intermediate, 0x20..=0x2f) => {
                Self::Intermediate
            }
            (Self::Control, 0x20..=0x3f) => Self::Control,
            _ => Self::Text,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(raw: &str, want: &str) {
        let shown = String::from_utf8(Plain::line(raw.as_bytes())).unwrap();
        assert_eq!(shown, want, "{raw:?}");
        // However the bytes are cut.
        let (mut pieces, mut plain) = (Vec::new(), Plain::default());
        for byte in raw.as_bytes() {
            plain.push(&[*byte], &mut pieces);
        }
        assert_eq!(pieces, shown.as_bytes(), "{raw:?} in pieces");
    }

    #[test]
    fn sequences_are_dropped() {
        check(
            "\x1b[31mred\x1b[0m and \x1b[1;38;5;12mblue\x1b[m",
            "red and blue",
        );
        check("\x1b]0;a title\x07text", "text");
        check(
            "\x1b]8;;javascript:alert(1)\x1b\\link\x1b]8;;\x1b\\!",
            "link!",
        );
        check("\x1b(Bplain\x1b7\x1b8\x1bM", "plain");
        check("\x1bPdevice\x1b[31mstill\x1b\\after", "stillafter");
        check("été \x1b[1mfin", "été fin");
    }

    #[test]
    fn a_broken_sequence_ends_with_its_line() {
        check("\x1b[31\nnext", "\nnext");
        check("\x1b]0;never ended\nnext", "\nnext");
        check("\x1b\nnext\x1b", "\nnext");
        check("a\x1b[31\rb", "a\rb");
        check("a\x1b[3\x1b[1mb", "ab");
        check("\x1b[31é", "é");
    }
}
