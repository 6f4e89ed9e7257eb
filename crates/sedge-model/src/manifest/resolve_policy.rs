//! From policies and upstreams as written to those as meant.

use super::probe;
use super::raw_policy::{
    RawFaultMode, RawFaults, RawRate, RawRateKey, RawRateWord, RawRetries, RawRetriesTable,
    RawRetryOn, RawRetryWord,
};
use super::raw_upstream::{
    RawBalance, RawBalanceWord, RawEndpoint, RawEndpointTable, RawHash, RawHealth, RawHealthTable,
    RawOutliers, RawOutliersTable, RawProtocol, RawTls, RawTlsTable, RawUpstream,
};
use super::resolve::{Named, Resolver};
use crate::document::{Invalid, child};
use crate::route::check_host_name;
use crate::routing::policy::{
    Abort, Budget, Delay, FaultMode, Faults, Policy, RateKey, RateLimit, Retries, RetryOn,
};
use crate::routing::upstream::{
    AltName, Balance, Endpoint, HashKey, HealthCheck, Outliers, Pool, Protocol, Tls, Upstream,
};
use http::{HeaderName, StatusCode};
use std::time::Duration;

impl Resolver<'_> {
    pub(super) fn policy(
        &mut self,
        at: &str,
        timeout_ms: Option<u64>,
        retries: Option<RawRetries>,
        faults: RawFaults,
        concurrency_max: Option<u32>,
        rate: Option<RawRate>,
    ) -> Policy {
        Policy {
            timeout: timeout_ms.map(Duration::from_millis),
            retries: retries.and_then(|retries| self.retries(&child(at, "retries"), retries)),
            faults: self.faults(faults),
            concurrency_max,
            rate: rate.and_then(|rate| self.rate(&child(at, "rate"), rate)),
        }
    }

    /// `None` for no attempts.
    fn retries(&mut self, at: &str, raw: RawRetries) -> Option<Retries> {
        let raw = match raw {
            RawRetries::Attempts(attempts) => RawRetriesTable { attempts, ..Default::default() },
            RawRetries::Table(table) => table,
        };
        if raw.backoff_base_ms > raw.backoff_max_ms {
            let invalid = Invalid::new(
                "`backoff_base_ms` is longer than `backoff_max_ms`",
                "the base grows up to the maximum",
            );
            let key = if self.draft.has(&child(at, "backoff_base_ms")) {
                "backoff_base_ms"
            } else {
                "backoff_max_ms"
            };
            self.draft.reject(&child(at, key), invalid);
        }
        let mut on = RetryOn { any_method: raw.any_method, ..RetryOn::default() };
        for one in raw.on {
            match one {
                RawRetryOn::Word(RawRetryWord::ConnectFailure) => on.connect_failure = true,
                RawRetryOn::Word(RawRetryWord::RefusedStream) => on.refused_stream = true,
                RawRetryOn::Word(RawRetryWord::Reset) => on.reset = true,
                RawRetryOn::Word(RawRetryWord::GatewayError) => on.gateway_error = true,
                RawRetryOn::Word(RawRetryWord::ServerError) => on.server_error = true,
                RawRetryOn::Word(RawRetryWord::Conflict) => on.conflict = true,
                RawRetryOn::Status(status) => on.statuses.extend(StatusCode::from_u16(status)),
            }
        }
        let retries = Retries {
            attempts: raw.attempts,
            per_try_timeout: raw.per_try_timeout_ms.map(Duration::from_millis),
            on,
            backoff_base: Duration::from_millis(raw.backoff_base_ms),
            backoff_max: Duration::from_millis(raw.backoff_max_ms),
            budget: Some(Budget {
                ratio: raw.budget.percent / 100.0,
                minimum_per_s: raw.budget.minimum_per_s.into(),
            }),
            body_bytes_max: raw.body_bytes_max,
            elsewhere: raw.elsewhere,
        };
        (retries.attempts > 0 || retries.per_try_timeout.is_some()).then_some(retries)
    }

    fn faults(&mut self, raw: RawFaults) -> Faults {
        let share = |percent: Option<f64>| percent.unwrap_or(100.0) / 100.0;
        Faults {
            mode: match raw.mode {
                RawFaultMode::Envoy => FaultMode::Envoy,
                RawFaultMode::PerAttempt => FaultMode::PerAttempt,
            },
            delay: raw.delay.map(|delay| Delay {
                fraction: share(delay.percent),
                time: Duration::from_millis(delay.time_ms),
            }),
            abort: raw.abort.and_then(|abort| {
                let status = StatusCode::from_u16(abort.status).ok()?;
                Some(Abort { fraction: share(abort.percent), status })
            }),
        }
    }

    pub(super) fn rate(&mut self, at: &str, raw: RawRate) -> Option<RateLimit> {
        let key = match raw.key {
            RawRateKey::Word(RawRateWord::Route) => RateKey::Rule,
            RawRateKey::Word(RawRateWord::Client) => RateKey::Client,
            RawRateKey::Table(table) => {
                let at = child(&child(at, "key"), "header");
                RateKey::Header(self.header(&at, &table.header)?)
            }
        };
        Some(RateLimit {
            requests: raw.requests,
            per: Duration::from_millis(raw.per_ms),
            burst: raw.burst.unwrap_or(raw.requests),
            key,
            keys_max: raw.keys_max.unwrap_or(10_000),
        })
    }

    /// The name of a header field, which is a value of the file.
    fn header(&mut self, at: &str, name: &str) -> Option<HeaderName> {
        let parsed = HeaderName::from_bytes(name.as_bytes()).map_err(|_| {
            let message = format!("`{}` is not a header field", name.escape_debug());
            Invalid::new(message, "write a name such as x-request-id")
        });
        self.part(at, parsed)
    }

    pub(super) fn upstream(&mut self, at: &str, raw: RawUpstream) -> Upstream {
        self.unique(at, Named::Upstream, &raw.name);
        let endpoints_at = child(at, "endpoints");
        let mut endpoints: Vec<Endpoint> = Vec::new();
        for (index, raw) in raw.endpoints.into_iter().enumerate() {
            let entry = child(&endpoints_at, index);
            let (at, table) = match raw {
                RawEndpoint::Text(at) => (entry, RawEndpointTable { at, ..Default::default() }),
                RawEndpoint::Table(table) => (child(&entry, "at"), table),
            };
            let Some(endpoint) = self.part(&at, endpoint(&table.at, table.weight)) else {
                continue;
            };
            let same =
                |other: &Endpoint| other.host == endpoint.host && other.port == endpoint.port;
            if endpoints.iter().any(same) {
                let message = format!("the endpoint `{}` is named twice", table.at);
                self.draft.reject(&at, Invalid::new(message, "give one of them a weight of 2"));
            } else {
                endpoints.push(endpoint);
            }
        }
        let pool = &raw.pool;
        Upstream {
            name: raw.name,
            endpoints,
            balance: self.balance(&child(at, "balance"), raw.balance),
            protocol: match raw.protocol {
                RawProtocol::Auto => Protocol::Auto,
                RawProtocol::Http1 => Protocol::Http1,
                RawProtocol::Http2 => Protocol::Http2,
            },
            pool: Pool {
                connections_max: pool.connections_max,
                pending_max: pool.pending_max,
                requests_max: pool.requests_max,
                retries_max: pool.retries_max,
                streams_max: pool.streams_max,
                requests_per_connection_max: pool.requests_per_connection_max,
                connect_timeout: Duration::from_millis(pool.connect_timeout_ms),
                idle_timeout: Duration::from_millis(pool.idle_timeout_ms),
                keep_alive: Duration::from_millis(pool.keep_alive_ms),
                upgrades_max: pool.upgrades_max,
                upgrade_idle_timeout: Duration::from_millis(pool.upgrade_idle_timeout_ms),
            },
            tls: raw.tls.and_then(|tls| self.tls(&child(at, "tls"), tls)),
            health: raw.health.and_then(|health| self.health(&child(at, "health"), health)),
            outliers: raw.outliers.and_then(outliers),
        }
    }

    fn balance(&mut self, at: &str, raw: RawBalance) -> Balance {
        let raw = match raw {
            RawBalance::Word(word) => {
                return match word {
                    RawBalanceWord::RoundRobin => Balance::RoundRobin,
                    RawBalanceWord::LeastRequests => Balance::LeastRequests,
                    RawBalanceWord::Random => Balance::Random,
                    RawBalanceWord::HashClient => Balance::Hash(HashKey::Client),
                    RawBalanceWord::HashPath => Balance::Hash(HashKey::Path),
                };
            }
            RawBalance::Hash(table) => table,
        };
        let RawHash { header, cookie, cookie_ttl_s, cookie_path, query } = raw;
        let said = [header.is_some(), cookie.is_some(), query.is_some()];
        let count = said.iter().filter(|said| **said).count();
        if count != 1 && self.draft.is_complete(at) {
            let message = format!("the hash has {count} keys");
            let hint = "write one of header, cookie or query";
            self.draft.reject(at, Invalid::new(message, hint));
        }
        if cookie.is_none() && (cookie_ttl_s.is_some() || cookie_path.is_some()) {
            let message = "there is no cookie that could live or have a path";
            self.draft.reject(at, Invalid::new(message, "write cookie = \"name\""));
        }
        if let Some(header) = header {
            let header = self.header(&child(at, "header"), &header);
            return header.map_or(Balance::Random, |name| Balance::Hash(HashKey::Header(name)));
        }
        if let Some(name) = cookie {
            let is_token = HeaderName::from_bytes(name.as_bytes()).is_ok();
            if !is_token {
                let message = format!("`{}` is not the name of a cookie", name.escape_debug());
                let hint = "write letters, digits, `-` and `_` (RFC 6265 §4.1.1)";
                self.draft.reject(&child(at, "cookie"), Invalid::new(message, hint));
            }
            let ttl = cookie_ttl_s.map(Duration::from_secs);
            return Balance::Hash(HashKey::Cookie { name, ttl, path: cookie_path });
        }
        query.map_or(Balance::Random, |name| Balance::Hash(HashKey::Query(name)))
    }

    fn tls(&mut self, at: &str, raw: RawTls) -> Option<Tls> {
        let raw = match raw {
            RawTls::Flag(false) => return None,
            RawTls::Flag(true) => RawTlsTable::default(),
            RawTls::Table(table) => table,
        };
        if let Some(name) = &raw.server_name {
            self.part(&child(at, "server_name"), check_host_name(&name.to_ascii_lowercase()));
        }
        if raw.certificate.is_some() != raw.key.is_some() && self.draft.is_complete(at) {
            let hint = "write both, certificate = \"node.pem\" and key = \"node.key\"";
            let invalid = Invalid::new("a certificate and its key belong together", hint);
            self.draft.reject(at, invalid);
        }
        let names_at = child(at, "subject_alt_names");
        let names = raw.subject_alt_names.iter().enumerate();
        let names = names
            .filter_map(|(index, name)| self.part(&child(&names_at, index), AltName::parse(name)));
        let subject_alt_names = names.collect();
        let folder = self.folder;
        Some(Tls {
            server_name: raw.server_name,
            subject_alt_names,
            trusted_roots: raw.trusted_roots.iter().map(|path| folder.join(path)).collect(),
            certificate: raw
                .certificate
                .zip(raw.key)
                .map(|(certificate, key)| (folder.join(certificate), folder.join(key))),
            insecure: raw.insecure,
        })
    }

    fn health(&mut self, at: &str, raw: RawHealth) -> Option<HealthCheck> {
        let (path_at, raw) = match raw {
            RawHealth::Text(path) => (at.to_owned(), RawHealthTable { path, ..Default::default() }),
            RawHealth::Table(table) => (child(at, "path"), table),
        };
        let path = self.part(&path_at, probe::target(&raw.path));
        let host_at = child(at, "host");
        let host = raw.host.and_then(|host| self.part(&host_at, probe::host(&host)));
        let statuses = raw.status.iter().filter_map(|&status| StatusCode::from_u16(status).ok());
        Some(HealthCheck {
            path: path?,
            host,
            interval: Duration::from_millis(raw.interval_ms),
            timeout: Duration::from_millis(raw.timeout_ms),
            healthy_after: raw.healthy_after,
            unhealthy_after: raw.unhealthy_after,
            statuses: statuses.collect(),
        })
    }
}

fn outliers(raw: RawOutliers) -> Option<Outliers> {
    let raw = match raw {
        RawOutliers::Flag(false) => return None,
        RawOutliers::Flag(true) => RawOutliersTable::default(),
        RawOutliers::Table(table) => table,
    };
    Some(Outliers {
        consecutive_server_errors: raw.consecutive_server_errors,
        consecutive_gateway_errors: raw.consecutive_gateway_errors,
        consecutive_local_failures: raw.consecutive_local_failures,
        interval: Duration::from_millis(raw.interval_ms),
        base_ejection: Duration::from_millis(raw.base_ejection_ms),
        ejection_max: Duration::from_millis(raw.ejection_max_ms),
        ejected_percent_max: raw.ejected_percent_max,
        always_one: true,
        panic_percent: raw.panic_percent,
    })
}

/// Reads `host:port`.
fn endpoint(text: &str, weight: u32) -> Result<Endpoint, Invalid> {
    if let Some((_, rest)) = text.split_once("://") {
        return Err(Invalid::new(
            format!("the endpoint `{text}` has a scheme"),
            format!("write \"{}\"; encryption is tls = true", rest.trim_end_matches('/')),
        ));
    }
    let (host, port) =
        text.rsplit_once(':').filter(|(_, port)| !port.contains(']')).ok_or_else(|| {
            Invalid::new(format!("the endpoint `{text}` has no port"), "write \"host:8080\"")
        })?;
    let host = host.to_ascii_lowercase();
    check_host_name(&host)?;
    match port.parse::<u16>() {
        Ok(port) if port > 0 => {
            let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
            Ok(Endpoint { host, port, weight })
        }
        _ => Err(Invalid::new(
            format!("the endpoint `{text}` has no valid port"),
            "write a port from 1 to 65535",
        )),
    }
}
