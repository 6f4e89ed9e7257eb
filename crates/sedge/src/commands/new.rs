//! `sedge new`: a project that builds, checks and runs as it is.

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};
use sedge_node::hint::WithHint;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

const EXAMPLES: &str = "\
Examples:
  sedge new hello
  sedge new photos --template images
  sedge new plant/line-1 --template sensors --name line-1";

/// Start a project from a template
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct NewArgs {
    /// Folder to make; it must be empty if it exists
    #[arg(value_name = "DIR", default_value = ".")]
    folder: PathBuf,

    /// What to start from
    #[arg(short, long, value_enum, default_value_t = Template::Rust)]
    template: Template,

    /// Name of the app [default: the folder's name]
    #[arg(long)]
    name: Option<String>,

    /// Folder with the ready-made functions [default: guests/ beside this program]
    #[arg(long, value_name = "DIR", env = "SEDGE_FUNCTIONS", hide_env_values = true)]
    functions: Option<PathBuf>,
}

/// What a project can start from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Template {
    /// A function in Rust, with its source
    Rust,
    /// The ready-made function that resizes photographs
    Images,
    /// The ready-made function that scores sensor readings
    Sensors,
}

/// Files of a template: path, text. `{{name}}` stands for the app's name,
/// `{{crate}}` for the same in Rust's spelling.
type Files = &'static [(&'static str, &'static str)];

const RUST: Files = &[
    ("Cargo.toml", include_str!("../../templates/rust/Cargo.toml.template")),
    ("src/lib.rs", include_str!("../../templates/rust/src/lib.rs")),
    ("sedge.toml", include_str!("../../templates/rust/sedge.toml")),
    ("README.md", include_str!("../../templates/rust/README.md")),
    (".gitignore", include_str!("../../templates/rust/gitignore")),
];
const IMAGES: Files = &[
    ("sedge.toml", include_str!("../../templates/images/sedge.toml")),
    ("README.md", include_str!("../../templates/images/README.md")),
    (".gitignore", ".sedge/\n"),
];
const SENSORS: Files = &[
    ("sedge.toml", include_str!("../../templates/sensors/sedge.toml")),
    ("README.md", include_str!("../../templates/sensors/README.md")),
    (".gitignore", ".sedge/\n"),
];

impl Template {
    fn files(self) -> Files {
        match self {
            Template::Rust => RUST,
            Template::Images => IMAGES,
            Template::Sensors => SENSORS,
        }
    }

    /// The ready-made artifact that belongs to the template.
    fn artifact(self) -> Option<&'static str> {
        match self {
            Template::Rust => None,
            Template::Images => Some("images.wasm"),
            Template::Sensors => Some("sensors.wasm"),
        }
    }
}

/// Runs the command.
pub(crate) fn run(args: NewArgs) -> Result<ExitCode> {
    let name = match &args.name {
        Some(name) => name.clone(),
        None => name_from(&args.folder)?,
    };
    check_name(&name)?;
    check_empty(&args.folder)?;
    // The artifact is found before anything is written, so that a refusal
    // leaves nothing behind.
    let artifact = match args.template.artifact() {
        Some(file) => Some((file, find_artifact(file, args.functions.as_deref())?)),
        None => None,
    };
    for (path, text) in args.template.files() {
        let path = args.folder.join(path);
        let folder = path.parent().unwrap_or(&args.folder);
        fs::create_dir_all(folder).with_context(|| format!("create {}", folder.display()))?;
        fs::write(&path, filled(text, &name))
            .with_context(|| format!("write {}", path.display()))?;
        eprintln!("created {}", path.display());
    }
    if let Some((file, from)) = artifact {
        let to = args.folder.join(file);
        fs::copy(&from, &to)
            .with_context(|| format!("copy {} to {}", from.display(), to.display()))?;
        eprintln!("created {}", to.display());
    }
    eprintln!("\nNext:");
    if args.folder != Path::new(".") {
        eprintln!("  cd {}", args.folder.display());
    }
    match args.template {
        Template::Rust => eprintln!("  sedge dev       build, serve, rebuild on every change"),
        _ => eprintln!("  sedge up        serve it; README.md has requests to try"),
    }
    Ok(ExitCode::SUCCESS)
}

/// Cargo writes the artifact of `my-app` as `my_app.wasm`.
fn filled(text: &str, name: &str) -> String {
    text.replace("{{name}}", name).replace("{{crate}}", &name.replace('-', "_"))
}

fn name_from(folder: &Path) -> Result<String> {
    let absolute = std::path::absolute(folder).context("find the folder's name")?;
    let last = absolute.components().next_back().map(|part| part.as_os_str().to_string_lossy());
    let name: String = last
        .unwrap_or_default()
        .to_lowercase()
        .chars()
        .map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '-' })
        .collect();
    Ok(name.trim_matches('-').to_owned())
}

/// The manifest's rule for names, and one more: cargo refuses package names
/// that begin with a digit.
fn check_name(name: &str) -> Result<()> {
    let valid = (1..=63).contains(&name.len())
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if valid {
        return Ok(());
    }
    Err(WithHint::new(
        anyhow::anyhow!("{name:?} cannot be an app's name"),
        "pass --name with 1 to 63 lower-case letters, digits and '-', beginning with a letter",
    ))
}

fn check_empty(folder: &Path) -> Result<()> {
    match fs::read_dir(folder).map(|mut entries| entries.next().is_none()) {
        Ok(true) => Ok(()),
        Ok(false) => Err(WithHint::new(
            anyhow::anyhow!("{} is not empty", folder.display()),
            "name a folder that does not exist yet, for instance: sedge new hello",
        )),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error).with_context(|| format!("read {}", folder.display())),
    }
}

/// Looks where a ready-made function can be: the folder that was named, beside
/// the program, or where cargo leaves it in a build of this repository.
fn find_artifact(file: &str, named: Option<&Path>) -> Result<PathBuf> {
    if let Some(folder) = named {
        let path = folder.join(file);
        if !path.is_file() {
            bail!("{} does not exist", path.display());
        }
        return Ok(path);
    }
    let program = std::env::current_exe().context("find the folder of this program")?;
    let beside = program.parent().unwrap_or(Path::new("."));
    let places = [beside.join("guests"), beside.join("../wasm32-wasip2/release")];
    match places.iter().map(|folder| folder.join(file)).find(|path| path.is_file()) {
        Some(path) => Ok(path),
        None => Err(WithHint::new(
            anyhow::anyhow!("the ready-made function {file} is not beside this program"),
            "pass --functions DIR or set SEDGE_FUNCTIONS to the folder that holds it; \
             in a clone of the repository, 'cargo xtask guests' builds it",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_manifest_and_cargo() {
        for bad in ["", "-", "1st", "Hello", "a_b", "ünder", &"a".repeat(64)] {
            assert!(check_name(bad).is_err(), "{bad}");
        }
        for good in ["a", "hello", "line-1", &"a".repeat(63)] {
            assert!(check_name(good).is_ok(), "{good}");
        }
    }

    #[test]
    fn a_name_is_made_from_the_folder() {
        for (folder, name) in [("x/My App", "my-app"), ("hello", "hello"), ("/a/b_c/", "b-c")] {
            assert_eq!(name_from(Path::new(folder)).expect("absolute"), name);
        }
    }
}
