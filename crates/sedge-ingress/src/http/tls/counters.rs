//! What is counted of handshakes and certificates.

use super::TlsServer;
use crate::http::metrics::{Counter, family};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// Declares [`Reason`] as one table.
macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident: $label:literal;)*) => {
        /// Why a handshake failed.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Reason { $($(#[$doc])* $name,)* }

        impl Reason {
            pub(crate) const ALL: &'static [Reason] = &[$(Reason::$name,)*];

            /// The label of its counter.
            pub(crate) const fn label(self) -> &'static str {
                match self { $(Reason::$name => $label,)* }
            }
        }
    };
}

reasons! {
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
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
