//! A builder's steps as plain commands, with the places of one build filled in.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::builder::Builder;
use crate::host::Host;
use crate::id::StepId;

/// The places of one build, which configuration calls `$WORKDIR` and `$CACHE`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Places<'a> {
    /// The build's own folder, empty when it starts.
    pub workdir: &'a str,
    /// The builder's folder that outlives its builds.
    pub cache: &'a str,
}

/// A step, ready to be run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// The step that it is.
    pub step: StepId,
    /// The program and its arguments; never empty.
    pub run: Vec<String>,
    /// Where it runs, under the root of the source; empty for the root.
    pub dir: String,
    /// What to add to the environment.
    pub env: BTreeMap<String, String>,
    /// How long it may take.
    pub timeout: Duration,
}

impl Builder {
    /// The commands of a build on `host`, in order. Of a variable that is set twice, the
    /// step's value wins over the builder's, and the builder's over the host's.
    pub fn commands(&self, host: &Host, places: Places<'_>) -> Vec<Command> {
        let command = |step: &crate::Step| {
            let variables = [&host.env, &self.env, &step.env];
            let env = variables.into_iter().flatten();
            Command {
                step: step.id.clone(),
                run: step.run.iter().map(|text| places.fill(text)).collect(),
                dir: step.dir.clone(),
                env: env
                    .map(|(name, value)| (name.clone(), places.fill(value)))
                    .collect(),
                timeout: step.timeout,
            }
        };
        self.steps.iter().map(command).collect()
    }
}

impl Places<'_> {
    /// Replaces `$WORKDIR` and `$CACHE` where they stand as whole names. Any other `$` is
    /// left as it is, and what a place contains is not looked at again.
    fn fill(self, text: &str) -> String {
        let mut filled = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('$') {
            filled.push_str(before);
            let in_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
            let end = after.find(|c| !in_name(c)).unwrap_or(after.len());
            let (name, behind) = after.split_at(end);
            match name {
                "WORKDIR" => filled.push_str(self.workdir),
                "CACHE" => filled.push_str(self.cache),
                other => {
                    filled.push('$');
                    filled.push_str(other);
                }
            }
            rest = behind;
        }
        filled + rest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_filled_in_once() {
        let places = Places {
            workdir: "/w/$CACHE",
            cache: "/c",
        };
        for (text, expected) in [
            ("", ""),
            ("$CACHE/target", "/c/target"),
            ("$WORKDIR", "/w/$CACHE"),
            ("a:$CACHE:$CACHE", "a:/c:/c"),
            ("$CACHES $HOME $ $$CACHE 5$", "$CACHES $HOME $ $/c 5$"),
        ] {
            assert_eq!(places.fill(text), expected, "{text}");
        }
    }
}
