//! What a configuration means once it is read, and the laws that it keeps.

#![allow(clippy::unwrap_used, reason = "a test may panic, its functions too")]

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use builders::{BranchPattern, Environment, HostKind, Places, SourceFile, parse};
use proptest::prelude::*;

const FULL: &str = r#"
    [host.desk]
    kind = "local"
    os = "linux"
    arch = "amd64"
    owners = ["a@example.org"]
    env = { A = "host", B = "host", C = "host" }

    [builder.linux-amd64]
    host = "desk"
    branches = ["default", "release-*"]
    env = { B = "builder", C = "builder", CARGO_TARGET_DIR = "$CACHE/target" }
    limits = { total = "90m", output = "1GiB" }
    notes = "Says \"hello\".\nTwice."
    known_issues = ["golang/go#38283"]

    [[builder.linux-amd64.step]]
    id = "build"
    run = ["$WORKDIR/tool", "", "$HOME"]
    dir = "./a//b/"
    env = { C = "step" }
    timeout = "20m"

    [[builder.linux-amd64.step]]
    id = "test"
    run = ["true"]
"#;

fn file(path: &str, text: &str) -> SourceFile {
    SourceFile {
        path: path.to_owned(),
        text: text.to_owned(),
    }
}

fn environment(text: &str) -> Environment {
    parse(&[file("a.toml", text)]).unwrap()
}

#[test]
fn everything_that_is_said_is_read() {
    let environment = environment(FULL);
    let desk = environment.host("desk").unwrap();
    assert_eq!(desk.kind(), HostKind::Local);
    assert_eq!((desk.os(), desk.arch()), (Some("linux"), Some("amd64")));
    assert_eq!(desk.owners(), ["a@example.org"]);
    assert_eq!(desk.env()["A"], "host");

    let builder = environment.builder("linux-amd64").unwrap();
    assert_eq!(builder.name().as_str(), "linux-amd64");
    assert_eq!(builder.host().as_str(), "desk");
    let release = BranchPattern::Glob("release-*".to_owned());
    assert_eq!(builder.branches(), [BranchPattern::Default, release]);
    assert_eq!(builder.limits().total(), Duration::from_secs(90 * 60));
    assert_eq!(builder.limits().output_bytes(), 1 << 30);
    assert_eq!(builder.notes(), "Says \"hello\".\nTwice.");
    assert_eq!(builder.known_issues(), ["golang/go#38283"]);

    let [build, test] = builder.steps() else {
        panic!("{:?}", builder.steps())
    };
    assert_eq!(build.id().as_str(), "build");
    assert_eq!(build.run(), ["$WORKDIR/tool", "", "$HOME"]);
    assert_eq!(build.dir(), "a/b");
    assert_eq!(build.timeout(), Duration::from_secs(20 * 60));
    assert_eq!(test.dir(), "");
    assert_eq!(test.timeout(), builder.limits().total());
}

#[test]
fn defaults() {
    let environment = environment("[[builder.quick.step]]\nid = \"a\"\nrun = [\"true\"]\n");
    let quick = environment.builder("quick").unwrap();
    assert_eq!(quick.host().as_str(), "local");
    assert_eq!(quick.branches(), [BranchPattern::Default]);
    assert_eq!(quick.limits().total(), Duration::from_secs(3600));
    assert_eq!(quick.limits().output_bytes(), 256 << 20);
    assert!(quick.env().is_empty() && quick.notes().is_empty() && quick.known_issues().is_empty());
    let local = environment.host("local").unwrap();
    assert_eq!((local.os(), local.arch()), (None, None));
}

#[test]
fn no_files_are_an_environment_without_builders() {
    let environment = parse(&[]).unwrap();
    assert!(environment.builders().is_empty());
    assert_eq!(environment.hosts().len(), 1);
}

#[test]
fn a_builder_builds_the_branches_that_any_pattern_matches() {
    let environment = environment(FULL);
    let builder = environment.builder("linux-amd64").unwrap();
    assert!(builder.matches_branch("trunk", true));
    assert!(builder.matches_branch("release-1.2", false));
    assert!(!builder.matches_branch("feature", false));
}

#[test]
fn commands_have_their_places_and_variables_filled_in() {
    let environment = environment(FULL);
    let builder = environment.builder("linux-amd64").unwrap();
    let host = environment.host(builder.host().as_str()).unwrap();
    let commands = builder.commands(
        host,
        Places {
            workdir: "/w",
            cache: "/c",
        },
    );
    let [build, test] = commands.as_slice() else {
        panic!("{commands:?}")
    };
    let env = |c: &str| -> BTreeMap<String, String> {
        [
            ("A", "host"),
            ("B", "builder"),
            ("C", c),
            ("CARGO_TARGET_DIR", "/c/target"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into()
    };
    assert_eq!(build.step.as_str(), "build");
    assert_eq!(build.run, ["/w/tool", "", "$HOME"]);
    assert_eq!(build.dir, "a/b");
    assert_eq!(build.env, env("step"));
    assert_eq!(build.timeout, Duration::from_secs(20 * 60));
    assert_eq!(test.env, env("builder"));
}

#[test]
fn the_canonical_text_is_this() {
    let expected = r#"[host.desk]
kind = "local"
os = "linux"
arch = "amd64"
owners = ["a@example.org"]
env = { A = "host", B = "host", C = "host" }

[host.local]
kind = "local"

[builder.linux-amd64]
host = "desk"
branches = ["default", "release-*"]
env = { B = "builder", C = "builder", CARGO_TARGET_DIR = "$CACHE/target" }
limits = { total = "90m", output = "1GiB" }
notes = "Says \"hello\".\nTwice."
known_issues = ["golang/go#38283"]

[[builder.linux-amd64.step]]
id = "build"
run = ["$WORKDIR/tool", "", "$HOME"]
dir = "a/b"
env = { C = "step" }
timeout = "20m"

[[builder.linux-amd64.step]]
id = "test"
run = ["true"]
timeout = "90m"
"#;
    let read = environment(FULL);
    assert_eq!(read.to_toml(), expected);
    assert_eq!(environment(expected), read);
    // Stored builds name it: it may change only together with the meaning of the format.
    let digest = "5acc9cbdea28cc0cc1261fbb09cf14c94f3d5a7051936f4f8ac77944697bcbbc";
    assert_eq!(read.digest().as_str(), digest);
}

#[test]
fn the_digest_names_the_content() {
    let a = "[builder.a]\nnotes = \"x\"\n[[builder.a.step]]\nid = \"s\"\nrun = [\"true\"]\n";
    let same = "# The same.\nbuilder.a = { host = 'local', step = [{ run = ['true'], id = 's' }], notes = 'x' }\nhost.local = {}\n";
    let other = a.replace("\"x\"", "\"y\"");
    assert_eq!(environment(a).digest(), environment(same).digest());
    assert_ne!(environment(a).digest(), environment(&other).digest());
    assert_eq!(environment(a).digest().as_str().len(), 64);
}

/// The example of the documentation, and all that is in use.
#[test]
fn every_file_of_env_is_valid() {
    // Where tests run is the crate's folder; its name at compile time may be that of another checkout.
    let env = Path::new("../../env").to_owned();
    let mut files = Vec::new();
    let mut folders = vec![env.clone()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path
                .extension()
                .is_some_and(|extension| extension == "toml")
            {
                let text = std::fs::read_to_string(&path).unwrap();
                files.push(file(&path.display().to_string(), &text));
            }
        }
    }
    let environment = parse(&files).unwrap_or_else(|errors| panic!("{errors}"));
    let quick = environment.builder("quick").unwrap();
    assert_eq!(quick.steps().len(), 2);
    assert!(quick.env()["CARGO_TARGET_DIR"].starts_with("$CACHE/"));

    let readme = std::fs::read_to_string(env.join("README.md")).unwrap();
    let (_, example) = readme.split_once("```toml\n").unwrap();
    let (example, _) = example.split_once("```").unwrap();
    let example = parse(&[file("env/README.md", example)]);
    let example = example.unwrap_or_else(|errors| panic!("{errors}"));
    assert_eq!(example.builders().len(), 1);
}

/// Names and texts that a canonical text has to survive.
fn text() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z \"'\\\\$#\n\t\r\u{7f}\u{85}é{}]{0,12}", "\\PC{0,8}"]
        .prop_filter("no shell", |text: &String| !text.contains("${"))
}

/// A file that declares one builder, and a host of its own or not.
fn declaration(index: usize) -> impl Strategy<Value = SourceFile> {
    let numbers = (1u32..90, 0usize..3, 1u64..9000);
    (text(), text(), text(), numbers, any::<bool>()).prop_map(
        move |(notes, value, argument, (minutes, more, size), own_host)| {
            let name = format!("b.{index}");
            let host = if own_host { format!("h{index}") } else { "local".to_owned() };
            let quoted = |text: &str| toml::Value::String(text.to_owned()).to_string();
            let (notes, value, argument) = (quoted(&notes), quoted(&value), quoted(&argument));
            let mut lines = format!(
                "[builder.\"{name}\"]\nhost = \"{host}\"\nnotes = {notes}\nenv = {{ V = {value} }}\n\
                 limits = {{ total = \"{minutes}m\", output = \"{size}KiB\" }}\n"
            );
            if own_host {
                lines += &format!("[host.{host}]\nenv = {{ W = {value} }}\n");
            }
            for step in 0..=more {
                lines += &format!(
                    "[[builder.\"{name}\".step]]\nid = \"s{step}\"\nrun = [\"x\", {argument}]\n"
                );
            }
            file(&format!("{index}.toml"), &lines)
        },
    )
}

fn declarations() -> impl Strategy<Value = Vec<SourceFile>> {
    (1usize..5).prop_flat_map(|count| (0..count).map(declaration).collect::<Vec<_>>())
}

/// Text that looks enough like a configuration to get past the first key.
fn nearly() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("[builder.a]\n".to_owned()),
        Just("[[builder.a.step]]\n".to_owned()),
        Just("[host.b]\n".to_owned()),
        Just("id = \"s\"\n".to_owned()),
        Just("run = [".to_owned()),
        Just("limits = { total = \"".to_owned()),
        Just("branches = [\"*".to_owned()),
        Just("env = { A = \"$".to_owned()),
        Just("\"]\n".to_owned()),
        Just("\" }\n".to_owned()),
        Just("a.".to_owned()),
        "[a-z]{1,6} = [0-9\"\\[{tf]",
        "\\PC{0,4}",
        "[\u{0}-\u{20}é\u{feff}]",
    ];
    proptest::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in any::<String>()) {
        if let Err(errors) = parse(&[file("a.toml", &text)]) {
            prop_assert!(!errors.list().is_empty());
        }
    }

    #[test]
    fn nearly_a_configuration_is_read_or_refused(first in nearly(), second in nearly()) {
        if let Err(errors) = parse(&[file("a.toml", &first), file("b.toml", &second)]) {
            prop_assert!(!errors.list().is_empty());
            for error in errors.list() {
                let text = if error.at.path == "a.toml" { &first } else { &second };
                prop_assert!(error.at.line <= text.split('\n').count());
                prop_assert!(!error.to_string().contains('\n'));
            }
        }
    }

    #[test]
    fn the_order_of_files_changes_nothing(
        files in declarations().prop_flat_map(|files| (Just(files.clone()), Just(files).prop_shuffle()))
    ) {
        let (ordered, shuffled) = files;
        let one_file: String = shuffled.iter().map(|file| file.text.as_str()).collect();
        let ordered = parse(&ordered).unwrap();
        let (shuffled, one_file) = (parse(&shuffled).unwrap(), environment(&one_file));
        prop_assert_eq!(ordered.digest(), shuffled.digest());
        prop_assert_eq!(ordered.digest(), one_file.digest());
    }

    #[test]
    fn the_canonical_text_is_read_back(files in declarations()) {
        let read = parse(&files).unwrap();
        let again = environment(&read.to_toml());
        prop_assert_eq!(again, read);
    }
}
