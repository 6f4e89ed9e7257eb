//! An authority for certificates, and `curl` to try them with.

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, SanType,
};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Signs certificates into a folder.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    folder: PathBuf,
}

/// What a certificate is for.
#[derive(Clone, Copy, Default)]
pub struct Subject<'a> {
    /// Its common name.
    pub name: &'a str,
    /// DNS names and addresses.
    pub hosts: &'a [&'a str],
    /// An identity as a URI, as SPIFFE has them.
    pub uri: Option<&'a str>,
    /// For clients instead of servers.
    pub client: bool,
    /// Whether it was valid long ago.
    pub expired: bool,
}

impl Authority {
    /// An authority that writes its own certificate to `NAME.pem` in `folder`.
    ///
    /// # Panics
    ///
    /// If the folder cannot be written to.
    pub fn new(folder: &Path, name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let issuer = CertifiedIssuer::self_signed(params, key).expect("a certificate");
        fs::create_dir_all(folder).expect("a folder");
        fs::write(folder.join(format!("{name}.pem")), issuer.pem()).expect("written");
        Authority { issuer, folder: folder.to_owned() }
    }

    /// Writes `FILE.pem` and `FILE-key.pem`: the key first, each whole or not at
    /// all.
    ///
    /// # Panics
    ///
    /// If the folder cannot be written to.
    pub fn issue(&self, file: &str, subject: Subject<'_>) {
        let hosts: Vec<String> = subject.hosts.iter().map(ToString::to_string).collect();
        let mut params = CertificateParams::new(hosts).expect("names");
        params.distinguished_name.push(DnType::CommonName, subject.name);
        if let Some(uri) = subject.uri {
            params.subject_alt_names.push(SanType::URI(uri.try_into().expect("ASCII")));
        }
        if subject.client {
            params.extended_key_usages.push(ExtendedKeyUsagePurpose::ClientAuth);
        }
        if subject.expired {
            params.not_after = rcgen::date_time_ymd(2001, 1, 1);
        }
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        self.put(&format!("{file}-key.pem"), &key.serialize_pem());
        self.put(&format!("{file}.pem"), &certificate.pem());
    }

    fn put(&self, name: &str, text: &str) {
        let new = self.folder.join(format!("{name}.new"));
        fs::write(&new, text).expect("written");
        fs::set_permissions(&new, fs::Permissions::from_mode(0o600)).expect("an owner");
        fs::rename(new, self.folder.join(name)).expect("renamed");
    }
}

/// Runs `curl --silent --show-error` with these arguments in `folder`.
///
/// # Panics
///
/// If this machine has no curl.
pub fn curl(folder: &Path, arguments: &[&str]) -> Output {
    Command::new("curl")
        .args(["--silent", "--show-error", "--max-time", "30"])
        .args(arguments)
        .current_dir(folder)
        .output()
        .expect("curl is installed")
}
