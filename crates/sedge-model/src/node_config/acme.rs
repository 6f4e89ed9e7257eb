//! Certificates that a listener gets by itself (ACME, RFC 8555), as `node.toml`
//! declares them.

use crate::document::{Draft, Invalid, child, quantity};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// Let's Encrypt, whose certificates browsers trust.
const LETS_ENCRYPT: &str = "https://acme-v02.api.letsencrypt.org/directory";
/// Its staging environment: higher rate limits, and nobody trusts it.
const LETS_ENCRYPT_STAGING: &str = "https://acme-staging-v02.api.letsencrypt.org/directory";

/// Most names of one certificate; Let's Encrypt takes no more.
const DOMAINS_MAX: usize = 100;

/// How a listener gets its certificate by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AcmeConfig {
    /// The hosts that the one certificate is for, in lower case, none twice.
    pub domains: Vec<String>,
    /// Where the authority may write to, as URIs (`mailto:…`).
    pub contact: Vec<String>,
    /// URL of the authority's directory; `https`.
    pub directory: String,
    /// PEM files of authorities that are trusted for the connection to the
    /// directory, instead of Mozilla's. Empty: Mozilla's.
    pub trusted_roots: Vec<PathBuf>,
    /// How the hosts are proved.
    pub challenge: AcmeChallenge,
    /// Seconds before it expires at which a certificate is renewed; `None`: when
    /// two thirds of its lifetime are over.
    pub renew_before_s: Option<u64>,
}

/// How it is proved that hosts belong to this node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum AcmeChallenge {
    /// On this listener, which the authority must reach at port 443 (RFC 8737).
    #[default]
    #[serde(rename = "tls-alpn-01")]
    TlsAlpn01,
    /// On `listen`, which the authority must reach at port 80 (RFC 8555 §8.3).
    #[serde(rename = "http-01")]
    Http01,
}

impl AcmeChallenge {
    /// Its name, as in the configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            AcmeChallenge::TlsAlpn01 => "tls-alpn-01",
            AcmeChallenge::Http01 => "http-01",
        }
    }
}

/// A certificate that the node gets and renews by itself, from an authority that
/// speaks ACME (RFC 8555).
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["domains", "terms_agreed"]))]
pub(super) struct RawAcme {
    /// Hosts that the certificate is for. No wildcards: they cannot be proved by
    /// these challenges.
    #[schemars(length(min = 1, max = 100), inner(length(min = 1, max = 253)))]
    domains: Vec<String>,
    /// E-mail addresses to which the authority may write.
    #[schemars(length(max = 8), inner(length(min = 1, max = 254)))]
    contact: Vec<String>,
    /// The authority: `letsencrypt`, `letsencrypt-staging`, or the `https` URL of
    /// a directory; `letsencrypt` if absent.
    #[schemars(length(min = 1, max = 2_048))]
    directory: Option<String>,
    /// PEM files, relative to this file, of the authorities that are trusted for
    /// the connection to the directory, instead of Mozilla's.
    #[schemars(length(max = 64), inner(length(min = 1, max = 4_096)))]
    trusted_roots: Vec<PathBuf>,
    /// How the hosts are proved; `tls-alpn-01` if absent.
    challenge: Option<AcmeChallenge>,
    /// Time before a certificate expires at which it is renewed; a third of its
    /// lifetime if absent.
    #[schemars(schema_with = "quantity::seconds", range(min = 60, max = 31_536_000))]
    renew_before_s: Option<u64>,
    /// That you agree to the authority's terms of service; must be true.
    terms_agreed: bool,
}

/// Checks the table at `at`, and resolves its paths against `folder`.
pub(super) fn resolve(draft: &mut Draft, at: &str, raw: RawAcme, folder: &Path) -> AcmeConfig {
    if !raw.terms_agreed {
        let hint = "read the terms that the authority names in its directory, then write true";
        let message = "nobody has agreed to the authority's terms of service";
        draft.reject(&child(at, "terms_agreed"), Invalid::new(message, hint));
    }
    let contact = raw.contact.iter().enumerate().filter_map(|(index, text)| {
        let at = child(&child(at, "contact"), index);
        contact(text).map_err(|invalid| draft.reject(&at, invalid)).ok()
    });
    let contact = contact.collect();
    let directory = match raw.directory.as_deref() {
        None | Some("letsencrypt") => LETS_ENCRYPT.to_owned(),
        Some("letsencrypt-staging") => LETS_ENCRYPT_STAGING.to_owned(),
        Some(url) => {
            if let Err(invalid) = check_directory(url) {
                draft.reject(&child(at, "directory"), invalid);
            }
            url.to_owned()
        }
    };
    AcmeConfig {
        domains: domains(draft, &child(at, "domains"), &raw.domains),
        contact,
        directory,
        trusted_roots: raw.trusted_roots.iter().map(|path| folder.join(path)).collect(),
        challenge: raw.challenge.unwrap_or_default(),
        renew_before_s: raw.renew_before_s,
    }
}

fn domains(draft: &mut Draft, at: &str, raw: &[String]) -> Vec<String> {
    let mut domains: Vec<String> = Vec::new();
    for (index, text) in raw.iter().take(DOMAINS_MAX).enumerate() {
        let domain = text.to_ascii_lowercase();
        let invalid = if domains.contains(&domain) {
            Some(Invalid::new(format!("`{domain}` is there twice"), "write it once"))
        } else {
            check_domain(&domain).err()
        };
        if let Some(invalid) = invalid {
            draft.reject(&child(at, index), invalid);
        }
        domains.push(domain);
    }
    domains
}

/// A host name of at least two labels of letters, digits and hyphens (RFC 1123
/// §2.1), 63 bytes each, 253 in all.
fn check_domain(domain: &str) -> Result<(), Invalid> {
    let shown = domain.escape_debug();
    if domain.starts_with("*.") {
        let hint = "a wildcard is proved by DNS, which is not there; list the hosts, or name files";
        return Err(Invalid::new(format!("`{shown}` is a wildcard"), hint));
    }
    if domain.parse::<std::net::IpAddr>().is_ok() {
        let hint = "write a host's name; certificates for addresses come from files";
        return Err(Invalid::new(format!("`{shown}` is an address"), hint));
    }
    let known = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
    let label = |one: &str| {
        (1..=63).contains(&one.len())
            && one.bytes().all(known)
            && !one.starts_with('-')
            && !one.ends_with('-')
    };
    if domain.len() > 253 || !domain.contains('.') || !domain.split('.').all(label) {
        let hint = "write a whole name such as \"shop.example\"; other letters than ASCII as \
                    \"xn--…\" (punycode)";
        return Err(Invalid::new(format!("`{shown}` is not the name of a host"), hint));
    }
    Ok(())
}

fn contact(text: &str) -> Result<String, Invalid> {
    let address = text.strip_prefix("mailto:").unwrap_or(text);
    let visible = address.bytes().all(|byte| byte.is_ascii_graphic() && !b",?".contains(&byte));
    let halves = address.split_once('@');
    let fits = halves.is_some_and(|(user, host)| !user.is_empty() && check_domain(host).is_ok());
    if !visible || !fits {
        let message = format!("`{}` is not an e-mail address", text.escape_debug());
        return Err(Invalid::new(message, "write for example \"ops@shop.example\""));
    }
    Ok(format!("mailto:{address}"))
}

fn check_directory(url: &str) -> Result<(), Invalid> {
    let parsed = url.parse::<http::Uri>().ok();
    let fits = parsed.is_some_and(|uri| {
        let authority = uri.authority().map(|authority| authority.as_str());
        uri.scheme_str() == Some("https") && authority.is_some_and(|text| !text.contains('@'))
    });
    if fits {
        return Ok(());
    }
    let message = format!("`{}` is not the directory of an authority", url.escape_debug());
    let hint = "write letsencrypt, letsencrypt-staging, or a URL that begins with https://";
    Err(Invalid::new(message, hint))
}

#[cfg(test)]
mod tests {
    use super::super::{NodeConfig, read};
    use super::*;

    fn config(acme: &str) -> Result<NodeConfig, String> {
        let text = format!("[[tls]]\nlisten = \"127.0.0.1:0\"\n[tls.acme]\n{acme}");
        read(&text, Path::new("/etc/node.toml")).map_err(|problems| problems.to_string())
    }

    #[test]
    fn every_mistake_is_told() {
        let agreed = "terms_agreed = true\n";
        let one = "domains = [\"a.test\"]\n";
        for (text, expected) in [
            (String::new(), "missing key `domains`"),
            (one.to_owned(), "missing key `terms_agreed`"),
            (format!("{one}terms_agreed = false\n"), "nobody has agreed"),
            (format!("{agreed}domains = []\n"), "domains"),
            (format!("{agreed}domains = [\"*.a.test\"]\n"), "is a wildcard"),
            (format!("{agreed}domains = [\"127.0.0.1\"]\n"), "is an address"),
            (format!("{agreed}domains = [\"localhost\"]\n"), "not the name of a host"),
            (format!("{agreed}domains = [\"a..test\"]\n"), "not the name of a host"),
            (format!("{agreed}domains = [\"-a.test\"]\n"), "not the name of a host"),
            (format!("{agreed}domains = [\"a.test\", \"A.TEST\"]\n"), "is there twice"),
            (format!("{agreed}{one}contact = [\"nobody\"]\n"), "not an e-mail address"),
            (format!("{agreed}{one}contact = [\"a@b.test?x=y\"]\n"), "not an e-mail address"),
            (format!("{agreed}{one}directory = \"http://a.test\"\n"), "not the directory"),
            (format!("{agreed}{one}directory = \"https://u:p@a.test\"\n"), "not the directory"),
            (format!("{agreed}{one}challenge = \"dns-01\"\n"), "write one of"),
            (format!("{agreed}{one}renew_before_s = \"1 s\"\n"), "too small"),
        ] {
            let message = config(&text).expect_err(&text);
            assert!(message.contains(expected), "{text}: {message}");
        }
    }

    #[test]
    fn what_is_left_out_has_a_default() {
        let node = config("domains = [\"A.test\"]\nterms_agreed = true\n").expect("valid");
        let acme = node.tls[0].acme.as_ref().expect("acme");
        assert_eq!(acme.domains, ["a.test"]);
        assert_eq!(acme.directory, LETS_ENCRYPT);
        assert_eq!(acme.challenge, AcmeChallenge::TlsAlpn01);
        let text = "domains = [\"a.test\"]\nterms_agreed = true\ncontact = [\"ops@a.test\"]\n\
                    directory = \"letsencrypt-staging\"\ntrusted_roots = [\"ca.pem\"]\n";
        let node = config(text).expect("valid");
        let acme = node.tls[0].acme.as_ref().expect("acme");
        assert_eq!(acme.directory, LETS_ENCRYPT_STAGING);
        assert_eq!(acme.contact, ["mailto:ops@a.test"]);
        assert_eq!(acme.trusted_roots, [Path::new("/etc/ca.pem")]);
    }
}
