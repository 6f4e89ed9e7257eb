//! Where the guests and the binary are.

use std::env;
use std::path::PathBuf;

/// The target folder that this test was built into.
fn target() -> PathBuf {
    let test = env::current_exe().expect("the path of this test");
    // <target>/release/deps/<test>
    test.ancestors().nth(3).expect("a test lies in a target folder").to_path_buf()
}

/// The `sedge` binary: `$SEDGE_BIN`, else the one beside this test.
///
/// # Panics
///
/// If it has not been built.
pub fn binary() -> PathBuf {
    let beside = || {
        let test = env::current_exe().expect("the path of this test");
        test.ancestors().nth(2).expect("a test lies in a profile's folder").join("sedge")
    };
    let path = env::var_os("SEDGE_BIN").map_or_else(beside, PathBuf::from);
    assert!(path.exists(), "{} is absent: run `cargo xtask test`", path.display());
    path
}

/// The folder of compiled guests: `$SEDGE_GUESTS`, else `guests` in the target
/// folder.
///
/// # Panics
///
/// If it has not been filled.
pub fn folder() -> PathBuf {
    let path = env::var_os("SEDGE_GUESTS").map_or_else(|| target().join("guests"), PathBuf::from);
    assert!(path.exists(), "{} is absent: run `cargo xtask test`", path.display());
    path
}

/// The bytes of a guest.
///
/// # Panics
///
/// If it has not been built.
pub fn bytes(name: &str) -> Vec<u8> {
    let path = folder().join(format!("{name}.wasm"));
    std::fs::read(&path)
        .unwrap_or_else(|error| panic!("{}: {error}: run `cargo xtask test`", path.display()))
}
