//! The daemon's API, `maglev.v1`, as Rust types: made from `maglev/v1/*.proto` when this is compiled.
//!
//! The comments of those files are the reference. What is generated is not touched by hand, and nothing of the daemon
//! is in here, so that any client may depend on it.

/// `maglev.v1`: messages, and client and server of the service.
#[expect(missing_docs, clippy::all, reason = "generated; the protocol's files have the comments")]
pub mod v1 {
    tonic::include_proto!("maglev.v1");
}

/// The description of all files, for reflection: an encoded `google.protobuf.FileDescriptorSet`.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/maglev.v1.bin"));

pub use prost::Message;
pub use prost_types::{Duration, Timestamp};
