//! Real libraries from npm, read by parsers of others before and after: the same
//! programs, and the same declarations in the same order. And they still do what they
//! did. Left out, with a word, where there is no node or npm has no network.

use minifiers::js::{Kind, Task};
use minifiers::{css, js};
use std::path::{Path, PathBuf};
use std::process::Command;

const PACKAGES: [&str; 8] = [
    "acorn@8.11.3",
    "animate.css@4.1.1",
    "bootstrap@5.3.3",
    "bulma@0.9.4",
    "chart.js@4.4.1",
    "css-tree@2.3.1",
    "jquery@3.7.1",
    "lodash@4.17.21",
];
/// Files of these packages. The first two are also run.
const FILES: [&str; 8] = [
    "lodash/lodash.js",
    "acorn/dist/acorn.js",
    "jquery/dist/jquery.js",
    "bootstrap/dist/js/bootstrap.js",
    "chart.js/dist/chart.js",
    "bootstrap/dist/css/bootstrap.css",
    "bulma/css/bulma.css",
    "animate.css/animate.css",
];

#[test]
fn libraries_stay_what_they_are() {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("libraries");
    if let Err(why) = install(&folder) {
        println!("left out: {why}");
        return;
    }
    let mut written = 0;
    for file in FILES {
        let path = folder.join("node_modules").join(file);
        let text = std::fs::read_to_string(&path).expect("a file of a package");
        let task = Task { kind: Kind::Either, charset_is_open: true, shortens_names: false };
        let variants = match file.ends_with(".css") {
            true => vec![("keep", css::shorter(&text, true))],
            false => vec![
                ("keep", js::shorter(&text, task)),
                ("shorten", js::shorter(&text, Task { shortens_names: true, ..task })),
            ],
        };
        for (name, short) in variants {
            let Some(short) = short else { continue };
            println!("{file} {name}: {} of {}", short.len(), text.len());
            let to = path.with_extension(format!("{name}.short"));
            std::fs::write(to, short).expect("written");
            written += 1;
        }
    }
    assert!(written >= 12, "{written}");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/libraries/compare.cjs");
    let output = Command::new("node").arg(script).args(FILES).current_dir(&folder).output();
    let output = output.expect("node");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}{told}", String::from_utf8_lossy(&output.stdout));
}

/// Installs the packages once; what they would run is not run.
fn install(folder: &Path) -> Result<(), String> {
    if FILES.iter().all(|file| folder.join("node_modules").join(file).exists()) {
        return Ok(());
    }
    std::fs::create_dir_all(folder).map_err(|error| error.to_string())?;
    let mut npm = Command::new("npm");
    npm.args(["install", "--ignore-scripts", "--no-audit", "--no-fund", "--no-save", "--silent"]);
    npm.args(["--prefix", "."]).args(PACKAGES).current_dir(folder);
    let output = npm.output().map_err(|error| format!("npm cannot be run: {error}"))?;
    match output.status.success() {
        true => Ok(()),
        false => Err(format!("npm: {}", String::from_utf8_lossy(&output.stderr))),
    }
}
