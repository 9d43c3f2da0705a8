//! What became of one thing, as steps that people and programs can read. Pure.

use anyhow::Result;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::io::Write;

use crate::commands::show;

/// The widest text that is shown of a step.
const WIDTH: usize = 200;

/// One thing that changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Changed {
    /// Such as `issue`.
    kind: &'static str,
    name: String,
    title: String,
    steps: Vec<Step>,
}

/// One way in which it changed.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Step {
    what: String,
    from: Option<String>,
    to: Option<String>,
}

impl Changed {
    /// Something of which it is not known yet whether it changed.
    pub(super) fn new(kind: &'static str, name: String, title: String) -> Self {
        Self {
            kind,
            name,
            title,
            steps: Vec::new(),
        }
    }

    /// What has a name for it.
    pub(super) fn did(&mut self, what: &str) {
        self.step(what, None, None);
    }

    /// The same, and what it was about.
    pub(super) fn did_to(&mut self, what: &str, to: impl Into<String>) {
        self.step(what, None, Some(to.into()));
    }

    /// A value that was one thing and is another, if it is.
    pub(super) fn value<T: AsRef<str>>(&mut self, what: &str, from: Option<T>, to: Option<T>) {
        let text = |value: Option<T>| {
            let value = value.map(|value| value.as_ref().to_owned());
            value.filter(|value| !value.is_empty())
        };
        let (from, to) = (text(from), text(to));
        if from != to {
            self.step(what, from, to);
        }
    }

    /// A truth that was and is not, or the other way round, each with a name.
    pub(super) fn truth(&mut self, [yes, no]: [&str; 2], from: bool, to: bool) {
        match (from, to) {
            (false, true) => self.did(yes),
            (true, false) => self.did(no),
            _ => {}
        }
    }

    /// Members of a set that came and went, with names for both.
    pub(super) fn set(
        &mut self,
        [came, went]: [&str; 2],
        from: &BTreeSet<String>,
        to: &BTreeSet<String>,
    ) {
        for name in to.difference(from) {
            self.step(came, None, Some(name.clone()));
        }
        for name in from.difference(to) {
            self.step(went, None, Some(name.clone()));
        }
    }

    fn step(&mut self, what: &str, from: Option<String>, to: Option<String>) {
        let what = what.to_owned();
        self.steps.push(Step { what, from, to });
    }

    /// Itself, unless nothing changed.
    pub(super) fn if_any(self) -> Option<Self> {
        (!self.steps.is_empty()).then_some(self)
    }

    pub(super) fn as_json(&self) -> Value {
        let steps = self.steps.iter().map(|step| {
            let Step { what, from, to } = step;
            json!({ "what": what, "from": from, "to": to })
        });
        let mut object = json!({
            "kind": self.kind,
            "title": self.title,
            "changes": steps.collect::<Vec<_>>(),
        });
        object[self.kind] = self.name.as_str().into();
        object
    }

    pub(super) fn write_text(&self, out: &mut impl Write) -> Result<()> {
        let name = show::line(&self.name, WIDTH);
        match self.title.as_str() {
            "" => writeln!(out, "{} {name}", self.kind)?,
            title => writeln!(out, "{} {name}: {}", self.kind, show::line(title, WIDTH))?,
        }
        for step in &self.steps {
            let line = |text: &Option<String>| text.as_deref().map(|text| show::line(text, WIDTH));
            let what = &step.what;
            match (line(&step.from), line(&step.to)) {
                (None, None) => writeln!(out, "  {what}")?,
                (None, Some(to)) => writeln!(out, "  {what}: {to}")?,
                (Some(from), None) => writeln!(out, "  {what}: {from} → none")?,
                (Some(from), Some(to)) => writeln!(out, "  {what}: {from} → {to}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_differs_is_a_step() {
        let mut changed = Changed::new("issue", "a/b#1".to_owned(), "it".to_owned());
        let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        changed.value("title", Some("x"), Some("x"));
        changed.value("title", None, Some(""));
        changed.truth(["closed", "reopened"], true, true);
        changed.set(["labeled", "unlabeled"], &set(&["a"]), &set(&["a"]));
        assert_eq!(changed.clone().if_any(), None);
        changed.value("title", Some("x"), Some("y"));
        changed.value("milestone", Some("m"), None);
        changed.truth(["closed", "reopened"], false, true);
        changed.set(["labeled", "unlabeled"], &set(&["a"]), &set(&["b"]));
        let mut text = Vec::new();
        changed.write_text(&mut text).unwrap();
        let text = String::from_utf8(text).unwrap();
        let want = "issue a/b#1: it\n  title: x → y\n  milestone: m → none\n  closed\n  labeled: b\n  unlabeled: a\n";
        assert_eq!(text, want);
        assert_eq!(changed.as_json()["issue"], "a/b#1");
    }
}
