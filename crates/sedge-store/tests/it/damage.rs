use crate::{namespace, scratch};
use proptest::prelude::Rng;
use proptest::test_runner::TestRng;
use sedge_store::{Options, Store, StoreError};
use std::fs;
use std::path::Path;

fn open_verified(path: &Path) -> Result<Store, StoreError> {
    Store::open_with(path, Options { verify_on_open: true, ..Options::default() })
}

#[test]
fn a_foreign_file_is_refused_and_left_alone() {
    let (folder, _) = scratch();
    let path = folder.path().join("file");
    for content in [b"not a store".as_slice(), &[0; 4096], &[0xff; 100_000], b"redb"] {
        fs::write(&path, content).expect("write");
        let error = Store::open(&path).err().expect("refused");
        assert!(
            matches!(error, StoreError::NotAStore { .. } | StoreError::Corrupt { .. }),
            "{error}"
        );
        assert!(error.hint().is_some() && error.to_string().contains("file"), "{error}");
        assert_eq!(fs::read(&path).expect("read"), content, "the file was changed");
    }
    let error = Store::open(folder.path()).err().expect("a folder is no file");
    assert!(matches!(error, StoreError::Io { .. }), "{error}");
}

/// A closed store with values whose content can be checked.
fn build(path: &Path) -> Vec<u8> {
    let store = Store::open(path).expect("open");
    for i in 0..200 {
        store.set(&namespace("n"), &format!("k{i}"), format!("{i}").repeat(50), None).expect("set");
    }
    drop(store);
    fs::read(path).expect("read")
}

/// Every key has its value: nothing was lost in silence.
fn is_whole(store: &Store) -> bool {
    (0..200).all(|i| {
        let value = store.get(&namespace("n"), &format!("k{i}"));
        value == Ok(Some(format!("{i}").repeat(50).into_bytes()))
    })
}

#[test]
fn a_cut_file_is_refused_or_whole() {
    let (_folder, path) = scratch();
    let intact = build(&path);
    for kept in [1, 63, 64, 320, 4095, 4096, 8192, intact.len() / 2, intact.len() - 1] {
        fs::write(&path, &intact[..kept]).expect("cut");
        match open_verified(&path) {
            Ok(store) => assert!(is_whole(&store), "cut to {kept}: opened, but not whole"),
            Err(error) => assert!(error.hint().is_some(), "cut to {kept}: {error}"),
        }
    }
}

#[test]
fn flipped_bits_are_refused_or_repaired_never_a_panic() {
    let (_folder, path) = scratch();
    let intact = build(&path);
    let mut random = TestRng::deterministic_rng(proptest::test_runner::RngAlgorithm::ChaCha);
    let mut refused = 0;
    for round in 0..60 {
        let mut damaged = intact.clone();
        // The header is short, so half of the rounds aim at it.
        let range = if round % 2 == 0 { 320 } else { damaged.len() };
        let at = random.next_u64() as usize % range;
        damaged[at] ^= 1 << (random.next_u32() % 8);
        fs::write(&path, &damaged).expect("damage");
        match open_verified(&path) {
            Ok(store) => assert!(is_whole(&store), "bit at {at}: opened, but not whole"),
            Err(StoreError::Corrupt { .. } | StoreError::NotAStore { .. }) => {
                assert_eq!(
                    fs::read(&path).expect("read"),
                    damaged,
                    "bit at {at}: the file was changed"
                );
                refused += 1;
            }
            Err(other) => panic!("bit at {at}: {other}"),
        }
    }
    assert!(refused > 0, "no bit mattered");
}

#[test]
fn damage_under_an_open_store_is_an_error_not_a_panic() {
    let (_folder, path) = scratch();
    let store = {
        drop(build(&path));
        // Too small a cache to hold what was read when the file was opened.
        let options = Options { cache_bytes_max: 0, ..Options::default() };
        Store::open_with(&path, options).expect("open")
    };
    let mut damaged = fs::read(&path).expect("read");
    damaged[4096..].fill(0xa5);
    fs::write(&path, &damaged).expect("damage");
    let n = namespace("n");
    let corrupt = |error: StoreError| matches!(error, StoreError::Corrupt { .. });
    assert!(corrupt(store.get(&n, "k1").expect_err("get")));
    assert!(corrupt(store.keys(&n, None, 10).expect_err("keys")));
    assert!(corrupt(store.set(&n, "k1", "x", None).expect_err("set")));
}
