//! What is broken on purpose.

use http::Response;
use http::header::{CONTENT_TYPE, HeaderValue};
use sedge_model::handler::{self, Body, Context};
use sedge_model::routing::policy::Faults;
use sedge_model::trace::random;

/// Waits if chance says so, then gives the answer in the place of the
/// upstream's if chance says that too.
pub(super) async fn inject(faults: &Faults, context: &Context) -> Option<Response<Body>> {
    if let Some(delay) = &faults.delay
        && is_hit(delay.fraction, random::nonzero())
    {
        context.notes.delayed(delay.time);
        tokio::time::sleep(delay.time).await;
    }
    let abort = faults.abort.as_ref()?;
    is_hit(abort.fraction, random::nonzero()).then(|| {
        context.notes.aborted(abort.status);
        let mut response = Response::new(handler::full("fault injected\n"));
        *response.status_mut() = abort.status;
        let text = HeaderValue::from_static("text/plain");
        response.headers_mut().insert(CONTENT_TYPE, text);
        response
    })
}

/// A share of 0 hits nothing, of 1 everything.
fn is_hit(fraction: f64, random: u64) -> bool {
    // The 53 bits that a double holds exactly, so that 1 is never reached.
    ((random >> 11) as f64) < fraction * (1u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_kept_at_both_ends_and_between() {
        for random in [1, u64::MAX / 2, u64::MAX] {
            assert!(!is_hit(0.0, random) && is_hit(1.0, random), "{random}");
        }
        let hits = (0..100_000).filter(|_| is_hit(0.3, random::nonzero())).count();
        assert!((28_000..32_000).contains(&hits), "{hits}");
    }
}
