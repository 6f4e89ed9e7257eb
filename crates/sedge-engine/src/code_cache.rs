//! Native code on disk: found by what it was made from, refused if it was
//! tampered with.
//!
//! `<cache_dir>/<engine>/<digest>.code` holds the code, `.tag` beside it a
//! keyed BLAKE3 hash over code and name. `<engine>` is a hash over wasmtime's
//! version, its settings and the CPU's features, so that an upgrade of the
//! node finds an empty cache instead of code that it must not run. The key is
//! made once per node and never leaves it: what restores, copies or shares the
//! folder cannot plant code in it.

use sedge_model::digest::Digest;
use std::fs::{self, File};
use std::hash::{Hash, Hasher};
use std::io::{self, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use tempfile::TempPath;
use thiserror::Error;

/// What can go wrong with the cache.
#[derive(Debug, Error)]
pub enum CodeCacheError {
    /// A file or folder of the cache cannot be read or written.
    #[error("cannot {verb} {path}")]
    Io {
        /// What was tried.
        verb: &'static str,
        /// Where.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Code that this node did not write, or that was changed since.
    #[error("compiled code {0} is not authentic; it will not be run")]
    NotAuthentic(PathBuf),
    /// The code is not in the cache (any more).
    #[error("compiled code {0} is not in the cache")]
    Missing(PathBuf),
    /// Authentic code that the engine has no room for: it wants more or larger
    /// memories or tables than the pools have.
    #[error("the engine refuses it: {0}")]
    Refused(String),
}

fn io_error(verb: &'static str, path: &Path) -> impl FnOnce(io::Error) -> CodeCacheError {
    let path = path.to_owned();
    move |source| CodeCacheError::Io { verb, path, source }
}

/// The cache of one node.
pub(crate) struct CodeCache {
    /// Indexed by whether the engine has component-model concurrency.
    folders: [PathBuf; 2],
    key: [u8; 32],
}

impl CodeCache {
    /// Opens the cache in `folder`, which is made if need be.
    /// `engines`: without and with concurrency.
    pub(crate) fn open(
        folder: &Path,
        engines: [&wasmtime::Engine; 2],
    ) -> Result<Self, CodeCacheError> {
        fs::create_dir_all(folder).map_err(io_error("create", folder))?;
        let key = read_or_make_key(&folder.join("key"))?;
        let folders = engines.map(|engine| folder.join(fingerprint(engine)));
        for path in &folders {
            fs::create_dir_all(path).map_err(io_error("create", path))?;
        }
        Ok(CodeCache { folders, key })
    }

    /// Size of the code made from `digest`, if it is there. Whether it is
    /// authentic shows when it is opened.
    pub(crate) fn code_bytes(&self, digest: &Digest, concurrency: bool) -> Option<u64> {
        let code = self.path(digest, concurrency, "code");
        let tag = self.path(digest, concurrency, "tag");
        tag.exists().then(|| fs::metadata(code).ok().map(|data| data.len())).flatten()
    }

    /// A file for the compiler to write to, on the same file system.
    pub(crate) fn temporary(&self) -> Result<TempPath, CodeCacheError> {
        tempfile::Builder::new()
            .prefix("compiling-")
            .tempfile_in(&self.folders[0])
            .map(tempfile::NamedTempFile::into_temp_path)
            .map_err(io_error("create a file in", &self.folders[0]))
    }

    /// Adopts what the compiler wrote; its size in bytes. The tag is written
    /// last: code without a tag counts as absent.
    pub(crate) fn insert(
        &self,
        digest: &Digest,
        concurrency: bool,
        written: &Path,
    ) -> Result<u64, CodeCacheError> {
        let code_path = self.path(digest, concurrency, "code");
        let tag_path = self.path(digest, concurrency, "tag");
        let code = fs::read(written).map_err(io_error("read", written))?;
        fs::set_permissions(written, fs::Permissions::from_mode(0o400))
            .map_err(io_error("protect", written))?;
        fs::rename(written, &code_path).map_err(io_error("create", &code_path))?;

        let tag = self.tag(&code_path, &code);
        let new_path = tag_path.with_extension("tag-new");
        let write = || -> io::Result<()> {
            let mut file = File::create(&new_path)?;
            file.write_all(tag.to_hex().as_bytes())?;
            file.sync_all()?;
            fs::rename(&new_path, &tag_path)
        };
        write().map_err(io_error("write", &tag_path))?;
        Ok(code.len() as u64)
    }

    /// Maps authentic code into memory.
    pub(crate) fn load(
        &self,
        digest: &Digest,
        concurrency: bool,
        engine: &wasmtime::Engine,
    ) -> Result<wasmtime::component::Component, CodeCacheError> {
        let path = self.path(digest, concurrency, "code");
        let mut file = File::open(&path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => CodeCacheError::Missing(path.clone()),
            _ => io_error("open", &path)(error),
        })?;
        let mut code = Vec::new();
        file.read_to_end(&mut code).map_err(io_error("read", &path))?;
        let tag_path = self.path(digest, concurrency, "tag");
        let tag = fs::read_to_string(&tag_path).map_err(io_error("read", &tag_path))?;
        let expected = blake3::Hash::from_hex(tag.trim())
            .map_err(|_| CodeCacheError::NotAuthentic(path.clone()))?;
        // `blake3::Hash` compares in constant time.
        if self.tag(&path, &code) != expected {
            return Err(CodeCacheError::NotAuthentic(path));
        }
        // By descriptor, so that the mapped file is the one just checked even
        // if somebody puts another in its place.
        let same_file = format!("/proc/self/fd/{}", file.as_raw_fd());
        // SAFETY: the bytes were written by this node's own compiler: they
        // carry a hash under a key that only this node has. The file is
        // read-only and in a folder of the node's own; who can write to it
        // while it is mapped can as well write to the node's memory.
        let component =
            unsafe { wasmtime::component::Component::deserialize_file(engine, same_file) };
        component.map_err(|error| CodeCacheError::Refused(format!("{error:#}")))
    }

    /// Forgets code, so that it will be compiled again.
    pub(crate) fn remove(&self, digest: &Digest, concurrency: bool) {
        for extension in ["tag", "code"] {
            // Absent is what is wanted.
            let _ = fs::remove_file(self.path(digest, concurrency, extension));
        }
    }

    /// Bytes that belong to `digest`, as nobody can tell who does not have the node's key.
    pub(crate) fn seed(&self, digest: &Digest) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new_keyed(&self.key);
        hasher.update(b"seed");
        hasher.update(digest.as_bytes());
        *hasher.finalize().as_bytes()
    }

    fn path(&self, digest: &Digest, concurrency: bool, extension: &str) -> PathBuf {
        self.folders[usize::from(concurrency)].join(format!("{digest}.{extension}"))
    }

    /// The name is hashed along: code of one artifact is not authentic under
    /// the name of another.
    fn tag(&self, path: &Path, code: &[u8]) -> blake3::Hash {
        let folder = path.parent().and_then(Path::file_name).unwrap_or_default();
        let name = path.file_name().unwrap_or_default();
        let mut hasher = blake3::Hasher::new_keyed(&self.key);
        for part in [folder.as_encoded_bytes(), name.as_encoded_bytes()] {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        hasher.update(code);
        hasher.finalize()
    }
}

/// The key of this node. It is made at the first start, and again if it is
/// lost or cut short: all code is then compiled anew.
fn read_or_make_key(path: &Path) -> Result<[u8; 32], CodeCacheError> {
    if let Ok(bytes) = fs::read(path)
        && let Ok(key) = <[u8; 32]>::try_from(bytes)
    {
        return Ok(key);
    }
    let mut key = [0; 32];
    let mut write = || -> io::Result<()> {
        File::open("/dev/urandom")?.read_exact(&mut key)?;
        let new_path = path.with_extension("new");
        let _ = fs::remove_file(&new_path);
        let mut file =
            fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new_path)?;
        file.write_all(&key)?;
        file.sync_all()?;
        fs::rename(&new_path, path)
    };
    write().map_err(io_error("write", path))?;
    Ok(key)
}

/// Stands for everything that compiled code depends on.
fn fingerprint(engine: &wasmtime::Engine) -> String {
    struct Blake(blake3::Hasher);
    impl Hasher for Blake {
        fn write(&mut self, bytes: &[u8]) {
            self.0.update(bytes);
        }
        fn finish(&self) -> u64 {
            let hash = self.0.finalize();
            let mut first = [0; 8];
            first.copy_from_slice(&hash.as_bytes()[..8]);
            u64::from_le_bytes(first)
        }
    }
    let mut hasher = Blake(blake3::Hasher::new());
    engine.precompile_compatibility_hash().hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::compiled_settings;

    struct Fixture {
        folder: tempfile::TempDir,
        engines: [wasmtime::Engine; 2],
    }

    impl Fixture {
        fn new() -> Self {
            let engine = |concurrency| {
                wasmtime::Engine::new(&compiled_settings(concurrency)).expect("valid settings")
            };
            let folder = tempfile::tempdir().expect("a folder");
            Fixture { folder, engines: [engine(false), engine(true)] }
        }

        fn open(&self) -> CodeCache {
            let [plain, concurrent] = &self.engines;
            CodeCache::open(self.folder.path(), [plain, concurrent]).expect("opens")
        }

        fn insert(&self, cache: &CodeCache, source: &[u8]) -> Digest {
            let code = self.engines[0].precompile_component(source).expect("compiles");
            let digest = Digest::of(source);
            let path = cache.temporary().expect("a file");
            fs::write(&path, code).expect("writes");
            cache.insert(&digest, false, &path).expect("inserts");
            digest
        }
    }

    const EMPTY: &[u8] = b"\0asm\x0d\0\x01\0";
    const NAMED: &[u8] = b"\0asm\x0d\0\x01\0\0\x02\x01x";

    #[test]
    fn a_flipped_bit_is_refused_and_an_honest_file_loads_after_a_restart() {
        let fixture = Fixture::new();
        let digest = fixture.insert(&fixture.open(), EMPTY);
        let cache = fixture.open();
        cache.load(&digest, false, &fixture.engines[0]).expect("authentic");

        let path = cache.path(&digest, false, "code");
        let mut code = fs::read(&path).expect("reads");
        let middle = code.len() / 2;
        code[middle] ^= 1;
        fs::remove_file(&path).expect("removes");
        fs::write(&path, code).expect("writes");
        let refused = cache.load(&digest, false, &fixture.engines[0]).expect_err("tampered");
        assert!(matches!(refused, CodeCacheError::NotAuthentic(_)), "{refused}");
    }

    #[test]
    fn code_of_one_artifact_is_refused_under_the_name_of_another() {
        let fixture = Fixture::new();
        let cache = fixture.open();
        let (one, other) = (fixture.insert(&cache, EMPTY), fixture.insert(&cache, NAMED));
        for extension in ["code", "tag"] {
            let target = cache.path(&other, false, extension);
            fs::remove_file(&target).expect("removes");
            fs::copy(cache.path(&one, false, extension), target).expect("copies");
        }
        let refused = cache.load(&other, false, &fixture.engines[0]).expect_err("swapped");
        assert!(matches!(refused, CodeCacheError::NotAuthentic(_)), "{refused}");
    }

    #[test]
    fn a_lost_key_makes_all_code_unauthentic_and_an_absent_file_is_missing() {
        let fixture = Fixture::new();
        let digest = fixture.insert(&fixture.open(), EMPTY);
        fs::write(fixture.folder.path().join("key"), b"short").expect("writes");
        let cache = fixture.open();
        let refused = cache.load(&digest, false, &fixture.engines[0]).expect_err("other key");
        assert!(matches!(refused, CodeCacheError::NotAuthentic(_)), "{refused}");
        cache.remove(&digest, false);
        assert_eq!(cache.code_bytes(&digest, false), None);
        let missing = cache.load(&digest, false, &fixture.engines[0]).expect_err("removed");
        assert!(matches!(missing, CodeCacheError::Missing(_)), "{missing}");
    }
}
