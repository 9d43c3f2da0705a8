//! The wire types: what the records of the streams hold.
//!
//! [`maintpb`] is the `activity` stream's mutation, compatible with the original system;
//! [`forgelog`] holds [`forgelog::Meta`], which every record of ours carries, and
//! [`forgelog::builds`], the `builds` stream's mutation. The types are generated from the `.proto`
//! files beside this crate's manifest at build time, without protoc; those files say what each
//! field means. Behaviour lives elsewhere. Depends on prost only.

pub mod hash;

pub use hash::GitHash;
pub use prost::Message;
pub use prost_types::{Duration, Timestamp};

#[allow(missing_docs, unreachable_pub, clippy::all)]
mod generated {
    include!(concat!(env!("OUT_DIR"), "/modules.rs"));
}

pub use generated::{forgelog, maintpb};

/// The number of the `meta` field in the mutation of every stream (design.md, "Mutations").
pub const META_FIELD: u32 = 1000;

/// The compiled descriptors of all files, a `google.protobuf.FileDescriptorSet`.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));
