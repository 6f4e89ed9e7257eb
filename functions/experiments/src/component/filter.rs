//! The same by `sedge:link/filter`: requests that are not for this link, of which no body is
//! needed.

use super::messages::Head;
use super::node::bindings::exports::sedge::link::filter::{
    Answer, Changes, Guest, Outcome, Pass, Request, Response,
};
use super::{Component, Configured, Decided, Way, configured};
use crate::decide;
use crate::head::Fields;
use crate::ofrep;
use crate::settings::Ofrep;
use std::cell::RefCell;

thread_local! {
    /// The request whose answer this instance waits for.
    static PASSED: RefCell<Option<Box<Decided>>> = const { RefCell::new(None) };
}

fn none() -> Changes {
    Changes { remove: Vec::new(), add: Vec::new() }
}

impl Guest for Component {
    fn on_request(request: Request) -> Outcome {
        // What is wrong with settings and secrets is told where it always was.
        let Ok(configured) = configured() else { return Outcome::Defer };
        let head = Head {
            method: request.method,
            is_secure: request.is_secure,
            authority: request.authority.unwrap_or_default(),
            target: request.path_with_query,
            fields: Fields(request.fields),
            told: String::new(),
        };
        match is_for_this_link(configured, &head) {
            true => Outcome::Defer,
            false => on(configured, head),
        }
    }

    fn on_response(response: Response) -> Changes {
        let (Ok(configured), Some(decided)) = (configured(), PASSED.take()) else { return none() };
        // Nobody saw anything.
        if response.is_failed {
            return none();
        }
        configured.answered(&decided, response.status);
        let received = |name: &str| {
            let own = response.fields.iter().filter(|(own, _)| own == name);
            own.map(|(_, value)| value.clone()).collect()
        };
        let fields = decide::answered(received, configured.settings, &decided.decision);
        fields.map_or_else(none, |fields| Changes {
            remove: decide::ANSWERED.map(ToOwned::to_owned).to_vec(),
            add: fields.0,
        })
    }
}

fn is_for_this_link(configured: &Configured, head: &Head) -> bool {
    let (settings, path) = (configured.settings, head.asked().path());
    let asks = || {
        let secret = configured.ofrep_secret.as_deref();
        ofrep::question(&head.method, path, &head.fields, secret).is_some()
    };
    settings.track.as_deref() == Some(path) || (settings.ofrep != Ofrep::Off && asks())
}

/// A request that goes on, with what its visitor gets.
fn on(configured: &Configured, head: Head) -> Outcome {
    let settings = configured.settings;
    let way = configured.way(&head.asked());
    let names = head.fields.0.iter().map(|(name, _)| name);
    let own = names.filter(|name| decide::is_own(settings, name)).cloned();
    let mut changes = Changes { remove: own.collect(), add: Vec::new() };
    let decided = match way {
        Way::Redirect(fields) => {
            return Outcome::Answer(Answer { status: 302, fields: fields.0, body: Vec::new() });
        }
        Way::Plain => {
            let (authority, path_with_query) = (None, None);
            let pass = Pass { changes, authority, path_with_query, wants_response: false };
            return Outcome::Pass(pass);
        }
        Way::Decided(decided) => decided,
    };
    let decision = &decided.decision;
    if !decision.field.is_empty() {
        changes.add.push((settings.field.clone(), decision.field.clone().into_bytes()));
    }
    let some = |text: String| Some(text).filter(|text| !text.is_empty());
    let (authority, path_with_query) = match &decision.rewrite {
        None => (None, None),
        Some(rewrite) => {
            let (host, target) = decide::rewritten(rewrite, &head.authority, &head.target);
            (some(host), some(target))
        }
    };
    PASSED.set(Some(decided));
    Outcome::Pass(Pass { changes, authority, path_with_query, wants_response: true })
}
