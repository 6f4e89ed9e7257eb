//! `hello, world` over `wasi:http` 0.3: what the benches measure, so it does
//! nothing that a real function would not have to do as well.

use wasip3::exports::http::handler::Guest;
use wasip3::http::types::{ErrorCode, Fields, Request, Response};
use wasip3::{wit_future, wit_stream};

struct Hello;

wasip3::http::service::export!(Hello);

impl Guest for Hello {
    async fn handle(_request: Request) -> Result<Response, ErrorCode> {
        let headers = Fields::new();
        // The name and value are valid, and nobody else holds these fields.
        let _ = headers.append("content-type", b"text/plain");
        let (mut body, contents) = wit_stream::new();
        // Dropping the writer settles the future with its default: no trailers.
        let (_, trailers) = wit_future::new(|| Ok(None));
        let (response, _sent) = Response::new(headers, Some(contents), trailers);
        wasip3::spawn_local(async move {
            // A client that went away leaves a rest; there is nobody to tell.
            let _rest = body.write_all(b"hello, world\n".to_vec()).await;
        });
        Ok(response)
    }
}
