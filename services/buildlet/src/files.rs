//! Single files and directories: `/write`, `/removeall`, `/ls`.

mod listing;

use std::{
    fs::{self, File, OpenOptions, Permissions},
    io::{self, Read, Write},
    os::unix::fs::PermissionsExt,
    path::PathBuf,
    sync::Arc,
};

use axum::{
    extract::{RawQuery, Request, State},
    response::Response,
};

use crate::{
    Agent, download,
    form::Form,
    refusal::Refusal,
    relative::Relative,
    upload,
    workdir::{PlaceError, Workdir},
};

/// The permission bits of a regular file.
const MODE_BITS: u32 = 0o777;

/// `PUT /write?path=&mode=`: the body becomes the file.
pub(crate) async fn write(
    State(agent): State<Arc<Agent>>,
    RawQuery(query): RawQuery,
    request: Request,
) -> Result<&'static str, Refusal> {
    let query = Form::query(query.as_deref())?;
    let path = Relative::path(query.first("path"))?;
    let mode = mode(query.first("mode"))?;
    let workdir = agent.workdir.clone();
    upload::consume(&agent, request.into_body(), move |mut body| {
        let (path, mut file) = create(&workdir, &path)?;
        let written = copy(&mut body, &mut file).and_then(|()| set_mode(&file, mode));
        written.map_err(|error| {
            // Half a file must not be taken for one.
            let _ = fs::remove_file(&path);
            PlaceError::io("write", &path)(error).into()
        })
    })
    .await?;
    Ok("OK")
}

/// A new, empty file in place of whatever file or link is there.
pub(crate) fn create(workdir: &Workdir, name: &Relative) -> Result<(PathBuf, File), PlaceError> {
    let path = workdir.clear_for_file(name)?;
    let created = OpenOptions::new().write(true).create_new(true).open(&path);
    let file = created.map_err(PlaceError::io("create", &path))?;
    Ok((path, file))
}

/// Sets the mode exactly, whatever the agent's umask is.
pub(crate) fn set_mode(file: &File, mode: u32) -> io::Result<()> {
    file.set_permissions(Permissions::from_mode(mode & MODE_BITS))
}

fn copy(body: &mut upload::BodyReader, file: &mut File) -> io::Result<()> {
    let mut buffer = vec![0; 64 << 10];
    loop {
        match body.read(&mut buffer)? {
            0 => return Ok(()),
            count => file.write_all(&buffer[..count])?,
        }
    }
}

/// A mode as the original has it, a decimal number, or octal after `0o`.
fn mode(text: &str) -> Result<u32, Refusal> {
    let parsed = match text.strip_prefix("0o") {
        Some(octal) => u32::from_str_radix(octal, 8),
        None => text.parse(),
    };
    match parsed {
        Ok(mode) if mode <= MODE_BITS => Ok(mode),
        _ => Err(Refusal::bad_request(format!(
            "invalid mode {text:?}: not the permission bits of a regular file, in decimal or as 0o…"
        ))),
    }
}

/// `POST /removeall`: deletes every `path` of the form, after all were checked.
pub(crate) async fn remove_all(
    State(agent): State<Arc<Agent>>,
    request: Request,
) -> Result<&'static str, Refusal> {
    let form = Form::read(request.into_body(), &agent.limits).await?;
    let paths: Vec<Relative> = form
        .all("path")
        .map(Relative::path)
        .collect::<Result<_, _>>()?;
    if paths.is_empty() {
        return Err(Refusal::bad_request("requires 'path' parameter"));
    }
    let workdir = agent.workdir.clone();
    let removing = agent.tasks.spawn_blocking(move || {
        let mut paths = paths.iter();
        paths.try_for_each(|path| workdir.remove(path))
    });
    removing.await.map_err(Refusal::internal)??;
    Ok("OK")
}

/// `GET /ls?dir=&recursive=&digest=&skip=…`
pub(crate) async fn ls(
    State(agent): State<Arc<Agent>>,
    RawQuery(query): RawQuery,
) -> Result<Response, Refusal> {
    let query = Form::query(query.as_deref())?;
    let dir = Relative::dir(query.first("dir"))?;
    let wanted = listing::Wanted {
        recursive: query.flag("recursive"),
        digest: query.flag("digest"),
        skip: query.all("skip").map(Into::into).collect(),
    };
    let dir = existing_dir(&agent, dir).await?;
    download::respond(&agent, "text/plain; charset=utf-8", move |out| {
        listing::list(&dir, &wanted, out)
    })
    .await
}

/// The real path of a directory that is to be read.
pub(crate) async fn existing_dir(agent: &Agent, dir: Relative) -> Result<PathBuf, Refusal> {
    let workdir = agent.workdir.clone();
    let finding = agent.tasks.spawn_blocking(move || {
        let missing = || io::Error::from(io::ErrorKind::NotFound);
        let found = workdir.find_dir(&dir)?;
        found.ok_or_else(|| PlaceError::io("open", &workdir.lexical(&dir))(missing()))
    });
    Ok(finding.await.map_err(Refusal::internal)??)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes() {
        for (text, want) in [("420", 0o644), ("0o755", 0o755), ("0", 0), ("511", 0o777)] {
            assert_eq!(mode(text).unwrap(), want, "{text}");
        }
        for text in ["", "-1", "512", "0o1000", "0x1", "rw", "0o", "99999999999"] {
            assert!(mode(text).is_err(), "{text}");
        }
    }
}
