//! All hosts and builders together, and the digest that names them.

use std::collections::BTreeMap;
use std::fmt;

use sha2::{Digest, Sha256};

use crate::builder::Builder;
use crate::host::Host;
use crate::id::{BuilderName, HostName};

/// Names the content of an [`Environment`]: the SHA-256 of its canonical text, in
/// lower-case hex.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EnvironmentDigest(String);

impl EnvironmentDigest {
    /// 64 lower-case hex digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EnvironmentDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What to build and where. Every builder's host is in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Environment {
    hosts: BTreeMap<HostName, Host>,
    builders: BTreeMap<BuilderName, Builder>,
    digest: EnvironmentDigest,
}

impl Environment {
    /// Puts hosts and builders together; the host `local` exists without being declared.
    pub(crate) fn new(
        mut hosts: BTreeMap<HostName, Host>,
        builders: BTreeMap<BuilderName, Builder>,
    ) -> Self {
        hosts.entry(HostName::local()).or_insert_with(Host::local);
        let text = crate::write::environment(&hosts, &builders);
        let hash = Sha256::digest(text.as_bytes());
        Self {
            hosts,
            builders,
            digest: EnvironmentDigest(data_encoding::HEXLOWER.encode(&hash)),
        }
    }

    /// The hosts by name; `local` is always there.
    pub fn hosts(&self) -> &BTreeMap<HostName, Host> {
        &self.hosts
    }

    /// The builders by name.
    pub fn builders(&self) -> &BTreeMap<BuilderName, Builder> {
        &self.builders
    }

    /// The host of this name, if there is one.
    pub fn host(&self, name: &str) -> Option<&Host> {
        self.hosts.get(name)
    }

    /// The builder of this name, if there is one.
    pub fn builder(&self, name: &str) -> Option<&Builder> {
        self.builders.get(name)
    }

    /// Names the content: the SHA-256 of [`Environment::to_toml`]. It depends neither on
    /// the order of files and tables, nor on comments, nor on the machine.
    pub fn digest(&self) -> &EnvironmentDigest {
        &self.digest
    }

    /// The canonical text: one TOML file that parses to this same environment. Defaults are
    /// written out, so that a build pinned to a digest never changes its meaning. A key
    /// that a later version adds is written only where it is set, so that old digests
    /// stay.
    pub fn to_toml(&self) -> String {
        crate::write::environment(&self.hosts, &self.builders)
    }
}
