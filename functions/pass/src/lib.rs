//! A link of a chain that passes everything on: what the bench of chains
//! measures, and the least that a middleware of `wasi:http` 0.3 is.

use wasip3::exports::http::handler::Guest;
use wasip3::http::types::{ErrorCode, Request, Response};

mod bindings {
    wasip3::wit_bindgen::generate!({
        path: "../../wit",
        world: "sedge:host/link",
        runtime_path: "wasip3::wit_bindgen::rt",
        generate_all,
        with: {
            "wasi:http/types@0.3.2": wasip3::http::types,
            "wasi:clocks/types@0.3.2": wasip3::clocks::types,
        },
    });
}

use bindings::wasi::http::handler;

struct Pass;

wasip3::http::service::export!(Pass);

impl Guest for Pass {
    async fn handle(request: Request) -> Result<Response, ErrorCode> {
        handler::handle(request).await
    }
}
