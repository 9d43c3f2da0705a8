//! The rules that a tool can watch: which crate may depend on which, and what a module looks like.
//!
//! Reads the sources as text; depends on nothing of ours.

#![allow(clippy::unwrap_used, clippy::panic)] // tests fail by panicking

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Lines before the tests of a file. A longer file is more than one thing.
const LINES_MAX: usize = 600;

fn root() -> PathBuf {
    // Where tests run is the crate's folder; its name at compile time may be that of another checkout.
    PathBuf::from("..")
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn manifest(path: &Path) -> toml::Table {
    read(&path.join("Cargo.toml"))
        .parse()
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The workspace's crates: name and folder.
fn members() -> BTreeMap<String, PathBuf> {
    let workspace = manifest(&root());
    let members = workspace["workspace"]["members"].as_array().unwrap();
    let folder = |member: &toml::Value| root().join(member.as_str().unwrap());
    let name = |folder: &Path| {
        manifest(folder)["package"]["name"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    members
        .iter()
        .map(folder)
        .map(|folder| (name(&folder), folder))
        .collect()
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() && name != "target" && !name.starts_with('.') && name != "node_modules" {
            sources(&path, found);
        } else if name.ends_with(".rs") {
            found.push(path);
        }
    }
}

fn all_sources() -> Vec<PathBuf> {
    let mut found = Vec::new();
    sources(&root(), &mut found);
    assert!(found.len() > 50, "the sources are somewhere else");
    found
}

fn relative(path: &Path) -> String {
    path.strip_prefix(root()).unwrap().display().to_string()
}

/// How far up a crate is: it may depend only on what is further down.
fn layer(name: &str) -> usize {
    match name {
        "proto" => 0,
        "log-core" => 1,
        "replay" => 2,
        // Libraries that services share.
        "git" | "builders" | "buildlet-client" => 3,
        "forgelog" => 5,
        "tests" | "peers" => 6,
        // A service. No service depends on another, because they share a layer.
        _ => 4,
    }
}

#[test]
fn dependencies_point_one_way() {
    let members = members();
    let mut wrong = BTreeSet::new();
    for (name, folder) in &members {
        let manifest = manifest(folder);
        let dependencies = manifest.get("dependencies").and_then(toml::Value::as_table);
        for dependency in dependencies.into_iter().flat_map(toml::Table::keys) {
            if members.contains_key(dependency) && layer(dependency) >= layer(name) {
                wrong.insert(format!("{name} depends on {dependency}"));
            }
        }
    }
    assert_eq!(wrong, BTreeSet::new());
}

#[test]
fn every_crate_inherits_the_workspaces_lints() {
    for (name, folder) in members() {
        let manifest = manifest(&folder);
        let inherits = manifest
            .get("lints")
            .and_then(|lints| lints.get("workspace")?.as_bool());
        assert_eq!(inherits, Some(true), "{name}");
        let description = manifest["package"]
            .get("description")
            .and_then(toml::Value::as_str);
        assert!(
            description.is_some_and(|text| text.len() > 10 && !text.contains("TODO")),
            "{name} needs a description"
        );
    }
}

#[test]
fn every_module_says_what_it_is_for() {
    let silent: Vec<String> = all_sources()
        .iter()
        .filter(|path| !read(path).trim_start().starts_with("//!"))
        .map(|path| relative(path))
        .collect();
    assert_eq!(silent, Vec::<String>::new(), "a module begins with //!");
}

#[test]
fn no_file_is_too_long() {
    for path in all_sources()
        .iter()
        .filter(|path| !relative(path).contains("tests"))
    {
        let text = read(path);
        let lines = text
            .lines()
            .take_while(|line| *line != "#[cfg(test)]")
            .count();
        assert!(
            lines <= LINES_MAX,
            "{} has {lines} lines: split it by subject",
            relative(path)
        );
    }
}

#[test]
fn names_say_something() {
    for path in all_sources() {
        let stem = path.file_stem().unwrap().to_string_lossy().into_owned();
        let vague = [
            "utils", "util", "helpers", "helper", "common", "manager", "misc",
        ]
        .contains(&stem.as_str());
        assert!(!vague, "{}: name it after what it does", relative(&path));
        let is_mod = stem == "mod" && !relative(&path).contains("tests/");
        assert!(
            !is_mod,
            "{}: foo.rs beside foo/, not foo/mod.rs",
            relative(&path)
        );
    }
}
