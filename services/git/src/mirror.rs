//! The folder of a mirror: a bare repository that is this program's own. Making it survives a crash at any point, and
//! one fetch at a time works on it. Depends on the file system and, to read its configuration, on `gix`.

use std::fs::{File, TryLockError};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use crate::{Error, Location};

/// Held by the fetch that is under way. Its own name, as git's locks are files that exist, and this one stays.
const LOCK: &str = "fetching";
/// What a half-made mirror may have. `HEAD` comes last: with it, the mirror is whole.
const PARTS: [&str; 4] = ["config", "config.new", "objects", "refs"];
const HEAD: &str = "HEAD";
const HEAD_NEW: &str = "HEAD.new";
/// Until the first fetch says what it is.
const FIRST_HEAD: &str = "ref: refs/heads/main\n";

/// Makes the mirror's folder, or finishes one that was left half-made. Leaves a finished one alone.
pub(crate) fn ensure(location: &Location, dir: &Path) -> Result<(), Error> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        |source| Error::File { path, source }
    };
    match std::fs::metadata(dir.join(HEAD)) {
        Ok(head) if head.len() > 0 => return Ok(()),
        // A power cut can leave a file without its bytes. The next fetch sets it right.
        Ok(_) if dir.join("config").exists() => {
            return write_whole(dir, HEAD_NEW, HEAD, FIRST_HEAD);
        }
        _ => {}
    }
    match std::fs::read_dir(dir) {
        Ok(entries) => {
            for entry in entries {
                let name = entry.map_err(failed(dir))?.file_name();
                if !PARTS.iter().any(|part| name == *part) && name != HEAD_NEW {
                    let problem = format!(
                        "it has {}, so it is used for something else",
                        name.display()
                    );
                    return Err(not_the_mirror(location, dir, problem));
                }
            }
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(source) => {
            return Err(Error::File {
                path: dir.to_owned(),
                source,
            });
        }
    }
    for part in ["objects/info", "objects/pack", "refs/heads", "refs/tags"] {
        let path = dir.join(part);
        std::fs::create_dir_all(&path).map_err(failed(&path))?;
    }
    write_whole(dir, "config.new", "config", &config(location))?;
    write_whole(dir, HEAD_NEW, HEAD, FIRST_HEAD)
}

/// A `git fetch` by hand does the same as ours.
fn config(location: &Location) -> String {
    let url = location
        .to_string()
        .replace('\\', "\\\\")
        .replace('"', "\\\"");
    format!(
        "[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = true\n\
         [remote \"origin\"]\n\turl = \"{url}\"\n\
         \tfetch = +refs/heads/*:refs/heads/*\n\tfetch = +refs/tags/*:refs/tags/*\n\tprune = true\n\ttagOpt = --no-tags\n"
    )
}

fn write_whole(dir: &Path, new: &str, name: &str, text: &str) -> Result<(), Error> {
    let path = dir.join(new);
    let write = || {
        let mut file = File::create(&path)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&path, dir.join(name))
    };
    write().map_err(|source| Error::File {
        path: path.clone(),
        source,
    })
}

/// A folder that is a repository, but of something else, must not be fetched into.
pub(crate) fn check(location: &Location, dir: &Path, repo: &gix::Repository) -> Result<(), Error> {
    if !repo.is_bare() || !is_same(repo.common_dir(), dir) {
        return Err(not_the_mirror(
            location,
            dir,
            "it is not a bare repository".to_owned(),
        ));
    }
    let url = repo
        .config_snapshot()
        .string("remote.origin.url")
        .map(|url| url.to_string());
    match url {
        Some(url) if url == location.to_string() => Ok(()),
        Some(url) => {
            // It is not ours, so it may hold a password.
            let other = Location::parse(&url)
                .map_or_else(|_| "something else".to_owned(), |other| other.to_string());
            Err(not_the_mirror(location, dir, format!("it mirrors {other}")))
        }
        None => Err(not_the_mirror(
            location,
            dir,
            "it is a repository of its own".to_owned(),
        )),
    }
}

fn is_same(a: &Path, b: &Path) -> bool {
    a.canonicalize()
        .is_ok_and(|a| b.canonicalize().is_ok_and(|b| a == b))
}

fn not_the_mirror(location: &Location, dir: &Path, problem: String) -> Error {
    Error::NotTheMirror {
        path: dir.to_owned(),
        location: location.to_string(),
        problem,
    }
}

/// The right to change a mirror, in this process and in all others. Ends when it is dropped, or the process dies.
pub(crate) struct Lock {
    file: File,
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing the file may not be enough: a program that another thread is just starting has it open too, until it
        // runs.
        if let Err(error) = self.file.unlock() {
            tracing::warn!(%error, "the lock of a mirror was not given back");
        }
    }
}

impl Lock {
    /// Takes the right, and removes what a killed fetch left behind.
    pub(crate) fn take(dir: &Path) -> Result<Self, Error> {
        let path = dir.join(LOCK);
        let failed = |source| Error::File {
            path: path.clone(),
            source,
        };
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(Error::Busy {
                    path: dir.to_owned(),
                });
            }
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
        let lock = Self { file };
        remove_leftovers(dir)?;
        Ok(lock)
    }
}

/// Locks of refs and of `packed-refs` would block all later fetches; half-written packs only take room, and `.keep`
/// files would keep `git gc` from packing.
fn remove_leftovers(dir: &Path) -> Result<(), Error> {
    for path in files(dir)?
        .into_iter()
        .chain(files_below(&dir.join("refs"))?)
    {
        if path
            .extension()
            .is_some_and(|extension| extension == "lock")
        {
            remove(path)?;
        }
    }
    for path in files(&dir.join("objects/pack"))? {
        let name = path.file_name().unwrap_or_default().as_encoded_bytes();
        if name.starts_with(b".tmp") || name.starts_with(b"tmp_") || name.ends_with(b".keep") {
            remove(path)?;
        }
    }
    Ok(())
}

fn remove(path: PathBuf) -> Result<(), Error> {
    tracing::info!(path = %path.display(), "removing what an earlier fetch left behind");
    match std::fs::remove_file(&path) {
        Err(source) if source.kind() != ErrorKind::NotFound => Err(Error::File { path, source }),
        _ => Ok(()),
    }
}

fn files_below(dir: &Path) -> Result<Vec<PathBuf>, Error> {
    let mut found = Vec::new();
    let mut pending = vec![dir.to_owned()];
    while let Some(dir) = pending.pop() {
        for (path, is_dir) in entries(&dir)? {
            if is_dir {
                pending.push(path);
            } else {
                found.push(path);
            }
        }
    }
    Ok(found)
}

fn files(dir: &Path) -> Result<Vec<PathBuf>, Error> {
    Ok(entries(dir)?
        .into_iter()
        .filter(|(_, is_dir)| !is_dir)
        .map(|(path, _)| path)
        .collect())
}

/// What is in a folder, and whether it is a folder.
fn entries(dir: &Path) -> Result<Vec<(PathBuf, bool)>, Error> {
    let failed = |source| Error::File {
        path: dir.to_owned(),
        source,
    };
    let entries = match std::fs::read_dir(dir) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(failed)?,
    };
    entries
        .map(|entry| {
            let entry = entry.map_err(failed)?;
            Ok((entry.path(), entry.file_type().map_err(failed)?.is_dir()))
        })
        .collect()
}
