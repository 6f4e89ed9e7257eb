//! Lists every hostile guest there is and writes a macro that calls another
//! macro once per name. `tests/hostile.rs` uses it to refer to a test of each
//! name, so that a guest without a test does not compile.

use std::collections::BTreeSet;
use std::path::Path;
use std::{env, fs};

fn main() {
    // Asked for when it runs: this program may have been built in another checkout.
    let here = env::var_os("CARGO_MANIFEST_DIR").expect("set by cargo");
    let functions = Path::new(&here).join("../functions/hostile");
    let table = functions.join("src/table.rs");
    let folder = functions.join("wat");
    println!("cargo:rerun-if-changed={}", table.display());
    println!("cargo:rerun-if-changed={}", folder.display());
    let mut names = BTreeSet::new();
    names.extend(behaviors(&fs::read_to_string(&table).expect("the table of behaviors")));
    names.extend(modules(&folder));
    assert!(names.len() > 20, "the table of behaviors was not understood: {names:?}");
    let calls: String = names
        .iter()
        .map(|name| format!("        $each!({} {name:?});\n", name.replace('-', "_")))
        .collect();
    let text = format!(
        "/// Calls `$each!(test_name \"guest-name\");` for every hostile guest.\n\
         #[macro_export]\n\
         macro_rules! for_each_hostile_guest {{\n    ($each:ident) => {{\n{calls}    }};\n}}\n"
    );
    let out = Path::new(&env::var("OUT_DIR").expect("set by cargo")).join("hostile.rs");
    fs::write(out, text).expect("the generated macro");
}

/// The names in lines like `    ("endless-loop", compute::endless_loop),`.
fn behaviors(table: &str) -> Vec<String> {
    let name = |line: &str| Some(line.trim().strip_prefix("(\"")?.split_once('"')?.0.to_string());
    table.lines().filter_map(name).collect()
}

/// The names of the modules that are written as text.
fn modules(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("the folder of text modules");
    entries
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "wat"))
        .filter_map(|path| Some(path.file_stem()?.to_str()?.to_string()))
        .collect()
}
