//! The folder in which this machine keeps what it derives or copies from a log: one for each place.
//!
//! Depends on nothing of ours. Nothing is made before it is needed.

use std::env;
use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;
use sha2::{Digest as _, Sha224};

/// Of a place's text, so many characters are in its folder's name.
const NAME_CHARS_MAX: usize = 48;
/// And so many bytes of its digest, which tells places apart.
const DIGEST_BYTES: usize = 6;

/// `$XDG_CACHE_HOME/forgelog`, or else where the system's users have their caches.
pub(super) fn default_folder() -> Option<PathBuf> {
    let absolute = |name| {
        env::var_os(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    let caches = absolute("XDG_CACHE_HOME").or_else(|| {
        let home = absolute("HOME")?;
        Some(if cfg!(target_os = "macos") {
            home.join("Library/Caches")
        } else {
            home.join(".cache")
        })
    })?;
    Some(caches.join("forgelog"))
}

/// The folder of a place: its name can be read by people, and is no other place's.
pub(super) fn folder_of(base: &Path, place: &str) -> PathBuf {
    let plain = |char: char| {
        let plain = char.is_ascii_alphanumeric() || char == '.' || char == '_';
        if plain { char } else { '-' }
    };
    let mut name = String::new();
    for char in place.chars().map(plain) {
        if char != '-' || !(name.is_empty() || name.ends_with('-')) {
            name.push(char);
        }
    }
    // The end of a place says more of it than its beginning. All is ASCII by now.
    let start = name.len().saturating_sub(NAME_CHARS_MAX);
    let name = name.get(start..).unwrap_or_default();
    let name = name.trim_matches(|char| char == '-' || char == '.');
    let digest = Sha224::digest(place);
    let short = digest.get(..DIGEST_BYTES).unwrap_or_default();
    base.join(format!("{name}-{}", HEXLOWER.encode(short)))
}

/// Makes a folder that only its owner can look into, and those above it.
pub(crate) fn make_private(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn folders_are_named_for_people_and_differ() {
        let base = Path::new("/c");
        let name = |place| {
            folder_of(base, place)
                .strip_prefix(base)
                .unwrap()
                .to_str()
                .unwrap()
                .to_owned()
        };
        let names = [
            "https://maintner.golang.org/logs",
            "https://maintner.golang.org/logs/",
            "/srv/log",
            "gs://bucket/a/b",
            "/",
            "../..",
            "",
        ]
        .map(name);
        assert!(
            names[0].starts_with("https-maintner.golang.org-logs-"),
            "{names:?}"
        );
        assert!(names[3].starts_with("gs-bucket-a-b-"), "{names:?}");
        let all: std::collections::BTreeSet<_> = names.iter().collect();
        assert_eq!(all.len(), names.len());
        let long = name(&"x/ä".repeat(500));
        assert!(long.len() < 80 && long.is_ascii(), "{long}");
    }

    #[test]
    fn folders_are_private() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("a/b");
        make_private(&folder).unwrap();
        make_private(&folder).unwrap();
        for folder in [&folder, &dir.path().join("a")] {
            let mode = folder.metadata().unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o700);
        }
    }
}
