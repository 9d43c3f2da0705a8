//! The derived ids of builds: two who decide the same thing decide it once (spec/builds.md 6.1).
//!
//! Every part goes into the hash as its length in decimal, a colon and its bytes, so that no two
//! lists of parts give the same text. Depends on nothing of ours but the hash type.

use std::fmt;

use proto::GitHash;
use proto::forgelog::builds::Purpose;
use sha2::{Digest as _, Sha256};

/// What is to be had: one builder's result for one commit. 16 lower-case hex digits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BuildKey(String);

/// One generation of a build key. 16 lower-case hex digits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BuildId(String);

impl BuildKey {
    /// The key of a builder, a repository's name, a commit and what the build is for.
    pub fn derive(builder: &str, repo: &str, commit: &GitHash, purpose: Purpose) -> Self {
        let purpose = match purpose {
            Purpose::Unspecified => "",
            Purpose::Post => "post",
            Purpose::Try => "try",
            Purpose::Manual => "manual",
        };
        Self(digest(&[
            "build key",
            builder,
            repo,
            &commit.to_string(),
            purpose,
        ]))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl BuildId {
    /// The id of a key's generation, from 0.
    pub fn derive(key: &BuildKey, generation: u32) -> Self {
        Self(digest(&["build id", key.as_str(), &generation.to_string()]))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The first 16 hex digits of the parts' SHA-256.
fn digest(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(format!("{}:", part.len()));
        hash.update(part);
    }
    hash.finalize()
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

macro_rules! text {
    ($($id:ident)*) => {$(
        impl fmt::Display for $id {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl AsRef<str> for $id {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl From<$id> for String {
            fn from(id: $id) -> Self {
                id.0
            }
        }
    )*};
}

text!(BuildKey BuildId);

#[cfg(test)]
mod tests {
    use super::*;

    fn commit() -> GitHash {
        "0123456789abcdef0123456789abcdef01234567".parse().unwrap()
    }

    #[test]
    fn ids_never_change() {
        // These are in logs: `printf '9:build key5:linux2:go40:0123456789abcdef0123456789abcdef012345674:post' | sha256sum`.
        let key = BuildKey::derive("linux", "go", &commit(), Purpose::Post);
        assert_eq!(key.as_str(), "02b229078dab138c");
        assert_eq!(BuildId::derive(&key, 0).as_str(), "91d5fc1cb78c05d0");
    }

    #[test]
    fn every_part_counts() {
        let keys = [
            BuildKey::derive("linux", "go", &commit(), Purpose::Post),
            BuildKey::derive("linu", "xgo", &commit(), Purpose::Post),
            BuildKey::derive("", "linuxgo", &commit(), Purpose::Post),
            BuildKey::derive("linux", "go", &GitHash::from_bytes([0; 20]), Purpose::Post),
            BuildKey::derive("linux", "go", &commit(), Purpose::Try),
            BuildKey::derive("linux", "go", &commit(), Purpose::Unspecified),
        ];
        let ids = keys
            .iter()
            .flat_map(|key| [BuildId::derive(key, 0), BuildId::derive(key, 1)]);
        let distinct: std::collections::BTreeSet<_> = ids.collect();
        assert_eq!(distinct.len(), 2 * keys.len());
        assert!(distinct.iter().all(|id| id.as_str().len() == 16));
    }
}
