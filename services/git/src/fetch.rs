//! Fetching: makes the refs of a mirror those of its remote, and brings the objects that they need. One round:
//! connect, list the remote's refs, remove what is gone, receive a pack, move the refs, follow the default branch.
//! Depends on `gix` for the protocol, and [`crate::mirror`] for the lock.

mod transport;

use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use gix::bstr::{BStr, BString};
use gix::open::{Options, Permissions};
use gix::progress::Discard;
use gix::protocol::handshake::Ref as RemoteRef;
use gix::refs::transaction::{PreviousValue, RefEdit};
use gix::refs::{FullName, Target as GixTarget};
use gix::remote::Direction;
use gix::remote::fetch::refs::update::Mode;
use gix::remote::fetch::{Status, Tags};

use crate::mirror::Lock;
use crate::objects::git_hash;
use crate::refs::{RawRefs, Target};
use crate::{Error, Location, Repository};

/// Branches and tags under their own names, whatever they were before.
const REFSPECS: [&str; 2] = ["+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"];

/// See [`Repository::fetch`].
pub(crate) fn fetch(repository: &Repository, cancel: &AtomicBool) -> Result<bool, Error> {
    let dir = repository.common_dir();
    let location = repository.mirrored().ok_or_else(|| Error::NotAMirror {
        path: dir.to_owned(),
    })?;
    transport::install_tls();
    let _lock = Lock::take(dir)?;
    let before = repository.refs()?;
    let fetch = Fetch {
        dir,
        location,
        cancel,
    };
    fetch.run().map_err(|error| {
        // gix has many ways to say that it was told to stop.
        if cancel.load(Ordering::Relaxed) {
            Error::Cancelled {
                doing: format!("fetching {location}"),
            }
        } else {
            error
        }
    })?;
    Ok(repository.refs()? != before)
}

/// One fetch.
struct Fetch<'a> {
    dir: &'a Path,
    location: &'a Location,
    cancel: &'a AtomicBool,
}

impl Fetch<'_> {
    fn run(&self) -> Result<(), Error> {
        // Opened anew each time: the packs and the configuration of now, and none of what reading must not depend on.
        let options = Options::default()
            .permissions(Permissions::all())
            .config_overrides([
                "gitoxide.credentials.terminalPrompt=false",
                "core.logAllRefUpdates=false",
                "clone.rejectShallow=false",
            ]);
        let repo = options
            .open(self.dir)
            .map_err(|source| Error::Open {
                path: self.dir.to_owned(),
                source: source.into(),
            })?
            .to_thread_local();
        let remote = repo
            .remote_at(self.location.fetch_url()?)
            .and_then(|remote| remote.with_refspecs(REFSPECS, Direction::Fetch))
            .map_err(|source| self.failed(source))?
            .with_fetch_tags(Tags::None);
        let mut connection = transport::connect(&remote).map_err(|source| self.failed(source))?;
        if let Some(credentials) = self.location.credentials() {
            transport::use_credentials(&mut connection, credentials);
        }
        let head = gix::refspec::parse("HEAD".into(), gix::refspec::parse::Operation::Fetch)
            .map_err(|source| self.failed(source))?
            .to_owned();
        let options = gix::remote::ref_map::Options {
            extra_refspecs: vec![head],
            ..Default::default()
        };
        self.check_cancelled()?;
        let prepared = connection
            .prepare_fetch(Discard, options)
            .map_err(|source| self.failed(source))?;
        self.check_cancelled()?;

        let remote_refs = prepared.ref_map().remote_refs.clone();
        let local = RawRefs::read(self.dir, &mut None)?;
        self.remove_gone(&repo, &local, &remote_refs)?;
        if !is_up_to_date(&local, &remote_refs) {
            let outcome = prepared
                .with_write_packed_refs_only(true)
                .receive(Discard, self.cancel)
                .map_err(|source| self.failed(source))?;
            self.check_received(&outcome.status)?;
        }
        self.follow_head(&repo, &remote_refs)
    }

    /// Deletes the branches and tags that the remote no longer has. Comes before the pack, so that a new branch `a/b`
    /// finds no old branch `a`.
    fn remove_gone(
        &self,
        repo: &gix::Repository,
        local: &RawRefs,
        remote: &[RemoteRef],
    ) -> Result<(), Error> {
        let there: HashSet<&BStr> = remote.iter().map(|remote| remote.unpack().0).collect();
        let gone = local
            .targets
            .keys()
            .filter(|name| !there.contains(BStr::new(name.as_slice())));
        let edits: Vec<_> = gone
            .filter_map(|name| FullName::try_from(BString::from(name.as_slice())).ok())
            .map(|name| RefEdit::delete(name, PreviousValue::Any))
            .collect();
        if edits.is_empty() {
            return Ok(());
        }
        tracing::debug!(location = %self.location, refs = edits.len(), "removing refs that the remote no longer has");
        repo.edit_references(edits)
            .map(drop)
            .map_err(|source| self.failed(source))
    }

    /// gix reports refs that it could not move, but doesn't fail.
    fn check_received(&self, status: &Status) -> Result<(), Error> {
        let (Status::NoPackReceived { update_refs, .. } | Status::Change { update_refs, .. }) =
            status;
        for update in &update_refs.updates {
            match &update.mode {
                Mode::RejectedSourceObjectNotFound { id } => {
                    let problem = format!("it has a ref to object {id}, but does not send that");
                    return Err(Error::BadRemote {
                        location: self.location.to_string(),
                        problem,
                    });
                }
                Mode::NoChangeNeeded | Mode::FastForward | Mode::Forced | Mode::New => {}
                mode => tracing::warn!(location = %self.location, %mode, "a ref was not updated"),
            }
        }
        Ok(())
    }

    /// Makes `HEAD` what it is at the remote. A remote that doesn't say leaves it as it was.
    fn follow_head(&self, repo: &gix::Repository, remote: &[RemoteRef]) -> Result<(), Error> {
        let head = remote.iter().find(|remote| remote.unpack().0 == "HEAD");
        let target = match head {
            Some(RemoteRef::Symbolic { target, .. } | RemoteRef::Unborn { target, .. }) => {
                let name = FullName::try_from(target.clone()).map_err(|_| Error::BadRemote {
                    location: self.location.to_string(),
                    problem: format!("its HEAD is {target}, which is no name of a branch"),
                })?;
                GixTarget::Symbolic(name)
            }
            Some(RemoteRef::Direct { object, .. } | RemoteRef::Peeled { object, .. }) => {
                GixTarget::Object(*object)
            }
            None => return Ok(()),
        };
        let failed = |source: gix::Error| self.failed(source);
        if repo
            .find_reference("HEAD")
            .map_err(failed)?
            .target()
            .into_owned()
            == target
        {
            return Ok(());
        }
        tracing::info!(location = %self.location, head = %target, "HEAD of the remote has moved");
        let name = FullName::try_from("HEAD").map_err(|source| self.failed(source))?;
        let edit = RefEdit::update(name, target, PreviousValue::Any, "fetch");
        repo.edit_reference(edit).map(drop).map_err(failed)
    }

    fn check_cancelled(&self) -> Result<(), Error> {
        if self.cancel.load(Ordering::Relaxed) {
            return Err(Error::Cancelled {
                doing: format!("fetching {}", self.location),
            });
        }
        Ok(())
    }

    fn failed(&self, source: impl Into<crate::error::Source>) -> Error {
        Error::Fetch {
            location: self.location.to_string(),
            source: source.into(),
        }
    }
}

/// Whether all branches and tags of the remote are here already, so that there is nothing to ask for.
fn is_up_to_date(local: &RawRefs, remote: &[RemoteRef]) -> bool {
    let wanted: BTreeMap<&BStr, _> = remote
        .iter()
        .map(RemoteRef::unpack)
        .filter(|(name, ..)| name.starts_with(b"refs/heads/") || name.starts_with(b"refs/tags/"))
        .map(|(name, hash, _)| (name, hash.and_then(git_hash)))
        .collect();
    let detached = remote.iter().any(|remote| {
        matches!(remote, RemoteRef::Direct { full_ref_name, .. } | RemoteRef::Peeled { full_ref_name, .. } if full_ref_name == "HEAD")
    });
    // The commit of a detached HEAD may be on no branch.
    !detached
        && wanted.iter().all(|(name, hash)| {
            let here = local.targets.get::<[u8]>(name.as_ref());
            hash.is_some_and(|hash| here == Some(&Target::Object(hash)))
        })
}
