//! Hosts: where builds run.

use std::collections::BTreeMap;

/// How the machine of a host is had. More kinds follow (vm, container, reverse, kube).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HostKind {
    /// The machine that the coordinator runs on.
    Local,
}

impl HostKind {
    /// The kind as configuration writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Local => "local",
        }
    }
}

/// An operating system and an architecture, in Go's names (`linux`, `amd64`).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Platform {
    /// The operating system: `linux`, `darwin`, `windows` …
    pub os: String,
    /// The architecture: `amd64`, `arm64`, `386` …
    pub arch: String,
}

impl Platform {
    /// The platform that this program was built for.
    pub fn current() -> Self {
        let os = match std::env::consts::OS {
            "macos" => "darwin",
            other => other,
        };
        let little = cfg!(target_endian = "little");
        let arch = match std::env::consts::ARCH {
            "x86_64" => "amd64",
            "x86" => "386",
            "aarch64" => "arm64",
            "loongarch64" => "loong64",
            "powerpc64" if little => "ppc64le",
            "powerpc64" => "ppc64",
            "mips" if little => "mipsle",
            "mips64" if little => "mips64le",
            "wasm32" => "wasm",
            other => other,
        };
        Self {
            os: os.to_owned(),
            arch: arch.to_owned(),
        }
    }
}

/// A host type: where builds run (`[host.NAME]`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    pub(crate) kind: HostKind,
    pub(crate) os: Option<String>,
    pub(crate) arch: Option<String>,
    pub(crate) owners: Vec<String>,
    pub(crate) env: BTreeMap<String, String>,
}

impl Host {
    /// This machine, with nothing said about it.
    pub(crate) fn local() -> Self {
        Self {
            kind: HostKind::Local,
            os: None,
            arch: None,
            owners: Vec::new(),
            env: BTreeMap::new(),
        }
    }

    /// How the machine is had.
    pub fn kind(&self) -> HostKind {
        self.kind
    }

    /// The declared operating system, in Go's names; `None` is the machine's own.
    pub fn os(&self) -> Option<&str> {
        self.os.as_deref()
    }

    /// The declared architecture, in Go's names; `None` is the machine's own.
    pub fn arch(&self) -> Option<&str> {
        self.arch.as_deref()
    }

    /// What the host is, on a machine that is `own`.
    pub fn platform(&self, own: &Platform) -> Platform {
        Platform {
            os: self.os.clone().unwrap_or_else(|| own.os.clone()),
            arch: self.arch.clone().unwrap_or_else(|| own.arch.clone()),
        }
    }

    /// Whom to ask about it.
    pub fn owners(&self) -> &[String] {
        &self.owners
    }

    /// Variables for every build on it, `$WORKDIR` and `$CACHE` not yet replaced.
    pub fn env(&self) -> &BTreeMap<String, String> {
        &self.env
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_declared_is_the_machines_own() {
        let own = Platform {
            os: "linux".to_owned(),
            arch: "arm64".to_owned(),
        };
        let mut host = Host::local();
        assert_eq!(host.platform(&own), own);
        host.arch = Some("amd64".to_owned());
        assert_eq!(host.platform(&own).os, "linux");
        assert_eq!(host.platform(&own).arch, "amd64");
    }
}
