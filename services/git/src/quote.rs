//! File names as git prints them: as they are, or as a C string in double quotes when a byte needs it
//! (`core.quotePath` at its default). Depends on nothing.

/// The name as `git diff-tree` prints it. Names that differ stay different, and the result is UTF-8 whatever the name.
pub(crate) fn quoted(name: &[u8]) -> String {
    let mut text = String::with_capacity(name.len());
    for &byte in name {
        push_escaped(&mut text, byte);
    }
    // An escape makes the text longer than the name.
    if text.len() == name.len() {
        text
    } else {
        format!("\"{text}\"")
    }
}

fn push_escaped(text: &mut String, byte: u8) {
    let escape = match byte {
        0x07 => 'a',
        0x08 => 'b',
        b'\t' => 't',
        b'\n' => 'n',
        0x0b => 'v',
        0x0c => 'f',
        b'\r' => 'r',
        b'"' | b'\\' => char::from(byte),
        b' '..=b'~' => return text.push(char::from(byte)),
        _ => return text.push_str(&format!("\\{byte:03o}")),
    };
    text.push('\\');
    text.push(escape);
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn plain_names_stay() {
        for name in ["a", "dir/file.txt", " a b ", "it's", "a~b"] {
            assert_eq!(quoted(name.as_bytes()), name);
        }
    }

    #[test]
    fn other_names_are_quoted() {
        assert_eq!(quoted("ü".as_bytes()), r#""\303\274""#);
        assert_eq!(quoted(b"a\tb\nc\"d\\e"), r#""a\tb\nc\"d\\e""#);
        assert_eq!(
            quoted(b"\x01\x7f\xff\x07\x08\x0b\x0c\r"),
            r#""\001\177\377\a\b\v\f\r""#
        );
    }
}
