//! Make: `GNUmakefile`, `makefile` or `Makefile`.

use crate::detect::look::look;
use crate::detect::{Found, Planned, Tree};

/// In the order in which GNU make looks for them.
const MAKEFILES: [&str; 3] = ["GNUmakefile", "makefile", "Makefile"];
/// Systems whose `make` isn't GNU's.
const BSD: [&str; 4] = ["dragonfly", "freebsd", "netbsd", "openbsd"];

pub(super) fn find(tree: &dyn Tree, os: &str) -> Option<Found> {
    let read = |name: &&str| look(tree, name);
    let (name, makefile) = MAKEFILES
        .iter()
        .find_map(|name| Some((*name, read(name)?)))?;
    let is_gnu_only = name == "GNUmakefile" && BSD.contains(&os);
    let make = if is_gnu_only { "gmake" } else { "make" };
    let mut steps = vec![Planned::new("build", "make", &[make])];
    let mut remarks = Vec::new();
    match makefile.text_lossy() {
        Ok(text) if has_target(&text, "check") => {
            steps.push(Planned::new("test", "make check", &[make, "check"]));
        }
        Ok(text) if has_target(&text, "test") => {
            steps.push(Planned::new("test", "make test", &[make, "test"]));
        }
        Ok(_) => remarks.push(format!("{name} has neither a target check nor test")),
        Err(why) => remarks.push(format!("{name} {why}, so only make is run")),
    }
    Some(Found {
        toolchain: "make",
        files: name.to_owned(),
        is_main: true,
        env: Vec::new(),
        steps,
        remarks,
    })
}

/// Whether the text of a makefile has a rule for a target of just that name.
fn has_target(makefile: &str, target: &str) -> bool {
    let joined = makefile.replace("\\\r\n", " ").replace("\\\n", " ");
    joined.lines().any(|line| {
        // A line that begins with a tab is a command.
        if line.starts_with('\t') {
            return false;
        }
        let code = line.split('#').next().unwrap_or("");
        let Some((targets, rest)) = code.split_once(':') else {
            return false;
        };
        // `a = b:c`, `a := b` and `a ::= b` set variables.
        let sets_variable = targets.contains('=') || rest.trim_start_matches(':').starts_with('=');
        !sets_variable && targets.split_whitespace().any(|it| it == target)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_told_from_what_looks_like_one() {
        for yes in [
            "check:",
            "all:\n\ttrue\ncheck: all\n\ttrue",
            "a check b: c",
            "check :: x",
            "a \\\n  check: x",
            "check:# comment",
            "check: A = b",
        ] {
            assert!(has_target(yes, "check"), "{yes}");
        }
        for no in [
            "",
            "check",
            "\tcheck: x",
            ".PHONY: check",
            "# check:",
            "check := x",
            "check ::= x",
            "check = a:b",
            "checks: x",
            "a: check",
            "\0:\u{fffd}",
        ] {
            assert!(!has_target(no, "check"), "{no}");
        }
    }
}
