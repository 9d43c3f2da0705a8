//! A bucket in memory: objects with generations, and uploads in parts. Pure but for the clock.
//!
//! Depends on nothing of ours. Objects are kept in order of their names' bytes, as GCS lists them. Those
//! that were overwritten or removed can still be read by generation, as in a bucket with versioning; the
//! oldest of them are forgotten.

use bytes::{Bytes, BytesMut};
use data_encoding::HEXLOWER;
use http::{HeaderName, HeaderValue};
use jiff::Timestamp;
use md5::{Digest as _, Md5};
use std::collections::{BTreeMap, HashMap, VecDeque};

/// Noncurrent objects that are kept.
const NONCURRENT_MAX: usize = 256;
/// A part that is not the last has at least so many bytes.
const PART_MIN: usize = 5 << 20;
/// The first generation; GCS's look like microseconds.
const GENERATION_FIRST: u64 = 1_700_000_000_000_000;

/// What was sent with an object and comes back with it.
pub(super) type Attributes = Vec<(HeaderName, HeaderValue)>;

/// One generation of an object.
#[derive(Clone, Debug)]
pub(super) struct Object {
    pub(super) generation: u64,
    pub(super) body: Bytes,
    /// With its quotes.
    pub(super) etag: String,
    pub(super) modified: Timestamp,
    pub(super) attributes: Attributes,
}

#[derive(Debug)]
struct Upload {
    object: String,
    attributes: Attributes,
    parts: BTreeMap<u32, Bytes>,
}

/// Why a request has no effect.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refused {
    #[error("NoSuchBucket")]
    NoSuchBucket,
    #[error("NoSuchKey")]
    NoSuchKey,
    #[error("NoSuchUpload")]
    NoSuchUpload,
    #[error("InvalidPart")]
    InvalidPart,
    #[error("EntityTooSmall")]
    PartTooSmall,
    #[error("EntityTooLarge")]
    TooLarge,
    #[error("PreconditionFailed")]
    Precondition,
    #[error("NotModified")]
    NotModified(String),
    #[error("InvalidRange")]
    Range(u64),
    #[error("InvalidArgument: {0}")]
    Argument(String),
    #[error("AuthenticationRequired: {0}")]
    Unauthenticated(String),
    #[error("MethodNotAllowed")]
    Method,
}

/// A page of a listing.
#[derive(Debug, Default)]
pub(super) struct Page<'a> {
    pub(super) objects: Vec<(&'a str, &'a Object)>,
    pub(super) prefixes: Vec<String>,
    /// Where the next page goes on, if there is one: after this name, and all that it is a prefix of
    /// if it ends in the delimiter.
    pub(super) next: Option<String>,
}

/// What to list.
#[derive(Debug, Default)]
pub(super) struct Query {
    pub(super) prefix: String,
    pub(super) delimiter: String,
    /// Only names beyond this one.
    pub(super) after: String,
    /// The last page's `next`.
    pub(super) token: Option<String>,
    /// Objects and prefixes together.
    pub(super) most: usize,
}

#[derive(Debug, Default)]
pub(super) struct Bucket {
    live: BTreeMap<String, Object>,
    noncurrent: VecDeque<(String, Object)>,
    uploads: HashMap<String, Upload>,
    made: u64,
}

fn quoted_md5(bytes: &[u8]) -> String {
    format!("\"{}\"", HEXLOWER.encode(&Md5::digest(bytes)))
}

impl Bucket {
    /// The generation that is live, or 0.
    fn generation(&self, name: &str) -> u64 {
        self.live.get(name).map_or(0, |object| object.generation)
    }

    /// The names of the live objects, in order.
    pub(super) fn names(&self) -> Vec<String> {
        self.live.keys().cloned().collect()
    }

    /// Whether a precondition on the generation holds; 0 means that there is no object.
    pub(super) fn check(&self, name: &str, generation: Option<u64>) -> Result<(), Refused> {
        match generation {
            Some(wanted) if wanted != self.generation(name) => Err(Refused::Precondition),
            _ => Ok(()),
        }
    }

    fn retire(&mut self, name: String, object: Object) {
        self.noncurrent.push_back((name, object));
        if self.noncurrent.len() > NONCURRENT_MAX {
            self.noncurrent.pop_front();
        }
    }

    /// Makes a new generation.
    pub(super) fn put(
        &mut self,
        name: &str,
        body: Bytes,
        attributes: Attributes,
        generation: Option<u64>,
    ) -> Result<Object, Refused> {
        let etag = quoted_md5(&body);
        self.put_with_etag(name, body, attributes, generation, etag)
    }

    fn put_with_etag(
        &mut self,
        name: &str,
        body: Bytes,
        attributes: Attributes,
        generation: Option<u64>,
        etag: String,
    ) -> Result<Object, Refused> {
        self.check(name, generation)?;
        self.made += 1;
        let object = Object {
            generation: GENERATION_FIRST + self.made,
            body,
            etag,
            modified: Timestamp::now(),
            attributes,
        };
        if let Some(old) = self.live.insert(name.to_owned(), object.clone()) {
            self.retire(name.to_owned(), old);
        }
        Ok(object)
    }

    /// One generation, or the live one.
    pub(super) fn get(&self, name: &str, generation: Option<u64>) -> Result<&Object, Refused> {
        let live = self.live.get(name);
        let Some(generation) = generation else {
            return live.ok_or(Refused::NoSuchKey);
        };
        let old = self
            .noncurrent
            .iter()
            .filter(|(of, _)| of == name)
            .map(|(_, object)| object);
        old.chain(live)
            .find(|object| object.generation == generation)
            .ok_or(Refused::NoSuchKey)
    }

    pub(super) fn delete(&mut self, name: &str, generation: Option<u64>) -> Result<(), Refused> {
        self.check(name, generation)?;
        let old = self.live.remove(name).ok_or(Refused::NoSuchKey)?;
        self.retire(name.to_owned(), old);
        Ok(())
    }

    pub(super) fn list(&self, query: &Query) -> Page<'_> {
        let mut page = Page::default();
        let mut last = "";
        for (name, object) in self.live.range(query.prefix.clone()..) {
            let Some(rest) = name.strip_prefix(&query.prefix) else {
                break;
            };
            let cut = (!query.delimiter.is_empty())
                .then(|| rest.find(&query.delimiter))
                .flatten()
                .map(|at| query.prefix.len() + at + query.delimiter.len());
            let entry = &name[..cut.unwrap_or(name.len())];
            let listed = cut.is_some() && page.prefixes.last().is_some_and(|last| last == entry);
            let told = |token: &String| entry <= token.as_str();
            if *name <= query.after || listed || query.token.as_ref().is_some_and(told) {
                continue;
            }
            if page.objects.len() + page.prefixes.len() == query.most {
                page.next = Some(last.to_owned());
                break;
            }
            last = entry;
            match cut {
                Some(_) => page.prefixes.push(entry.to_owned()),
                None => page.objects.push((name, object)),
            }
        }
        page
    }

    /// Begins an upload in parts.
    pub(super) fn begin_upload(&mut self, object: &str, attributes: Attributes) -> String {
        self.made += 1;
        let id = format!("upload-{}", self.made);
        let upload = Upload {
            object: object.to_owned(),
            attributes,
            parts: BTreeMap::new(),
        };
        self.uploads.insert(id.clone(), upload);
        id
    }

    fn upload(&mut self, object: &str, id: &str) -> Result<&mut Upload, Refused> {
        self.uploads
            .get_mut(id)
            .filter(|upload| upload.object == object)
            .ok_or(Refused::NoSuchUpload)
    }

    /// Takes a part, or takes it again; gives its etag.
    pub(super) fn put_part(
        &mut self,
        object: &str,
        id: &str,
        number: u32,
        body: Bytes,
    ) -> Result<String, Refused> {
        let etag = quoted_md5(&body);
        self.upload(object, id)?.parts.insert(number, body);
        Ok(etag)
    }

    pub(super) fn abort_upload(&mut self, object: &str, id: &str) -> Result<(), Refused> {
        self.upload(object, id)?;
        self.uploads.remove(id);
        Ok(())
    }

    /// Makes the object of these parts, given as (number, etag).
    pub(super) fn complete_upload(
        &mut self,
        object: &str,
        id: &str,
        parts: &[(u32, String)],
    ) -> Result<Object, Refused> {
        let upload = self.upload(object, id)?;
        if parts.is_empty() || !parts.is_sorted_by(|a, b| a.0 < b.0) {
            return Err(Refused::InvalidPart);
        }
        let mut body = BytesMut::new();
        for (nth, (number, etag)) in parts.iter().enumerate() {
            let part = upload.parts.get(number).ok_or(Refused::InvalidPart)?;
            if quoted_md5(part).trim_matches('"') != etag.trim_matches('"') {
                return Err(Refused::InvalidPart);
            }
            if part.len() < PART_MIN && nth + 1 < parts.len() {
                return Err(Refused::PartTooSmall);
            }
            body.extend_from_slice(part);
        }
        let attributes = std::mem::take(&mut upload.attributes);
        self.uploads.remove(id);
        let etag = format!("\"{}-{}\"", self.made, parts.len());
        self.put_with_etag(object, body.freeze(), attributes, None, etag)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bucket(names: &[&str]) -> Bucket {
        let mut bucket = Bucket::default();
        for name in names {
            bucket
                .put(name, Bytes::new(), Attributes::new(), Some(0))
                .unwrap();
        }
        bucket
    }

    /// All pages of so many entries: objects, prefixes.
    fn pages(bucket: &Bucket, prefix: &str, most: usize) -> (Vec<String>, Vec<String>) {
        let (mut objects, mut prefixes) = (Vec::new(), Vec::new());
        let mut query = Query {
            prefix: prefix.into(),
            delimiter: "/".into(),
            most,
            ..Query::default()
        };
        loop {
            let page = bucket.list(&query);
            assert!(page.objects.len() + page.prefixes.len() <= most);
            objects.extend(page.objects.iter().map(|(name, _)| (*name).to_owned()));
            prefixes.extend(page.prefixes.iter().cloned());
            match page.next {
                Some(next) => query.token = Some(next),
                None => return (objects, prefixes),
            }
        }
    }

    #[test]
    fn pages_of_any_size_list_the_same() {
        let bucket = bucket(&["a", "a/b", "a/c", "a/d/e", "a0", "b/c", "c", "d/e", "d/f"]);
        let whole = pages(&bucket, "", 1000);
        assert_eq!(whole.0, ["a", "a0", "c"]);
        assert_eq!(whole.1, ["a/", "b/", "d/"]);
        for most in 1..9 {
            assert_eq!(pages(&bucket, "", most), whole, "{most}");
        }
        assert_eq!(pages(&bucket, "a/", 1).0, ["a/b", "a/c"]);
    }

    #[test]
    fn a_generation_is_a_precondition() {
        let mut bucket = bucket(&["a"]);
        let put = |bucket: &mut Bucket, generation| {
            bucket.put("a", Bytes::new(), Attributes::new(), Some(generation))
        };
        let first = bucket.get("a", None).unwrap().generation;
        assert_eq!(put(&mut bucket, 0).unwrap_err(), Refused::Precondition);
        let second = put(&mut bucket, first).unwrap().generation;
        assert!(second > first);
        assert_eq!(put(&mut bucket, first).unwrap_err(), Refused::Precondition);
        assert_eq!(bucket.delete("a", Some(first)), Err(Refused::Precondition));
        bucket.delete("a", Some(second)).unwrap();
        assert_eq!(bucket.get("a", None).unwrap_err(), Refused::NoSuchKey);
        assert_eq!(bucket.get("a", Some(first)).unwrap().generation, first);
        assert!(put(&mut bucket, 0).unwrap().generation > second);
    }
}
