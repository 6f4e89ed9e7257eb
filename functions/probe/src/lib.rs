//! A guest that reports what the node gives it: the scenarios in `tests/` ask
//! it one thing per path and compare the answer with what was granted.
//!
//! In reading order: [`call`] wraps a request and its answer, then one module
//! per group of paths. The probe for `wasi:http` 0.3 shares those that do not
//! depend on its version: [`query`], [`services`], [`kv`],
//! [`cache`], [`codec`], [`facts`], [`prepared`].

mod ambient;
mod bodies;
mod cache;
mod call;
mod codec;
mod facts;
mod kv;
mod load;
mod outbound;
mod prepared;
mod query;
mod services;

use call::Call;
use wasip2::exports::http::incoming_handler::Guest;
use wasip2::http::types::{IncomingRequest, ResponseOutparam};

struct Probe;

wasip2::http::proxy::export!(Probe);

impl Guest for Probe {
    fn handle(request: IncomingRequest, outparam: ResponseOutparam) {
        let call = Call::new(request, outparam);
        let path = call.path.clone();
        match path.as_str() {
            "/echo" => bodies::echo(call),
            "/count" => bodies::count(call),
            "/generate" => bodies::generate(call),
            "/early" => call.text(200, "early\n"),
            "/afterwards" => bodies::afterwards(call),
            "/trailers" => bodies::trailers(call),
            "/status" => bodies::status(call),
            "/headers" => bodies::headers(call),
            "/big-headers" => bodies::big_headers(call),
            "/env" => services::environment(call),
            "/args" => services::arguments(call),
            "/config" => services::config(call),
            "/secret" => services::secret(call),
            "/log" => services::log(call),
            "/prepared" => prepared::answer(call),
            "/random" => ambient::random(call),
            "/clock" => ambient::clock(call),
            "/sleep" => load::sleep(call),
            "/spin" => load::spin(call),
            "/memory" => load::memory(call),
            "/stack" => load::stack(call),
            "/resources" => load::resources(call),
            "/state" => load::state(call),
            "/fetch" | "/trace" => outbound::fetch(call),
            "/fetch-stream" => outbound::fetch_stream(call),
            "/fetch-many" => outbound::fetch_many(call),
            path if path.starts_with("/kv/") => kv::answer(call),
            path if path.starts_with("/cache/") => cache::answer(call),
            path if path.starts_with("/codec/") => codec::answer(call),
            path if path.starts_with("/facts/") => facts::answer(call),
            _ => call.text(404, "the probe has no such path\n"),
        }
    }
}

/// Something that is the host's.
fn handle() -> impl Sized {
    wasip2::http::types::Fields::new()
}
