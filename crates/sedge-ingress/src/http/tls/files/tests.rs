use super::*;
use rcgen::{CertificateParams, KeyPair, SignatureAlgorithm};
use std::os::unix::fs::PermissionsExt;

/// A scratch folder with certificates.
pub(crate) struct Folder(tempfile::TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        Folder(tempfile::tempdir().expect("a folder"))
    }

    pub(crate) fn write(&self, name: &str, text: impl AsRef<[u8]>, mode: u32) -> PathBuf {
        let path = self.0.path().join(name);
        fs::write(&path, text).expect("written");
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("an owner");
        path
    }

    /// A certificate signed by itself, and its key.
    pub(crate) fn pair(
        &self,
        name: &str,
        hosts: &[&str],
        algorithm: &'static SignatureAlgorithm,
    ) -> CertificateFiles {
        let hosts: Vec<String> = hosts.iter().map(ToString::to_string).collect();
        self.params(name, CertificateParams::new(hosts).expect("names"), algorithm)
    }

    pub(crate) fn params(
        &self,
        name: &str,
        params: CertificateParams,
        algorithm: &'static SignatureAlgorithm,
    ) -> CertificateFiles {
        let key = KeyPair::generate_for(algorithm).expect("a key");
        let certificate = params.self_signed(&key).expect("a certificate");
        CertificateFiles {
            certificate: self.write(&format!("{name}.pem"), certificate.pem(), 0o644),
            key: self.write(&format!("{name}-key.pem"), key.serialize_pem(), 0o600),
            name: None,
        }
    }
}

fn ecdsa(folder: &Folder, name: &str) -> CertificateFiles {
    folder.pair(name, &["site.test"], &rcgen::PKCS_ECDSA_P256_SHA256)
}

fn load_now(files: &CertificateFiles) -> Result<Identity, Vec<(Half, FileError)>> {
    load(files, &rustls::crypto::ring::default_provider(), SystemTime::now())
}

#[test]
fn every_broken_file_says_what_is_wrong_with_it() {
    let folder = Folder::new();
    let good = ecdsa(&folder, "good");
    let other = ecdsa(&folder, "other");
    let armored = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let encrypted =
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
    let truncated = fs::read(&good.certificate).expect("there")[..200].to_vec();
    let nothing = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
    let cases: &[(&str, PathBuf, Half, &str)] = &[
        ("absent", folder.0.path().join("absent"), Half::Certificate, "cannot read"),
        ("folder", folder.0.path().to_owned(), Half::Certificate, "cannot read"),
        ("empty", folder.write("empty", "", 0o600), Half::Certificate, "holds no certificate"),
        ("key", good.key.clone(), Half::Certificate, "holds no certificate"),
        ("cut", folder.write("cut", truncated, 0o600), Half::Certificate, "is not PEM"),
        (
            "not DER",
            folder.write("armored", armored, 0o600),
            Half::Certificate,
            "something that is not a certificate",
        ),
        ("absent", folder.0.path().join("absent"), Half::Key, "cannot read"),
        ("certificate", good.certificate.clone(), Half::Key, "holds no private key"),
        ("encrypted", folder.write("locked", encrypted, 0o600), Half::Key, "is encrypted"),
        ("nothing", folder.write("nothing", nothing, 0o600), Half::Key, "cannot be used"),
        ("other", other.key, Half::Key, "does not match"),
    ];
    for (name, path, half, expected) in cases {
        let mut files = good.clone();
        match half {
            Half::Certificate => files.certificate = path.clone(),
            Half::Key => files.key = path.clone(),
        }
        let errors = load_now(&files).expect_err(name);
        assert_eq!(errors.len(), 1, "{name}: {errors:?}");
        let (blamed, error) = &errors[0];
        assert_eq!(blamed, half, "{name}: {error}");
        assert!(error.to_string().contains(expected), "{name}: {error}");
        assert!(!error.hint().is_empty());
    }
}

#[test]
fn both_files_are_looked_at() {
    let absent = PathBuf::from("/nowhere/at/all");
    let files = CertificateFiles { certificate: absent.clone(), key: absent, name: None };
    let halves: Vec<Half> = load_now(&files).expect_err("absent").iter().map(|e| e.0).collect();
    assert_eq!(halves, [Half::Certificate, Half::Key]);
}

#[test]
fn a_file_that_never_ends_is_refused() {
    let files =
        CertificateFiles { certificate: "/dev/zero".into(), key: "/dev/zero".into(), name: None };
    let errors = load_now(&files).expect_err("endless");
    assert!(errors.iter().all(|(_, error)| matches!(error, FileError::TooLarge(_))), "{errors:?}");
}

#[test]
fn what_is_odd_is_served_with_a_warning() {
    let folder = Folder::new();
    let mut expired = CertificateParams::new(vec!["old.test".to_owned()]).expect("names");
    expired.not_before = rcgen::date_time_ymd(2001, 1, 1);
    expired.not_after = rcgen::date_time_ymd(2002, 2, 2);
    let mut early = CertificateParams::new(vec!["early.test".to_owned()]).expect("names");
    early.not_before = rcgen::date_time_ymd(2999, 1, 1);
    let nameless = CertificateParams::default();
    for (name, params, expected) in [
        ("expired", expired, "has expired on 2002-02-02"),
        ("early", early, "is not valid before"),
        ("nameless", nameless, "names no host"),
    ] {
        let files = folder.params(name, params, &rcgen::PKCS_ED25519);
        let warnings = load_now(&files).expect("served").warnings;
        assert!(warnings.len() == 1 && warnings[0].contains(expected), "{name}: {warnings:?}");
    }
    let files = ecdsa(&folder, "open");
    fs::set_permissions(&files.key, fs::Permissions::from_mode(0o644)).expect("an owner");
    let warnings = load_now(&files).expect("served").warnings;
    assert!(warnings.len() == 1 && warnings[0].contains("every user"), "{warnings:?}");
}

#[test]
fn a_good_pair_says_its_names_and_its_end() {
    let folder = Folder::new();
    for algorithm in
        [&rcgen::PKCS_ECDSA_P256_SHA256, &rcgen::PKCS_ECDSA_P384_SHA384, &rcgen::PKCS_ED25519]
    {
        let files = folder.pair("good", &["Site.test", "*.site.test", "10.0.0.1"], algorithm);
        let identity = load_now(&files).expect("a good pair");
        assert_eq!(identity.names, ["site.test", "*.site.test"]);
        assert_eq!(identity.warnings, Vec::<String>::new());
        assert!(identity.not_after > SystemTime::now());
    }
}
