//! What is worked out from the files of a repository.

#![allow(clippy::unwrap_used, reason = "a test may panic, its functions too")]

use std::collections::BTreeMap;

use builders::{Detected, SourceFile, Tree, detect, parse};
use proptest::prelude::*;

/// Files by path; a path that ends with `/` is an empty folder.
#[derive(Debug, Default)]
struct Files(BTreeMap<String, Vec<u8>>);

impl Files {
    fn of(files: &[(&str, &str)]) -> Self {
        let files = files.iter();
        Self(
            files
                .map(|(path, text)| (path.to_string(), text.as_bytes().to_vec()))
                .collect(),
        )
    }
}

impl Tree for Files {
    fn file(&self, path: &str) -> Option<Vec<u8>> {
        self.0.get(path).cloned()
    }

    fn exists(&self, path: &str) -> bool {
        let folder = format!("{path}/");
        self.0.contains_key(path) || self.0.keys().any(|file| file.starts_with(&folder))
    }

    fn top_level(&self) -> Vec<String> {
        let tops = self.0.keys().filter_map(|path| path.split('/').next());
        tops.map(str::to_owned).collect()
    }
}

fn detected(files: &[(&str, &str)]) -> Detected {
    detect(&Files::of(files), "linux", "amd64")
}

/// The builders' names.
fn names(detected: &Detected) -> Vec<&str> {
    let builders = detected.environment.builders().keys();
    builders.map(|name| name.as_str()).collect()
}

/// The command lines of a builder, each after its step's id.
fn lines(detected: &Detected, builder: &str) -> Vec<String> {
    let builder = detected.environment.builder(builder).unwrap();
    let steps = builder.steps().iter();
    steps
        .map(|step| format!("{}: {}", step.id(), step.run().join(" ")))
        .collect()
}

/// A variable of a builder.
fn variable<'a>(detected: &'a Detected, builder: &str, name: &str) -> &'a str {
    &detected.environment.builder(builder).unwrap().env()[name]
}

#[test]
fn cargo() {
    let found = detected(&[("Cargo.toml", "[workspace]\n"), ("Cargo.lock", "")]);
    assert_eq!(names(&found), ["linux-amd64-cargo"]);
    assert_eq!(
        found.findings,
        [
            "found Cargo.toml (workspace) with Cargo.lock: builder linux-amd64-cargo runs cargo build, cargo test"
        ]
    );
    assert_eq!(
        lines(&found, "linux-amd64-cargo"),
        [
            "build: cargo build --workspace --all-targets --locked",
            "test: cargo test --workspace --locked"
        ]
    );
    let target = variable(&found, "linux-amd64-cargo", "CARGO_TARGET_DIR");
    assert_eq!(target, "$CACHE/target");

    let found = detected(&[("Cargo.toml", "[package]\nname = \"x\"\n")]);
    assert_eq!(
        lines(&found, "linux-amd64-cargo"),
        [
            "build: cargo build --workspace --all-targets",
            "test: cargo test --workspace"
        ]
    );
    assert!(found.findings[0].starts_with("found Cargo.toml: "));
}

#[test]
fn go() {
    let found = detected(&[("go.mod", "module x\n")]);
    assert_eq!(
        lines(&found, "linux-amd64-go"),
        [
            "build: go build ./...",
            "vet: go vet ./...",
            "test: go test ./..."
        ]
    );
    assert_eq!(
        variable(&found, "linux-amd64-go", "GOCACHE"),
        "$CACHE/go-build"
    );
    assert_eq!(
        found.findings,
        ["found go.mod: builder linux-amd64-go runs go build, go vet, go test"]
    );
}

#[test]
fn npm() {
    let package = r#"{"scripts": {"test": "node --test", "build": "tsc"}}"#;
    let found = detected(&[("package.json", package), ("package-lock.json", "{}")]);
    assert_eq!(
        lines(&found, "linux-amd64-npm"),
        ["install: npm ci", "build: npm run build", "test: npm test"]
    );
    assert_eq!(
        found.findings,
        [
            "found package.json with package-lock.json: builder linux-amd64-npm runs npm ci, npm run build, npm test"
        ]
    );

    let default =
        r#"{"scripts": {"test": "echo \"Error: no test specified\" && exit 1", "build": " "}}"#;
    let found = detected(&[("package.json", default), ("yarn.lock", "")]);
    assert_eq!(lines(&found, "linux-amd64-npm"), ["install: npm install"]);
    assert!(found.findings[1].contains("npm doesn't read yarn.lock"));
}

#[test]
fn make() {
    let found = detected(&[("Makefile", "all:\n\ttrue\ntest check: all\n")]);
    assert_eq!(
        lines(&found, "linux-amd64-make"),
        ["build: make", "test: make check"]
    );
    let found = detected(&[("GNUmakefile", "test:\n"), ("Makefile", "check:\n")]);
    assert_eq!(
        lines(&found, "linux-amd64-make"),
        ["build: make", "test: make test"]
    );
    let found = detected(&[("Makefile", "all:\n\tcheck: x\n")]);
    assert_eq!(lines(&found, "linux-amd64-make"), ["build: make"]);
    assert_eq!(
        found.findings[1],
        "Makefile has neither a target check nor test"
    );
    let found = detect(&Files::of(&[("GNUmakefile", "")]), "freebsd", "arm64");
    assert_eq!(lines(&found, "freebsd-arm64-make"), ["build: gmake"]);
}

#[test]
fn cmake() {
    let found = detected(&[("CMakeLists.txt", "")]);
    assert_eq!(
        lines(&found, "linux-amd64-cmake"),
        [
            "configure: cmake -S . -B build",
            "build: cmake --build build",
            "test: ctest --test-dir build --output-on-failure"
        ]
    );
    let found = detected(&[("CMakeLists.txt", ""), ("build/x", "")]);
    assert_eq!(
        lines(&found, "linux-amd64-cmake")[1],
        "build: cmake --build _build"
    );
}

#[test]
fn python() {
    let pyproject =
        "[project]\nname = \"x\"\n[project.optional-dependencies]\ndev = []\ntest = []\n";
    let found = detected(&[("pyproject.toml", pyproject), ("tests/test_x.py", "")]);
    assert_eq!(
        lines(&found, "linux-amd64-python"),
        [
            "venv: python3 -m venv $WORKDIR/.venv",
            "install: $WORKDIR/.venv/bin/python -m pip install -e .[test] pytest",
            "test: $WORKDIR/.venv/bin/python -m pytest"
        ]
    );
    let found = detect(
        &Files::of(&[
            ("requirements.txt", ""),
            ("requirements-dev.txt", ""),
            ("test_x.py", ""),
        ]),
        "windows",
        "amd64",
    );
    assert_eq!(
        lines(&found, "windows-amd64-python"),
        [
            "venv: python -m venv $WORKDIR/.venv",
            "install: $WORKDIR/.venv/Scripts/python.exe -m pip install \
             -r requirements.txt -r requirements-dev.txt pytest",
            "test: $WORKDIR/.venv/Scripts/python.exe -m pytest"
        ]
    );
}

#[test]
fn python_without_tests_is_compiled() {
    let found = detected(&[("setup.py", "")]);
    let compiled = lines(&found, "linux-amd64-python");
    assert_eq!(
        compiled[1],
        "install: $WORKDIR/.venv/bin/python -m pip install -e ."
    );
    assert!(compiled[2].starts_with("compile: $WORKDIR/.venv/bin/python -m compileall -q "));
    // A pyproject.toml that only configures tools is nothing to install.
    let found = detected(&[("pyproject.toml", "[tool.black]\n")]);
    let [compile] = lines(&found, "linux-amd64-python").try_into().unwrap();
    assert!(
        compile.starts_with("compile: python3 -m compileall "),
        "{compile}"
    );
}

#[test]
fn a_folder_of_tests_is_pythons_only_where_nothing_else_is() {
    let files = [("setup.py", ""), ("Cargo.toml", ""), ("tests/x.rs", "")];
    let found = detected(&files);
    assert_eq!(lines(&found, "linux-amd64-python").len(), 3);
    assert!(!found.findings.concat().contains("pytest"));
    let found = detected(&[
        ("setup.py", ""),
        ("Cargo.toml", ""),
        ("tests/conftest.py", ""),
    ]);
    assert!(found.findings.concat().contains("pytest"));
}

#[test]
fn every_toolchain_has_its_builder() {
    let package = r#"{"scripts": {"test": "x"}}"#;
    let found = detected(&[
        ("Cargo.toml", ""),
        ("go.mod", ""),
        ("package.json", package),
        ("setup.py", ""),
    ]);
    assert_eq!(
        names(&found),
        [
            "linux-amd64-cargo",
            "linux-amd64-go",
            "linux-amd64-npm",
            "linux-amd64-python"
        ]
    );
    let found = detected(&[("CMakeLists.txt", ""), ("Makefile", "check:\n")]);
    assert_eq!(names(&found), ["linux-amd64-cmake", "linux-amd64-make"]);
}

#[test]
fn a_makefile_around_a_language_is_left_out() {
    for language in ["Cargo.toml", "go.mod", "setup.py"] {
        let found = detected(&[
            (language, ""),
            ("Makefile", "check:\n"),
            ("CMakeLists.txt", ""),
        ]);
        assert_eq!(names(&found).len(), 1, "{language}");
        let left_out = found
            .findings
            .iter()
            .filter(|it| it.contains("left it out"));
        assert_eq!(left_out.count(), 2, "{language}: {:?}", found.findings);
    }
    let found = detected(&[("go.mod", ""), ("Makefile", "")]);
    assert_eq!(
        found.findings[1],
        "found Makefile too, but took it for a wrapper of the above and left it out; \
         write env/builders/make.toml to build with it"
    );
}

#[test]
fn a_makefile_beside_mere_tools_is_not_left_out() {
    // Neither of these builds the repository.
    let found = detected(&[
        ("package.json", "{}"),
        ("requirements.txt", ""),
        ("Makefile", ""),
    ]);
    assert_eq!(
        names(&found),
        ["linux-amd64-make", "linux-amd64-npm", "linux-amd64-python"]
    );
}

#[test]
fn nothing_found_says_how_to_write_one() {
    let found = detected(&[("README.md", ""), ("src/Cargo.toml", "")]);
    assert!(found.environment.builders().is_empty());
    let [finding] = found.findings.try_into().unwrap();
    assert!(finding.contains("env/builders/NAME.toml"));
    let (_, example) = finding.split_once("\n\n").unwrap();
    let text = example.replace("NAME", "quick");
    let path = "env/builders/quick.toml".to_owned();
    let environment = parse(&[SourceFile { path, text }]).unwrap();
    assert_eq!(environment.builders().len(), 1);
}

#[test]
fn what_is_detected_can_be_written_down() {
    let found = detected(&[("Cargo.toml", ""), ("setup.py", ""), ("go.mod", "")]);
    let text = found.environment.to_toml();
    let path = "env/all.toml".to_owned();
    assert_eq!(
        parse(&[SourceFile { path, text }]).unwrap(),
        found.environment
    );
}

#[test]
fn broken_files_are_reported_and_still_built() {
    let found = detected(&[
        ("Cargo.toml", "[workspace"),
        ("package.json", "{\n\"scripts\": "),
        ("pyproject.toml", "= 1"),
    ]);
    assert_eq!(names(&found).len(), 3);
    for said in [
        "Cargo.toml isn't valid TOML, so cargo will refuse it",
        "package.json isn't valid JSON (line 2), so npm will refuse it",
        "pyproject.toml isn't valid TOML, so pip may refuse it",
    ] {
        assert!(
            found.findings.iter().any(|it| it == said),
            "{:?}",
            found.findings
        );
    }
    for package in [
        "[]",
        "null",
        "{\"scripts\": 5}",
        "{\"scripts\": {\"test\": 5}}",
    ] {
        let found = detected(&[("package.json", package)]);
        assert_eq!(
            lines(&found, "linux-amd64-npm"),
            ["install: npm install"],
            "{package}"
        );
    }
}

#[test]
fn huge_and_binary_files_do_no_harm() {
    let deep = "[".repeat(200_000);
    let huge = vec![b'a'; 50 << 20];
    let names = [
        "Cargo.toml",
        "package.json",
        "pyproject.toml",
        "Makefile",
        "go.mod",
    ];
    for content in [huge, deep.into_bytes(), vec![0xff; 4096], vec![0; 4096]] {
        for name in names {
            let files = Files([(name.to_owned(), content.clone())].into());
            let found = detect(&files, "linux", "amd64");
            assert_eq!(found.environment.builders().len(), 1, "{name}");
        }
    }
}

#[test]
fn any_platform_makes_a_valid_name() {
    let files = Files::of(&[("go.mod", "")]);
    let found = detect(&files, "../ö", &"x".repeat(200));
    let text = found.environment.to_toml();
    let path = "a.toml".to_owned();
    assert!(parse(&[SourceFile { path, text }]).is_ok());
}

proptest! {
    #[test]
    fn any_content_is_borne(content in any::<Vec<u8>>(), text in "[a-z:=\t\n\\\\#{}\\[\\]\"., ]{0,80}") {
        let names = [
            "Cargo.toml", "go.mod", "package.json", "pyproject.toml", "setup.py",
            "requirements.txt", "CMakeLists.txt", "Makefile",
        ];
        for content in [content, text.into_bytes()] {
            let files = names.map(|name| (name.to_owned(), content.clone()));
            let found = detect(&Files(files.into()), "linux", "amd64");
            prop_assert!(!found.findings.is_empty());
        }
    }
}
