//! Headers that describe the entry after them: names too long for their own
//! header (GNU), and PAX records. Only names, link targets and sizes matter here.

use std::io::Read;

use tar::EntryType;

use super::{ExtractError, read_error};

/// The longest extension that is read into memory.
const EXTENSION_BYTES_MAX: u64 = 1 << 20;

/// What extension headers say about the next entry.
#[derive(Debug, Default)]
pub(super) struct Overrides {
    pub(super) name: Option<Vec<u8>>,
    pub(super) link: Option<Vec<u8>>,
    pub(super) size: Option<u64>,
}

impl Overrides {
    /// Takes in an extension header. `false` if the entry is not one.
    pub(super) fn take<R: Read>(
        &mut self,
        entry: &mut tar::Entry<'_, R>,
    ) -> Result<bool, ExtractError> {
        match entry.header().entry_type() {
            EntryType::GNULongName => self.name = Some(text(contents(entry)?)),
            EntryType::GNULongLink => self.link = Some(text(contents(entry)?)),
            EntryType::XHeader => self.take_pax(&contents(entry)?)?,
            // About the whole archive, such as the commit that it was made of.
            EntryType::XGlobalHeader => {}
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Records of the form `LENGTH KEY=VALUE\n`, where the length is that of the
    /// whole record, and the value may hold anything.
    fn take_pax(&mut self, mut records: &[u8]) -> Result<(), ExtractError> {
        while !records.is_empty() {
            let (key, value, rest) = pax_record(records).ok_or_else(|| ExtractError::Entry {
                name: "(PAX header)".into(),
                reason: "malformed record".into(),
            })?;
            match key {
                b"path" => self.name = Some(value.to_vec()),
                b"linkpath" => self.link = Some(value.to_vec()),
                // What is no number disagrees with every size.
                b"size" => self.size = Some(number(value).unwrap_or(u64::MAX)),
                _ => {}
            }
            records = rest;
        }
        Ok(())
    }
}

/// The first record's key and value, and what comes after it.
fn pax_record(records: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let space = records.iter().take(20).position(|byte| *byte == b' ')?;
    let length = usize::try_from(number(&records[..space])?).ok()?;
    let (record, rest) = records.split_at_checked(length)?;
    let pair = record.get(space + 1..)?.strip_suffix(b"\n")?;
    let equals = pair.iter().position(|byte| *byte == b'=')?;
    Some((&pair[..equals], &pair[equals + 1..], rest))
}

fn number(digits: &[u8]) -> Option<u64> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}

fn contents<R: Read>(entry: &mut tar::Entry<'_, R>) -> Result<Vec<u8>, ExtractError> {
    let size = entry.header().entry_size().map_err(read_error)?;
    if size > EXTENSION_BYTES_MAX {
        return Err(ExtractError::TooLarge {
            limit: EXTENSION_BYTES_MAX,
            unit: "bytes of a single header",
        });
    }
    let mut contents = Vec::new();
    entry.read_to_end(&mut contents).map_err(read_error)?;
    if contents.len() as u64 != size {
        return Err(ExtractError::Entry {
            name: "(extension header)".into(),
            reason: "it is broken off".into(),
        });
    }
    Ok(contents)
}

/// GNU ends its texts with a zero byte.
fn text(mut contents: Vec<u8>) -> Vec<u8> {
    while contents.last() == Some(&0) {
        contents.pop();
    }
    contents
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pax_records() {
        let mut overrides = Overrides::default();
        overrides
            .take_pax(b"12 path=a/b\n16 comment=a\nb\n\n13 linkpath=\n10 size=7\n")
            .unwrap();
        assert_eq!(overrides.name.unwrap(), b"a/b");
        assert_eq!(overrides.link.unwrap(), b"");
        assert_eq!(overrides.size, Some(7));
    }

    #[test]
    fn malformed_pax_records() {
        for bad in [
            "x path=a\n",
            "99 path=a\n",
            "0 path=a\n",
            "3 path=a\n",
            "9 path=a!",
            "7 path\n\n",
            "99999999999999999999999 path=a\n",
            "\n",
            " =\n",
        ] {
            assert!(
                Overrides::default().take_pax(bad.as_bytes()).is_err(),
                "{bad:?}"
            );
        }
    }
}
