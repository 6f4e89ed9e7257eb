//! Assembles a node, and brings what it serves into line with what its apps'
//! files say.
//!
//! In the order in which a deployment travels:
//!
//! 1. [`app`] finds and reads a manifest, [`build`] makes its artifacts,
//!    [`check`] looks for mistakes without a node.
//! 2. `reconcile` waits for changes, which `watch` notices.
//! 3. `deploy` makes a [`revision`] of them: read, compile, grant, warm, probe.
//!    [`chains`] joins functions that stand behind each other, and `caching` opens the
//!    cache that its links share.
//! 4. `board` swaps it in, unless it `claims` what another app has.
//! 5. `node` joins these with the listeners; `admin` shows what became of it.
//!
//! Beside the path: `mqtt` joins the MQTT front with its journal, `streams` is the log of messages,
//! `ingest` takes readings by HTTP, `triggers` starts functions by the log and by the clock,
//! `callable` says whether they can be,
//! `certificates` keeps those of the listeners fresh, `client_facts` are databases of addresses and
//! patterns of user agents, [`config`] looks
//! at the files of a node's configuration and `folders` at those that rules serve, [`passwords`] changes those of MQTT clients, [`progress`] tells a person what happens, [`hint`]
//! what to do about errors, [`kv`] reads a store and [`call`] calls a function without
//! a node.

pub mod app;
pub mod build;
pub mod call;
pub mod chains;
pub mod check;
pub mod client_facts;
pub mod config;
pub mod hint;
pub mod kv;
pub mod passwords;
pub mod progress;
pub mod query;
pub mod revision;
pub mod rules;

mod admin;
mod board;
mod caching;
mod callable;
mod certificates;
mod claims;
mod data_folder;
mod deploy;
mod folders;
mod ingest;
mod mqtt;
mod node;
mod options;
mod platform;
mod process;
mod reconcile;
mod streams;
mod traces;
mod triggers;
mod watch;

pub use board::{AppStatus, FailedAttempt};
pub use data_folder::Running;
pub use node::Node;
pub use options::{AccessLogTo, NodeOptions, Reload, StoreIn};
pub use sedge_engine::compile_worker;
pub use sedge_engine::priority::lower as lower_priority;
