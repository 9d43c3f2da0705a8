//! Writes the model as TOML: the canonical form, which the parser takes back unchanged.

use std::collections::BTreeMap;

use crate::builder::{Builder, Step};
use crate::host::Host;
use crate::id::{BuilderName, HostName};
use crate::quantity::{show_duration, show_size};

/// Hosts, then builders, each in the order of names.
pub(crate) fn environment(
    hosts: &BTreeMap<HostName, Host>,
    builders: &BTreeMap<BuilderName, Builder>,
) -> String {
    let hosts = hosts.iter().map(|(name, it)| host(name, it));
    let builders = builders.values().map(builder);
    hosts.chain(builders).collect::<Vec<_>>().join("\n")
}

fn host(name: &HostName, host: &Host) -> String {
    let mut text = format!("[host.{}]\n", key(name.as_str()));
    entry(&mut text, "kind", &quoted(host.kind.as_str()));
    if let Some(os) = &host.os {
        entry(&mut text, "os", &quoted(os));
    }
    if let Some(arch) = &host.arch {
        entry(&mut text, "arch", &quoted(arch));
    }
    if !host.owners.is_empty() {
        entry(&mut text, "owners", &array(&host.owners));
    }
    if !host.env.is_empty() {
        entry(&mut text, "env", &variables(&host.env));
    }
    text
}

fn builder(builder: &Builder) -> String {
    let name = key(builder.name.as_str());
    let branches: Vec<String> = builder.branches.iter().map(ToString::to_string).collect();
    let (total, output) = (builder.limits.total, builder.limits.output);
    let total = quoted(&show_duration(total));
    let output = quoted(&show_size(output));
    let mut text = format!("[builder.{name}]\n");
    entry(&mut text, "host", &quoted(builder.host.as_str()));
    entry(&mut text, "branches", &array(&branches));
    if !builder.env.is_empty() {
        entry(&mut text, "env", &variables(&builder.env));
    }
    entry(
        &mut text,
        "limits",
        &format!("{{ total = {total}, output = {output} }}"),
    );
    if !builder.notes.is_empty() {
        entry(&mut text, "notes", &quoted(&builder.notes));
    }
    if !builder.known_issues.is_empty() {
        entry(&mut text, "known_issues", &array(&builder.known_issues));
    }
    for it in &builder.steps {
        text.push_str(&step(&name, it));
    }
    text
}

fn step(builder: &str, step: &Step) -> String {
    let mut text = format!("\n[[builder.{builder}.step]]\n");
    entry(&mut text, "id", &quoted(step.id.as_str()));
    entry(&mut text, "run", &array(&step.run));
    if !step.dir.is_empty() {
        entry(&mut text, "dir", &quoted(&step.dir));
    }
    if !step.env.is_empty() {
        entry(&mut text, "env", &variables(&step.env));
    }
    entry(&mut text, "timeout", &quoted(&show_duration(step.timeout)));
    text
}

fn entry(text: &mut String, key: &str, value: &str) {
    text.push_str(key);
    text.push_str(" = ");
    text.push_str(value);
    text.push('\n');
}

/// An id as a key: bare, unless it has a dot.
fn key(id: &str) -> String {
    if id.contains('.') {
        quoted(id)
    } else {
        id.to_owned()
    }
}

fn array(texts: &[String]) -> String {
    let quoted: Vec<String> = texts.iter().map(|text| quoted(text)).collect();
    format!("[{}]", quoted.join(", "))
}

/// Variables as an inline table. Their names are always bare keys.
fn variables(env: &BTreeMap<String, String>) -> String {
    let pairs: Vec<String> = env
        .iter()
        .map(|(name, value)| format!("{name} = {}", quoted(value)))
        .collect();
    format!("{{ {} }}", pairs.join(", "))
}

/// A TOML basic string.
fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for letter in text.chars() {
        match letter {
            '"' | '\\' => quoted.extend(['\\', letter]),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            // C1 controls are allowed in TOML, but nobody wants them on a terminal.
            control if control.is_control() => {
                quoted.push_str(&format!("\\u{:04X}", u32::from(control)));
            }
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}
