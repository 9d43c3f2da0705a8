//! Reading objects: kinds, sizes and bytes by hash. Hides that the object store changes under a reader's feet, when
//! another process packs it. Depends on `gix` and [`crate::Repository`].

use gix::ThreadSafeRepository;
use gix::objs::{Find, FindHeader, Kind};
use gix::odb::pack::cache::lru::StaticLinkedList;
use proto::GitHash;

use crate::{Error, Repository};

/// Bytes of delta bases that one handle keeps: 32 MiB.
const PACK_CACHE_BYTES: usize = 32 << 20;

/// How often one reader opens the store again: after that, the repository is rather broken than busy.
const REOPENINGS_MAX: u32 = 16;

/// What to make of an object that isn't found.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Absence {
    /// It may be a race with another process.
    Doubtful,
    /// It is how the repository is.
    Expected,
}

/// A view of the object store for one thread, with its caches.
pub(crate) struct Handle {
    pub(crate) generation: u64,
    repo: Box<gix::Repository>,
}

impl Handle {
    pub(crate) fn new(repo: &ThreadSafeRepository, generation: u64) -> Self {
        let mut repo = Box::new(repo.to_thread_local());
        repo.objects.ignore_replacements = true;
        repo.objects
            .set_pack_cache(|| Box::new(StaticLinkedList::<64>::new(PACK_CACHE_BYTES)));
        Self { generation, repo }
    }
}

/// A reader of objects. Its handle goes back to the repository when it is dropped.
pub(crate) struct Objects<'r> {
    repository: &'r Repository,
    /// Gone after the drop, or when the repository could not be opened again.
    handle: Option<Handle>,
    reopenings: u32,
}

impl<'r> Objects<'r> {
    pub(crate) fn new(repository: &'r Repository, handle: Handle) -> Self {
        Self {
            repository,
            handle: Some(handle),
            reopenings: 0,
        }
    }

    /// Reads an object into `buffer`; `None` if it isn't here.
    pub(crate) fn try_read(
        &mut self,
        hash: &GitHash,
        buffer: &mut Vec<u8>,
    ) -> Result<Option<Kind>, Error> {
        self.looking(hash, Absence::Doubtful, |repo| data(repo, hash, buffer))
    }

    /// The same for an object that is likely not here, so that its absence needs no second look.
    pub(crate) fn try_read_unlikely(
        &mut self,
        hash: &GitHash,
        buffer: &mut Vec<u8>,
    ) -> Result<Option<Kind>, Error> {
        self.looking(hash, Absence::Expected, |repo| data(repo, hash, buffer))
    }

    /// Reads an object that has to be here and of this kind.
    pub(crate) fn read(
        &mut self,
        hash: &GitHash,
        wanted: Kind,
        buffer: &mut Vec<u8>,
    ) -> Result<(), Error> {
        let found = self.try_read(hash, buffer)?;
        self.expect(hash, found, wanted)
    }

    /// Kind and size in bytes, without reading the object; `None` if it isn't here.
    pub(crate) fn try_header(&mut self, hash: &GitHash) -> Result<Option<(Kind, u64)>, Error> {
        self.looking(hash, Absence::Doubtful, |repo| header(repo, hash))
    }

    /// The same for an object that is likely not here.
    pub(crate) fn try_header_unlikely(
        &mut self,
        hash: &GitHash,
    ) -> Result<Option<(Kind, u64)>, Error> {
        self.looking(hash, Absence::Expected, |repo| header(repo, hash))
    }

    /// Size in bytes of an object that has to be here and of this kind.
    pub(crate) fn size(&mut self, hash: &GitHash, wanted: Kind) -> Result<u64, Error> {
        let header = self.try_header(hash)?;
        self.expect(hash, header.map(|(kind, _)| kind), wanted)?;
        Ok(header.map_or(0, |(_, size)| size))
    }

    /// Turns an absence, or another kind than the wanted one, into an error.
    pub(crate) fn expect(
        &self,
        hash: &GitHash,
        found: Option<Kind>,
        wanted: Kind,
    ) -> Result<(), Error> {
        match found {
            Some(kind) if kind == wanted => Ok(()),
            Some(kind) => Err(Error::WrongKind {
                hash: *hash,
                path: self.repository.common_dir().to_owned(),
                found: kind_name(kind),
                wanted: kind_name(wanted),
            }),
            None => Err(Error::Missing {
                hash: *hash,
                path: self.repository.common_dir().to_owned(),
            }),
        }
    }

    pub(crate) fn corrupt(&self, hash: &GitHash, problem: impl Into<String>) -> Error {
        let path = self.repository.common_dir().to_owned();
        Error::Corrupt {
            hash: *hash,
            path,
            problem: problem.into(),
        }
    }

    /// gix follows packs that come and go by itself, but has limits (how many there are, files that vanish between
    /// two looks). So an error or an absence counts only if a freshly opened store gives it too.
    fn looking<T>(
        &mut self,
        hash: &GitHash,
        absence: Absence,
        mut look: impl FnMut(&gix::Repository) -> gix::Result<Option<T>>,
    ) -> Result<Option<T>, Error> {
        let mut handle = match self.handle.take() {
            Some(handle) => handle,
            None => self.repository.reopened(0)?,
        };
        let mut result = look(&handle.repo);
        let doubtful = match &result {
            Ok(Some(_)) => false,
            Ok(None) => absence == Absence::Doubtful,
            Err(_) => true,
        };
        if doubtful && self.reopenings < REOPENINGS_MAX {
            tracing::debug!(object.hash = %hash, error = ?result.as_ref().err(), "looking into the object store again");
            self.reopenings += 1;
            handle = self.repository.reopened(handle.generation)?;
            result = look(&handle.repo);
        }
        self.handle = Some(handle);
        result.map_err(|source| Error::Object {
            hash: *hash,
            path: self.repository.common_dir().to_owned(),
            source: source.into(),
        })
    }
}

impl Drop for Objects<'_> {
    fn drop(&mut self) {
        if let Some(handle) = self.handle.take() {
            self.repository.put_back(handle);
        }
    }
}

fn header(repo: &gix::Repository, hash: &GitHash) -> gix::Result<Option<(Kind, u64)>> {
    let header = repo.objects.try_header(&object_id(hash))?;
    Ok(header.map(|header| (header.kind, header.size)))
}

fn data(repo: &gix::Repository, hash: &GitHash, buffer: &mut Vec<u8>) -> gix::Result<Option<Kind>> {
    let data = repo.objects.try_find(&object_id(hash), buffer)?;
    Ok(data.map(|data| data.kind))
}

fn object_id(hash: &GitHash) -> gix::ObjectId {
    gix::ObjectId::Sha1(*hash.as_bytes())
}

/// `None` for what is no SHA-1, which a repository opened here can't have.
pub(crate) fn git_hash(id: &gix::oid) -> Option<GitHash> {
    id.as_bytes().try_into().ok().map(GitHash::from_bytes)
}

const fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Blob => "blob",
        Kind::Tree => "tree",
        Kind::Commit => "commit",
        Kind::Tag => "tag",
    }
}
