//! The process that compiles: what runs in the child, and how its death reads.

use crate::config::{EngineConfig, compiled_settings};
use crate::inspect::inspect;
use crate::snapshot::{self, Form, Recorded};
use std::borrow::Cow;
use std::io::{Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{ExitCode, ExitStatus};
use tokio::io::AsyncWriteExt;
use wasmtime::OptLevel;

/// Exit code: the component is not valid; standard error says why.
pub(super) const INVALID: i32 = 65;

/// Body of the hidden subcommand that compiles one component from standard
/// input to native code in a file.
///
/// `arguments`: output file, address space in bytes, CPU time in seconds, the form (see
/// [`Form`]). Standard input is what [`send`] writes. Exits with 0, with 65 when the component is not valid, else with 1.
pub fn compile_worker(arguments: impl Iterator<Item = std::ffi::OsString>) -> ExitCode {
    match run(&arguments.collect::<Vec<_>>()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Refusal { code, reason }) => {
            // Nobody may be listening any more.
            let _ = writeln!(std::io::stderr(), "{reason}");
            ExitCode::from(code)
        }
    }
}

struct Refusal {
    code: u8,
    reason: String,
}

fn invalid(reason: impl ToString) -> Refusal {
    Refusal { code: INVALID as u8, reason: reason.to_string() }
}

fn failed(reason: impl ToString) -> Refusal {
    Refusal { code: 1, reason: reason.to_string() }
}

fn run(arguments: &[std::ffi::OsString]) -> Result<(), Refusal> {
    let [output, memory, seconds, form] = arguments else {
        return Err(failed("usage: OUTPUT MEMORY_BYTES CPU_SECONDS FORM"));
    };
    let number = |text: &std::ffi::OsString| {
        text.to_str()
            .and_then(|text| text.parse::<u64>().ok())
            .ok_or_else(|| failed("a limit is not a number"))
    };
    confine(number(memory)?, number(seconds)?).map_err(failed)?;

    let (source, state) = receive(&mut std::io::stdin().lock()).map_err(failed)?;
    let concurrency = inspect(&source).map_err(invalid)?.concurrency();
    let mut settings = compiled_settings(concurrency);
    let told = |error: wasmtime::Error| {
        let chain: Vec<String> = error.chain().map(ToString::to_string).collect();
        invalid(chain.join(": "))
    };
    let component = match form.to_str() {
        Some("plain") => Cow::Borrowed(&*source),
        Some("observable") => {
            // It runs once, and is waited for.
            settings.cranelift_opt_level(OptLevel::None);
            Cow::Owned(snapshot::instrumented(&source).map_err(told)?)
        }
        Some("initialized") => {
            let state = Recorded::read(state).map_err(failed)?;
            Cow::Owned(snapshot::initialized(&source, &state).map_err(told)?)
        }
        _ => return Err(failed("no such form")),
    };
    let engine = wasmtime::Engine::new(&settings).map_err(failed)?;
    let code = engine.precompile_component(&component).map_err(told)?;
    write(Path::new(output), &code).map_err(failed)
}

/// Writes what a worker reads: the size of the component (8 bytes, little-endian), the component,
/// and the state that it is to begin with, if any.
pub(super) async fn send(
    to: &mut (impl AsyncWriteExt + Unpin),
    source: &[u8],
    form: Form<'_>,
) -> std::io::Result<()> {
    to.write_all(&(source.len() as u64).to_le_bytes()).await?;
    to.write_all(source).await?;
    match form {
        Form::Plain | Form::Observable => Ok(()),
        Form::Initialized(state) => to.write_all(state.as_bytes()).await,
    }
}

fn receive(from: &mut impl Read) -> std::io::Result<(Vec<u8>, Vec<u8>)> {
    let mut length = [0; 8];
    from.read_exact(&mut length)?;
    let (mut source, mut state) = (Vec::new(), Vec::new());
    from.take(u64::from_le_bytes(length)).read_to_end(&mut source)?;
    from.read_to_end(&mut state)?;
    Ok((source, state))
}

fn write(path: &Path, code: &[u8]) -> std::io::Result<()> {
    let mut file = std::fs::OpenOptions::new().write(true).truncate(true).open(path)?;
    file.write_all(code)?;
    file.sync_all()
}

/// Gives up what a compiler does not need.
fn confine(memory_bytes: u64, cpu_seconds: u64) -> std::io::Result<()> {
    let limit = |resource, value: u64| {
        let limit = libc::rlimit { rlim_cur: value, rlim_max: value };
        // SAFETY: `limit` outlives the call, which only reads it.
        match unsafe { libc::setrlimit(resource, &limit) } {
            0 => Ok(()),
            _ => Err(std::io::Error::last_os_error()),
        }
    };
    limit(libc::RLIMIT_AS, memory_bytes)?;
    limit(libc::RLIMIT_CPU, cpu_seconds)?;
    limit(libc::RLIMIT_CORE, 0)?;
    // SAFETY: a system call without pointers. It makes the kernel kill this
    // process when its parent dies, and may fail harmlessly.
    unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
    crate::priority::lower();
    Ok(())
}

/// Why a worker that neither succeeded nor refused has ended.
pub(super) fn explain_death(status: ExitStatus, words: &str, config: &EngineConfig) -> String {
    match status.signal() {
        Some(libc::SIGXCPU | libc::SIGKILL) => {
            format!("it used more than {} s of CPU time, its `compile_s_max`", config.compile_s_max)
        }
        // An allocation that fails aborts the process.
        Some(libc::SIGABRT) => {
            let mib = config.compile_memory_bytes_max >> 20;
            format!(
                "it probably needed more than {mib} MiB of memory, its `compile_memory_bytes_max` ({words})"
            )
        }
        Some(signal) => format!("it died of signal {signal} ({words})"),
        None => format!("it failed ({words})"),
    }
}
