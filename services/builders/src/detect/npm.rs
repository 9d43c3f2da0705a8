//! Node: `package.json`.

use serde_json::Value;

use crate::detect::look::look;
use crate::detect::{Found, Planned, Tree};

/// Lock files that `npm ci` reads.
const LOCK_FILES: [&str; 2] = ["package-lock.json", "npm-shrinkwrap.json"];
/// Lock files of other package managers, which npm doesn't read.
const OTHER_LOCK_FILES: [&str; 3] = ["yarn.lock", "pnpm-lock.yaml", "bun.lock"];

pub(super) fn find(tree: &dyn Tree) -> Option<Found> {
    let package = look(tree, "package.json")?;
    let mut remarks = Vec::new();
    let package = match package.text().map(serde_json::from_str::<Value>) {
        Ok(Ok(Value::Object(package))) => Value::Object(package),
        Ok(Ok(_)) => {
            remarks.push("package.json isn't a JSON object, so npm will refuse it".to_owned());
            Value::Null
        }
        Ok(Err(error)) => {
            let line = error.line();
            remarks.push(format!(
                "package.json isn't valid JSON (line {line}), so npm will refuse it"
            ));
            Value::Null
        }
        Err(why) => {
            remarks.push(format!("package.json {why}, so its scripts are left out"));
            Value::Null
        }
    };
    let lock = LOCK_FILES.into_iter().find(|lock| tree.exists(lock));
    let mut steps = vec![match lock {
        Some(_) => Planned::new("install", "npm ci", &["npm", "ci"]),
        None => Planned::new("install", "npm install", &["npm", "install"]),
    }];
    if script(&package, "build").is_some() {
        let run = ["npm", "run", "build"];
        steps.push(Planned::new("build", "npm run build", &run));
    }
    if script(&package, "test").is_some_and(|test| !is_default_test(test)) {
        steps.push(Planned::new("test", "npm test", &["npm", "test"]));
    }
    if let (None, Some(other)) = (
        lock,
        OTHER_LOCK_FILES.into_iter().find(|it| tree.exists(it)),
    ) {
        remarks.push(format!(
            "npm doesn't read {other}; write env/builders/node.toml to build with what does"
        ));
    }
    Some(Found {
        toolchain: "npm",
        files: match lock {
            Some(lock) => format!("package.json with {lock}"),
            None => "package.json".to_owned(),
        },
        is_main: steps.len() > 1,
        env: vec![
            // Test runners watch files for ever unless they are told that nobody is there.
            ("CI", "true"),
            ("npm_config_cache", "$CACHE/npm"),
        ],
        steps,
        remarks,
    })
}

/// A script of the package, if it has one that does something.
fn script<'a>(package: &'a Value, name: &str) -> Option<&'a str> {
    let script = package.get("scripts")?.get(name)?.as_str()?;
    (!script.trim().is_empty()).then_some(script)
}

/// Whether this is the script that `npm init` writes, which always fails.
fn is_default_test(script: &str) -> bool {
    script.contains("no test specified") && script.contains("exit 1")
}
