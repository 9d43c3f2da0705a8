//! Builders: what to build, and the steps that do it.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::branch::BranchPattern;
use crate::id::{BuilderName, HostName, StepId};

/// What a build may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    pub(crate) total: Duration,
    pub(crate) output: u64,
}

impl Limits {
    /// How long the whole build may take. Default: 60 minutes.
    pub fn total(&self) -> Duration {
        self.total
    }

    /// How many bytes of output a build may write. Default: 256 MiB.
    pub fn output_bytes(&self) -> u64 {
        self.output
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            total: Duration::from_secs(60 * 60),
            output: 256 << 20,
        }
    }
}

/// A builder: what to build, on which host, for which branches (`[builder.NAME]`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Builder {
    pub(crate) name: BuilderName,
    pub(crate) host: HostName,
    pub(crate) branches: Vec<BranchPattern>,
    pub(crate) env: BTreeMap<String, String>,
    pub(crate) limits: Limits,
    pub(crate) notes: String,
    pub(crate) known_issues: Vec<String>,
    pub(crate) steps: Vec<Step>,
}

impl Builder {
    /// Its name, unique in the environment.
    pub fn name(&self) -> &BuilderName {
        &self.name
    }

    /// The host that it runs on.
    pub fn host(&self) -> &HostName {
        &self.host
    }

    /// The branches that it builds; never empty.
    pub fn branches(&self) -> &[BranchPattern] {
        &self.branches
    }

    /// Whether it builds a branch. `branch` is the name without `refs/heads/`,
    /// `is_default` whether it is the repository's default branch.
    pub fn matches_branch(&self, branch: &str, is_default: bool) -> bool {
        self.branches
            .iter()
            .any(|pattern| pattern.matches(branch, is_default))
    }

    /// Variables for every step, `$WORKDIR` and `$CACHE` not yet replaced.
    pub fn env(&self) -> &BTreeMap<String, String> {
        &self.env
    }

    /// What a build may use.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Free text for people; may be empty.
    pub fn notes(&self) -> &str {
        &self.notes
    }

    /// Issues that make it fail, each `#123`, `owner/name#123` or an http(s) URL.
    pub fn known_issues(&self) -> &[String] {
        &self.known_issues
    }

    /// The steps in the order they run; never empty.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }
}

/// One step of a builder: a program to run (`[[builder.NAME.step]]`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    pub(crate) id: StepId,
    pub(crate) run: Vec<String>,
    pub(crate) dir: String,
    pub(crate) env: BTreeMap<String, String>,
    pub(crate) timeout: Duration,
}

impl Step {
    /// Its id, unique in the builder.
    pub fn id(&self) -> &StepId {
        &self.id
    }

    /// The program and its arguments, for no shell; never empty. `$WORKDIR` and `$CACHE`
    /// are not yet replaced.
    pub fn run(&self) -> &[String] {
        &self.run
    }

    /// Where it runs, under the root of the source: elements joined by `/`, none of them
    /// `.` or `..`. Empty for the root.
    pub fn dir(&self) -> &str {
        &self.dir
    }

    /// Variables of its own, `$WORKDIR` and `$CACHE` not yet replaced.
    pub fn env(&self) -> &BTreeMap<String, String> {
        &self.env
    }

    /// How long it may take; at most the whole build's limit, which is the default.
    pub fn timeout(&self) -> Duration {
        self.timeout
    }
}
