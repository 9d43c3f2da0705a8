//! People, as git writes them: `Name <email>`.

use memchr::memchr;

use super::line::{number, trim_space};

/// What is between the first `<` and the first `>`; empty if that makes no sense.
pub(crate) fn person_email(person: &[u8]) -> &[u8] {
    match (memchr(b'<', person), memchr(b'>', person)) {
        (Some(start), Some(end)) if start < end => &person[start + 1..end],
        _ => b"",
    }
}

/// What is before the `<`, trimmed; all of it if there is none.
pub(crate) fn person_name(person: &[u8]) -> &[u8] {
    memchr(b'<', person).map_or(person, |end| trim_space(&person[..end]))
}

/// The number of a Gerrit account from the email of its metas, `5065@server-uuid`; -1 if it is none.
pub(crate) fn owner_id(author_email: &[u8]) -> i64 {
    memchr(b'@', author_email)
        .and_then(|at| number(&author_email[..at]))
        .unwrap_or(-1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(person: &str, name: &str, email: &str) {
        assert_eq!(person_name(person.as_bytes()), name.as_bytes());
        assert_eq!(person_email(person.as_bytes()), email.as_bytes());
    }

    #[test]
    fn a_person_has_a_name_and_an_email() {
        check("Foo Bar <foo@bar.com>", "Foo Bar", "foo@bar.com");
        check("  Foo  < a b > x", "Foo", " a b ");
        check(" nobody ", " nobody ", "");
        check("<>", "", "");
        check("a> b <c", "a> b", "");
        check("a> b <c>", "a> b", "");
        check("a <b <c>>", "a", "b <c");
    }

    #[test]
    fn an_owner_is_a_number() {
        for (email, id) in [
            ("137@uuid", 137),
            ("137", -1),
            ("", -1),
            ("@u", -1),
            ("+5@u", 5),
            ("-5@u", -5),
            ("007@u", 7),
            ("1_0@u", -1),
            (" 1@u", -1),
            ("9223372036854775807@u", i64::MAX),
            ("9223372036854775808@u", -1),
            ("5@a@b", 5),
        ] {
            assert_eq!(owner_id(email.as_bytes()), id, "{email}");
        }
        assert_eq!(
            owner_id(person_email(b"Rick Sanchez <137@62eb7196-b449>")),
            137
        );
    }
}
