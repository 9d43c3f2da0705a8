//! Rust: `Cargo.toml`.

use toml::de::DeTable;

use crate::detect::look::look;
use crate::detect::{Found, Planned, Tree};

pub(super) fn find(tree: &dyn Tree) -> Option<Found> {
    let manifest = look(tree, "Cargo.toml")?;
    let mut remarks = Vec::new();
    let is_workspace = match manifest.text().map(DeTable::parse) {
        Ok(Ok(table)) => table.get_ref().contains_key("workspace"),
        Ok(Err(_)) => {
            remarks.push("Cargo.toml isn't valid TOML, so cargo will refuse it".to_owned());
            false
        }
        Err(why) => {
            remarks.push(format!("Cargo.toml {why}"));
            false
        }
    };
    let is_locked = tree.exists("Cargo.lock");
    let workspace = if is_workspace { " (workspace)" } else { "" };
    let lock = if is_locked { " with Cargo.lock" } else { "" };
    let mut build = vec!["cargo", "build", "--workspace", "--all-targets"];
    let mut test = vec!["cargo", "test", "--workspace"];
    if is_locked {
        build.push("--locked");
        test.push("--locked");
    }
    Some(Found {
        toolchain: "cargo",
        files: format!("Cargo.toml{workspace}{lock}"),
        is_main: true,
        env: vec![("CARGO_TARGET_DIR", "$CACHE/target")],
        steps: vec![
            Planned::new("build", "cargo build", &build),
            Planned::new("test", "cargo test", &test),
        ],
        remarks,
    })
}
