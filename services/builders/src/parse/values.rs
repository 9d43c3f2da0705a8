//! Checks of single values: what a text has to be to mean something.

use crate::error::Mistake;
use crate::parse::reader::near;

/// The most characters of a variable's name.
const VARIABLE_MAX: usize = 128;
/// The most characters of a folder's path.
const DIR_MAX: usize = 1024;
/// The most characters of a line of text, such as an owner.
const LINE_MAX: usize = 256;

/// Operating systems, in Go's names.
const OS: &[&str] = &[
    "aix",
    "android",
    "darwin",
    "dragonfly",
    "freebsd",
    "illumos",
    "ios",
    "js",
    "linux",
    "netbsd",
    "openbsd",
    "plan9",
    "solaris",
    "wasip1",
    "windows",
];
/// Architectures, in Go's names.
const ARCH: &[&str] = &[
    "386", "amd64", "arm", "arm64", "loong64", "mips", "mips64", "mips64le", "mipsle", "ppc64",
    "ppc64le", "riscv64", "s390x", "sparc64", "wasm",
];
/// What others call them.
const OTHER_NAMES: &[(&str, &str)] = &[
    ("macos", "darwin"),
    ("osx", "darwin"),
    ("win32", "windows"),
    ("x86_64", "amd64"),
    ("x64", "amd64"),
    ("aarch64", "arm64"),
    ("x86", "386"),
    ("i386", "386"),
    ("i686", "386"),
];

/// An operating system in Go's names.
pub(super) fn os(text: &str) -> Result<String, Mistake> {
    go_name("os", text, OS, "operating system")
}

/// An architecture in Go's names.
pub(super) fn arch(text: &str) -> Result<String, Mistake> {
    go_name("arch", text, ARCH, "architecture")
}

fn go_name(key: &str, text: &str, known: &[&'static str], what: &str) -> Result<String, Mistake> {
    if known.contains(&text) {
        return Ok(text.to_owned());
    }
    let other = OTHER_NAMES.iter().find(|(other, _)| *other == text);
    let other = other.map(|(_, name)| *name).filter(|it| known.contains(it));
    let fix = match other.or_else(|| near(text, known)) {
        Some(name) => format!("did you mean `{name}`?"),
        None => format!("use one of {}", known.join(", ")),
    };
    let problem = format!("Go has no {what} of that name");
    Err(bad(key, text, &problem, &fix))
}

/// The name of an environment variable.
pub(super) fn variable(text: &str) -> Result<(), Mistake> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let begins_well = !text.starts_with(|c: char| c.is_ascii_digit());
    if !text.is_empty() && text.len() <= VARIABLE_MAX && begins_well && text.chars().all(allowed) {
        return Ok(());
    }
    let fix = "use at most 128 of A-Z a-z 0-9 _ and begin with no digit";
    Err(bad("env", text, "no variable can have that name", fix))
}

/// A text that a process is given: a variable's value or an argument.
pub(super) fn argument(key: &str, text: &str) -> Result<String, Mistake> {
    if text.contains('\0') {
        return Err(bad(key, text, "it has a NUL in it", "take it out"));
    }
    for name in ["WORKDIR", "CACHE"] {
        if text.contains(&format!("${{{name}}}")) {
            let fix = format!("write `${name}`");
            return Err(bad(key, text, "it isn't read by a shell", &fix));
        }
    }
    Ok(text.to_owned())
}

/// The program of a `run`.
pub(super) fn program(text: &str) -> Result<(), Mistake> {
    let is_path = text.contains(['/', '\\']);
    match text.trim().split_once(char::is_whitespace) {
        Some((first, rest)) if !is_path => {
            let fix = format!(
                "write each argument apart, as in `[{first:?}, {:?}, …]`",
                first_word(rest)
            );
            Err(bad(
                "run",
                text,
                "it is a command line, not a program",
                &fix,
            ))
        }
        _ => Ok(()),
    }
}

fn first_word(text: &str) -> &str {
    text.split_whitespace().next().unwrap_or("")
}

/// A folder under the root of the source, as elements joined by `/`; empty for the root.
pub(super) fn dir(text: &str) -> Result<String, Mistake> {
    let in_source = "name a folder in the source, such as `tools/check`";
    let problem = if text.contains('\\') {
        Some("it has a `\\` in it")
    } else if text.starts_with('/') || is_drive(text) {
        Some("it isn't relative")
    } else if text.starts_with('$') {
        Some("it is under the root of the source anyway")
    } else if text.split('/').any(|element| element == "..") {
        Some("it may lead out of the source")
    } else if text.chars().any(char::is_control) || text.chars().count() > DIR_MAX {
        Some("no folder can have that name")
    } else {
        None
    };
    if let Some(problem) = problem {
        return Err(bad("dir", text, problem, in_source));
    }
    let elements = text.split('/').filter(|e| !e.is_empty() && *e != ".");
    Ok(elements.collect::<Vec<_>>().join("/"))
}

/// Whether a path begins with a Windows drive.
fn is_drive(path: &str) -> bool {
    let mut letters = path.chars();
    letters.next().is_some_and(|c| c.is_ascii_alphabetic()) && letters.next() == Some(':')
}

/// An owner: any text on one line.
pub(super) fn owner(text: &str) -> Result<String, Mistake> {
    if is_line(text) {
        return Ok(text.to_owned());
    }
    let problem = "it is empty, too long or not on one line";
    Err(bad(
        "owners",
        text,
        problem,
        "write an address or an account",
    ))
}

/// An issue: `#123`, `owner/name#123`, or an http(s) URL.
pub(super) fn issue(text: &str) -> Result<String, Mistake> {
    let is_url = ["https://", "http://"].iter().any(|scheme| {
        let host = text.strip_prefix(scheme);
        host.is_some_and(|host| host.starts_with(|c: char| c.is_ascii_alphanumeric()))
    });
    if is_line(text) && !text.contains(char::is_whitespace) && (is_url || is_issue_number(text)) {
        return Ok(text.to_owned());
    }
    let fix = "write `#123`, `owner/name#123` or a URL";
    Err(bad("known_issues", text, "it names no issue", fix))
}

fn is_issue_number(text: &str) -> bool {
    let Some((repository, number)) = text.split_once('#') else {
        return false;
    };
    let is_name = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let is_named = |name: &str| !name.is_empty() && name.chars().all(is_name);
    let is_repository = match repository.split_once('/') {
        None => repository.is_empty(),
        Some((owner, name)) => is_named(owner) && is_named(name),
    };
    is_repository && !number.is_empty() && number.bytes().all(|digit| digit.is_ascii_digit())
}

fn is_line(text: &str) -> bool {
    !text.trim().is_empty()
        && text.chars().count() <= LINE_MAX
        && !text.chars().any(char::is_control)
}

fn bad(key: &str, text: &str, problem: &str, fix: &str) -> Mistake {
    Mistake::BadValue {
        key: key.to_owned(),
        value: text.to_owned(),
        problem: problem.to_owned(),
        fix: fix.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_stay_in_the_source() {
        for (text, expected) in [
            ("", ""),
            (".", ""),
            ("a/b", "a/b"),
            ("./a//b/.", "a/b"),
            ("..a", "..a"),
        ] {
            assert_eq!(dir(text).unwrap(), expected, "{text}");
        }
        for bad in [
            "/",
            "/a",
            "..",
            "a/../b",
            "a\\b",
            "C:x",
            "a\0",
            "$WORKDIR/x",
            &"x".repeat(1025),
        ] {
            assert!(dir(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn issues() {
        for good in [
            "#1",
            "golang/go#38283",
            "https://example.org/i/1",
            "http://localhost:3000/1",
        ] {
            assert!(issue(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "1",
            "#",
            "go#1",
            "a/b/c#1",
            "/b#1",
            "javascript:x",
            "https://",
            "#1 #2",
            "#1\n",
        ] {
            assert!(issue(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn variables() {
        for good in ["A", "_a9", "GOCACHE"] {
            assert!(variable(good).is_ok(), "{good}");
        }
        for bad in ["", "9A", "A-B", "A=B", "é", &"A".repeat(129)] {
            assert!(variable(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn programs_and_arguments() {
        assert!(program("cargo").is_ok());
        assert!(program("C:\\Program Files\\x.exe").is_ok());
        assert!(program("cargo test").is_err());
        assert!(argument("env", "a $CACHE $ ${HOME}").is_ok());
        assert!(argument("env", "${CACHE}/x").is_err());
        assert!(argument("env", "a\0").is_err());
    }
}
