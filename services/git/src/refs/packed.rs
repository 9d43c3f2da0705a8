//! `packed-refs`: many refs in one file, sorted by name. Depends on nothing but the file system.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::Path;

use proto::GitHash;

use super::Target;
use crate::Error;

/// The packed refs whose name is wanted. They are replaced as a whole by a rename, so this is one state of them.
pub(crate) fn read(
    common_dir: &Path,
    wanted: impl Fn(&[u8]) -> bool,
) -> Result<BTreeMap<Vec<u8>, Target>, Error> {
    let path = common_dir.join("packed-refs");
    match std::fs::read(&path) {
        Ok(bytes) => Ok(parse(&bytes, wanted)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(BTreeMap::new()),
        Err(source) => Err(Error::File { path, source }),
    }
}

/// A line is `HASH SP NAME`. Others are the header (`# pack-refs with: …`) and what the tag above leads to (`^HASH`).
fn parse(bytes: &[u8], wanted: impl Fn(&[u8]) -> bool) -> BTreeMap<Vec<u8>, Target> {
    let lines = bytes.split(|&byte| byte == b'\n');
    let refs = lines.filter_map(|line| {
        let (hex, rest) = line.split_at_checked(GitHash::HEX_LEN)?;
        let name = rest.strip_prefix(b" ").filter(|name| wanted(name))?;
        Some((name.to_vec(), Target::Object(GitHash::from_hex(hex)?)))
    });
    refs.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_and_others_are_not() {
        let a = "a".repeat(40);
        let text = format!(
            "# pack-refs with: peeled fully-peeled sorted \n{a} refs/heads/x\n{a} refs/tags/t\n^{a}\n{a} refs/notes/n\n\
             nonsense\n{a}refs/heads/y\nzz{a} refs/heads/z\n{a} refs/heads/ü"
        );
        let refs = parse(text.as_bytes(), |name| !name.starts_with(b"refs/notes/"));
        let names: Vec<_> = refs
            .keys()
            .map(|name| String::from_utf8_lossy(name))
            .collect();
        assert_eq!(names, ["refs/heads/x", "refs/heads/ü", "refs/tags/t"]);
    }
}
