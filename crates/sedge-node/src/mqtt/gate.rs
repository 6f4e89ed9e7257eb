//! Who MQTT clients are, by a file of passwords that may change, or nobody in particular.

use sedge_ingress::mqtt::auth::{
    Authenticate, Authenticated, Credentials, Denied, Identity, PasswordFile,
};
use std::sync::{Arc, PoisonError, RwLock};

/// Asked for clients that have shown no certificate.
pub(crate) struct Gate {
    passwords: RwLock<Option<Arc<PasswordFile>>>,
    /// Whether clients without a name are let in.
    anonymous: bool,
}

impl Gate {
    pub(crate) fn new(passwords: Option<PasswordFile>, anonymous: bool) -> Self {
        Gate { passwords: RwLock::new(passwords.map(Arc::new)), anonymous }
    }

    /// Replaces the passwords, for clients that come from now on.
    pub(crate) fn set_passwords(&self, passwords: PasswordFile) {
        let mut now = self.passwords.write().unwrap_or_else(PoisonError::into_inner);
        *now = Some(Arc::new(passwords));
    }
}

impl Authenticate for Gate {
    fn authenticate(&self, credentials: Credentials) -> Authenticated<'_> {
        let passwords = self.passwords.read().unwrap_or_else(PoisonError::into_inner).clone();
        Box::pin(async move {
            match passwords {
                // A password without a name is a slip that should be told.
                _ if self.anonymous
                    && credentials.username.is_none()
                    && credentials.password.is_none() =>
                {
                    Ok(Identity::default())
                }
                Some(passwords) => passwords.authenticate(credentials).await,
                // A name that nobody has checked is none.
                None if self.anonymous => Ok(Identity::default()),
                None => Err(Denied::BadCredentials),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(
        gate: &Gate,
        name: Option<&str>,
        password: Option<&str>,
    ) -> Result<Option<String>, Denied> {
        let credentials = Credentials {
            client: "c".into(),
            username: name.map(str::to_owned),
            password: password.map(|password| password.as_bytes().to_vec()),
            certificate: None,
            peer: ([127, 0, 0, 1], 1).into(),
            encrypted: false,
        };
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let identity = runtime.block_on(gate.authenticate(credentials))?;
        Ok(identity.username.map(|name| name.to_string()))
    }

    #[test]
    fn who_is_let_in_depends_on_what_there_is() {
        let file = || {
            let line = PasswordFile::line("ann", b"secret").expect("a line");
            PasswordFile::parse(&line, 1).expect("a file")
        };
        let bad = || Err(Denied::BadCredentials);
        let closed = Gate::new(Some(file()), false);
        let open = Gate::new(None, true);
        let both = Gate::new(Some(file()), true);
        let neither = Gate::new(None, false);
        for (gate, name, password, expected) in [
            (&neither, None, None, bad()),
            (&neither, Some("ann"), Some("secret"), bad()),
            (&closed, None, None, bad()),
            (&closed, Some("ann"), Some("wrong"), bad()),
            (&closed, Some("ann"), Some("secret"), Ok(Some("ann".to_owned()))),
            (&both, Some("ann"), Some("wrong"), bad()),
            (&both, Some("bob"), None, bad()),
            (&both, None, Some("secret"), bad()),
            (&both, Some("ann"), Some("secret"), Ok(Some("ann".to_owned()))),
            (&both, None, None, Ok(None)),
            (&open, None, None, Ok(None)),
            // A name that nobody can check gives no rights.
            (&open, Some("ann"), Some("x"), Ok(None)),
        ] {
            assert_eq!(ask(gate, name, password), expected, "{name:?} {password:?}");
        }
        closed.set_passwords(PasswordFile::parse("", 1).expect("an empty file"));
        assert_eq!(ask(&closed, Some("ann"), Some("secret")), bad());
    }
}
