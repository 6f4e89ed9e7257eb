//! The same by `sedge:link/filter`: requests that pass and are counted, of which no body is needed.

use super::bindings::exports::sedge::link::filter::{
    Changes, Guest, Outcome, Pass, Request, Response,
};
use super::http::{say, user, whose};
use super::{Analytics, now_ms, settings};
use crate::link::{Answered, Asked, Exchange};
use crate::query::Way;
use std::cell::RefCell;

/// A request that has passed on.
struct Passed {
    /// As [`Exchange`] has it.
    method: &'static str,
    target: String,
    user: Option<u64>,
}

thread_local! {
    /// The one whose answer this instance waits for.
    static PASSED: RefCell<Option<Passed>> = const { RefCell::new(None) };
}

/// What the host shows of a request.
struct Head<'r>(&'r Request);

impl Asked for Head<'_> {
    fn field(&self, name: &str) -> Option<Vec<u8>> {
        first(&self.0.fields, name)
    }

    fn address(&self) -> Option<String> {
        self.0.client.clone()
    }
}

/// The first line of a field; the host writes names in lower case.
fn first(fields: &[(String, Vec<u8>)], name: &str) -> Option<Vec<u8>> {
    fields.iter().find(|(own, _)| own == name).map(|(_, value)| value.clone())
}

fn none() -> Changes {
    Changes { remove: Vec::new(), add: Vec::new() }
}

impl Guest for Analytics {
    fn on_request(request: Request) -> Outcome {
        // What is wrong with the settings is told where it always was.
        let Ok(settings) = settings() else { return Outcome::Defer };
        let method = match &*request.method {
            "GET" => "GET",
            "HEAD" => "HEAD",
            "POST" => "POST",
            // What it is does not matter.
            _ => "",
        };
        match whose(settings, method, &request.path_with_query) {
            Way::On => {}
            Way::Events | Way::Ask(..) | Way::Answer(_) => return Outcome::Defer,
        }
        let user = user(settings, &Head(&request));
        PASSED.set(Some(Passed { method, target: request.path_with_query, user }));
        let (authority, path_with_query) = (None, None);
        Outcome::Pass(Pass { changes: none(), authority, path_with_query, wants_response: true })
    }

    fn on_response(response: Response) -> Changes {
        let (Ok(settings), Some(passed)) = (settings(), PASSED.take()) else { return none() };
        let Passed { method, target, user } = passed;
        let Response { status, latency_us, fields, .. } = response;
        let answered = Answered::of(status, method, |name| first(&fields, name));
        let (clock_ms, target) = (now_ms(), &*target);
        say(settings, &Exchange { clock_ms, latency_us, method, target, user, answered });
        none()
    }
}
