//! Who sends, and whether it may send as that device.

use super::IngestEndpoint;
use super::answers::Told;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use sedge_ingress::ingest;
use sedge_ingress::mqtt::auth::{Authenticate, Credentials, Denied, Holder};
use sedge_model::handler::Context;

/// The subject of a verified certificate; the gateway sets it, and removes what a client sends
/// under this name.
const SUBJECT: &str = "sedge-client-subject";

impl IngestEndpoint {
    /// Lets in who may send as this device.
    pub(super) async fn admit(
        &self,
        device: &str,
        headers: &HeaderMap,
        context: &Context,
    ) -> Result<(), Told> {
        let name = self.name(device, headers, context).await?;
        let Some(name) = name else { return Ok(()) };
        if name == device || self.config.any_device.contains(&name) {
            return Ok(());
        }
        Err(Told::forbidden(&format!("{name:?} may send as itself only")))
    }

    /// Whose name is proved; `None`: somebody without one is let in.
    async fn name(
        &self,
        device: &str,
        headers: &HeaderMap,
        context: &Context,
    ) -> Result<Option<String>, Told> {
        let subject = headers.get(SUBJECT).and_then(|value| value.to_str().ok());
        let certificate = subject.map(|subject| Holder {
            subject: subject.to_owned(),
            names: Vec::new(),
            fingerprint: String::new(),
        });
        let pair = match headers.get(AUTHORIZATION) {
            None => None,
            Some(field) => {
                let pair = field.to_str().ok().and_then(ingest::basic);
                let wrong = "the field authorization is not Basic with a name and a password";
                Some(pair.ok_or_else(|| Told::who_are_you(wrong))?)
            }
        };
        if certificate.is_none()
            && let Some((name, password)) = &pair
            && self.known.has(name, password)
        {
            return Ok(Some(name.clone()));
        }
        let generation = self.known.generation();
        let has_certificate = certificate.is_some();
        let (username, password) = pair.clone().unzip();
        let credentials = Credentials {
            client: device.into(),
            username,
            password: password.map(String::into_bytes),
            certificate,
            peer: context.peer,
            encrypted: context.tls,
        };
        match self.certificates.authenticate(credentials).await {
            Ok(identity) => {
                let name = identity.username.map(|name| name.to_string());
                if let (Some((name, password)), Some(_), false) = (&pair, &name, has_certificate) {
                    self.known.add(generation, name, password);
                }
                Ok(name)
            }
            Err(Denied::BadCredentials) => {
                Err(Told::who_are_you("name and password do not fit, or none was given"))
            }
            Err(Denied::NotAuthorized) => {
                Err(Told::forbidden("the certificate has no common name that could be a device"))
            }
            Err(Denied::Unavailable(why)) => Err(Told::unavailable(&why)),
        }
    }
}
