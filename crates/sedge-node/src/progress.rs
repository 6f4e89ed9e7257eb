//! What happens on the way from files to a served revision, told as it happens.

use crate::revision::Revision;
use std::sync::Arc;
use std::time::Duration;

/// One step of a build or a deployment.
#[derive(Debug)]
pub enum Event<'a> {
    /// A build command begins.
    Building {
        /// The function.
        function: &'a str,
        /// What is run.
        command: &'a str,
    },
    /// A build command has printed a line.
    Said {
        /// The line, without its end.
        line: &'a str,
    },
    /// A build command has succeeded.
    Built {
        /// The function.
        function: &'a str,
        /// How long it took.
        took: Duration,
    },
    /// Artifacts are read, and compiled unless their code is in the cache. Told
    /// whenever one is done and others are not.
    Compiling {
        /// The app.
        app: &'a str,
        /// The functions whose artifacts are under way.
        functions: &'a [&'a str],
        /// How many artifacts are done.
        done: usize,
        /// How many artifacts there are to do.
        total: usize,
    },
    /// An artifact was compiled; not told of what was in the cache.
    Compiled {
        /// The app.
        app: &'a str,
        /// The function.
        function: &'a str,
        /// How long it took.
        took: Duration,
        /// Size of the native code.
        code_bytes: u64,
    },
    /// A function was initialized and compiled with what came of it; not told of what was in
    /// the cache.
    Initialized {
        /// The app.
        app: &'a str,
        /// The function.
        function: &'a str,
        /// How long it took.
        took: Duration,
        /// What fresh instances begin with, bytes.
        state_bytes: u64,
    },
    /// A revision answers from now on.
    Serving {
        /// The revision.
        revision: &'a Revision,
        /// How long its deployment took.
        took: Duration,
    },
    /// An app's files were looked at and say what is served already.
    Unchanged {
        /// The revision that goes on.
        revision: &'a Revision,
    },
    /// Fields of a mesh file were left out.
    Warned {
        /// Which, where they stand.
        problems: &'a sedge_model::manifest::Problems,
    },
    /// A build or a deployment failed.
    Failed {
        /// The app's manifest.
        manifest: &'a std::path::Path,
        /// Why.
        error: &'a anyhow::Error,
        /// The revision that goes on, if there is one.
        serving: Option<&'a Revision>,
    },
}

/// Who is told. Called from the deployment, so it must not block for long.
pub type Observer = Arc<dyn Fn(&Event<'_>) + Send + Sync>;
