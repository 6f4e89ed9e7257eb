//! Bodies that a link makes, changes while they stream, or breaks.

use crate::requests;
use wasip3::http::types::{Fields, Request, Response};
use wasip3::wit_bindgen::{StreamReader, StreamResult, StreamWriter};
use wasip3::{wit_future, wit_stream};

/// Bytes that one read or write moves.
const CHUNK_BYTES: usize = 16 * 1024;

/// A whole answer of plain text.
pub fn text(text: &str) -> Response {
    let (mut body, contents) = wit_stream::new();
    let (_, trailers) = wit_future::new(|| Ok(None));
    let fields = crate::fields(&[("content-type", "text/plain")]);
    let (response, _sent) = Response::new(fields, Some(contents), trailers);
    let bytes = text.as_bytes().to_vec();
    wasip3::spawn_local(async move {
        let _rest = body.write_all(bytes).await;
    });
    response
}

/// The same answer with other fields; its body does not pass through the guest.
pub fn again(response: Response, status: u16, fields: Fields) -> Response {
    let (_, consumed) = wit_future::new(|| Ok(()));
    let (body, trailers) = Response::consume_body(response, consumed);
    let (again, _sent) = Response::new(fields, Some(body), trailers);
    let _ = again.set_status_code(status);
    again
}

/// The answer in capital letters, as it streams; its trailers pass.
pub fn upper_response(response: Response) -> Response {
    let status = response.get_status_code();
    let fields = response.get_headers().clone();
    let (_, consumed) = wit_future::new(|| Ok(()));
    let (body, trailers) = Response::consume_body(response, consumed);
    let (again, _sent) = Response::new(fields, Some(upper(body)), trailers);
    let _ = again.set_status_code(status);
    again
}

/// The request in capital letters, as it streams; its trailers pass.
pub fn upper_request(request: Request) -> Request {
    let (_, consumed) = wit_future::new(|| Ok(()));
    let head = requests::Head::of(&request);
    let (body, trailers) = Request::consume_body(request, consumed);
    head.with_body(upper(body), trailers)
}

/// The request with a body that ends when the writer is dropped.
pub fn unwritten_request(request: Request) -> (Request, StreamWriter<u8>) {
    let (writer, contents) = wit_stream::new();
    let (_, trailers) = wit_future::new(|| Ok(None));
    (requests::Head::of(&request).with_body(contents, trailers), writer)
}

/// The first piece of the answer, then a crash.
pub fn half_response(response: Response) -> Response {
    let (_, consumed) = wit_future::new(|| Ok(()));
    let (mut body, _trailers) = Response::consume_body(response, consumed);
    let (mut writer, contents) = wit_stream::new();
    let (_, trailers) = wit_future::new(|| Ok(None));
    let (again, _sent) = Response::new(Fields::new(), Some(contents), trailers);
    wasip3::spawn_local(async move {
        let (_, piece) = body.read(Vec::with_capacity(CHUNK_BYTES)).await;
        let _rest = writer.write_all(piece).await;
        panic!("on purpose");
    });
    again
}

/// Reads one piece of the request's body.
pub async fn read_some(request: Request) {
    let (_, consumed) = wit_future::new(|| Ok(()));
    let (mut body, _trailers) = Request::consume_body(request, consumed);
    let (_, piece) = body.read(Vec::with_capacity(CHUNK_BYTES)).await;
    std::hint::black_box(piece);
}

fn upper(mut body: StreamReader<u8>) -> StreamReader<u8> {
    let (mut writer, contents) = wit_stream::new();
    wasip3::spawn_local(async move {
        let mut buffer = Vec::with_capacity(CHUNK_BYTES);
        loop {
            let (status, mut piece) = body.read(buffer).await;
            piece.make_ascii_uppercase();
            let mut rest = writer.write_all(piece).await;
            if !rest.is_empty() || !matches!(status, StreamResult::Complete(_)) {
                return;
            }
            rest.clear();
            buffer = rest;
        }
    });
    contents
}
