//! A link of a chain that passes everything on: what the bench of chains
//! measures, and the least that a middleware of `wasi:http` 0.3 is.

use wasip3::exports::http::handler::Guest;
use wasip3::http::types::{ErrorCode, Request, Response};

struct Pass;

wasip3::http::service::export!(Pass);

impl Guest for Pass {
    async fn handle(request: Request) -> Result<Response, ErrorCode> {
        next::handle(request).await
    }
}
