//! Names what the pages are made with: a digest of this crate's sources, so that an `ETag` of an
//! older build never stands for a page of this one.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

const SOURCES: [&str; 2] = ["src", "templates"];

fn main() -> Result<(), Box<dyn Error>> {
    let mut files = Vec::new();
    for folder in SOURCES {
        println!("cargo::rerun-if-changed={folder}");
        gather(Path::new(folder), &mut files)?;
    }
    files.sort();
    let mut digest = FNV_OFFSET;
    for file in &files {
        digest = add(digest, file.to_string_lossy().as_bytes());
        digest = add(digest, &fs::read(file)?);
    }
    println!(
        "cargo::rustc-env=RENDERER={}+{:08x}",
        env!("CARGO_PKG_VERSION"),
        digest >> 32
    );
    Ok(())
}

fn gather(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), Box<dyn Error>> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            gather(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}

const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;

/// FNV-1a, with the length as a separator.
fn add(digest: u64, bytes: &[u8]) -> u64 {
    let length = (bytes.len() as u64).to_le_bytes();
    bytes.iter().chain(&length).fold(digest, |digest, byte| {
        (digest ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3)
    })
}
