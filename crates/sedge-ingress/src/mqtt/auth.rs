//! Who a client is, and what it may do.

mod acl;
mod passwords;
mod question;

pub use acl::{Access, Acl, AclError};
pub(crate) use passwords::unbase64;
pub use passwords::{PasswordFile, PasswordFileError};
pub use question::{QUESTION_PATH, VERDICT_BYTES_MAX, question, verdict};

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

/// What a client says of itself, and what its handshake has proved.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// The client identifier; one that the server has made, if the client had none.
    pub client: Arc<str>,
    /// As the client has given it.
    pub username: Option<String>,
    /// As the client has given it.
    pub password: Option<Vec<u8>>,
    /// Whose certificate the connection was opened with, if its listener asks for one.
    pub certificate: Option<Holder>,
    /// Where it comes from.
    pub peer: SocketAddr,
    /// Whether the connection is encrypted.
    pub encrypted: bool,
}

/// Whom a verified certificate names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// The distinguished name, as RFC 4514 writes it.
    pub subject: String,
    /// The subjectAltNames: `dns:`, `email:`, `uri:` or `ip:`, and the name.
    pub names: Vec<String>,
    /// SHA-256 of the certificate, in lower-case hexadecimal.
    pub fingerprint: String,
}

impl Holder {
    /// The common name (CN) of the subject, if it has one that needs no escapes.
    pub fn common_name(&self) -> Option<&str> {
        let mut parts = self.subject.split(',').map(|part| part.trim_start_matches(' '));
        let name = parts.find_map(|part| part.strip_prefix("CN="))?;
        (!name.is_empty() && !name.contains(['\\', '+', '='])).then_some(name)
    }
}

/// Who a client is.
#[derive(Clone, Debug, Default)]
pub struct Identity {
    /// Its name in rules; `None`: nobody in particular.
    pub username: Option<Arc<str>>,
    /// What it may do, in place of what holds for all.
    pub acl: Option<Arc<Acl>>,
}

/// Why a client is not let in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// Name and password do not fit, or none was given (0x86).
    #[error("bad user name or password")]
    BadCredentials,
    /// It is who it says, and may not (0x87).
    #[error("not authorized")]
    NotAuthorized,
    /// Nobody can tell now (0x88).
    #[error("nobody can tell now: {0}")]
    Unavailable(String),
}

/// The answer to [`Authenticate::authenticate`].
pub type Authenticated<'a> = Pin<Box<dyn Future<Output = Result<Identity, Denied>> + Send + 'a>>;

/// Says who clients are. Enhanced authentication (MQTT 5.0 §4.12) is not asked for here: who
/// names a method is refused before (0x8C).
pub trait Authenticate: Send + Sync + 'static {
    /// Who this is.
    fn authenticate(&self, credentials: Credentials) -> Authenticated<'_>;
}

impl<A: Authenticate> Authenticate for Arc<A> {
    fn authenticate(&self, credentials: Credentials) -> Authenticated<'_> {
        (**self).authenticate(credentials)
    }
}

/// Everybody is let in, as who they say they are. For tests, and for listeners that only a
/// machine itself can reach.
pub struct Anyone;

impl Authenticate for Anyone {
    fn authenticate(&self, credentials: Credentials) -> Authenticated<'_> {
        let username = credentials.username.map(Arc::from);
        Box::pin(async move { Ok(Identity { username, acl: None }) })
    }
}

/// Who has shown a certificate is let in, by the common name of its subject. Others are asked
/// for by `otherwise`.
pub struct Certificates<A> {
    /// Who says it of those without one.
    pub otherwise: A,
}

impl<A: Authenticate> Authenticate for Certificates<A> {
    fn authenticate(&self, credentials: Credentials) -> Authenticated<'_> {
        let Some(holder) = &credentials.certificate else {
            return self.otherwise.authenticate(credentials);
        };
        let username = holder.common_name().map(Arc::from).ok_or(Denied::NotAuthorized);
        Box::pin(async move { Ok(Identity { username: Some(username?), acl: None }) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_common_name_is_one_without_escapes() {
        let holder = |subject: &str| Holder {
            subject: subject.to_owned(),
            names: Vec::new(),
            fingerprint: String::new(),
        };
        assert_eq!(holder("CN=sensor-1,O=Example").common_name(), Some("sensor-1"));
        assert_eq!(holder("O=Example,CN=sensor-1").common_name(), Some("sensor-1"));
        for subject in ["O=Example", "CN=", "CN=a\\", "CN=a+OU=b", ""] {
            assert_eq!(holder(subject).common_name(), None, "{subject}");
        }
    }
}
