//! The task that keeps a listener's certificate fresh.

use super::failure::{Failure, Reason};
use super::{Acme, issue, load, schedule};
use crate::http::access::rfc3339;
use crate::http::tls::TlsServer;
use ring::rand::{SecureRandom, SystemRandom};
use rustls::crypto::CryptoProvider;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// One order at most takes this long.
const ORDER_MAX: Duration = Duration::from_secs(5 * 60);
/// The wall clock is looked at this often: it may be set while we sleep.
const LOOK_EVERY: Duration = Duration::from_secs(30);

/// Shared by the tasks of all listeners, so that accounts are made once.
#[derive(Clone, Default)]
pub struct Accounts(Arc<tokio::sync::Mutex<()>>);

/// Gets and renews the certificate of a listener, for ever; ends at once if it
/// gets none by itself. Failures are logged, counted and tried again.
pub async fn keep(server: Arc<TlsServer>, accounts: Accounts) {
    let Some(acme) = server.acme() else { return };
    // One random number for the life of the task: what is planned must not move
    // at each look.
    let chance = chance();
    loop {
        let now = SystemTime::now();
        let due = due(&server, acme, now, chance);
        acme.status().next = Some(due);
        if due <= now {
            attempt(&server, acme, &accounts).await;
            continue;
        }
        let nap = due.duration_since(now).unwrap_or_default().min(LOOK_EVERY);
        tokio::select! {
            () = tokio::time::sleep(nap) => {}
            () = acme.hurry.notified() => {}
        }
    }
}

/// When the next attempt is due; `now` or before: at once.
fn due(server: &TlsServer, acme: &Acme, now: SystemTime, chance: f64) -> SystemTime {
    let before = acme.settings.renew_before_s.map(Duration::from_secs);
    let wanted = match server.got() {
        // A certificate from the future is of no use to clients whose clocks are
        // right, nor to us if ours is wrong: ask, with patience.
        Some((not_before, not_after)) if not_before <= now => {
            schedule::renew_at(not_before, not_after, before, chance)
        }
        _ => now,
    };
    wanted.max(acme.status().wait_until())
}

async fn attempt(server: &Arc<TlsServer>, acme: &Acme, accounts: &Accounts) {
    acme.status().ordering = true;
    let provider = server.provider();
    let issued = tokio::time::timeout(ORDER_MAX, issue::issue(acme, provider, &accounts.0)).await;
    acme.challenges.clear();
    let late = |_| Err(Failure::new(Reason::Timeout, "the order took too long"));
    let result = issued
        .unwrap_or_else(late)
        .and_then(|pem| acme.store.keep_certificate(&pem, |file| check(acme, provider, file)));
    let now = SystemTime::now();
    let listen = server.settings().listen;
    let mut status = acme.status();
    status.ordering = false;
    let failure = match result {
        Ok(()) => {
            status.succeeded(now);
            None
        }
        Err(failure) => {
            let wait = status.failed(now, &failure, chance());
            Some((failure, now + wait))
        }
    };
    if let Err(error) = acme.store.keep_status(&status, now) {
        tracing::warn!(%listen, %error, "the state of ACME cannot be kept");
    }
    drop(status);
    let domains = acme.settings.domains.join(", ");
    match failure {
        None => {
            tracing::info!(%listen, domains, "a certificate was got by ACME");
            if let Err(problems) = server.reload() {
                for problem in problems {
                    tracing::warn!(%listen, %problem, "the new certificate cannot be loaded");
                }
            }
        }
        Some((failure, next)) => {
            let serving = if server.shows_nothing() {
                "handshakes fail until there is one"
            } else {
                "what was there before goes on"
            };
            let next = rfc3339(next);
            let reason = failure.reason.label();
            tracing::warn!(
                %listen, domains, reason, detail = failure.text, next,
                "no certificate was got by ACME; {serving}"
            );
        }
    }
}

/// Looks at what has come before it takes the place of what is there.
fn check(acme: &Acme, provider: &CryptoProvider, file: &Path) -> Result<(), Failure> {
    let now = SystemTime::now();
    let wrong = |text: String| Err(Failure::new(Reason::Certificate, text));
    let identity = match load(file, provider, now) {
        Ok(identity) => identity,
        Err(errors) => {
            let texts: Vec<String> = errors.iter().map(ToString::to_string).collect();
            return wrong(format!("what was issued cannot be served: {}", texts.join("; ")));
        }
    };
    if !acme.is_complete(&identity) {
        return wrong(format!("what was issued is for {}", identity.names.join(", ")));
    }
    if identity.not_after <= now {
        return wrong(format!("what was issued has expired on {}", rfc3339(identity.not_after)));
    }
    Ok(())
}

/// A random number in `0.0..1.0`; the middle without randomness.
fn chance() -> f64 {
    let mut bytes = [0; 4];
    match SystemRandom::new().fill(&mut bytes) {
        Ok(()) => f64::from(u32::from_be_bytes(bytes)) / (f64::from(u32::MAX) + 1.0),
        Err(_) => 0.5,
    }
}
