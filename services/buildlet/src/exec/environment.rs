//! The environment of a command, as an ordered list of variables. Pure.

use std::{
    ffi::{OsStr, OsString},
    os::unix::ffi::{OsStrExt, OsStringExt},
    path::Path,
};

/// Variables in the order in which they first appeared; each name once.
#[derive(Clone, Debug, Default)]
pub(crate) struct Environment {
    pairs: Vec<(OsString, OsString)>,
}

impl Environment {
    /// Of a name that comes twice the later value counts.
    pub(crate) fn new(pairs: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        let mut environment = Self::default();
        for (key, value) in pairs {
            environment.set(key, value);
        }
        environment
    }

    pub(crate) fn set(&mut self, key: impl AsRef<OsStr>, value: impl AsRef<OsStr>) {
        let (key, value) = (key.as_ref(), value.as_ref().to_os_string());
        match self.pairs.iter_mut().find(|(known, _)| known == key) {
            Some(pair) => pair.1 = value,
            None => self.pairs.push((key.to_os_string(), value)),
        }
    }

    pub(crate) fn get(&self, key: &str) -> Option<&OsStr> {
        let found = self.pairs.iter().find(|(known, _)| known == key);
        found.map(|(_, value)| value.as_os_str())
    }

    pub(crate) fn pairs(&self) -> &[(OsString, OsString)] {
        &self.pairs
    }

    /// Rewrites `PATH` from a request's `path` list (spec: builds 1.4). An
    /// element `$PATH` stands for the value so far, `$WORKDIR` anywhere in an
    /// element for the workdir, and `$EMPTY` as the only element for no `PATH` at
    /// all. An empty list changes nothing.
    pub(crate) fn apply_path_list<'p>(
        &mut self,
        list: impl IntoIterator<Item = &'p str>,
        workdir: &Path,
    ) {
        let list: Vec<&str> = list.into_iter().collect();
        if list.is_empty() {
            return;
        }
        if list == ["$EMPTY"] {
            self.pairs.retain(|(key, _)| key != "PATH");
            return;
        }
        let mut path = Vec::new();
        let mut is_first = true;
        for element in list {
            let element = match element {
                "$PATH" => match self.get("PATH") {
                    Some(old) => old.as_bytes().to_vec(),
                    None => continue,
                },
                element => with_workdir(element, workdir),
            };
            if !is_first {
                path.push(b':');
            }
            is_first = false;
            path.extend(element);
        }
        self.set("PATH", OsString::from_vec(path));
    }
}

fn with_workdir(element: &str, workdir: &Path) -> Vec<u8> {
    let parts: Vec<&[u8]> = element.split("$WORKDIR").map(str::as_bytes).collect();
    parts.join(workdir.as_os_str().as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(text: &str) -> Environment {
        let pairs = text.split(',').filter_map(|pair| pair.split_once('='));
        Environment::new(pairs.map(|(key, value)| (key.into(), value.into())))
    }

    fn check(list: &[&str], want: &str) {
        let mut environment = environment("A=1,PATH=/bin:/usr/bin,B=2");
        environment.apply_path_list(list.iter().copied(), Path::new("/workdir"));
        let pairs = environment.pairs().iter();
        let shown: Vec<String> = pairs
            .map(|(key, value)| format!("{}={}", key.display(), value.display()))
            .collect();
        assert_eq!(shown.join(","), want);
    }

    #[test]
    fn path_lists() {
        check(&[], "A=1,PATH=/bin:/usr/bin,B=2");
        check(&["$EMPTY"], "A=1,B=2");
        check(
            &["/go/bin", "$WORKDIR/foo"],
            "A=1,PATH=/go/bin:/workdir/foo,B=2",
        );
        check(
            &["/go/bin", "$PATH", "$WORKDIR/foo"],
            "A=1,PATH=/go/bin:/bin:/usr/bin:/workdir/foo,B=2",
        );
        check(
            &["$PATH", "/go/bin", "/a/b"],
            "A=1,PATH=/bin:/usr/bin:/go/bin:/a/b,B=2",
        );
    }

    #[test]
    fn without_an_old_path() {
        let mut environment = environment("A=1");
        environment.apply_path_list(["$PATH", "/go/bin"], Path::new("/workdir"));
        assert_eq!(environment.get("PATH"), Some(OsStr::new("/go/bin")));
    }

    #[test]
    fn later_values_win() {
        let environment = environment("A=1,B=2,A=3");
        assert_eq!(environment.get("A"), Some(OsStr::new("3")));
        assert_eq!(environment.pairs().len(), 2);
    }
}
