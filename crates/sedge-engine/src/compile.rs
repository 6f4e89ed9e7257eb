//! From an artifact to native code, in a process of its own.
//!
//! A compiler that is fed hostile bytes may loop, or want all memory of the
//! machine. Here that costs one child process: it has limits of address space
//! and CPU time, and is killed when it takes too long.

pub mod worker;

use crate::code_cache::{CodeCache, CodeCacheError};
use crate::config::EngineConfig;
use crate::inspect::{InspectError, Inspection, inspect};
use crate::snapshot::Form;
use sedge_model::digest::Digest;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};
use thiserror::Error;
use tokio::io::AsyncReadExt;
use tokio::process::Command;
use tokio::sync::Semaphore;

/// An artifact whose native code is in the cache.
#[derive(Clone, Debug)]
pub struct Artifact {
    /// The file it was read from.
    pub path: PathBuf,
    /// BLAKE3 of the artifact's bytes.
    pub digest: Digest,
    /// What its code is called in the cache.
    pub code: Digest,
    /// What it imports and exports.
    pub inspection: Inspection,
    /// Size of the artifact.
    pub source_bytes: u64,
    /// Size of its native code.
    pub code_bytes: u64,
    /// How long it took to compile; `None`: the code was in the cache.
    pub compiled_in: Option<Duration>,
}

/// Why an artifact cannot be compiled.
#[derive(Debug, Error)]
pub enum CompileError {
    /// The file cannot be read.
    #[error("cannot read {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is larger than an artifact may be.
    #[error("{path} has {bytes} bytes, more than the {bytes_max} that an artifact may have")]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its size.
        bytes: u64,
        /// `source_bytes_max` of the engine.
        bytes_max: u64,
    },
    /// The bytes are not a component.
    #[error("{path} is {source}")]
    NotAComponent {
        /// The file.
        path: PathBuf,
        /// Why.
        source: InspectError,
    },
    /// The compiler refused the component.
    #[error("{path} is not valid: {reason}")]
    Invalid {
        /// The file.
        path: PathBuf,
        /// The compiler's words.
        reason: String,
    },
    /// The compiler exceeded its memory or time, or crashed.
    #[error("compilation of {path} was stopped: {reason}")]
    Stopped {
        /// The file.
        path: PathBuf,
        /// Which limit, or how it died.
        reason: String,
    },
    /// The compiler cannot be run.
    #[error("cannot run the compiler")]
    Worker(#[source] io::Error),
    /// The file is not the one that was compiled before.
    #[error("{0} has changed")]
    Changed(PathBuf),
    /// The cache cannot be written.
    #[error(transparent)]
    Cache(#[from] CodeCacheError),
}

/// Runs compilations, a bounded number at a time.
pub(crate) struct Compiler {
    turns: Semaphore,
}

impl Compiler {
    pub(crate) fn new(parallel: usize) -> Self {
        Compiler { turns: Semaphore::new(parallel.max(1)) }
    }

    /// Makes sure that the cache holds the native code of the file at `path`, in this form.
    pub(crate) async fn compile(
        &self,
        config: &EngineConfig,
        cache: &CodeCache,
        path: &Path,
        form: Form<'_>,
    ) -> Result<Artifact, CompileError> {
        let source = read_bounded(path, config.source_bytes_max).await?;
        let inspection = inspect(&source)
            .map_err(|source| CompileError::NotAComponent { path: path.to_owned(), source })?;
        let digest = Digest::of(&source);
        let code = form.code_digest(&digest);
        let concurrency = inspection.concurrency();
        let artifact = |code_bytes, compiled_in| Artifact {
            path: path.to_owned(),
            digest,
            code,
            inspection: inspection.clone(),
            source_bytes: source.len() as u64,
            code_bytes,
            compiled_in,
        };
        if let Some(code_bytes) = cache.code_bytes(&code, concurrency) {
            return Ok(artifact(code_bytes, None));
        }
        // The semaphore is never closed; if it were, compiling would still be right.
        let _turn = self.turns.acquire().await;
        // Somebody else may have compiled the same bytes while we waited.
        if let Some(code_bytes) = cache.code_bytes(&code, concurrency) {
            return Ok(artifact(code_bytes, None));
        }
        let begin = Instant::now();
        let written = run_worker(config, cache, path, &source, form).await?;
        let code_bytes = cache.insert(&code, concurrency, &written)?;
        Ok(artifact(code_bytes, Some(begin.elapsed())))
    }
}

async fn read_bounded(path: &Path, bytes_max: u64) -> Result<Vec<u8>, CompileError> {
    let read_error = |source| CompileError::Read { path: path.to_owned(), source };
    let file = tokio::fs::File::open(path).await.map_err(read_error)?;
    let bytes = file.metadata().await.map_err(read_error)?.len();
    if bytes > bytes_max {
        return Err(CompileError::TooLarge { path: path.to_owned(), bytes, bytes_max });
    }
    let mut source = Vec::with_capacity(bytes as usize);
    // One byte more than allowed: the file may be growing, or be no file.
    file.take(bytes_max + 1).read_to_end(&mut source).await.map_err(read_error)?;
    if source.len() as u64 > bytes_max {
        let bytes = source.len() as u64;
        return Err(CompileError::TooLarge { path: path.to_owned(), bytes, bytes_max });
    }
    Ok(source)
}

/// Seconds that a compilation may take for each second of CPU time that it may use: it
/// gives way to requests, and a busy node must still come to an end with what an idle
/// one can compile.
const WALL_PER_CPU: u64 = 4;

/// Feeds `source` to a worker process; the file that it wrote.
async fn run_worker(
    config: &EngineConfig,
    cache: &CodeCache,
    path: &Path,
    source: &[u8],
    form: Form<'_>,
) -> Result<tempfile::TempPath, CompileError> {
    let output = cache.temporary()?;
    let (program, arguments) = config
        .compiler
        .split_first()
        .ok_or_else(|| CompileError::Worker(io::Error::other("no compiler is configured")))?;
    let mut child = Command::new(program)
        .args(arguments)
        .arg(&output)
        .arg(config.compile_memory_bytes_max.to_string())
        .arg(config.compile_s_max.to_string())
        .arg(form.word())
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(CompileError::Worker)?;

    let (Some(mut stdin), Some(stderr)) = (child.stdin.take(), child.stderr.take()) else {
        return Err(CompileError::Worker(io::Error::other("the compiler has no pipes")));
    };
    let stopped = |reason: String| CompileError::Stopped { path: path.to_owned(), reason };
    let work = async {
        // A worker that refuses early closes its input; its word counts, not
        // the broken pipe.
        let _ = worker::send(&mut stdin, source, form).await;
        drop(stdin);
        let mut words = String::new();
        const WORDS_MAX: u64 = 16 << 10;
        let _ = stderr.take(WORDS_MAX).read_to_string(&mut words).await;
        (child.wait().await, words)
    };
    let wall_s_max = config.compile_s_max.saturating_mul(WALL_PER_CPU);
    let limit = Duration::from_secs(wall_s_max);
    let Ok((status, words)) = tokio::time::timeout(limit, work).await else {
        return Err(stopped(format!(
            "it took longer than {wall_s_max} s, four times `compile_s_max`"
        )));
    };
    let status = status.map_err(CompileError::Worker)?;
    let reason = words.trim().to_owned();
    match status.code() {
        Some(0) => Ok(output),
        Some(worker::INVALID) => Err(CompileError::Invalid { path: path.to_owned(), reason }),
        _ => Err(stopped(worker::explain_death(status, &reason, config))),
    }
}
