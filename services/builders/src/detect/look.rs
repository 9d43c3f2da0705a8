//! A file of the tree, with bounds on what is looked into.

use crate::detect::Tree;

/// The largest file that is looked into. What people write by hand is far below.
const LOOK_BYTES_MAX: usize = 1 << 20;

/// The bytes of a file.
pub(super) struct Looked(Vec<u8>);

/// Reads a file, if there is one.
pub(super) fn look(tree: &dyn Tree, path: &str) -> Option<Looked> {
    tree.file(path).map(Looked)
}

impl Looked {
    /// Its text; the error says why there is none, to be put behind the file's name.
    pub(super) fn text(&self) -> Result<&str, &'static str> {
        let bytes = self.bounded()?;
        let text = std::str::from_utf8(bytes).map_err(|_| "isn't UTF-8")?;
        Ok(text.trim_start_matches('\u{feff}'))
    }

    /// Its text, with marks for what isn't UTF-8.
    pub(super) fn text_lossy(&self) -> Result<String, &'static str> {
        let bytes = self.bounded()?;
        Ok(String::from_utf8_lossy(bytes).into_owned())
    }

    fn bounded(&self) -> Result<&[u8], &'static str> {
        if self.0.len() > LOOK_BYTES_MAX {
            Err("is too large to look into")
        } else {
            Ok(&self.0)
        }
    }
}
