//! What is kept in the data folder: the account's key, the certificate with its
//! key, and how the last attempts ended. Each file is private, and is replaced
//! whole.

use super::failure::{Failure, Reason};
use super::schedule;
use super::status::Status;
use instant_acme::AccountCredentials;
use ring::digest;
use sedge_model::node_config::AcmeConfig;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Version of the form of our files.
const VERSION: u64 = 1;
/// They have some hundred bytes.
const FILE_BYTES_MAX: u64 = 64 * 1024;

/// The files of one listener's certificate.
#[derive(Debug)]
pub(super) struct Store {
    folder: PathBuf,
    account: PathBuf,
    certificate: PathBuf,
    attempts: PathBuf,
}

impl Store {
    /// Names say what they are of, so that another configuration has others:
    /// accounts belong to a directory, certificates to its hosts as well.
    pub(super) fn new(settings: &AcmeConfig, data: &Path) -> Self {
        let folder = data.join("acme");
        let account = format!("account-{}.json", name(&[&settings.directory]));
        let mut parts = vec![settings.directory.as_str()];
        parts.extend(settings.domains.iter().map(String::as_str));
        let first = settings.domains.first().map_or("none", String::as_str);
        let own = format!("{first}-{}", name(&parts));
        Store {
            account: folder.join(account),
            certificate: folder.join(format!("{own}.pem")),
            attempts: folder.join(format!("{own}.json")),
            folder,
        }
    }

    pub(super) fn certificate(&self) -> &Path {
        &self.certificate
    }

    /// How the last attempts ended. A file that cannot be read, or that is from
    /// the future because a clock was wrong, says nothing.
    pub(super) fn status(&self, now: SystemTime) -> Status {
        let mut status = Status::default();
        let Ok(value) = read(&self.attempts) else { return status };
        let seconds = |key: &str| value.get(key).and_then(Value::as_u64);
        let (Some(written), Some(failures)) = (seconds("written_unix_s"), seconds("failures"))
        else {
            return status;
        };
        let time = |seconds: u64| UNIX_EPOCH.checked_add(Duration::from_secs(seconds));
        if time(written).is_none_or(|written| written > now) {
            return status;
        }
        status.failures = u32::try_from(failures).unwrap_or(u32::MAX);
        let bounded = |key: &str| {
            let latest = now + schedule::WAIT_MAX;
            seconds(key).and_then(time).map_or(UNIX_EPOCH, |time| time.min(latest))
        };
        status.patient_until = bounded("patient_until_unix_s");
        status.demanded_until = bounded("demanded_until_unix_s");
        status
    }

    /// Keeps how the attempts ended, so that a node that is started again and
    /// again does not ask each time.
    pub(super) fn keep_status(&self, status: &Status, now: SystemTime) -> io::Result<()> {
        let text = json!({
            "version": VERSION,
            "written_unix_s": unix_s(now),
            "failures": status.failures,
            "patient_until_unix_s": unix_s(status.patient_until),
            "demanded_until_unix_s": unix_s(status.demanded_until),
        });
        self.put(&self.attempts, format!("{text:#}\n").as_bytes())
    }

    /// The account, if there is one. What is no account is moved aside.
    pub(super) fn account(&self) -> Result<Option<AccountCredentials>, Failure> {
        let shown = self.account.display();
        let value = match read(&self.account) {
            Ok(value) => value,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) if error.kind() == ErrorKind::InvalidData => Value::Null,
            Err(error) => {
                return Err(Failure::new(Reason::Storage, format!("cannot read {shown}: {error}")));
            }
        };
        if value.get("version").and_then(Value::as_u64).is_some_and(|version| version > VERSION) {
            let text = format!("{shown} was written by a newer sedge");
            return Err(Failure::new(Reason::Storage, text));
        }
        let credentials = value.get("credentials").cloned().unwrap_or_default();
        match serde_json::from_value(credentials) {
            Ok(credentials) => Ok(Some(credentials)),
            Err(_) => {
                tracing::warn!("{shown} is broken; it is moved aside, and an account made anew");
                self.forget_account();
                Ok(None)
            }
        }
    }

    pub(super) fn keep_account(&self, credentials: &AccountCredentials) -> Result<(), Failure> {
        let text = json!({ "version": VERSION, "credentials": credentials });
        let put = self.put(&self.account, format!("{text:#}\n").as_bytes());
        put.map_err(|error| self.failed(&self.account, &error))
    }

    /// Moves the account's file aside.
    pub(super) fn forget_account(&self) {
        let _ = fs::rename(&self.account, self.account.with_extension("json-old"));
    }

    /// Writes a new certificate and its key beside the old one, and lets `check`
    /// look at it before it takes its place.
    pub(super) fn keep_certificate(
        &self,
        pem: &str,
        check: impl FnOnce(&Path) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let new = self.certificate.with_extension("pem-new");
        self.write(&new, pem.as_bytes()).map_err(|error| self.failed(&new, &error))?;
        let checked = check(&new);
        if checked.is_err() {
            let _ = fs::remove_file(&new);
            return checked;
        }
        self.swap(&new, &self.certificate).map_err(|error| self.failed(&self.certificate, &error))
    }

    fn failed(&self, path: &Path, error: &io::Error) -> Failure {
        Failure::new(Reason::Storage, format!("cannot write {}: {error}", path.display()))
    }

    fn put(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let new = path.with_extension("json-new");
        self.write(&new, bytes)?;
        self.swap(&new, path)
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(&self.folder)?;
        // A draft that a crash has left may have other rights.
        let _ = fs::remove_file(path);
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        file.write_all(bytes)?;
        file.sync_all()
    }

    fn swap(&self, new: &Path, path: &Path) -> io::Result<()> {
        fs::rename(new, path)?;
        File::open(&self.folder)?.sync_all()
    }
}

/// A short name for what a file is of.
fn name(parts: &[&str]) -> String {
    let digest = digest::digest(&digest::SHA256, parts.join("\n").as_bytes());
    digest.as_ref()[..8].iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn read(path: &Path) -> io::Result<Value> {
    let mut text = Vec::new();
    File::open(path)?.take(FILE_BYTES_MAX).read_to_end(&mut text)?;
    serde_json::from_slice(&text).map_err(|error| io::Error::new(ErrorKind::InvalidData, error))
}

fn unix_s(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;
    use sedge_model::node_config::AcmeChallenge;
    use std::os::unix::fs::PermissionsExt;

    fn store(data: &Path) -> Store {
        let settings = AcmeConfig {
            domains: vec!["a.test".into()],
            contact: Vec::new(),
            directory: "https://ca.test/dir".into(),
            trusted_roots: Vec::new(),
            challenge: AcmeChallenge::Http01,
            renew_before_s: None,
        };
        Store::new(&settings, data)
    }

    #[test]
    fn what_is_broken_or_from_the_future_says_nothing() {
        let data = tempfile::tempdir().expect("a folder");
        let store = store(data.path());
        let now = UNIX_EPOCH + Duration::from_secs(1_000_000);
        assert_eq!(store.status(now).failures, 0);
        fs::create_dir_all(&store.folder).expect("made");
        for text in [
            "",
            "{\"failures\": 3, \"writ",
            "[]",
            "{}",
            "{\"written_unix_s\":-1,\"failures\":3}",
            "{\"written_unix_s\":2000000,\"failures\":3,\"patient_until_unix_s\":9}",
            "{\"written_unix_s\":18446744073709551615,\"failures\":3}",
        ] {
            fs::write(&store.attempts, text).expect("written");
            let status = store.status(now);
            assert_eq!((status.failures, status.wait_until()), (0, UNIX_EPOCH), "{text}");
        }
        let far = "{\"written_unix_s\":1,\"failures\":3,\"demanded_until_unix_s\":99999999999}";
        fs::write(&store.attempts, far).expect("written");
        assert_eq!(store.status(now).wait_until(), now + schedule::WAIT_MAX);
    }

    #[test]
    fn a_broken_account_is_moved_aside_and_a_newer_one_is_not() {
        let data = tempfile::tempdir().expect("a folder");
        let store = store(data.path());
        assert!(store.account().expect("none").is_none());
        fs::create_dir_all(&store.folder).expect("made");
        for text in ["", "{\"version\":1,\"cred", "{\"version\":1,\"credentials\":{\"id\":3}}"] {
            fs::write(&store.account, text).expect("written");
            assert!(store.account().expect("none").is_none(), "{text}");
            assert!(!store.account.exists() && store.account.with_extension("json-old").exists());
        }
        fs::write(&store.account, "{\"version\":2,\"credentials\":[]}").expect("written");
        let failure = store.account().err().expect("newer");
        assert!(failure.text.contains("newer sedge"), "{failure}");
        assert!(store.account.exists());
    }

    #[test]
    fn attempts_are_kept_and_files_are_private() {
        let data = tempfile::tempdir().expect("a folder");
        let store = store(data.path());
        let now = UNIX_EPOCH + Duration::from_secs(1_000_000);
        let mut status = Status::default();
        status.failed(now, &Failure::new(Reason::Connect, "refused"), 0.5);
        store.keep_status(&status, now).expect("kept");
        assert_eq!(store.status(now).failures, 1);
        assert_eq!(store.status(now).wait_until(), now + Duration::from_secs(60));
        store.keep_certificate("pem", |_| Ok(())).expect("kept");
        let refused = store.keep_certificate("bad", |_| Err(Failure::new(Reason::Certificate, "")));
        assert!(refused.is_err());
        assert_eq!(fs::read_to_string(store.certificate()).expect("there"), "pem");
        for entry in fs::read_dir(&store.folder).expect("a folder") {
            let entry = entry.expect("an entry");
            let mode = entry.metadata().expect("there").permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{:?}", entry.path());
        }
        let folder = fs::metadata(&store.folder).expect("there").permissions().mode();
        assert_eq!(folder & 0o777, 0o700);
    }
}
