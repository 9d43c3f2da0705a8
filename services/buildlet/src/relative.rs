//! Names that callers give to places in the workdir, checked as text. The rules
//! are the original's (spec: builds 1.3), and stricter where they let a parent
//! directory through. What the names lead to on disk is `workdir`'s business.

use std::{
    ffi::{OsStr, OsString},
    fmt,
    os::unix::ffi::OsStrExt,
};

/// The longest name that is looked at, in bytes.
const NAME_BYTES_MAX: usize = 4096;

/// The longest component: what file systems take.
const COMPONENT_BYTES_MAX: usize = 255;

/// A checked name: plain components below the workdir, none of them `.` or `..`.
/// Without any it is the workdir itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Relative {
    components: Vec<OsString>,
}

/// A name that is refused.
#[derive(Debug)]
pub(crate) struct BadPath {
    what: &'static str,
    name: String,
}

impl fmt::Display for BadPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "invalid {} {:?}", self.what, self.name)
    }
}

impl Relative {
    /// A *relative path*: an archive's entry or a `path` field. Not empty, no
    /// backslash, not absolute, nowhere a `..` component.
    pub(crate) fn path(name: impl AsRef<[u8]>) -> Result<Self, BadPath> {
        let name = name.as_ref();
        let fine = !name.is_empty()
            && is_plain(name)
            && !contains(name, b"../")
            && !components(name).any(|part| part == b"..");
        if !fine {
            return Err(BadPath::new("path", name));
        }
        Ok(Self::from_parts(components(name)))
    }

    /// A *relative dir*: a `dir` field. May be empty; no backslash, not absolute,
    /// and after `..` is worked out it does not leave the workdir.
    pub(crate) fn dir(name: impl AsRef<[u8]>) -> Result<Self, BadPath> {
        let name = name.as_ref();
        let bad = || BadPath::new("dir", name);
        if !is_plain(name) {
            return Err(bad());
        }
        let mut parts = Vec::new();
        for part in components(name) {
            if part == b".." {
                parts.pop().ok_or_else(bad)?;
            } else {
                parts.push(part);
            }
        }
        Ok(Self::from_parts(parts))
    }

    fn from_parts<'n>(parts: impl IntoIterator<Item = &'n [u8]>) -> Self {
        let parts = parts.into_iter();
        Self {
            components: parts.map(|part| OsStr::from_bytes(part).into()).collect(),
        }
    }

    /// The components from the workdir down.
    pub(crate) fn components(&self) -> &[OsString] {
        &self.components
    }

    /// The last component and what comes before it; `None` for the workdir.
    pub(crate) fn split_last(&self) -> Option<(&OsStr, Self)> {
        let (last, parent) = self.components.split_last()?;
        let components = parent.to_vec();
        Some((last, Self { components }))
    }

    /// This place seen from `self` as the base.
    pub(crate) fn join(&self, below: &Self) -> Self {
        let components = self.components.iter().chain(&below.components);
        Self {
            components: components.cloned().collect(),
        }
    }
}

impl BadPath {
    fn new(what: &'static str, name: &[u8]) -> Self {
        let name = String::from_utf8_lossy(&name[..name.len().min(200)]).into_owned();
        Self { what, name }
    }
}

impl fmt::Display for Relative {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.components.is_empty() {
            return f.write_str(".");
        }
        for (index, part) in self.components.iter().enumerate() {
            let slash = if index == 0 { "" } else { "/" };
            write!(f, "{slash}{}", part.to_string_lossy())?;
        }
        Ok(())
    }
}

fn is_plain(name: &[u8]) -> bool {
    name.len() <= NAME_BYTES_MAX
        && !name.starts_with(b"/")
        && !name.contains(&b'\\')
        && !name.contains(&0)
        && components(name).all(|part| part.len() <= COMPONENT_BYTES_MAX)
}

fn contains(name: &[u8], part: &[u8]) -> bool {
    name.windows(part.len()).any(|window| window == part)
}

/// The components that mean something: no empty ones and no `.`.
fn components(name: &[u8]) -> impl Iterator<Item = &[u8]> {
    name.split(|byte| *byte == b'/')
        .filter(|part| !part.is_empty() && *part != b".")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relative_paths() {
        for (name, shown) in [
            ("a", "a"),
            ("a/b", "a/b"),
            ("./a//b/", "a/b"),
            (".", "."),
            ("..a", "..a"),
        ] {
            assert_eq!(Relative::path(name).unwrap().to_string(), shown, "{name}");
        }
        for name in [
            "", "/a", "../a", "a/../b", "..", "a/..", "a\\b", "a\0b", "a../b",
        ] {
            let text = Relative::path(name).unwrap_err().to_string();
            assert!(text.starts_with("invalid path"), "{name}: {text}");
        }
        assert!(Relative::path("a".repeat(COMPONENT_BYTES_MAX + 1)).is_err());
        assert!(Relative::path("a/".repeat(NAME_BYTES_MAX)).is_err());
    }

    #[test]
    fn relative_dirs() {
        for (name, shown) in [
            ("", "."),
            ("a/b", "a/b"),
            ("a/../b", "b"),
            ("a/..", "."),
            (".", "."),
        ] {
            assert_eq!(Relative::dir(name).unwrap().to_string(), shown, "{name}");
        }
        for name in [
            "/",
            "/a",
            "..",
            "../a",
            "a/../..",
            "a/../../a",
            "a\\b",
            "a\0",
        ] {
            let text = Relative::dir(name).unwrap_err().to_string();
            assert!(text.starts_with("invalid dir"), "{name}: {text}");
        }
    }
}
