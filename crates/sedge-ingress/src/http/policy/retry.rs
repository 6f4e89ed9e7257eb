//! What is tried again, and when.

use http::{HeaderMap, Method, Response, StatusCode};
use sedge_model::failure::{Failure, Kind};
use sedge_model::handler::Body;
use sedge_model::routing::policy::{Retries, RetryOn};
use std::time::Duration;

/// Whether a try that ended so is tried again. `reset`, `gateway_error` and
/// `server_error` all take broken connections and tries without an answer in
/// time, as Envoy's do.
pub(super) fn is_wanted(
    on: &RetryOn,
    method: &Method,
    answer: &Result<Response<Body>, Failure>,
) -> bool {
    let may_repeat = on.any_method || method.is_idempotent();
    match answer {
        Ok(response) => {
            may_repeat
                && (is_wanted_status(on, response.status())
                    || is_wanted_grpc(&on.grpc, response.headers()))
        }
        Err(failure) => match failure.kind {
            // Nothing was sent, so every method may be.
            Kind::UpstreamConnect | Kind::UpstreamTls => {
                on.connect_failure || on.reset || on.gateway_error || on.server_error
            }
            // The endpoint has said that it has not begun.
            Kind::UpstreamRefused => {
                on.refused_stream || on.reset || on.gateway_error || on.server_error
            }
            Kind::UpstreamReset | Kind::UpstreamTryTimeout | Kind::UpstreamProtocol => {
                may_repeat && (on.reset || on.gateway_error || on.server_error)
            }
            _ => false,
        },
    }
}

fn is_wanted_status(on: &RetryOn, status: StatusCode) -> bool {
    (on.gateway_error && matches!(status.as_u16(), 502..=504))
        || (on.server_error && status.is_server_error())
        || (on.conflict && status == StatusCode::CONFLICT)
        || on.statuses.contains(&status)
}

/// gRPC answers that have failed say so in a head without a body.
fn is_wanted_grpc(codes: &[u32], headers: &HeaderMap) -> bool {
    !codes.is_empty()
        && headers
            .get("grpc-status")
            .and_then(|value| value.to_str().ok()?.parse().ok())
            .is_some_and(|code| codes.contains(&code))
}

/// Before retry number `retry` (from 0), a random time below
/// `min(base × 2^retry, max)` (full jitter).
pub(super) fn backoff(retries: &Retries, retry: u32, random: u64) -> Duration {
    let factor = 1u32.checked_shl(retry).unwrap_or(u32::MAX);
    let below = retries.backoff_base.saturating_mul(factor).min(retries.backoff_max);
    below.mul_f64((random >> 11) as f64 / (1u64 << 53) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use sedge_model::handler;

    fn answer(status: u16) -> Result<Response<Body>, Failure> {
        let mut response = Response::new(handler::empty());
        *response.status_mut() = StatusCode::from_u16(status).expect("a status");
        Ok(response)
    }

    fn failed(kind: Kind) -> Result<Response<Body>, Failure> {
        Err(Failure::new(kind, "test"))
    }

    #[test]
    fn what_may_have_been_done_is_not_done_twice() {
        let on = RetryOn { reset: true, server_error: true, ..RetryOn::default() };
        for (method, wanted) in [(Method::POST, false), (Method::PATCH, false), (Method::PUT, true)]
        {
            assert_eq!(is_wanted(&on, &method, &failed(Kind::UpstreamReset)), wanted, "{method}");
            assert_eq!(is_wanted(&on, &method, &answer(500)), wanted, "{method}");
            // Of what was never sent nothing can have been done.
            assert!(is_wanted(&on, &method, &failed(Kind::UpstreamConnect)), "{method}");
        }
        let any = RetryOn { any_method: true, ..on };
        assert!(is_wanted(&any, &Method::POST, &failed(Kind::UpstreamReset)));
    }

    #[test]
    fn limits_and_overall_timeouts_are_never_tried_again() {
        let on = RetryOn {
            connect_failure: true,
            reset: true,
            gateway_error: true,
            server_error: true,
            any_method: true,
            ..RetryOn::default()
        };
        for kind in [Kind::UpstreamOverflow, Kind::UpstreamTimeout, Kind::UpstreamUnhealthy] {
            assert!(!is_wanted(&on, &Method::GET, &failed(kind)), "{kind:?}");
        }
    }

    #[test]
    fn each_word_means_its_own_statuses() {
        let none = RetryOn::default();
        let gateway = RetryOn { gateway_error: true, ..RetryOn::default() };
        let server = RetryOn { server_error: true, ..RetryOn::default() };
        let conflict = RetryOn { conflict: true, ..RetryOn::default() };
        let named = RetryOn { statuses: vec![StatusCode::IM_A_TEAPOT], ..RetryOn::default() };
        let wanted = |on: &RetryOn| {
            [200, 404, 409, 418, 500, 501, 502, 503, 504, 599]
                .into_iter()
                .filter(|&status| is_wanted(on, &Method::GET, &answer(status)))
                .collect::<Vec<u16>>()
        };
        assert_eq!(wanted(&none), Vec::<u16>::new());
        assert_eq!(wanted(&gateway), [502, 503, 504]);
        assert_eq!(wanted(&server), [500, 501, 502, 503, 504, 599]);
        assert_eq!(wanted(&conflict), [409]);
        assert_eq!(wanted(&named), [418]);
    }

    #[test]
    fn a_grpc_status_is_looked_for_in_the_head() {
        let on = RetryOn { grpc: vec![14, 1], ..RetryOn::default() };
        for (status, wanted) in [("14", true), ("1", true), ("0", false), ("x", false)] {
            let mut response = Response::new(handler::empty());
            let value = http::HeaderValue::from_static(status);
            response.headers_mut().insert("grpc-status", value);
            assert_eq!(is_wanted(&on, &Method::GET, &Ok(response)), wanted, "{status}");
        }
        assert!(!is_wanted(&on, &Method::GET, &answer(200)));
    }

    #[test]
    fn a_connect_failure_alone_does_not_take_resets() {
        let on = RetryOn { connect_failure: true, ..RetryOn::default() };
        assert!(is_wanted(&on, &Method::GET, &failed(Kind::UpstreamConnect)));
        assert!(!is_wanted(&on, &Method::GET, &failed(Kind::UpstreamReset)));
        assert!(!is_wanted(&on, &Method::GET, &failed(Kind::UpstreamTryTimeout)));
    }

    #[test]
    fn waits_double_up_to_their_bound() {
        let retries = Retries {
            attempts: 40,
            per_try_timeout: None,
            on: RetryOn::default(),
            backoff_base: Duration::from_millis(25),
            backoff_max: Duration::from_millis(250),
            budget: None,
            body_bytes_max: 0,
            elsewhere: false,
        };
        for (retry, below) in [(0, 25), (1, 50), (2, 100), (3, 200), (4, 250), (39, 250)] {
            let longest = backoff(&retries, retry, u64::MAX);
            assert!(longest <= Duration::from_millis(below), "{retry}: {longest:?}");
            assert!(longest > Duration::from_millis(below - 1), "{retry}: {longest:?}");
            assert_eq!(backoff(&retries, retry, 1), Duration::ZERO);
        }
    }
}
