//! Reads `[builder.NAME]` and its steps.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::branch::BranchPattern;
use crate::builder::{Builder, Limits, Step};
use crate::error::Mistake;
use crate::id::{BuilderName, HostName, StepId};
use crate::parse::reader::{Keys, Reader, Section};
use crate::parse::values;
use crate::quantity::{parse_duration, parse_size};
use crate::source::Place;

/// The most steps of a builder.
const STEPS_MAX: usize = 100;
/// The most elements of a `run`.
const RUN_MAX: usize = 1000;
/// The most variables of an `env`.
const ENV_MAX: usize = 200;
/// The most elements of `branches` and of `known_issues`.
const LIST_MAX: usize = 100;
/// The most characters of `notes`.
const NOTES_MAX: usize = 4000;

const BUILDER: Keys = Keys {
    here: &[
        "host",
        "branches",
        "env",
        "limits",
        "notes",
        "known_issues",
        "step",
    ],
    later: &[
        "inherit",
        "target",
        "requires",
        "policy",
        "test_policy",
        "tags",
        "aliases",
        "snapshot",
        "helpers",
        "max_at_once",
        "net",
    ],
};
const LIMITS: Keys = Keys {
    here: &["total", "output"],
    later: &["queue", "infra_attempts", "log_bytes"],
};
const STEP: Keys = Keys {
    here: &["id", "run", "dir", "env", "timeout"],
    later: &["shard"],
};

const RUN_EXAMPLE: &str = "run = [\"cargo\", \"test\"]";
const STEP_EXAMPLE: &str = "[[builder.quick.step]]";

/// What a `[builder.NAME]` says.
pub(super) struct Read {
    /// The builder; `None` if it is wrong.
    pub(super) builder: Option<Builder>,
    /// The host that it names and where, so that it can be looked up.
    pub(super) host: Option<(HostName, usize)>,
}

/// Reads a builder; without a valid name, only to find its mistakes.
pub(super) fn read(
    reader: &mut Reader<'_>,
    section: &Section<'_>,
    name: Option<&BuilderName>,
) -> Read {
    reader.check_keys(section, &BUILDER);
    let host = reader.text(section, "host", "host = \"local\"");
    let host = host.and_then(|text| Some((reader.id::<HostName>(&text)?, text.at)));
    let branches = read_branches(reader, section);
    let env = read_env(reader, section);
    let (limits, total_at_most) = read_limits(reader, section);
    let notes = read_notes(reader, section);
    let known_issues = read_known_issues(reader, section);
    let steps = read_steps(reader, section, &limits, total_at_most);
    let builder = name.map(|name| Builder {
        name: name.clone(),
        host: host
            .as_ref()
            .map_or_else(HostName::local, |(host, _)| host.clone()),
        branches,
        env,
        limits,
        notes,
        known_issues,
        steps,
    });
    Read { builder, host }
}

fn read_branches(reader: &mut Reader<'_>, section: &Section<'_>) -> Vec<BranchPattern> {
    if let Some(at) = section.empty_list("branches") {
        let mistake = Mistake::BadValue {
            key: "branches".to_owned(),
            value: "[]".to_owned(),
            problem: "it builds no branch".to_owned(),
            fix: "name one, or leave `branches` out for the default branch".to_owned(),
        };
        reader.report(at, mistake);
    }
    let example = "branches = [\"default\", \"release-*\"]";
    let Some(texts) = reader.texts(section, "branches", LIST_MAX, example) else {
        return vec![BranchPattern::Default];
    };
    let patterns = texts.into_iter();
    patterns
        .filter_map(|text| reader.take(text.at, BranchPattern::parse(text.value)))
        .collect()
}

/// The limits, and the total once more if it is known: one that is wrong is no measure for
/// the timeouts of steps.
fn read_limits(reader: &mut Reader<'_>, section: &Section<'_>) -> (Limits, Option<Duration>) {
    let mut limits = Limits::default();
    let example = "limits = { total = \"60m\", output = \"256MiB\" }";
    let Some(section) = reader.section(section, "limits", example) else {
        return (limits, Some(limits.total));
    };
    reader.check_keys(&section, &LIMITS);
    let total = reader.text(&section, "total", "total = \"60m\"");
    let total = total.and_then(|it| reader.take(it.at, parse_duration("total", it.value)));
    let total = total.or((!section.has("total")).then_some(limits.total));
    let output = reader.text(&section, "output", "output = \"256MiB\"");
    let output = output.and_then(|it| reader.take(it.at, parse_size("output", it.value)));
    limits.total = total.unwrap_or(limits.total);
    limits.output = output.unwrap_or(limits.output);
    (limits, total)
}

fn read_notes(reader: &mut Reader<'_>, section: &Section<'_>) -> String {
    let Some(notes) = reader.text(section, "notes", "notes = \"What it is for.\"") else {
        return String::new();
    };
    let found = notes.value.chars().count();
    if found > NOTES_MAX {
        let mistake = Mistake::TooMany {
            what: format!("`notes` in {}", section.name),
            found,
            unit: "characters",
            max: NOTES_MAX,
        };
        reader.report(notes.at, mistake);
    }
    notes.value.to_owned()
}

fn read_known_issues(reader: &mut Reader<'_>, section: &Section<'_>) -> Vec<String> {
    let example = "known_issues = [\"#123\"]";
    let issues = reader.texts(section, "known_issues", LIST_MAX, example);
    let issues = issues.unwrap_or_default().into_iter();
    issues
        .filter_map(|text| reader.take(text.at, values::issue(text.value)))
        .collect()
}

/// The `env` of a host, a builder or a step.
pub(super) fn read_env(reader: &mut Reader<'_>, section: &Section<'_>) -> BTreeMap<String, String> {
    let example = "env = { GOCACHE = \"$CACHE/go\" }";
    let Some(section) = reader.section(section, "env", example) else {
        return BTreeMap::new();
    };
    let mut env = BTreeMap::new();
    for (name, value) in reader.pairs(&section, ENV_MAX, "A = \"text\"") {
        let is_name = reader.take(name.at, values::variable(name.value));
        let value = reader.take(value.at, values::argument("env", value.value));
        if let (Some(()), Some(value)) = (is_name, value) {
            env.insert(name.value.to_owned(), value);
        }
    }
    env
}

fn read_steps(
    reader: &mut Reader<'_>,
    section: &Section<'_>,
    limits: &Limits,
    total: Option<Duration>,
) -> Vec<Step> {
    if !section.has("step") || section.empty_list("step").is_some() {
        let table = section.name.clone();
        reader.report(section.at, Mistake::NoSteps { table });
    }
    let sections = reader.section_list(section, "step", STEP_EXAMPLE);
    let what = || format!("`step` in {}", section.name);
    reader.at_most(section.at, what, sections.len(), STEPS_MAX);
    let mut places: BTreeMap<StepId, Place> = BTreeMap::new();
    let mut steps = Vec::new();
    for section in sections.iter().take(STEPS_MAX) {
        reader.check_keys(section, &STEP);
        let id = read_step_id(reader, section, &mut places);
        let run = read_run(reader, section);
        let dir = reader.text(section, "dir", "dir = \"tools/check\"");
        let dir = dir.and_then(|it| reader.take(it.at, values::dir(it.value)));
        let env = read_env(reader, section);
        let timeout = read_timeout(reader, section, total);
        if let Some(id) = id {
            steps.push(Step {
                id,
                run,
                dir: dir.unwrap_or_default(),
                env,
                timeout: timeout.unwrap_or(limits.total),
            });
        }
    }
    steps
}

fn read_step_id(
    reader: &mut Reader<'_>,
    section: &Section<'_>,
    places: &mut BTreeMap<StepId, Place>,
) -> Option<StepId> {
    if !section.has("id") {
        reader.missing(section, "id", "id = \"test\"");
    }
    let text = reader.text(section, "id", "id = \"test\"")?;
    let id = reader.id::<StepId>(&text)?;
    match places.get(&id) {
        Some(first) => reader.duplicate(text.at, "step", id.as_str(), first),
        None => drop(places.insert(id.clone(), reader.lines.place(text.at))),
    }
    Some(id)
}

fn read_run(reader: &mut Reader<'_>, section: &Section<'_>) -> Vec<String> {
    let empty = || Mistake::EmptyRun {
        table: section.name.clone(),
    };
    if !section.has("run") {
        reader.missing(section, "run", RUN_EXAMPLE);
    }
    if let Some(at) = section.empty_list("run") {
        reader.report(at, empty());
    }
    let texts = reader.texts(section, "run", RUN_MAX, RUN_EXAMPLE);
    let texts = texts.unwrap_or_default();
    if let Some(program) = texts.first() {
        if program.value.trim().is_empty() {
            reader.report(program.at, empty());
        } else {
            reader.take(program.at, values::program(program.value));
        }
    }
    let arguments = texts.iter();
    arguments
        .filter_map(|it| reader.take(it.at, values::argument("run", it.value)))
        .collect()
}

fn read_timeout(
    reader: &mut Reader<'_>,
    section: &Section<'_>,
    total: Option<Duration>,
) -> Option<Duration> {
    let text = reader.text(section, "timeout", "timeout = \"10m\"")?;
    let timeout = reader.take(text.at, parse_duration("timeout", text.value))?;
    match total {
        Some(total) if timeout > total => {
            reader.report(text.at, Mistake::TimeoutOverTotal { timeout, total });
        }
        _ => {}
    }
    Some(timeout)
}
