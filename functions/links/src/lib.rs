//! A link of a chain that does what the request asks of it: the first word of the
//! field `x-link` is for this link, the rest for those behind it.

mod bodies;
mod requests;

use next::handle as next;
use wasip3::exports::http::handler::Guest;
use wasip3::http::types::{ErrorCode, Fields, Request, Response};

struct Links;

wasip3::http::service::export!(Links);

impl Guest for Links {
    async fn handle(request: Request) -> Result<Response, ErrorCode> {
        let (word, request) = requests::take_word(request);
        match word.as_str() {
            "answer" => Ok(bodies::text("the link\n")),
            "request" => next(requests::with_field(request, "x-added", "by the link")).await,
            "response" => Ok(with_field(next(request).await?)),
            "upper" => Ok(bodies::upper_response(next(request).await?)),
            "shout" => next(bodies::upper_request(request)).await,
            // Writes no body before there is an answer, which waits for the body.
            "circle" => {
                let (request, body) = bodies::unwritten_request(request);
                let answer = next(request).await;
                drop(body);
                answer
            }
            "twice" => several(request, 2).await,
            "often" => several(request, 10).await,
            "recover" => Ok(next(request)
                .await
                .unwrap_or_else(|error| bodies::text(&format!("recovered from {error:?}\n")))),
            "drop" => {
                drop(next(request).await?);
                Ok(bodies::text("dropped\n"))
            }
            "late" => {
                wasip3::spawn_local(async move {
                    let answer = next(request).await;
                    println!("late {}", answer.map_or(0, |response| response.get_status_code()));
                });
                Ok(bodies::text("first\n"))
            }
            "half" => Ok(bodies::half_response(next(request).await?)),
            "error" => Err(ErrorCode::InternalError(Some("on purpose".into()))),
            "trap" => panic!("on purpose"),
            "trap-read" => {
                bodies::read_some(request).await;
                panic!("on purpose")
            }
            "trap-after" => {
                let _answer = next(request).await;
                panic!("on purpose")
            }
            "loop" => loop {
                std::hint::black_box(());
            },
            "never" => {
                wasip3::clocks::monotonic_clock::wait_for(u64::MAX).await;
                Err(ErrorCode::InternalError(None))
            }
            "memory" => {
                let mut all = Vec::new();
                loop {
                    all.push(std::hint::black_box(vec![1u8; 1 << 20]));
                }
            }
            _ => next(request).await,
        }
    }
}

/// The next one's answer with one more field.
fn with_field(response: Response) -> Response {
    let status = response.get_status_code();
    let fields = response.get_headers().clone();
    let _ = fields.append("x-link-response", b"by the link");
    bodies::again(response, status, fields)
}

/// Calls the next one so many times, and tells how each call ended.
async fn several(request: Request, count: u32) -> Result<Response, ErrorCode> {
    let mut told = String::new();
    for _ in 0..count {
        let again = requests::without_body(&request);
        match next(again).await {
            Ok(response) => told += &format!("{}\n", response.get_status_code()),
            Err(error) => told += &format!("{error:?}\n"),
        }
    }
    Ok(bodies::text(&told))
}

/// New fields, of which the names are valid.
fn fields(pairs: &[(&str, &str)]) -> Fields {
    let fields = Fields::new();
    for (name, value) in pairs {
        let _ = fields.append(name, value.as_bytes());
    }
    fields
}
