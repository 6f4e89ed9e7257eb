//! The probe for `wasi:http` 0.3: the paths of `functions/probe` whose shape
//! differs from 0.2 (bodies and calls), and those that the two share.

mod ambient;
mod bodies;
#[path = "../../probe/src/cache.rs"]
mod cache;
mod call;
#[path = "../../probe/src/codec.rs"]
mod codec;
#[path = "../../probe/src/facts.rs"]
mod facts;
#[path = "../../probe/src/kv.rs"]
mod kv;
mod outbound;
#[path = "../../probe/src/prepared.rs"]
mod prepared;
#[path = "../../probe/src/query.rs"]
mod query;
#[path = "../../probe/src/services.rs"]
mod services;

use call::{Answer, Call};
use query::Query;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use wasip3::exports::http::handler::Guest;
use wasip3::http::types::{ErrorCode, Request, Response};

/// Requests that this instance has answered.
static ANSWERED: AtomicU64 = AtomicU64::new(0);

struct Probe;

wasip3::http::service::export!(Probe);

impl Guest for Probe {
    async fn handle(request: Request) -> Result<Response, ErrorCode> {
        let target = request.get_path_with_query().unwrap_or_default();
        let (path, query) = Query::split(&target);
        match path.as_str() {
            "/echo" => Ok(bodies::echo(request)),
            "/count" => Ok(text(bodies::count(request).await)),
            "/generate" => Ok(bodies::generate(&query)),
            "/afterwards" => Ok(bodies::afterwards(&query)),
            "/left-open" => Ok(bodies::left_open()),
            "/early" => Ok(text("early\n".into())),
            "/state" => {
                let answered = ANSWERED.fetch_add(1, Relaxed) + 1;
                Ok(text(format!("{answered}\n")))
            }
            "/sleep" => {
                let nanos = query.number_of("ms", 0) * 1_000_000;
                wasip3::clocks::monotonic_clock::wait_for(nanos).await;
                Ok(text("slept\n".into()))
            }
            "/fetch" => Ok(text(format!("{}\n", outbound::fetch(&query).await))),
            "/fetch-many" => Ok(text(format!("{}\n", outbound::fetch_many(&query).await))),
            "/fetch-stream" => outbound::fetch_stream(&query).await,
            "/endless-loop" => loop {
                std::hint::black_box(());
            },
            "/never" => {
                wasip3::clocks::monotonic_clock::wait_for(u64::MAX).await;
                Err(ErrorCode::InternalError(None))
            }
            "/error" => Err(ErrorCode::InternalError(Some("on purpose".into()))),
            "/panic" => panic!("on purpose"),
            _ => shared(&target),
        }
    }
}

/// The paths that answer at once, with a text.
fn shared(target: &str) -> Result<Response, ErrorCode> {
    let answer = Call::answer(target, |call| match call.path.as_str() {
        "/env" => services::environment(call),
        "/args" => services::arguments(call),
        "/config" => services::config(call),
        "/secret" => services::secret(call),
        "/log" => services::log(call),
        "/random" => ambient::random(call),
        "/clock" => ambient::clock(call),
        "/prepared" => prepared::answer(call),
        path if path.starts_with("/kv/") => kv::answer(call),
        path if path.starts_with("/cache/") => cache::answer(call),
        path if path.starts_with("/codec/") => codec::answer(call),
        path if path.starts_with("/facts/") => facts::answer(call),
        _ => call.text(404, "the probe has no such path\n"),
    });
    answer.map(bodies::whole).ok_or(ErrorCode::InternalError(None))
}

/// Something that is the host's.
fn handle() -> impl Sized {
    wasip3::http::types::Fields::new()
}

fn text(text: String) -> Response {
    bodies::whole(Answer { status: 200, content_type: "text/plain; charset=utf-8", text })
}
