//! One order (RFC 8555 §7.4), from the account to the certificate.

use super::challenges::is_token;
use super::client::Client;
use super::failure::{Failure, Reason};
use super::{Acme, roots};
use instant_acme::{
    Account, AuthorizationHandle, AuthorizationStatus, ChallengeType, Identifier, NewAccount,
    NewOrder, Order, OrderStatus, RetryPolicy,
};
use rcgen::{CertificateParams, DistinguishedName, KeyPair};
use rustls::ClientConfig;
use rustls::crypto::CryptoProvider;
use sedge_model::node_config::AcmeChallenge;
use std::sync::Arc;
use std::time::Duration;

/// How long the authority may take to look at the hosts, and then to sign.
const POLL: RetryPolicy = RetryPolicy::new()
    .initial_delay(Duration::from_millis(250))
    .backoff(1.5)
    .timeout(Duration::from_secs(90));

/// Gets a certificate: its key and its chain, as PEM.
///
/// # Errors
///
/// Everything that can go wrong, with what the authority asks us to wait.
pub(super) async fn issue(
    acme: &Acme,
    provider: &Arc<CryptoProvider>,
    accounts: &tokio::sync::Mutex<()>,
) -> Result<String, Failure> {
    let client = client(acme, provider)?;
    let attempt = async {
        let account = {
            // Two listeners with one directory must not make two accounts.
            let _turn = accounts.lock().await;
            account(acme, &client).await?
        };
        order(acme, provider, &account).await
    };
    let result = attempt.await;
    acme.challenges.clear();
    result.map_err(|mut failure| {
        failure.retry_after = failure.retry_after.or(client.retry_after());
        failure
    })
}

fn client(acme: &Acme, provider: &Arc<CryptoProvider>) -> Result<Client, Failure> {
    let broken = |text: String| Failure::new(Reason::Connect, text);
    let roots = roots(&acme.settings).map_err(|wrong| {
        let texts: Vec<String> = wrong.iter().map(|(_, error)| error.to_string()).collect();
        broken(texts.join("; "))
    })?;
    let tls = ClientConfig::builder_with_provider(Arc::clone(provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| broken(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Client::new(&acme.settings.directory, tls)
        .ok_or_else(|| broken(format!("`{}` is no URL", acme.settings.directory)))
}

/// The account of the data folder, or a new one.
async fn account(acme: &Acme, client: &Client) -> Result<Account, Failure> {
    if let Some(credentials) = acme.store.account()? {
        let builder = Account::builder_with_http(Box::new(client.clone()));
        return Ok(builder.from_credentials(credentials).await?);
    }
    let contact: Vec<&str> = acme.settings.contact.iter().map(String::as_str).collect();
    let wanted = NewAccount {
        contact: &contact,
        terms_of_service_agreed: true,
        only_return_existing: false,
    };
    let builder = Account::builder_with_http(Box::new(client.clone()));
    let directory = acme.settings.directory.clone();
    let (account, credentials) = builder.create(&wanted, directory, None).await?;
    acme.store.keep_account(&credentials)?;
    Ok(account)
}

async fn order(
    acme: &Acme,
    provider: &Arc<CryptoProvider>,
    account: &Account,
) -> Result<String, Failure> {
    let domains = &acme.settings.domains;
    let identifiers: Vec<Identifier> = domains.iter().cloned().map(Identifier::Dns).collect();
    let ordered = account.new_order(&NewOrder::new(&identifiers)).await;
    let mut order = ordered.inspect_err(|error| {
        if Failure::is_of(error, "accountDoesNotExist") {
            // The next attempt makes a new one.
            acme.store.forget_account();
        }
    })?;
    if order.state().authorizations.len() > domains.len() {
        let text = "the order has more authorizations than hosts";
        return Err(Failure::new(Reason::Malformed, text));
    }
    let mut authorizations = order.authorizations();
    while let Some(authorization) = authorizations.next().await {
        prove(acme, provider, authorization?).await?;
    }
    if !matches!(order.state().status, OrderStatus::Ready | OrderStatus::Valid) {
        let status = order.poll_ready(&POLL).await;
        if !matches!(status, Ok(OrderStatus::Ready)) {
            return Err(unproved(&mut order, status.err()).await);
        }
    }
    let (key, csr) = request(domains).map_err(|error| {
        Failure::new(Reason::Certificate, format!("cannot make the request: {error}"))
    })?;
    order.finalize_csr(&csr).await?;
    let chain = order.poll_certificate(&POLL).await?;
    Ok(format!("{}{chain}", key.serialize_pem()))
}

/// Lets the authority see that one host is ours.
async fn prove(
    acme: &Acme,
    provider: &Arc<CryptoProvider>,
    mut authorization: AuthorizationHandle<'_>,
) -> Result<(), Failure> {
    let failed = |text: String| Failure::new(Reason::Challenge, text);
    let domain = match authorization.identifier().identifier {
        Identifier::Dns(name) => name.to_ascii_lowercase(),
        other => return Err(failed(format!("{other:?} was not ordered"))),
    };
    if !acme.settings.domains.contains(&domain) {
        return Err(failed(format!("`{domain}` was not ordered")));
    }
    match authorization.status {
        AuthorizationStatus::Valid => return Ok(()),
        AuthorizationStatus::Pending => {}
        status => return Err(failed(format!("the authorization of {domain} is {status:?}"))),
    }
    let wanted = acme.settings.challenge;
    let kind = match wanted {
        AcmeChallenge::TlsAlpn01 => ChallengeType::TlsAlpn01,
        AcmeChallenge::Http01 => ChallengeType::Http01,
    };
    let Some(mut challenge) = authorization.challenge(kind) else {
        return Err(failed(format!("no {} is offered for {domain}", wanted.as_str())));
    };
    if !is_token(&challenge.token) {
        return Err(failed(format!("the token for {domain} is none")));
    }
    let answer = challenge.key_authorization();
    match wanted {
        AcmeChallenge::Http01 => acme.challenges.expect_http(&challenge.token, answer.as_str()),
        AcmeChallenge::TlsAlpn01 => {
            let digest = answer.digest();
            let digest = <&[u8; 32]>::try_from(digest.as_ref());
            let digest = digest.map_err(|_| failed("the digest is too short".to_owned()))?;
            let made = acme.challenges.expect_tls(&domain, digest, provider);
            made.map_err(|error| failed(error.to_string()))?;
        }
    }
    Ok(challenge.set_ready().await?)
}

/// Why an order did not become ready: its authorizations know.
async fn unproved(order: &mut Order, error: Option<instant_acme::Error>) -> Failure {
    let mut authorizations = order.authorizations();
    while let Some(Ok(mut authorization)) = authorizations.next().await {
        let Ok(state) = authorization.refresh().await else { break };
        let problem = state.challenges.iter().find_map(|challenge| challenge.error.as_ref());
        if let Some(problem) = problem {
            let text = format!("{} is not proved: {problem}", state.identifier());
            return Failure::new(Reason::Challenge, text);
        }
    }
    match error {
        Some(error) => error.into(),
        None => Failure::new(Reason::Challenge, "the order is invalid"),
    }
}

/// A new key, and a request for a certificate (RFC 2986) for these hosts.
fn request(domains: &[String]) -> Result<(KeyPair, Vec<u8>), rcgen::Error> {
    let mut params = CertificateParams::new(domains.to_vec())?;
    params.distinguished_name = DistinguishedName::new();
    let key = KeyPair::generate()?;
    let csr = params.serialize_request(&key)?;
    Ok((key, csr.der().to_vec()))
}

#[cfg(test)]
mod tests;
