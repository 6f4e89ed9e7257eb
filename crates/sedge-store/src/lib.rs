//! Embedded durable state of a node.
//!
//! In reading order: what it is called ([`Namespace`]) and how it is bounded
//! ([`Options`]); the key-value [`Store`]; how a [`Write`] travels through the
//! bounded queue to the writer, which applies many of them in one transaction
//! and answers each when that transaction is on disk; how the file is opened
//! and opened again after a failed disk; [`Blobs`], files named by their
//! digest; [`segments`], a bounded log of records that may be lost, for a cache;
//! and [`log`], a durable one of records that may not.
//!
//! Nothing here knows WebAssembly, HTTP or an async runtime: a caller either
//! blocks or passes a callback.

mod namespace;
mod options;

mod store;
mod write;

mod queue;
mod writer;

mod apply;
mod record;
mod sweep;

mod database;
mod error;
mod folder_lock;

mod blobs;

pub mod log;
pub mod segments;

pub use blobs::Blobs;
pub use error::{BlobError, StoreError};
pub use namespace::Namespace;
pub use options::{Clock, Options, system_clock};
pub use store::{KeyPage, NamespaceUsage, Reply, Store, Versioned};
pub use write::{Applied, Change, Swap, Version, Write};
