//! Runs WebAssembly: nothing here knows of routes, services or vendors.
//!
//! In the order in which an artifact and then a call travel:
//!
//! 1. [`inspect`] reads what a component imports and exports.
//! 2. [`compile`] turns it into native code, in a process that can be killed.
//! 3. [`snapshot`] lets fresh instances begin with what one of them has become.
//! 4. [`code_cache`] keeps that code on disk, authenticated.
//! 5. [`engine`] maps it into memory and owns the pools of instances.
//! 6. [`guard`] bounds an instance, [`call`] meters and drives one call.
//! 7. [`trap`] says what went wrong, in the words of `sedge-model`.
//!
//! Beside the path: [`priority`] says which threads give way to which, and a timer
//! (`ticker`) that a running guest is looked at every millisecond.

pub mod call;
pub mod code_cache;
pub mod compile;
pub mod config;
pub mod engine;
pub mod guard;
pub mod inspect;
pub mod priority;
pub mod snapshot;
mod ticker;
pub mod trap;

pub use compile::worker::compile_worker;
pub use compile::{Artifact, CompileError};
pub use config::EngineConfig;
pub use engine::{Engine, EngineError};
