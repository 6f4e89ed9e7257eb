use crate::{namespace, scratch};
use sedge_store::{Store, StoreError};
use std::process::Command;

/// Tells the child test below which file to fill.
const PATH: &str = "SEDGE_STORE_FULL_PATH";

/// The child: meets the end of the disk, played by the limit on a file's size.
#[test]
#[ignore = "runs only as the child of a_full_disk_is_survived"]
fn child_fills_the_disk() {
    let Some(path) = std::env::var_os(PATH) else { return };
    let store = Store::open(path).expect("open");
    let n = namespace("n");
    store.set(&n, "before", "safe", None).expect("set");
    limit_file_size(4 << 20);
    let mut written = 0;
    let error = loop {
        match store.set(&n, &format!("k{written}"), vec![7; 64 << 10], None) {
            Ok(()) => written += 1,
            Err(error) => break error,
        }
        assert!(written < 1_000, "the limit does not hold");
    };
    assert!(matches!(error, StoreError::DiskFull { .. }), "{error}");
    // Reads go on, and so do refusals, as long as the disk is full.
    assert_eq!(store.get(&n, "before").expect("get").as_deref(), Some(b"safe".as_slice()));
    assert!(store.set(&n, "large", vec![7; 8 << 20], None).is_err());
    for i in 0..written {
        assert_eq!(store.get(&n, &format!("k{i}")), Ok(Some(vec![7; 64 << 10])), "k{i}");
    }
    limit_file_size(libc::RLIM_INFINITY);
    store.set(&n, "after", vec![7; 8 << 20], None).expect("room again, without a restart");
}

pub(crate) fn limit_file_size(bytes: libc::rlim_t) {
    let limit = libc::rlimit { rlim_cur: bytes, rlim_max: libc::RLIM_INFINITY };
    // SAFETY: `limit` is a valid structure for the duration of the call, and
    // ignoring SIGXFSZ, so that writes fail with EFBIG instead, installs no
    // handler. This process runs nothing but this test.
    let done = unsafe {
        libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
        libc::setrlimit(libc::RLIMIT_FSIZE, &limit)
    };
    assert_eq!(done, 0);
}

#[test]
fn a_full_disk_is_survived() {
    let (_folder, path) = scratch();
    let output = Command::new(std::env::current_exe().expect("this test"))
        .args(["--exact", "full_disk::child_fills_the_disk", "--ignored", "--nocapture"])
        .env(PATH, &path)
        .output()
        .expect("run");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let store = Store::open(&path).expect("open again");
    assert!(store.exists(&namespace("n"), "after").expect("look"));
}
