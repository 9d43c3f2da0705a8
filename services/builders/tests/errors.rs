//! What a reader of the configuration is told about each kind of mistake: golden texts.

use builders::{SourceFile, parse};

/// The errors of one file called `a.toml`.
fn errors(text: &str) -> String {
    errors_of(&[("a.toml", text)])
}

fn errors_of(files: &[(&str, &str)]) -> String {
    let files: Vec<SourceFile> = files
        .iter()
        .map(|(path, text)| SourceFile {
            path: path.to_string(),
            text: text.to_string(),
        })
        .collect();
    match parse(&files) {
        Ok(environment) => format!("no mistake found in\n{}", environment.to_toml()),
        Err(errors) => errors.to_string(),
    }
}

/// A builder `quick` with the given lines and one good step.
fn builder(lines: &str) -> String {
    format!("[builder.quick]\n{lines}\n[[builder.quick.step]]\nid = \"a\"\nrun = [\"true\"]\n")
}

/// A builder `quick` with one step of the given lines.
fn step(lines: &str) -> String {
    format!("[[builder.quick.step]]\n{lines}\n")
}

#[test]
fn an_unknown_key() {
    let text = step("id = \"a\"\nrun = [\"true\"]\ntiemout = \"5m\"");
    assert_eq!(
        errors(&text),
        "a.toml:4:1: unknown key `tiemout` in [[builder.quick.step]]; did you mean `timeout`?"
    );
    assert_eq!(
        errors(&builder("limits = { memory = \"1GiB\" }")),
        "a.toml:2:12: unknown key `memory` in limits of [builder.quick]; the keys here are `total`, `output`"
    );
    assert_eq!(
        errors("[builders.quick]\n"),
        "a.toml:1:2: unknown key `builders` in the file; did you mean `builder`?"
    );
    assert_eq!(
        errors("[host.desk]\nname = \"x\"\n\"a\\nb\" = 1\n"),
        "a.toml:2:1: unknown key `name` in [host.desk]; the keys here are `kind`, `os`, `arch`, `owners`, `env`\n\
         a.toml:3:1: unknown key `a\\nb` in [host.desk]; the keys here are `kind`, `os`, `arch`, `owners`, `env`"
    );
}

#[test]
fn a_part_of_the_format_that_is_not_yet_here() {
    assert_eq!(
        errors("[host.big]\nkind = \"container\"\nimage = \"x\"\n[policy.default]\n"),
        "a.toml:2:8: the host kind `container` is not yet here; leave it out for now\n\
         a.toml:3:1: `image` in [host.big] is not yet here; leave it out for now\n\
         a.toml:4:2: `policy` in the file is not yet here; leave it out for now"
    );
    assert_eq!(
        errors(&step("id = \"a\"\nrun = [\"true\"]\nshard = {}")),
        "a.toml:4:1: `shard` in [[builder.quick.step]] is not yet here; leave it out for now"
    );
}

#[test]
fn no_toml() {
    assert_eq!(
        errors("a = local\n[builder.quick\n"),
        "a.toml:1:5: this isn't valid TOML: string values must be quoted, expected literal string; mend it; the rest of this file was not looked at\n\
         a.toml:2:15: this isn't valid TOML: unclosed table, expected `]`; mend it; the rest of this file was not looked at"
    );
    assert_eq!(
        errors("[host.a]\n[host.a]\n"),
        "a.toml:2:7: this isn't valid TOML: duplicate key; mend it; the rest of this file was not looked at"
    );
}

#[test]
fn a_wrong_type() {
    assert_eq!(
        errors(&step("id = \"a\"\nrun = \"cargo test\"")),
        "a.toml:3:7: `run` in [[builder.quick.step]] is a text, but should be a list of texts; \
         write it like `run = [\"cargo\", \"test\"]`"
    );
    assert_eq!(
        errors(&step("id = \"a\"\nrun = [\"sleep\", 5]\ntimeout = 60")),
        "a.toml:3:17: an element of `run` in [[builder.quick.step]] is an integer, but should be a text; \
         write it like `run = [\"cargo\", \"test\"]`\n\
         a.toml:4:11: `timeout` in [[builder.quick.step]] is an integer, but should be a text; \
         write it like `timeout = \"10m\"`"
    );
    assert_eq!(
        errors("builder = 5\nhost.local = true\n"),
        "a.toml:1:11: `builder` in the file is an integer, but should be a table; write it like `[builder.quick]`\n\
         a.toml:2:6: `host.local` is a boolean, but should be a table; write it like `[host.local]`"
    );
    assert_eq!(
        errors("[builder.quick]\nstep = { id = \"a\" }\nenv = []\n"),
        "a.toml:2:8: `step` in [builder.quick] is a table, but should be a list of tables; \
         write it like `[[builder.quick.step]]`\n\
         a.toml:3:7: `env` in [builder.quick] is a list, but should be a table; \
         write it like `env = { GOCACHE = \"$CACHE/go\" }`"
    );
}

#[test]
fn what_is_missing() {
    assert_eq!(
        errors("[builder.quick]\nhost = \"local\"\n"),
        "a.toml:1:10: [builder.quick] has no steps; add a [[builder.quick.step]] with an `id` and a `run`"
    );
    assert_eq!(
        errors("[[builder.quick.step]]\n"),
        "a.toml:1:1: [[builder.quick.step]] has no `id`; add one, such as `id = \"test\"`\n\
         a.toml:1:1: [[builder.quick.step]] has no `run`; add one, such as `run = [\"cargo\", \"test\"]`"
    );
}

#[test]
fn a_run_without_a_program() {
    let expected = |at| {
        format!(
            "a.toml:{at}: `run` of [[builder.quick.step]] names no program; \
             write the program and its arguments, such as `run = [\"cargo\", \"test\"]`"
        )
    };
    assert_eq!(errors(&step("id = \"a\"\nrun = []")), expected("3:7"));
    assert_eq!(
        errors(&step("id = \"a\"\nrun = [\" \", \"x\"]")),
        expected("3:8")
    );
    assert_eq!(
        errors(&step("id = \"a\"\nrun = [\"cargo test --locked\"]")),
        "a.toml:3:8: `cargo test --locked` is wrong in `run`: it is a command line, not a program; \
         write each argument apart, as in `[\"cargo\", \"test\", …]`"
    );
}

#[test]
fn a_bad_id() {
    assert_eq!(
        errors("[[builder.\"a b\".step]]\nid = \"../x\"\nrun = [\"true\"]\n"),
        "a.toml:1:11: the builder name `a b` has a ' ' in it; \
         use 1 to 64 of A-Z a-z 0-9 . _ - and begin with a letter or a digit\n\
         a.toml:2:6: the step id `../x` has a '/' in it; \
         use 1 to 64 of A-Z a-z 0-9 . _ - and begin with a letter or a digit"
    );
}

#[test]
fn a_duplicate() {
    assert_eq!(
        errors(&(step("id = \"a\"\nrun = [\"x\"]") + &step("id = \"a\"\nrun = [\"y\"]"))),
        "a.toml:5:6: the step `a` is already declared at a.toml:2:6; rename or remove one of them"
    );
    // The order in which the files come doesn't matter.
    let quick = builder("");
    let files = [("b.toml", quick.as_str()), ("a.toml", quick.as_str())];
    assert_eq!(
        errors_of(&files),
        "b.toml:1:10: the builder `quick` is already declared at a.toml:1:10; rename or remove one of them"
    );
    let files = [("a.toml", "[host.desk]\n"), ("b.toml", "\n[host.desk]\n")];
    assert_eq!(
        errors_of(&files),
        "b.toml:2:7: the host `desk` is already declared at a.toml:1:7; rename or remove one of them"
    );
}

#[test]
fn an_unknown_host() {
    let quick = builder("host = \"dekc\"");
    assert_eq!(
        errors_of(&[("a.toml", &quick), ("b.toml", "[host.desk]\n")]),
        "a.toml:2:8: the builder `quick` wants the host `dekc`, which no file declares; \
         declare [host.dekc] or use one of `desk`, `local`"
    );
    // A host that is declared wrongly is declared.
    let desk = "[host.dekc]\nos = \"macos\"\n";
    assert_eq!(
        errors_of(&[("a.toml", &quick), ("b.toml", desk)]),
        "b.toml:2:6: `macos` is wrong in `os`: Go has no operating system of that name; did you mean `darwin`?"
    );
    // A file that can't be read may be the one that declares it.
    let errors = errors_of(&[("a.toml", &quick), ("b.toml", "[host.dekc\n")]);
    assert!(
        errors.starts_with("b.toml:1:11: ") && !errors.contains("a.toml"),
        "{errors}"
    );
}

#[test]
fn bad_durations_and_sizes() {
    let fix = "write one number and one of s, m, h, such as 90s, 20m or 2h";
    for (value, problem, fix) in [
        ("5", "it has no unit", fix),
        ("1h30m", "it has a unit that isn't known here", fix),
        ("0m", "it is zero", fix),
        ("", "it doesn't begin with a digit", fix),
        ("25h", "it is more than 24h", "write less"),
    ] {
        assert_eq!(
            errors(&builder(&format!("limits.total = \"{value}\""))),
            format!("a.toml:2:16: `{value}` is wrong in `total`: {problem}; {fix}")
        );
    }
    assert_eq!(
        errors(&builder("limits.output = \"64MB\"")),
        "a.toml:2:17: `64MB` is wrong in `output`: it has a unit that isn't known here; \
         write one number and one of KiB, MiB, GiB, such as 256MiB"
    );
}

#[test]
fn a_timeout_over_the_total() {
    let text = step("id = \"a\"\nrun = [\"true\"]\ntimeout = \"61m\"");
    let expected = "a timeout of 61m is longer than the 1h of the whole build; \
                    lower it, or raise `total` in the builder's `limits`";
    assert_eq!(errors(&text), format!("a.toml:4:11: {expected}"));
    // A total that is wrong is no measure.
    let text = "[builder.quick]\nlimits.total = \"2x\"\nstep = [{ id = \"a\", run = [\"a\"], timeout = \"23h\" }]\n";
    assert_eq!(errors(text).lines().count(), 1);
}

#[test]
fn a_bad_branch() {
    let text = builder("branches = [\"main\", \"\", \"v[0-9]\", \"refs/heads/main\"]");
    assert_eq!(
        errors(&text),
        "a.toml:2:21: `` is wrong in `branches`: it is empty; write `default`, `*` or a branch name\n\
         a.toml:2:25: `v[0-9]` is wrong in `branches`: no branch name has a '[' in it; \
         only `*` (any text) and `?` (any one character) are special\n\
         a.toml:2:35: `refs/heads/main` is wrong in `branches`: it is a ref, not a branch name; \
         leave out `refs/heads/`"
    );
    assert_eq!(
        errors(&builder("branches = []")),
        "a.toml:2:12: `[]` is wrong in `branches`: it builds no branch; \
         name one, or leave `branches` out for the default branch"
    );
}

#[test]
fn a_bad_folder_variable_or_issue() {
    let text = step(
        "id = \"a\"\nrun = [\"true\"]\ndir = \"../x\"\nenv = { \"A-B\" = \"1\", C = \"${CACHE}\" }",
    );
    assert_eq!(
        errors(&text),
        "a.toml:4:7: `../x` is wrong in `dir`: it may lead out of the source; \
         name a folder in the source, such as `tools/check`\n\
         a.toml:5:9: `A-B` is wrong in `env`: no variable can have that name; \
         use at most 128 of A-Z a-z 0-9 _ and begin with no digit\n\
         a.toml:5:26: `${CACHE}` is wrong in `env`: it isn't read by a shell; write `$CACHE`"
    );
    assert_eq!(
        errors(&builder("known_issues = [\"38283\"]")),
        "a.toml:2:17: `38283` is wrong in `known_issues`: it names no issue; \
         write `#123`, `owner/name#123` or a URL"
    );
    assert_eq!(
        errors("[host.desk]\nkind = \"cloud\"\narch = \"x86_64\"\nowners = [\"\"]\n"),
        "a.toml:2:8: `cloud` is wrong in `kind`: there is no such kind of host; write `local`\n\
         a.toml:3:8: `x86_64` is wrong in `arch`: Go has no architecture of that name; did you mean `amd64`?\n\
         a.toml:4:11: `` is wrong in `owners`: it is empty, too long or not on one line; \
         write an address or an account"
    );
}

#[test]
fn too_much() {
    let steps: String = (0..101)
        .map(|n| step(&format!("id = \"a{n}\"\nrun = [\"true\"]")))
        .collect();
    assert_eq!(
        errors(&steps),
        "a.toml:1:11: `step` in [builder.quick] has 101 elements, more than 100; take some away or split it"
    );
    assert_eq!(
        errors(&"#".repeat((256 << 10) + 1)),
        "a.toml:1:1: the file has 262145 bytes, more than 262144; take some away or split it"
    );
    let files: Vec<(&str, &str)> = vec![("a.toml", ""); 1025];
    assert_eq!(
        errors_of(&files),
        "a.toml:1:1: the environment has 1025 files, more than 1024; take some away or split it"
    );
}

#[test]
fn all_mistakes_of_all_files_come_at_once_in_order() {
    let broken = "[builder.x]\nhost = 1\nnotes = 2\n";
    let errors = errors_of(&[("z.toml", "[a]\n"), ("b.toml", broken), ("a.toml", "[\n")]);
    let places: Vec<&str> = errors
        .lines()
        .filter_map(|line| line.split_once(": "))
        .map(|(place, _)| place)
        .collect();
    assert_eq!(
        places,
        [
            "a.toml:1:2",
            "b.toml:1:10",
            "b.toml:2:8",
            "b.toml:3:9",
            "z.toml:1:2"
        ]
    );
}
