//! What a client says that it is, by its `User-Agent`.
//!
//! The kind of device comes from the words of the text (`sedge_kit::device`). Names and
//! versions of browsers, systems and devices come from the patterns of uap-core, of which a
//! node may be given a file; they are in memory (about 27 MB) from the first function on that
//! is granted `client`.

mod patterns;

pub use patterns::{PatternError, check};
pub use sedge_kit::device::Kind;

use arc_swap::ArcSwapOption;
use patterns::Patterns;
use std::cell::RefCell;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use thiserror::Error;

/// Bytes of a text that is read.
pub const AGENT_BYTES_MAX: usize = sedge_kit::device::AGENT_BYTES_MAX;
/// Texts that each thread remembers what they say: clients repeat theirs with each request,
/// and the patterns take 5 to 30 µs.
const REMEMBERED_MAX: usize = 512;

/// A name and its version. What is not known is absent, the name `Other`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// `Firefox`, `iOS`.
    pub family: String,
    /// The first number.
    pub major: Option<String>,
    /// The second.
    pub minor: Option<String>,
    /// The third.
    pub patch: Option<String>,
}

/// A device. What is not known is absent, the name `Other`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// `iPhone`.
    pub family: String,
    /// `Apple`.
    pub brand: Option<String>,
    /// `iPhone`.
    pub model: Option<String>,
}

/// All that a text says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentFacts {
    /// What kind of device.
    pub kind: Kind,
    /// The program.
    pub browser: Version,
    /// What it runs on.
    pub system: Version,
    /// And what that runs on.
    pub device: Device,
}

/// Why a text was not read.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum AgentError {
    /// The manifest does not grant it.
    #[error("the manifest does not grant `client`; hint: capabilities.client = true")]
    AccessDenied,
    /// It has too many bytes.
    #[error("a user agent has {AGENT_BYTES_MAX} bytes at most")]
    TooLong,
}

/// What a node knows of user agents.
#[derive(Default)]
pub struct Agents {
    patterns: ArcSwapOption<Patterns>,
    /// Grows when the patterns change: what threads remember is from before.
    version: AtomicU64,
    /// Where they are read from, once they are wanted.
    file: OnceLock<PathBuf>,
}

impl Agents {
    /// Reads the patterns of a file if somebody wants them, now or from now on; what is wrong
    /// leaves those that were there. A file that does not exist has none.
    ///
    /// # Errors
    /// The file cannot be read, or what it has are no patterns.
    pub fn load(&self, file: &Path) -> Result<(), PatternError> {
        let read = if file.exists() { Some(Arc::new(Patterns::read(file)?)) } else { None };
        self.patterns.store(read);
        self.version.fetch_add(1, Relaxed);
        Ok(())
    }

    /// Reads the patterns of a file, unless that was done before.
    ///
    /// # Errors
    /// As [`Agents::load`].
    pub fn want(&self, file: &Path) -> Result<(), PatternError> {
        if self.file.set(file.to_owned()).is_ok() { self.load(file) } else { Ok(()) }
    }

    /// Whether somebody wants patterns.
    pub fn is_wanted(&self) -> bool {
        self.file.get().is_some()
    }

    fn read(&self, text: &str) -> AgentFacts {
        let kind = Kind::of_user_agent(text);
        let patterns = self.patterns.load();
        let (browser, system, device) = match &*patterns {
            Some(patterns) => patterns.extract(text),
            None => (other(), other(), no_device()),
        };
        AgentFacts { kind, browser, system, device }
    }
}

fn other() -> Version {
    Version { family: "Other".to_owned(), major: None, minor: None, patch: None }
}

fn no_device() -> Device {
    Device { family: "Other".to_owned(), brand: None, model: None }
}

thread_local! {
    static REMEMBERED: RefCell<Remembered> = RefCell::default();
}

/// What texts say, by the patterns of one version of one node.
#[derive(Default)]
struct Remembered {
    of: (usize, u64),
    facts: HashMap<Box<str>, Arc<AgentFacts>>,
}

/// What one function was granted. Cheap to clone; by default nothing.
#[derive(Clone, Default)]
pub struct Client(Option<Arc<Agents>>);

impl Client {
    /// All that the node knows.
    pub fn new(agents: &Arc<Agents>) -> Self {
        Client(Some(Arc::clone(agents)))
    }

    /// Whether anything was granted.
    pub fn is_granted(&self) -> bool {
        self.0.is_some()
    }

    /// Reads a `User-Agent`.
    ///
    /// # Errors
    /// Nothing was granted, or the text is too long.
    pub fn parse(&self, text: &str) -> Result<Arc<AgentFacts>, AgentError> {
        let agents = self.0.as_ref().ok_or(AgentError::AccessDenied)?;
        if text.len() > AGENT_BYTES_MAX {
            return Err(AgentError::TooLong);
        }
        let of = (Arc::as_ptr(agents).addr(), agents.version.load(Relaxed));
        Ok(REMEMBERED.with_borrow_mut(|remembered| {
            if remembered.of != of {
                *remembered = Remembered { of, facts: HashMap::new() };
            }
            if let Some(facts) = remembered.facts.get(text) {
                return Arc::clone(facts);
            }
            let facts = Arc::new(agents.read(text));
            if remembered.facts.len() >= REMEMBERED_MAX {
                // Those that are in use are back at once.
                remembered.facts.clear();
            }
            remembered.facts.insert(text.into(), Arc::clone(&facts));
            facts
        }))
    }
}

#[cfg(test)]
mod tests;
