//! Fetches a package from a registry of npm: databases of addresses and patterns of user
//! agents are published there, and a person who updates them need not have npm.
//!
//! What comes is checked against the digest that the registry tells (`dist.integrity`), and
//! bounded in each way before anything of it is used.

use anyhow::{Context, Result, anyhow, bail};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use clap::Args;
use flate2::read::GzDecoder;
use http::{Request, Response, StatusCode, Uri, header};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use ring::digest::{Context as Hasher, SHA512};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use sedge_node::hint::WithHint;
use serde_json::Value;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

/// The public registry.
const REGISTRY: &str = "https://registry.npmjs.org";

/// Bytes of what a registry tells of a version.
const ABOUT_BYTES_MAX: usize = 4 << 20;
/// Bytes of a package as it is sent, and unpacked. The largest of those that are known, a
/// database of cities, has some hundred million.
const PACKED_BYTES_MAX: u64 = 1 << 30;
const FILE_BYTES_MAX: u64 = 4 << 30;
/// Files of a package.
const FILES_MAX: usize = 10_000;
/// A registry that says nothing for so long is given up.
const SILENCE_MAX: Duration = Duration::from_secs(30);
/// Other places that a registry may name in turn.
const REDIRECTS_MAX: usize = 5;

/// From where packages come.
#[derive(Args)]
pub(crate) struct RegistryArgs {
    /// Registry of packages
    #[arg(long, value_name = "URL", env = "NPM_CONFIG_REGISTRY", hide_env_values = true, default_value = REGISTRY)]
    registry: String,

    /// Trust the authorities of this PEM file, too
    #[arg(long, value_name = "FILE", env = "SSL_CERT_FILE", hide_env_values = true)]
    cacert: Option<PathBuf>,
}

/// Files that were named or fetched.
pub(crate) struct Files {
    pub(crate) files: Vec<PathBuf>,
    /// Where those of a package lie until this is dropped.
    _folder: Option<TempDir>,
}

/// The file that is named; or, if there is none, the files of an ending of the package that is.
///
/// # Errors
/// It is neither, the registry cannot be reached or does not have it, it is not what was
/// announced, or it has no such file.
pub(crate) fn file_or_package(
    source: &str,
    registry: &RegistryArgs,
    ending: &str,
) -> Result<Files> {
    let file = PathBuf::from(source);
    if file.is_file() {
        return Ok(Files { files: vec![file], _folder: None });
    }
    // The name of a file that is not there could be that of a package, but hardly is.
    let package = parse(source).filter(|_| file.extension().is_none_or(|one| one != ending));
    let Some(package) = package else {
        let error = anyhow!("{source} does not exist");
        return Err(WithHint::new(error, "name a file, or a package of npm such as @scope/name"));
    };
    let folder = tempfile::tempdir().context("create a folder for the package")?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.context("start the runtime")?;
    let files = runtime.block_on(fetch(registry, package, ending, folder.path()))?;
    Ok(Files { files, _folder: Some(folder) })
}

/// The name and version of `name`, `@scope/name` or `name@version`; `None`: it is none.
fn parse(text: &str) -> Option<(&str, &str)> {
    let at = text.get(1..)?.find('@').map(|at| at + 1);
    let (name, version) = at.map_or((text, "latest"), |at| (&text[..at], &text[at + 1..]));
    let part = |part: &str| {
        let known = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || b"-._~".contains(&c);
        !part.is_empty()
            && part.len() <= 214
            && !part.starts_with(['.', '_'])
            && part.bytes().all(known)
    };
    let is_name = match name.strip_prefix('@').map(|scoped| scoped.split_once('/')) {
        None => part(name),
        Some(Some((scope, name))) => part(scope) && part(name),
        Some(None) => false,
    };
    let known = |c: u8| c.is_ascii_alphanumeric() || b"-.+".contains(&c);
    let is_version = !version.is_empty() && version.len() <= 64 && version.bytes().all(known);
    (is_name && is_version).then_some((name, version))
}

/// Fetches a package and unpacks its files of an ending into a folder.
async fn fetch(
    RegistryArgs { registry, cacert }: &RegistryArgs,
    (name, version): (&str, &str),
    ending: &str,
    folder: &Path,
) -> Result<Vec<PathBuf>> {
    let client = client(cacert.as_deref())?;
    let about = format!("{}/{name}/{version}", registry.trim_end_matches('/'));
    let about = ask(&client, &about).await.map_err(|error| named(error, name))?;
    let about = Limited::new(about.into_body(), ABOUT_BYTES_MAX).collect();
    let about = in_time(about).await?.map_err(|error| anyhow!("read of the registry: {error}"))?;
    let about: Value = serde_json::from_slice(&about.to_bytes()).context("read of the registry")?;
    let text = |pointer| about.pointer(pointer).and_then(Value::as_str);
    let tarball = text("/dist/tarball").context("the registry names no archive")?;
    let integrity = text("/dist/integrity").context("the registry tells no digest")?;
    eprintln!("fetching {name} {}", text("/version").unwrap_or(version));
    let archive = folder.join("package.tgz");
    let digest = download(&client, tarball, &archive).await?;
    // It may tell several; this one is always among them.
    if !integrity.split_whitespace().any(|one| one == digest) {
        bail!("{tarball} is not what the registry announced: its digest is {digest}");
    }
    let (ending, folder) = (ending.to_owned(), folder.to_owned());
    let unpacked = tokio::task::spawn_blocking(move || unpack(&archive, &ending, &folder)).await;
    unpacked.context("unpack the package")?
}

type HttpsClient = Client<HttpsConnector<HttpConnector>, Empty<Bytes>>;

/// A client that trusts Mozilla's certificate authorities, and those of a file of PEM.
fn client(authorities: Option<&Path>) -> Result<HttpsClient> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    if let Some(path) = authorities {
        let what = || format!("read the authorities of {}", path.display());
        for certificate in CertificateDer::pem_file_iter(path).with_context(what)? {
            roots.add(certificate.with_context(what)?).with_context(what)?;
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.context("prepare TLS")?.with_root_certificates(roots);
    let connector = HttpsConnectorBuilder::new().with_tls_config(config.with_no_client_auth());
    let connector = connector.https_or_http().enable_http1().build();
    Ok(Client::builder(TokioExecutor::new()).build(connector))
}

fn named(error: anyhow::Error, name: &str) -> anyhow::Error {
    let hint = format!(
        "is {name} a file that does not exist, or a package of another registry? --registry names one"
    );
    WithHint::new(error, hint)
}

async fn in_time<T>(work: impl Future<Output = T>) -> Result<T> {
    tokio::time::timeout(SILENCE_MAX, work).await.context("the registry does not answer")
}

async fn ask(client: &HttpsClient, url: &str) -> Result<Response<Incoming>> {
    let mut url = url.to_owned();
    for _ in 0..=REDIRECTS_MAX {
        let uri: Uri = url.parse().with_context(|| format!("{url:?} is no URL"))?;
        let is_secure = uri.scheme_str() == Some("https");
        let request = Request::get(uri).header(header::USER_AGENT, "sedge");
        let request = request.body(Empty::new()).with_context(|| format!("ask {url}"))?;
        let answer =
            in_time(client.request(request)).await?.with_context(|| format!("ask {url}"))?;
        match answer.status() {
            StatusCode::OK => return Ok(answer),
            status if status.is_redirection() => {
                let to = answer.headers().get(header::LOCATION).and_then(|to| to.to_str().ok());
                let to = to.with_context(|| format!("{url} leads nowhere"))?.to_owned();
                if is_secure && !to.starts_with("https://") {
                    bail!("{url} leads to {to}, which is not encrypted");
                }
                url = to;
            }
            status => bail!("{url} answers {status}"),
        }
    }
    bail!("{url} is one redirection too many")
}

/// Writes what a URL has to a file; its digest as `dist.integrity` has it.
async fn download(client: &HttpsClient, url: &str, path: &Path) -> Result<String> {
    let mut body = ask(client, url).await?.into_body();
    let mut file = File::create(path).with_context(|| format!("create {}", path.display()))?;
    let (mut hasher, mut bytes) = (Hasher::new(&SHA512), 0);
    while let Some(frame) = in_time(body.frame()).await? {
        let frame = frame.with_context(|| format!("read {url}"))?;
        let Some(data) = frame.data_ref() else { continue };
        bytes += data.len() as u64;
        if bytes > PACKED_BYTES_MAX {
            bail!("{url} has more than {PACKED_BYTES_MAX} bytes");
        }
        hasher.update(data);
        file.write_all(data).with_context(|| format!("write {}", path.display()))?;
    }
    Ok(format!("sha512-{}", STANDARD.encode(hasher.finish())))
}

/// Unpacks the files of an ending, each by the last part of its name alone, so that none lands
/// elsewhere.
fn unpack(archive: &Path, ending: &str, folder: &Path) -> Result<Vec<PathBuf>> {
    let file = File::open(archive).with_context(|| format!("open {}", archive.display()))?;
    let mut packed = tar::Archive::new(GzDecoder::new(file).take(FILE_BYTES_MAX));
    let mut files = Vec::new();
    let entries = packed.entries().context("read the package")?;
    for (index, entry) in entries.enumerate() {
        let mut entry = entry.context("read the package")?;
        if index == FILES_MAX {
            bail!("the package has more than {FILES_MAX} files");
        }
        let path = entry.path().context("read the package")?.into_owned();
        let is_wanted = path.extension().is_some_and(|one| one == ending);
        let Some(name) = path.file_name().filter(|_| is_wanted) else { continue };
        if !entry.header().entry_type().is_file() {
            continue;
        }
        let to = folder.join(name);
        let mut file = File::create(&to).with_context(|| format!("create {}", to.display()))?;
        io::copy(&mut entry, &mut file).with_context(|| format!("write {}", to.display()))?;
        files.push(to);
    }
    if files.is_empty() {
        bail!("the package has no file that ends in .{ending}");
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_packages_are_told_from_paths() {
        for (text, parsed) in [
            ("uap-core", Some(("uap-core", "latest"))),
            ("uap-core@0.18.0", Some(("uap-core", "0.18.0"))),
            ("@ip-location-db/dbip-city", Some(("@ip-location-db/dbip-city", "latest"))),
            ("@a/b@1.2.3-beta+1", Some(("@a/b", "1.2.3-beta+1"))),
            ("", None),
            ("@", None),
            ("@a", None),
            ("a/b", None),
            ("../x", None),
            ("@a/../b", None),
            ("a@", None),
            ("a@1/2", None),
            ("Upper", None),
            ("a b", None),
            ("@a/b/c", None),
        ] {
            assert_eq!(parse(text), parsed, "{text}");
        }
    }

    fn packed(files: &[(&str, &[u8])]) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("package.tgz");
        let file = File::create(&path).expect("made");
        let gzip = flate2::write::GzEncoder::new(file, flate2::Compression::fast());
        let mut builder = tar::Builder::new(gzip);
        for (name, bytes) in files {
            let mut header = tar::Header::new_ustar();
            header.set_size(bytes.len() as u64);
            header.set_mode(0o644);
            // Written into the header by hand: the library refuses what climbs out.
            header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
            header.set_cksum();
            builder.append(&header, *bytes).expect("added");
        }
        builder.into_inner().expect("ended").finish().expect("ended");
        (folder, path)
    }

    #[test]
    fn only_what_is_wanted_is_unpacked_and_nothing_outside_of_the_folder() {
        let (folder, path) = packed(&[
            ("package/README.md", b"read me"),
            ("package/a.mmdb", b"a"),
            ("../../b.mmdb", b"b"),
            ("/c.mmdb", b"c"),
        ]);
        let target = folder.path().join("target/deep");
        std::fs::create_dir_all(&target).expect("made");
        let files = unpack(&path, "mmdb", &target).expect("unpacked");
        let names: Vec<_> =
            files.iter().map(|file| file.strip_prefix(&target).expect("in it")).collect();
        assert_eq!(names, ["a.mmdb", "b.mmdb", "c.mmdb"].map(Path::new));
        assert!(!folder.path().join("b.mmdb").exists());
        assert!(unpack(&path, "yaml", &target).is_err());
    }

    #[test]
    fn what_is_no_package_is_an_error() {
        let (folder, path) = packed(&[("package/a.mmdb", &[7; 4_000])]);
        let whole = std::fs::read(&path).expect("read");
        for bytes in [&b""[..], b"no archive", &whole[..whole.len() / 2]] {
            std::fs::write(&path, bytes).expect("written");
            assert!(unpack(&path, "mmdb", folder.path()).is_err());
        }
    }
}
