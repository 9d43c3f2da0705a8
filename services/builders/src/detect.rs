//! Works out builders from the files at the top of a repository, for one that has no
//! `env/` of its own: what a maintainer of such a repository would run before a commit.
//!
//! Pure: the caller hands over the tree. Files in it are somebody's; a broken one is
//! reported and never stops the rest.

mod cargo;
mod cmake;
mod go;
mod look;
mod make;
mod npm;
mod python;

use std::collections::BTreeMap;

use crate::branch::BranchPattern;
use crate::builder::{Builder, Limits, Step};
use crate::environment::Environment;
use crate::id::{BuilderName, HostName, StepId};

/// The files of a commit, as far as detection looks. Paths are relative to the top, with
/// `/` between elements. Errors of reading are the implementer's: such a file isn't there.
pub trait Tree {
    /// The bytes of a file; `None` if there is no file of that path.
    fn file(&self, path: &str) -> Option<Vec<u8>>;
    /// Whether there is a file or folder of that path.
    fn exists(&self, path: &str) -> bool;
    /// The names of the files and folders at the top.
    fn top_level(&self) -> Vec<String>;
}

/// What was worked out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Detected {
    /// A builder per toolchain, all on the host `local`.
    pub environment: Environment,
    /// What was found and what comes of it, a sentence each; never empty.
    pub findings: Vec<String>,
}

/// What a toolchain wants run.
struct Found {
    /// The last part of the builder's name.
    toolchain: &'static str,
    /// The files that speak for it: `Cargo.toml with Cargo.lock`.
    files: String,
    /// Whether it builds this repository as such, so that a Makefile can only wrap it.
    is_main: bool,
    env: Vec<(&'static str, &'static str)>,
    steps: Vec<Planned>,
    /// Further sentences for the user.
    remarks: Vec<String>,
}

/// A step and what findings call it.
struct Planned {
    id: &'static str,
    called: &'static str,
    run: Vec<String>,
}

impl Planned {
    fn new(id: &'static str, called: &'static str, run: &[&str]) -> Self {
        let run = run.iter().map(ToString::to_string).collect();
        Self { id, called, run }
    }
}

/// Works out the builders of a repository, for a machine of the given platform (Go's names,
/// as in [`crate::Platform`]). Each is named `OS-ARCH-TOOLCHAIN`.
pub fn detect(tree: &dyn Tree, os: &str, arch: &str) -> Detected {
    let mut found: Vec<Found> = [cargo::find(tree), go::find(tree), npm::find(tree)]
        .into_iter()
        .flatten()
        .collect();
    found.extend(python::find(tree, os, found.is_empty()));
    let is_wrapped = found.iter().any(|it| it.is_main);
    let (wrappers, more): (Vec<Found>, Vec<Found>) = [cmake::find(tree), make::find(tree, os)]
        .into_iter()
        .flatten()
        .partition(|_| is_wrapped);
    found.extend(more);

    let mut findings = Vec::new();
    let mut builders = BTreeMap::new();
    for it in &found {
        let name = BuilderName::lossy(&format!("{os}-{arch}-{}", it.toolchain));
        let commands: Vec<&str> = it.steps.iter().map(|step| step.called).collect();
        let (files, commands) = (&it.files, commands.join(", "));
        findings.push(format!("found {files}: builder {name} runs {commands}"));
        findings.extend(it.remarks.iter().cloned());
        builders.insert(name.clone(), it.builder(name));
    }
    for it in wrappers {
        let (files, toolchain) = (it.files, it.toolchain);
        findings.push(format!(
            "found {files} too, but took it for a wrapper of the above and left it out; \
             write env/builders/{toolchain}.toml to build with it"
        ));
    }
    if builders.is_empty() {
        findings.push(nothing_found());
    }
    Detected {
        environment: Environment::new(BTreeMap::new(), builders),
        findings,
    }
}

impl Found {
    fn builder(&self, name: BuilderName) -> Builder {
        let limits = Limits::default();
        let step = |planned: &Planned| Step {
            id: StepId::known(planned.id),
            run: planned.run.clone(),
            dir: String::new(),
            env: BTreeMap::new(),
            timeout: limits.total,
        };
        let variables = self.env.iter();
        Builder {
            name,
            host: HostName::local(),
            branches: vec![BranchPattern::Default],
            env: variables
                .map(|(name, value)| (name.to_string(), value.to_string()))
                .collect(),
            limits,
            notes: String::new(),
            known_issues: Vec::new(),
            steps: self.steps.iter().map(step).collect(),
        }
    }
}

fn nothing_found() -> String {
    "found nothing at the top that says how to build this repository (looked for Cargo.toml, \
     go.mod, package.json, pyproject.toml, setup.py, requirements.txt, CMakeLists.txt and \
     Makefile); say it in env/builders/NAME.toml, for example:\n\n\
     [[builder.NAME.step]]\n\
     id = \"test\"\n\
     run = [\"sh\", \"test.sh\"]\n"
        .to_owned()
}
