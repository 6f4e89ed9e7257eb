//! Bodies and trailers in both directions.

use crate::call::Answer;
use crate::query::Query;
use wasip3::http::types::{Fields, Request, Response};
use wasip3::wit_bindgen::{StreamReader, StreamResult};
use wasip3::{wit_future, wit_stream};

/// Bytes that one read or write moves.
const CHUNK_BYTES: usize = 64 * 1024;

/// Sends a whole answer.
pub fn whole(answer: Answer) -> Response {
    let headers = Fields::new();
    let _ = headers.append("content-type", answer.content_type.as_bytes());
    let (mut body, contents) = wit_stream::new();
    let (_, trailers) = wit_future::new(|| Ok(None));
    let (response, _sent) = Response::new(headers, Some(contents), trailers);
    let _ = response.set_status_code(answer.status);
    wasip3::spawn_local(async move {
        let _rest = body.write_all(answer.text.into_bytes()).await;
    });
    response
}

/// The request's body and trailers become the response's, without a copy
/// through the guest.
pub fn echo(request: Request) -> Response {
    let headers = Fields::new();
    let received = request.get_headers();
    for name in ["content-type", "trailer"] {
        for value in received.get(name) {
            let _ = headers.append(name, &value);
        }
    }
    let (_, consumed) = wit_future::new(|| Ok(()));
    let (body, trailers) = Request::consume_body(request, consumed);
    let (response, _sent) = Response::new(headers, Some(body), trailers);
    response
}

/// Length of the body, read through the guest in constant memory.
pub async fn count(request: Request) -> String {
    let (_, consumed) = wit_future::new(|| Ok(()));
    let (mut body, trailers) = Request::consume_body(request, consumed);
    let mut bytes = 0;
    read(&mut body, |chunk| bytes += chunk.len() as u64).await;
    drop(body);
    let trailers = match trailers.await {
        Ok(Some(fields)) => fields.copy_all().len().to_string(),
        Ok(None) => "none".into(),
        Err(error) => format!("{error:?}"),
    };
    format!("{bytes} bytes, {trailers} trailers\n")
}

/// Calls `each` with every chunk; whether the body came whole is told by its
/// trailers.
pub async fn read(body: &mut StreamReader<u8>, mut each: impl FnMut(&[u8])) {
    let mut buffer = Vec::with_capacity(CHUNK_BYTES);
    loop {
        let (status, mut filled) = body.read(buffer).await;
        each(&filled);
        filled.clear();
        buffer = filled;
        if !matches!(status, StreamResult::Complete(_)) {
            return;
        }
    }
}

/// Sends `bytes` zero bytes.
pub fn generate(query: &Query) -> Response {
    let (mut body, contents) = wit_stream::new();
    let (_, trailers) = wit_future::new(|| Ok(None));
    let (response, _sent) = Response::new(Fields::new(), Some(contents), trailers);
    let mut left = query.number_of("bytes", 0);
    wasip3::spawn_local(async move {
        while left > 0 {
            let size = left.min(CHUNK_BYTES as u64);
            if !body.write_all(vec![0; size as usize]).await.is_empty() {
                return;
            }
            left -= size;
        }
    });
    response
}

/// Sends a body in two pieces, `ms` milliseconds apart, and prints `mark` when
/// that is done, whether or not anybody has read it. With `whole`, the first piece has the
/// length of the whole body, and no second one follows.
pub fn afterwards(query: &Query) -> Response {
    let (mut body, contents) = wit_stream::new();
    let (_, trailers) = wit_future::new(|| Ok(None));
    let is_whole = query.number_of("whole", 0) == 1;
    let fields = Fields::new();
    if is_whole {
        let _ = fields.append("content-length", b"6");
    }
    let (response, _sent) = Response::new(fields, Some(contents), trailers);
    let (nanos, mark) = (query.number_of("ms", 0) * 1_000_000, query.text_of("mark").to_string());
    wasip3::spawn_local(async move {
        let _rest = body.write_all(b"first\n".to_vec()).await;
        wasip3::clocks::monotonic_clock::wait_for(nanos).await;
        if !is_whole {
            let _rest = body.write_all(b"second\n".to_vec()).await;
        }
        println!("afterwards {mark}");
    });
    response
}

/// Sends a piece and keeps the body open for ever.
pub fn left_open() -> Response {
    let (mut body, contents) = wit_stream::new();
    let (_, trailers) = wit_future::new(|| Ok(None));
    let (response, _sent) = Response::new(Fields::new(), Some(contents), trailers);
    wasip3::spawn_local(async move {
        let _rest = body.write_all(b"part".to_vec()).await;
        std::mem::forget(body);
    });
    response
}
