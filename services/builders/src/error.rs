//! What can be wrong with a configuration, where, and what to do about it.

use std::fmt;
use std::time::Duration;

use crate::quantity::show_duration;
use crate::source::Place;

/// The most mistakes that one reading reports; the rest are counted.
const MISTAKES_MAX: usize = 200;
/// The most characters of somebody's text that a message repeats.
const SHOWN_MAX: usize = 60;

/// Everything that is wrong with a set of files, in the order of path and line.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Errors {
    list: Vec<ParseError>,
    left_out: usize,
}

impl Errors {
    /// The mistakes, at most 200.
    pub fn list(&self) -> &[ParseError] {
        &self.list
    }

    /// How many more mistakes there were than the list holds.
    pub fn left_out(&self) -> usize {
        self.left_out
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    pub(crate) fn push(&mut self, at: Place, mistake: Mistake) {
        if self.list.len() < MISTAKES_MAX {
            self.list.push(ParseError { at, mistake });
        } else {
            self.left_out += 1;
        }
    }

    pub(crate) fn sort(&mut self) {
        self.list.sort_by(|a, b| a.at.cmp(&b.at));
    }
}

impl fmt::Display for Errors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.list.iter().enumerate() {
            let line_break = if index == 0 { "" } else { "\n" };
            write!(f, "{line_break}{error}")?;
        }
        if self.left_out > 0 {
            write!(f, "\nand {} more mistakes", self.left_out)?;
        }
        Ok(())
    }
}

impl std::error::Error for Errors {}

/// One mistake and its place, shown as `path:line:column: what is wrong; what to do`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseError {
    /// Where it is.
    pub at: Place,
    /// What is wrong.
    pub mistake: Mistake,
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: {}; {}",
            self.at,
            self.mistake,
            self.mistake.advice()
        )
    }
}

impl std::error::Error for ParseError {}

/// What is wrong, without the place. [`Mistake::advice`] says what to do.
///
/// A `table` is named as its header would be written, such as `[builder.quick]`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the messages name every field")]
pub enum Mistake {
    /// The file is no TOML. The rest of such a file isn't looked at.
    #[error("this isn't valid TOML: {problem}")]
    Syntax { problem: String },
    /// A key that the format doesn't have.
    #[error("unknown key `{}` in {table}", shown(key))]
    UnknownKey {
        key: String,
        table: String,
        near: Option<&'static str>,
        keys: &'static [&'static str],
    },
    /// A part of the format that this version can't act on.
    #[error("{what} is not yet here")]
    NotYetHere { what: String },
    /// A key that has to be given.
    #[error("{table} has no `{key}`")]
    Missing {
        key: &'static str,
        table: String,
        example: &'static str,
    },
    /// A value of another type than the key takes.
    #[error("{what} is {found}, but should be {wanted}")]
    WrongType {
        what: String,
        found: &'static str,
        wanted: &'static str,
        example: &'static str,
    },
    /// A name that can't be an id.
    #[error("the {what} `{}` {problem}", shown(id))]
    BadId {
        what: &'static str,
        id: String,
        problem: String,
    },
    /// A value of the right type that means nothing.
    #[error("`{}` is wrong in `{key}`: {problem}", shown(value))]
    BadValue {
        key: String,
        value: String,
        problem: String,
        fix: String,
    },
    /// An id declared twice.
    #[error("the {what} `{id}` is already declared at {first}")]
    Duplicate {
        what: &'static str,
        id: String,
        first: Place,
    },
    /// A builder's host that no file declares.
    #[error("the builder `{builder}` wants the host `{host}`, which no file declares")]
    UnknownHost {
        builder: String,
        host: String,
        known: Vec<String>,
    },
    /// A builder that does nothing.
    #[error("{table} has no steps")]
    NoSteps { table: String },
    /// A step whose `run` names no program.
    #[error("`run` of {table} names no program")]
    EmptyRun { table: String },
    /// A step that may run longer than its whole build.
    #[error("a timeout of {} is longer than the {} of the whole build", show_duration(*timeout), show_duration(*total))]
    TimeoutOverTotal { timeout: Duration, total: Duration },
    /// More of something than is allowed.
    #[error("{what} has {found} {unit}, more than {max}")]
    TooMany {
        what: String,
        found: usize,
        unit: &'static str,
        max: usize,
    },
}

impl Mistake {
    /// What to do about it, in a few words.
    pub fn advice(&self) -> String {
        match self {
            Self::Syntax { .. } => "mend it; the rest of this file was not looked at".to_owned(),
            Self::UnknownKey {
                near: Some(near), ..
            } => format!("did you mean `{near}`?"),
            Self::UnknownKey { keys: [], .. } => "leave it out".to_owned(),
            Self::UnknownKey { keys, .. } => format!("the keys here are {}", listed(keys)),
            Self::NotYetHere { .. } => "leave it out for now".to_owned(),
            Self::Missing { example, .. } => format!("add one, such as `{example}`"),
            Self::WrongType { example, .. } => format!("write it like `{example}`"),
            Self::BadId { .. } => {
                "use 1 to 64 of A-Z a-z 0-9 . _ - and begin with a letter or a digit".to_owned()
            }
            Self::BadValue { fix, .. } => fix.clone(),
            Self::Duplicate { .. } => "rename or remove one of them".to_owned(),
            Self::UnknownHost { host, known, .. } => {
                format!("declare [host.{host}] or use one of {}", listed(known))
            }
            Self::NoSteps { table } => {
                let step = table.trim_matches(['[', ']']);
                format!("add a [[{step}.step]] with an `id` and a `run`")
            }
            Self::EmptyRun { .. } => {
                "write the program and its arguments, such as `run = [\"cargo\", \"test\"]`"
                    .to_owned()
            }
            Self::TimeoutOverTotal { .. } => {
                "lower it, or raise `total` in the builder's `limits`".to_owned()
            }
            Self::TooMany { .. } => "take some away or split it".to_owned(),
        }
    }
}

/// A list for people: `a`, `b`, `c`.
fn listed<T: AsRef<str>>(names: &[T]) -> String {
    let quoted: Vec<String> = names
        .iter()
        .map(|name| format!("`{}`", name.as_ref()))
        .collect();
    quoted.join(", ")
}

/// Somebody's text as a message may repeat it: on one line, and not all of a long one.
pub(crate) fn shown(text: &str) -> String {
    let mut shown: String = text
        .chars()
        .take(SHOWN_MAX)
        .flat_map(|letter| {
            let control = letter.is_control();
            let escaped = letter
                .escape_default()
                .take(if control { usize::MAX } else { 0 });
            escaped.chain((!control).then_some(letter))
        })
        .collect();
    if text.chars().nth(SHOWN_MAX).is_some() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_from_outside_is_shown_on_one_short_line() {
        assert_eq!(shown("é x"), "é x");
        assert_eq!(shown("a\nb\u{1b}[31m"), "a\\nb\\u{1b}[31m");
        assert_eq!(shown(&"x".repeat(61)).chars().count(), 61);
        assert!(shown(&"x".repeat(61)).ends_with('…'));
    }

    #[test]
    fn only_the_first_mistakes_are_kept() {
        let mut errors = Errors::default();
        for line in 1..=MISTAKES_MAX + 3 {
            let path = "x".to_owned();
            let problem = "x".to_owned();
            errors.push(
                Place {
                    path,
                    line,
                    column: 1,
                },
                Mistake::Syntax { problem },
            );
        }
        assert_eq!(errors.list().len(), MISTAKES_MAX);
        assert_eq!(errors.left_out(), 3);
        assert!(errors.to_string().ends_with("\nand 3 more mistakes"));
    }
}
