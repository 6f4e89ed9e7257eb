//! The answer of one request, from what is stored or arrives.

use super::asked::Asked;
use super::content::{Content, sequence};
use super::handler::Link;
use crate::rules::{self, Answer, AnswerBody, CacheStatus, MultipartPiece, StoredHead};
use http::StatusCode;
use sedge_model::handler::{Body, Response, empty};

/// How far behind what has arrived a range may begin for a request to wait for it.
const AHEAD_BYTES_MAX: u64 = 1 << 20;

impl Link {
    /// Answers a request from a stored response, or one that arrives. `None` if its
    /// bytes cannot be read any more, or, if the request `may_leave`, are far off.
    pub(super) fn respond(
        &self,
        asked: &Asked,
        head: &StoredHead,
        mut content: Content,
        status: &CacheStatus<'_>,
        may_leave: bool,
    ) -> Option<Response> {
        let now_ms = self.cache.runtime.now_ms();
        let ask = asked.ask(&self.policy);
        let answer = rules::answer(&ask, head, content.length(), now_ms);
        if let (Content::Arriving(transfer, _), AnswerBody::Slice { offset, .. }, true) =
            (&content, &answer.body, may_leave)
            && *offset > transfer.received().saturating_add(AHEAD_BYTES_MAX)
        {
            return None;
        }
        let Answer { status: code, headers, body } = answer;
        let mut response = Response::new(self.body(body, &mut content)?);
        *response.status_mut() = code;
        *response.headers_mut() = headers;
        status.append_to(response.headers_mut(), &self.policy);
        Some(response)
    }

    fn body(&self, body: AnswerBody, content: &mut Content) -> Option<Body> {
        match body {
            AnswerBody::Empty => Some(empty()),
            AnswerBody::Whole => content.whole(&self.metrics),
            AnswerBody::Slice { offset, len } => content.slice(offset, len, &self.metrics),
            AnswerBody::Multipart(parts) => {
                let pieces = parts.into_pieces().into_iter().map(|piece| match piece {
                    MultipartPiece::Text(text) => Some(sedge_model::handler::full(text)),
                    MultipartPiece::Slice { offset, len } => {
                        content.slice(offset, len, &self.metrics)
                    }
                });
                pieces.collect::<Option<_>>().map(sequence)
            }
        }
    }

    /// What a request gets that wants nothing but what is stored (RFC 9111 §5.2.1.7).
    pub(super) fn gateway_timeout(&self) -> Response {
        let mut response = Response::new(empty());
        *response.status_mut() = StatusCode::GATEWAY_TIMEOUT;
        let status = CacheStatus::default().detail("only-if-cached");
        status.append_to(response.headers_mut(), &self.policy);
        response
    }
}
