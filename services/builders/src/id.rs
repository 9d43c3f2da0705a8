//! The ids of the model: short names that are safe as path elements, in URLs and as
//! command arguments.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;

use crate::error::Mistake;

/// The most characters that an id may have.
const LEN_MAX: usize = 64;

/// Says what is wrong with an id, if anything is.
fn problem(id: &str) -> Option<String> {
    let allowed = |letter: char| letter.is_ascii_alphanumeric() || "._-".contains(letter);
    if id.is_empty() {
        Some("is empty".to_owned())
    } else if let Some(other) = id.chars().find(|letter| !allowed(*letter)) {
        Some(format!("has a {other:?} in it"))
    } else if id.len() > LEN_MAX {
        Some(format!("is {} characters long", id.len()))
    } else if id.starts_with(['.', '_', '-']) {
        // Never `..`, a hidden file, or what a program takes for an option.
        Some("begins with neither letter nor digit".to_owned())
    } else {
        None
    }
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        $(#[$doc])*
        ///
        /// 1 to 64 of `A-Z a-z 0-9 . _ -`, beginning with a letter or a digit.
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = Mistake;

            /// Takes a text that is a valid id; otherwise [`Mistake::BadId`].
            fn from_str(text: &str) -> Result<Self, Mistake> {
                match problem(text) {
                    None => Ok(Self(text.to_owned())),
                    Some(problem) => Err(Mistake::BadId {
                        what: $what,
                        id: text.to_owned(),
                        problem,
                    }),
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    };
}

id!(
    /// The name of a builder: what to build.
    BuilderName,
    "builder name"
);
id!(
    /// The name of a host type: where to build.
    HostName,
    "host name"
);
id!(
    /// The id of a step, unique in its builder.
    StepId,
    "step id"
);

impl HostName {
    /// The host that exists without being declared: this machine.
    pub(crate) fn local() -> Self {
        Self("local".to_owned())
    }
}

impl BuilderName {
    /// Makes a name of any text: what may not be in one becomes `-` or is cut off.
    pub(crate) fn lossy(text: &str) -> Self {
        let allowed = |letter: char| letter.is_ascii_alphanumeric() || "._-".contains(letter);
        let kept = text.chars().map(|c| if allowed(c) { c } else { '-' });
        let begun = kept.skip_while(|c| !c.is_ascii_alphanumeric());
        let name: String = begun.take(LEN_MAX).collect();
        Self(if name.is_empty() {
            "x".to_owned()
        } else {
            name
        })
    }
}

impl StepId {
    /// An id of ours, known to be valid.
    pub(crate) fn known(id: &'static str) -> Self {
        debug_assert_eq!(problem(id), None, "{id}");
        Self(id.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_safe_path_elements() {
        for good in [
            "a",
            "linux-amd64-race",
            "go1.14",
            "A_b",
            "0",
            &"x".repeat(64),
        ] {
            assert_eq!(problem(good), None, "{good}");
        }
        for bad in [
            "",
            ".",
            "..",
            "-rf",
            "_x",
            "a/b",
            "a b",
            "é",
            "a\n",
            &"x".repeat(65),
        ] {
            assert!(problem(bad).is_some(), "{bad}");
        }
    }

    #[test]
    fn a_lossy_name_is_a_valid_one() {
        for text in ["", "..", "-é-", "linux amd64/x", &"ab ".repeat(99)] {
            let name = BuilderName::lossy(text);
            assert_eq!(problem(name.as_str()), None, "{text} became {name}");
        }
        assert_eq!(
            BuilderName::lossy("linux-amd64-go").as_str(),
            "linux-amd64-go"
        );
    }
}
