//! Python: `pyproject.toml`, `setup.py` or `requirements.txt`.

use toml::de::{DeTable, DeValue};

use crate::detect::look::look;
use crate::detect::{Found, Planned, Tree};

/// What people call the requirements of their tests.
const TEST_REQUIREMENTS: [&str; 4] = [
    "requirements-test.txt",
    "test-requirements.txt",
    "requirements-dev.txt",
    "dev-requirements.txt",
];
/// What people call the optional dependencies of their tests; the first that there is is
/// taken.
const TEST_EXTRAS: [&str; 4] = ["test", "tests", "testing", "dev"];
/// Files that only pytest reads.
const PYTEST_FILES: [&str; 6] = [
    "pytest.ini",
    "conftest.py",
    "tests/conftest.py",
    "tests/__init__.py",
    "test/conftest.py",
    "test/__init__.py",
];
/// Folders that hold no source of the repository.
const NOT_OURS: &str = r"[/\\](\.venv|node_modules)[/\\]";

/// What the files at the top say.
struct Project {
    files: Vec<&'static str>,
    /// Whether pip can install the repository itself.
    is_package: bool,
    /// An extra that brings what the tests need.
    extra: Option<&'static str>,
    has_tests: bool,
    remarks: Vec<String>,
}

/// `is_alone`: whether nothing else was found, so that a folder of tests is Python's.
pub(super) fn find(tree: &dyn Tree, os: &str, is_alone: bool) -> Option<Found> {
    let project = read(tree, is_alone)?;
    let (python, venv_python) = match os {
        "windows" => ("python", "$WORKDIR/.venv/Scripts/python.exe"),
        _ => ("python3", "$WORKDIR/.venv/bin/python"),
    };
    let wanted = project.requirements(tree);
    let mut steps = Vec::new();
    if !wanted.is_empty() {
        let venv = [python, "-m", "venv", "$WORKDIR/.venv"];
        steps.push(Planned::new("venv", "python -m venv", &venv));
        let mut install = Planned::new("install", "pip install", &[venv_python]);
        install
            .run
            .extend(["-m", "pip", "install"].map(str::to_owned));
        install.run.extend(wanted);
        steps.push(install);
    }
    if project.has_tests {
        steps.push(Planned::new(
            "test",
            "pytest",
            &[venv_python, "-m", "pytest"],
        ));
    } else {
        let program = if steps.is_empty() {
            python
        } else {
            venv_python
        };
        let compile = [program, "-m", "compileall", "-q", "-x", NOT_OURS, "."];
        steps.push(Planned::new("compile", "compileall", &compile));
    }
    Some(Found {
        toolchain: "python",
        files: project.files.join(", "),
        is_main: project.is_package,
        env: vec![("PIP_CACHE_DIR", "$CACHE/pip")],
        steps,
        remarks: project.remarks,
    })
}

fn read(tree: &dyn Tree, is_alone: bool) -> Option<Project> {
    let pyproject = look(tree, "pyproject.toml");
    let has_setup = look(tree, "setup.py").is_some();
    let has_requirements = look(tree, "requirements.txt").is_some();
    if pyproject.is_none() && !has_setup && !has_requirements {
        return None;
    }
    let mut project = Project {
        files: Vec::new(),
        is_package: has_setup,
        extra: None,
        has_tests: has_tests(tree, is_alone),
        remarks: Vec::new(),
    };
    if let Some(pyproject) = pyproject {
        project.files.push("pyproject.toml");
        match pyproject.text().map(DeTable::parse) {
            Ok(Ok(table)) => project.take_pyproject(table.get_ref()),
            Ok(Err(_)) => project.distrust("isn't valid TOML"),
            Err(why) => project.distrust(why),
        }
    }
    project.files.extend(has_setup.then_some("setup.py"));
    project
        .files
        .extend(has_requirements.then_some("requirements.txt"));
    Some(project)
}

impl Project {
    fn take_pyproject(&mut self, table: &DeTable<'_>) {
        let tool = table.get("tool").map(|tool| tool.get_ref());
        let has_tool = |name: &str| tool.is_some_and(|tool| tool.get(name).is_some());
        // Many a pyproject.toml only configures tools, and pip can't install that.
        self.is_package |= table.contains_key("project")
            || table.contains_key("build-system")
            || has_tool("poetry");
        self.has_tests |= has_tool("pytest");
        let project = table.get("project").map(|project| project.get_ref());
        let extras = project.and_then(|project| project.get("optional-dependencies"));
        let extras = extras.map(|extras| extras.get_ref());
        let has_extra = |name: &&str| matches!(extras, Some(DeValue::Table(extras)) if extras.contains_key(*name));
        self.extra = TEST_EXTRAS.into_iter().find(|name| has_extra(name));
    }

    /// A pyproject.toml that can't be read is pip's to refuse.
    fn distrust(&mut self, why: &str) {
        self.is_package = true;
        self.remarks
            .push(format!("pyproject.toml {why}, so pip may refuse it"));
    }

    /// What pip shall install: its arguments.
    fn requirements(&self, tree: &dyn Tree) -> Vec<String> {
        let mut wanted = Vec::new();
        let own = self
            .files
            .contains(&"requirements.txt")
            .then_some("requirements.txt");
        let of_tests = TEST_REQUIREMENTS
            .into_iter()
            .filter(|file| tree.exists(file));
        for file in own.into_iter().chain(of_tests) {
            wanted.extend(["-r".to_owned(), file.to_owned()]);
        }
        if self.is_package {
            let extra = self.extra.map(|extra| format!("[{extra}]"));
            let package = format!(".{}", extra.unwrap_or_default());
            wanted.extend(["-e".to_owned(), package]);
        }
        wanted.extend(self.has_tests.then(|| "pytest".to_owned()));
        wanted
    }
}

/// Whether there are tests for pytest. It fails where it finds none, so a folder `tests` counts
/// only in a repository that is all Python.
fn has_tests(tree: &dyn Tree, is_alone: bool) -> bool {
    let is_test = |name: &String| {
        let stem = name.strip_suffix(".py");
        stem.is_some_and(|stem| stem.starts_with("test_") || stem.ends_with("_test"))
    };
    PYTEST_FILES.iter().any(|file| tree.exists(file))
        || tree.top_level().iter().any(is_test)
        || (is_alone && (tree.exists("tests") || tree.exists("test")))
}
