//! What is counted of handshakes and certificates.

use super::TlsServer;
use super::acme;
use crate::http::metrics::{Counter, family, reasons};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{SystemTime, UNIX_EPOCH};

reasons! {
    /// Why a handshake failed.
    pub(crate) enum Reason;
    /// More than `handshakes_max` were under way.
    TooMany: "too_many";
    /// It took longer than `handshake_timeout_ms`.
    Timeout: "timeout";
    /// The client left.
    Closed: "closed";
    /// The node is stopping.
    Stopped: "stopped";
    /// A request without TLS.
    PlainHttp: "plain_http";
    /// Something else without TLS.
    NotTls: "not_tls";
    /// TLS, but not as it should be.
    Malformed: "malformed";
    /// No version in common.
    Version: "version";
    /// No cipher suite, group or signature scheme in common.
    Cipher: "cipher";
    /// No application protocol in common (ALPN).
    Protocol: "protocol";
    /// There is no certificate to show: ACME has not got one yet.
    NoCertificate: "no_certificate";
    /// The client's certificate is missing or not valid.
    ClientCertificate: "client_certificate";
    /// The client refused, for instance our certificate.
    Alert: "client_alert";
    /// None of these.
    Other: "other";
}

/// What one thread counts.
#[derive(Default)]
pub(crate) struct Counters {
    /// Handshakes under way.
    pub(crate) active: Counter,
    pub(crate) completed: Counter,
    failed: [Counter; Reason::ALL.len()],
}

impl Counters {
    pub(crate) fn failed(&self, reason: Reason) {
        self.failed[reason as usize].add(1);
    }

    pub(crate) fn failures(&self, reason: Reason) -> &Counter {
        &self.failed[reason as usize]
    }
}

/// Appends what is known of handshakes (summed up by `sum`) and certificates, in
/// Prometheus' text format.
pub(crate) fn render(
    out: &mut String,
    servers: &[Arc<TlsServer>],
    sum: impl Fn(&dyn Fn(&Counters) -> u64) -> u64,
) {
    let active = [("", sum(&|counters| counters.active.get()))];
    family(out, "sedge_tls_handshakes", "gauge", "TLS handshakes under way.", active);
    let completed = [("", sum(&|counters| counters.completed.get()))];
    let help = "TLS handshakes that succeeded.";
    family(out, "sedge_tls_handshakes_total", "counter", help, completed);
    let failures = Reason::ALL.iter().map(|&reason| {
        let total = sum(&|counters| counters.failures(reason).get());
        (format!("{{reason=\"{}\"}}", reason.label()), total)
    });
    let help = "TLS handshakes that failed, by reason.";
    family(out, "sedge_tls_handshake_failures_total", "counter", help, failures);
    let (done, failed) = servers
        .iter()
        .map(|server| server.reloads())
        .fold((0, 0), |(done, failed), (more_done, more_failed)| {
            (done + more_done, failed + more_failed)
        });
    let reloads = [("{outcome=\"loaded\"}", done), ("{outcome=\"refused\"}", failed)];
    let help = "Times that a listener's certificates were read again.";
    family(out, "sedge_tls_reloads_total", "counter", help, reloads);
    let mut expiries: Vec<_> = servers.iter().flat_map(|server| server.expiries()).collect();
    expiries.sort();
    expiries.dedup();
    let expiries = expiries.iter().map(|(file, when)| {
        let file = file.display().to_string();
        let file = file.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        (format!("{{certificate=\"{file}\"}}"), seconds(*when))
    });
    let help = "When a certificate expires, in seconds since 1970.";
    family(out, "sedge_tls_certificate_not_after_seconds", "gauge", help, expiries);
    render_acme(out, servers);
}

/// What is known of certificates that are got by ACME, if any are.
fn render_acme(out: &mut String, servers: &[Arc<TlsServer>]) {
    let kept: Vec<_> = servers.iter().filter_map(|one| Some((one, one.acme()?))).collect();
    if kept.is_empty() {
        return;
    }
    let issued = kept.iter().map(|(_, acme)| acme.status().issued).sum::<u64>();
    let help = "Certificates that were got by ACME.";
    family(out, "sedge_acme_certificates_issued_total", "counter", help, [("", issued)]);
    let failures = acme::Reason::ALL.iter().map(|&reason| {
        let total = kept.iter().map(|(_, acme)| acme.status().failed[reason as usize]).sum();
        (format!("{{reason=\"{}\"}}", reason.label()), total)
    });
    let help = "Attempts to get a certificate by ACME that failed, by reason.";
    family(out, "sedge_acme_failures_total", "counter", help, failures);
    let answered = kept.iter().map(|(_, acme)| acme.challenges.answered.load(Relaxed)).sum();
    let help = "Times that an authority was shown that a host is ours.";
    family(out, "sedge_acme_challenges_answered_total", "counter", help, [("", answered)]);
    // Names are of the configuration, and checked there.
    let domains = |value: &dyn Fn(&TlsServer, &acme::Status) -> Option<u64>| {
        let of = kept.iter().filter_map(|(server, acme)| {
            let value = value(server, &acme.status())?;
            let domains = acme.settings.domains.iter();
            Some(domains.map(move |domain| (format!("{{domain=\"{domain}\"}}"), value)))
        });
        of.flatten().collect::<Vec<_>>()
    };
    let expiries = domains(&|server, _| server.got().map(|(_, not_after)| seconds(not_after)));
    let help =
        "When the certificate of a host that was got by ACME expires, in seconds since 1970.";
    family(out, "sedge_acme_not_after_seconds", "gauge", help, expiries);
    let errors = domains(&|_, status| Some(status.last.as_ref().map_or(0, |last| seconds(last.0))));
    let help = "When the last attempt failed, in seconds since 1970; 0 if it did not.";
    family(out, "sedge_acme_last_failure_seconds", "gauge", help, errors);
    let next = domains(&|_, status| status.next.map(seconds));
    let help = "When the next attempt is planned, in seconds since 1970.";
    family(out, "sedge_acme_next_attempt_seconds", "gauge", help, next);
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
