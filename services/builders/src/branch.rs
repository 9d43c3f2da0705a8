//! Which branches a builder builds: globs over branch names.

use std::fmt;

use crate::error::Mistake;

/// The most characters that a glob may have. It bounds the work of a match.
const GLOB_MAX: usize = 128;

/// One element of a builder's `branches`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BranchPattern {
    /// `default`: the repository's default branch, whatever its name.
    Default,
    /// A glob over the whole name: `*` is any text (with `/`), `?` any one character.
    Glob(String),
}

impl BranchPattern {
    /// Reads one element of `branches`.
    pub(crate) fn parse(text: &str) -> Result<Self, Mistake> {
        let bad = |problem: String, fix: &str| Mistake::BadValue {
            key: "branches".to_owned(),
            value: text.to_owned(),
            problem,
            fix: fix.to_owned(),
        };
        // What git refuses in a branch name can only be a mistake here.
        let never = |c: char| c.is_control() || " ~^:[\\".contains(c);
        if text == "default" {
            Ok(Self::Default)
        } else if text.is_empty() {
            Err(bad(
                "it is empty".to_owned(),
                "write `default`, `*` or a branch name",
            ))
        } else if text.chars().count() > GLOB_MAX {
            Err(bad(
                format!("it is longer than {GLOB_MAX} characters"),
                "shorten it with `*`",
            ))
        } else if let Some(never) = text.chars().find(|c| never(*c)) {
            Err(bad(
                format!("no branch name has a {never:?} in it"),
                "only `*` (any text) and `?` (any one character) are special",
            ))
        } else if text.starts_with("refs/") {
            Err(bad(
                "it is a ref, not a branch name".to_owned(),
                "leave out `refs/heads/`",
            ))
        } else {
            Ok(Self::Glob(text.to_owned()))
        }
    }

    /// Whether a branch fits. Takes at most 128 steps for each character of the name.
    pub fn matches(&self, branch: &str, is_default: bool) -> bool {
        match self {
            Self::Default => is_default,
            Self::Glob(glob) => glob_matches(glob, branch),
        }
    }
}

impl fmt::Display for BranchPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Default => "default",
            Self::Glob(glob) => glob,
        })
    }
}

/// Matches a whole text. On a mismatch only the last `*` gives way by one character:
/// an earlier one need never be tried again, as the last can take all that it could.
fn glob_matches(glob: &str, text: &str) -> bool {
    let (glob, text): (Vec<char>, Vec<char>) = (glob.chars().collect(), text.chars().collect());
    let (mut g, mut t) = (0, 0);
    // After the last `*`: where the glob goes on, and how much text that star has taken.
    let mut star: Option<(usize, usize)> = None;
    while let Some(letter) = text.get(t) {
        match glob.get(g) {
            Some('*') => {
                g += 1;
                star = Some((g, t));
            }
            Some(wanted) if *wanted == '?' || wanted == letter => {
                g += 1;
                t += 1;
            }
            _ => match star {
                Some((after, taken)) => {
                    g = after;
                    t = taken + 1;
                    star = Some((after, t));
                }
                None => return false,
            },
        }
    }
    glob.iter().skip(g).all(|rest| *rest == '*')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn globs_match_whole_names() {
        for (glob, branch, expected) in [
            ("main", "main", true),
            ("main", "main2", false),
            ("*", "", true),
            ("*", "feature/x", true),
            ("release-branch.go*", "release-branch.go1.21", true),
            ("release-branch.go*", "xrelease-branch.go1.21", false),
            ("*-stable", "a-stable-stable", true),
            ("v?.?", "v1.2", true),
            ("v?.?", "v1.", false),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-c-b", false),
            ("?", "é", true),
            ("**", "x", true),
            ("default", "default", true),
        ] {
            assert_eq!(glob_matches(glob, branch), expected, "{glob} on {branch}");
        }
    }

    #[test]
    fn default_is_a_role_not_a_name() {
        let default = BranchPattern::parse("default").unwrap();
        assert!(default.matches("trunk", true));
        assert!(!default.matches("default", false));
    }

    #[test]
    fn the_worst_glob_ends() {
        let glob = "a*".repeat(GLOB_MAX / 2 - 1) + "b";
        assert!(!glob_matches(&glob, &"a".repeat(100_000)));
    }

    /// The textbook definition, exponential and obviously right.
    fn slow(glob: &[char], text: &[char]) -> bool {
        match (glob, text) {
            ([], _) => text.is_empty(),
            (['*', rest @ ..], _) => (0..=text.len()).any(|taken| slow(rest, &text[taken..])),
            ([g, glob @ ..], [t, text @ ..]) => (*g == '?' || g == t) && slow(glob, text),
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn matching_agrees_with_the_definition(glob in "[ab*?]{0,6}", text in "[ab]{0,8}") {
            let (g, t): (Vec<char>, Vec<char>) = (glob.chars().collect(), text.chars().collect());
            prop_assert_eq!(glob_matches(&glob, &text), slow(&g, &t));
        }
    }
}
