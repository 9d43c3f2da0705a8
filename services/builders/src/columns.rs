//! The order and the header of the board's columns, from builder names alone.
//!
//! A name is read as `os-arch-rest`. The rules are those of the original board
//! (dashboards spec, 1.4), so that one who knows it finds each column in its place.

/// A builder that isn't of one of these groups sorts after them all.
const PRIORITY_REST: u32 = 10;
/// How far a builder that is there for a while only is moved back.
const PRIORITY_TEMPORARY: u32 = 20;

/// A run of columns under one heading of the first header row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeaderGroup<'a> {
    /// The operating system, or `race`.
    pub name: &'a str,
    /// How many columns it spans; never 0.
    pub columns: usize,
}

/// The three header rows of the board. `second` and `third` have an element per column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeaderRows<'a> {
    /// Neighbours of the same group as one.
    pub groups: Vec<HeaderGroup<'a>>,
    /// The architecture; of a race builder the operating system.
    pub second: Vec<&'a str>,
    /// The rest of the name; of a race builder nothing.
    pub third: Vec<&'a str>,
}

/// Sorts builder names as the board shows them: by [`priority`], then by name.
pub fn column_order<T: AsRef<str>>(names: &mut [T]) {
    names.sort_by(|a, b| {
        let (a, b) = (a.as_ref(), b.as_ref());
        (priority(a), a).cmp(&(priority(b), b))
    });
}

/// How far to the right a builder's column is: less is further left.
pub fn priority(name: &str) -> u32 {
    let group = if is_race(name) {
        2
    } else {
        os_priority(os(name)).unwrap_or(PRIORITY_REST)
    };
    if is_temporary(name) {
        group + PRIORITY_TEMPORARY
    } else {
        group
    }
}

/// Whether the column stays when only first-class ports are asked for.
pub fn is_first_class(name: &str) -> bool {
    let first_class_os = || match os(name) {
        "all" | "android" => true,
        os => os_priority(os).is_some_and(|priority| priority <= 1),
    };
    !is_temporary(name) && (is_race(name) || first_class_os())
}

/// The header over columns in the given order.
pub fn header_rows<T: AsRef<str>>(names: &[T]) -> HeaderRows<'_> {
    let mut rows = HeaderRows {
        groups: Vec::new(),
        second: Vec::new(),
        third: Vec::new(),
    };
    for name in names {
        let [group, second, third] = headings(name.as_ref());
        match rows.groups.last_mut() {
            Some(last) if last.name == group => last.columns += 1,
            _ => rows.groups.push(HeaderGroup {
                name: group,
                columns: 1,
            }),
        }
        rows.second.push(second);
        rows.third.push(third);
    }
    rows
}

/// What stands over one column, from the top down.
fn headings(name: &str) -> [&str; 3] {
    let mut parts = name.splitn(3, '-');
    let mut part = || parts.next().unwrap_or("");
    let [os, arch, rest] = [part(), part(), part()];
    if is_race(name) {
        ["race", os, ""]
    } else {
        [os, arch, rest]
    }
}

fn os(name: &str) -> &str {
    name.split('-').next().unwrap_or("")
}

fn os_priority(os: &str) -> Option<u32> {
    match os {
        "all" => Some(0),
        "darwin" | "freebsd" | "linux" | "windows" => Some(1),
        "android" => Some(3),
        "openbsd" => Some(4),
        "netbsd" => Some(5),
        "dragonfly" => Some(6),
        _ => None,
    }
}

fn is_race(name: &str) -> bool {
    name.contains("-race-") || name.ends_with("-race")
}

fn is_temporary(name: &str) -> bool {
    name.ends_with("-temp")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Case 4 of the dashboards spec.
    const CASE_4: [&str; 7] = [
        "all-compile",
        "linux-amd64",
        "linux-amd64-race",
        "android-arm64-x",
        "openbsd-386",
        "plan9-386",
        "linux-amd64-temp",
    ];

    #[test]
    fn columns_go_by_priority_then_name() {
        let mut names = CASE_4;
        names.reverse();
        column_order(&mut names);
        assert_eq!(names, CASE_4);

        let mut names = [
            "windows-386",
            "quick",
            "linux-arm",
            "darwin-amd64",
            "linux-386",
        ];
        column_order(&mut names);
        assert_eq!(
            names,
            [
                "darwin-amd64",
                "linux-386",
                "linux-arm",
                "windows-386",
                "quick"
            ]
        );
    }

    #[test]
    fn priorities() {
        let found: Vec<u32> = CASE_4.iter().map(|name| priority(name)).collect();
        assert_eq!(found, [0, 1, 2, 3, 4, 10, 21]);
        for (name, expected) in [
            ("netbsd-arm", 5),
            ("dragonfly-amd64", 6),
            ("freebsd-amd64-race-x", 2),
            ("linux-amd64-race-temp", 22),
            ("", 10),
        ] {
            assert_eq!(priority(name), expected, "{name}");
        }
    }

    #[test]
    fn three_header_rows() {
        let rows = header_rows(&CASE_4);
        let groups: Vec<&str> = rows.groups.iter().map(|group| group.name).collect();
        assert_eq!(
            groups,
            [
                "all", "linux", "race", "android", "openbsd", "plan9", "linux"
            ]
        );
        assert_eq!(
            rows.second,
            ["compile", "amd64", "linux", "arm64", "386", "386", "amd64"]
        );
        assert_eq!(rows.third, ["", "", "", "x", "", "", "temp"]);
    }

    #[test]
    fn neighbours_of_one_group_are_spanned() {
        let rows = header_rows(&[
            "linux-386",
            "linux-amd64-a-b",
            "a-b-race",
            "c-d-race",
            "quick",
        ]);
        let groups: Vec<(&str, usize)> = rows.groups.iter().map(|g| (g.name, g.columns)).collect();
        assert_eq!(groups, [("linux", 2), ("race", 2), ("quick", 1)]);
        assert_eq!(rows.second, ["386", "amd64", "a", "c", ""]);
        assert_eq!(rows.third, ["", "a-b", "", "", ""]);
    }

    #[test]
    fn first_class_ports() {
        let others: Vec<&str> = CASE_4
            .into_iter()
            .filter(|name| !is_first_class(name))
            .collect();
        assert_eq!(others, ["openbsd-386", "plan9-386", "linux-amd64-temp"]);
    }
}
