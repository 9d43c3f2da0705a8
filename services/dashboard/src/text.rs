//! Text from outside, made fit to be shown: nothing invisible, nothing that turns its neighbours
//! around, nothing endless. Escaping for HTML is the templates' work. Depends on nothing.

pub(crate) mod plain;

use std::borrow::Cow;
use std::fmt::Write as _;

/// The text with what cannot be seen made visible: control characters, and those that change the
/// direction of what follows, become `⟨U+202E⟩`. Tabs stay.
pub(crate) fn visible(text: &str) -> Cow<'_, str> {
    let Some(first) = text.find(is_hidden) else {
        return Cow::Borrowed(text);
    };
    let mut shown = String::with_capacity(text.len() + 16);
    shown.push_str(&text[..first]);
    for letter in text[first..].chars() {
        if is_hidden(letter) {
            // Writing to a string cannot fail.
            let _ = write!(shown, "⟨U+{:04X}⟩", u32::from(letter));
        } else {
            shown.push(letter);
        }
    }
    Cow::Owned(shown)
}

/// As [`visible`], but lines stay lines.
pub(crate) fn visible_lines(text: &str) -> String {
    let lines: Vec<Cow<'_, str>> = text.lines().map(visible).collect();
    lines.join("\n")
}

fn is_hidden(letter: char) -> bool {
    (letter.is_control() && letter != '\t')
        || matches!(
            letter,
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}'
        )
}

/// No more than so many bytes of the text, cut where a letter ends.
pub(crate) fn cut(text: &str, bytes_max: usize) -> &str {
    &text[..text.floor_char_boundary(bytes_max)]
}

/// As [`cut`], with a mark where something is left out.
pub(crate) fn cut_marked(text: &str, bytes_max: usize) -> Cow<'_, str> {
    if text.len() <= bytes_max {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(format!("{}…", cut(text, bytes_max).trim_end()))
    }
}

/// One line of a name or a subject: visible, and no longer than is good for a table.
pub(crate) fn label(text: &str, bytes_max: usize) -> String {
    visible(&cut_marked(text.trim(), bytes_max)).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_hidden_is_shown() {
        assert!(matches!(visible("plain\tété עברית"), Cow::Borrowed(_)));
        assert_eq!(
            visible("a\u{202e}b\u{7}\u{0}c"),
            "a⟨U+202E⟩b⟨U+0007⟩⟨U+0000⟩c"
        );
        assert_eq!(
            visible("\u{85}\u{feff}\u{2066}"),
            "⟨U+0085⟩⟨U+FEFF⟩⟨U+2066⟩"
        );
        assert_eq!(visible_lines("a\r\nb\u{8}\n"), "a\nb⟨U+0008⟩");
    }

    #[test]
    fn cuts_are_between_letters() {
        assert_eq!(cut("aéb", 2), "a");
        assert_eq!(cut("aéb", 3), "aé");
        assert_eq!(cut_marked("short", 5), "short");
        assert_eq!(cut_marked("a bcdef", 3), "a b…");
        assert_eq!(cut_marked("a bcdef", 2), "a…");
        assert_eq!(label("  x\u{200f}yz ", 100), "x⟨U+200F⟩yz");
    }
}
