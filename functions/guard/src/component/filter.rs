//! The same by `sedge:link/filter`: verdicts that need neither a body nor the issuer.

use super::node::bindings::exports::sedge::link::filter::{
    Answer, Changes, Guest, Outcome, Pass, Request, Response,
};
use super::{Component, JUDGE, at_once, messages, node, now_ms};
use crate::request::{Asked, is_ours};

impl Guest for Component {
    fn on_request(request: Request) -> Outcome {
        let now_ms = now_ms();
        // What is wrong with the settings is told where it always was.
        let Ok(judge) = &*JUDGE else { return Outcome::Defer };
        let (settings, target) = (&judge.settings, &*request.path_with_query);
        if messages::place(target, settings).is_some() {
            return Outcome::Defer;
        }
        let asked = Asked {
            host: request.authority,
            address: request.client.as_deref().and_then(node::read_address),
            ..Asked::read(&request.method, target, &request.fields, settings)
        };
        let Some(judged) = at_once(judge, &asked, now_ms) else { return Outcome::Defer };
        let verdict = judged.told(judge, &asked, now_ms);
        if !verdict.passes() && !settings.reports_only {
            let (status, fields, body) = verdict.answer();
            return Outcome::Answer(Answer { status, fields, body });
        }
        let names = request.fields.into_iter().map(|(name, _)| name);
        let changes =
            Changes { remove: names.filter(|name| is_ours(name)).collect(), add: verdict.fields() };
        let (authority, path_with_query) = (None, None);
        Outcome::Pass(Pass { changes, authority, path_with_query, wants_response: false })
    }

    /// It is never asked for.
    fn on_response(_: Response) -> Changes {
        Changes { remove: Vec::new(), add: Vec::new() }
    }
}
