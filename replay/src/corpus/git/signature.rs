//! Who did something in git, and when. Depends on [`crate::notedb`].

use std::borrow::Cow;

use crate::notedb::commit::Signature as Parsed;
use crate::notedb::person::{person_email, person_name};
use crate::time::Time;

/// Who wrote or committed something, and when, where they were.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Signature<'a> {
    /// `Name <email>`, as it was written; what is not UTF-8 in it is replaced.
    pub person: Cow<'a, str>,
    /// Seconds since 1970.
    pub unix_seconds: i64,
    /// How far their clock is ahead of UTC, in seconds.
    pub offset_seconds: i32,
    person_bytes: &'a [u8],
    zone: &'a [u8],
}

impl<'a> Signature<'a> {
    pub(in crate::corpus) fn new(parsed: Parsed<'a>) -> Self {
        Self {
            person: String::from_utf8_lossy(parsed.person),
            unix_seconds: parsed.unix_seconds,
            offset_seconds: parsed.offset_seconds,
            person_bytes: parsed.person,
            zone: parsed.zone,
        }
    }

    /// `Name <email>` as it was written.
    pub fn person_bytes(&self) -> &'a [u8] {
        self.person_bytes
    }

    /// What is written for the time zone, such as `+0530`.
    pub fn zone(&self) -> Cow<'a, str> {
        String::from_utf8_lossy(self.zone)
    }

    /// The same as it was written.
    pub fn zone_bytes(&self) -> &'a [u8] {
        self.zone
    }

    /// What is before the address, trimmed; all of it if there is no address.
    pub fn name(&self) -> &str {
        part_of(person_name(self.person.as_bytes()))
    }

    /// What is between the first `<` and the first `>`; empty if there is none.
    pub fn email(&self) -> &str {
        part_of(person_email(self.person.as_bytes()))
    }

    /// The same as it was written.
    pub fn email_bytes(&self) -> &'a [u8] {
        person_email(self.person_bytes)
    }

    /// When it was.
    pub fn time(&self) -> Time {
        Time::from_unix_seconds(self.unix_seconds)
    }
}

/// A part of a person that starts and ends where characters do.
fn part_of(person: &[u8]) -> &str {
    std::str::from_utf8(person).unwrap_or_default()
}
