use super::*;
use std::io::Read;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// A folder `root` with a secret beside it.
fn world() -> (tempfile::TempDir, PathBuf) {
    let scratch = tempfile::tempdir().expect("a folder");
    let root = scratch.path().join("root");
    std::fs::create_dir_all(root.join("sub/deep")).expect("made");
    std::fs::write(scratch.path().join("secret"), "secret").expect("written");
    std::fs::write(root.join("a"), "in a").expect("written");
    std::fs::write(root.join("sub/b"), "in b").expect("written");
    (scratch, root)
}

fn told(root: &Path, name: &str) -> String {
    match Root::open(root).expect("a folder").find(name.as_bytes()) {
        Ok(Found::Folder) => "folder".to_owned(),
        Ok(Found::File(mut file, _)) => {
            let mut text = String::new();
            file.read_to_string(&mut text).expect("text");
            text
        }
        Err(closed) => format!("{closed:?}"),
    }
}

/// The same by the way that systems without `openat2` go.
fn told_step_by_step(root: &Path, name: &str) -> String {
    let root = Root::open(root).expect("a folder");
    let name = CString::new(name).expect("no NUL");
    match step_by_step(&root.0, &name, libc::O_RDONLY | libc::O_NONBLOCK) {
        Ok(mut file) => {
            let mut text = String::new();
            match file.read_to_string(&mut text) {
                Ok(_) => text,
                Err(_) => "folder".to_owned(),
            }
        }
        Err(error) => format!("{:?}", closed(&error)),
    }
}

fn fifo(path: &Path) {
    use std::os::unix::ffi::OsStrExt;
    let name = CString::new(path.as_os_str().as_bytes()).expect("no NUL");
    // SAFETY: the name ends with NUL.
    assert_eq!(unsafe { libc::mkfifo(name.as_ptr(), 0o600) }, 0);
}

#[test]
fn nothing_leaves_the_folder() {
    let (scratch, root) = world();
    let secret = scratch.path().join("secret");
    symlink(&secret, root.join("absolute")).expect("linked");
    symlink("../secret", root.join("relative")).expect("linked");
    symlink("..", root.join("up")).expect("linked");
    symlink("sub/../../secret", root.join("winding")).expect("linked");
    symlink("/", root.join("sub/slash")).expect("linked");
    symlink("/proc/self/root", root.join("magic")).expect("linked");
    symlink("loop", root.join("loop")).expect("linked");
    for name in [
        "absolute",
        "relative",
        "up",
        "up/secret",
        "winding",
        "sub/slash",
        "sub/slash/etc/passwd",
        "magic",
        "magic/etc/passwd",
        "loop",
        "..",
        "../secret",
        "sub/../../secret",
    ] {
        assert_eq!(told(&root, name), "Refused", "{name}");
        assert_ne!(told_step_by_step(&root, name), "secret", "{name}");
    }
    let found = Root::open(&root).expect("a folder").find(b"a\0b");
    assert!(matches!(found, Err(Closed::Refused)));
}

#[test]
fn only_files_are_opened_and_nothing_waits() {
    let (_scratch, root) = world();
    fifo(&root.join("fifo"));
    let socket = std::os::unix::net::UnixListener::bind(root.join("socket"));
    let begin = Instant::now();
    for name in ["fifo", "socket"] {
        assert_eq!(told(&root, name), "Refused", "{name}");
    }
    // A FIFO that is opened for reading waits for a writer.
    assert!(begin.elapsed() < Duration::from_secs(5));
    drop(socket);
    let device = Root::open(Path::new("/dev")).expect("a folder").find(b"null");
    assert!(matches!(device, Err(Closed::Refused)));
}

#[test]
fn what_is_there_is_found_and_what_is_not_is_missing() {
    let (_scratch, root) = world();
    symlink("sub/b", root.join("inside")).expect("linked");
    symlink("../a", root.join("sub/back")).expect("linked");
    for (name, expected) in [
        ("", "folder"),
        ("sub", "folder"),
        ("sub/deep", "folder"),
        ("a", "in a"),
        ("sub/b", "in b"),
        ("inside", "in b"),
        ("sub/back", "in a"),
        ("nothing", "Missing"),
        ("a/b", "Missing"),
        ("nothing/b", "Missing"),
    ] {
        assert_eq!(told(&root, name), expected, "{name}");
    }
    let long = "n".repeat(300);
    assert_eq!(told(&root, &long), "Missing");
    for (name, expected) in [
        ("sub", "folder"),
        ("sub/b", "in b"),
        ("inside", "Refused"),
        ("nothing", "Missing"),
        ("a/b", "Missing"),
        ("sub/..", "Refused"),
    ] {
        assert_eq!(told_step_by_step(&root, name), expected, "{name}, step by step");
    }
}

/// A folder that is replaced by a link to the outside, over and over, while its
/// file is asked for: sometimes it is found, never the other one's.
#[test]
fn a_race_opens_nothing_outside() {
    let (scratch, root) = world();
    let outside = scratch.path().join("outside");
    std::fs::create_dir(&outside).expect("made");
    std::fs::write(outside.join("b"), "secret").expect("written");
    symlink(&outside, root.join("link")).expect("linked");
    let stop = AtomicBool::new(false);
    let mut found = 0;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            // Of two names, one is the folder and the other the link.
            for _ in 0..200_000 {
                if stop.load(Relaxed) {
                    break;
                }
                let _ = std::fs::rename(root.join("sub"), root.join("spare"));
                let _ = std::fs::rename(root.join("link"), root.join("sub"));
                let _ = std::fs::rename(root.join("sub"), root.join("link"));
                let _ = std::fs::rename(root.join("spare"), root.join("sub"));
            }
        });
        for _ in 0..5_000 {
            for told in [told(&root, "sub/b"), told_step_by_step(&root, "sub/b")] {
                assert_ne!(told, "secret");
                found += usize::from(told == "in b");
            }
        }
        stop.store(true, Relaxed);
    });
    assert!(found > 0, "it was there most of the time");
}
