//! The adapter to the node: requests by `wasi:http` 0.3, messages and the clock by
//! `sedge:stream`. Whatever can be decided without a host is decided elsewhere.

mod bodies;

mod consumer;

mod filter;

mod messages;

mod node;

use crate::decide::{self, Decision};
use crate::events::{self, Done, Seen, Told};
use crate::flags::{Flags, Holder};
use crate::head::Fields;
use crate::ofrep::{self, Question};
use crate::seal::Keys;
use crate::settings::{Ofrep, Settings};
use crate::track::{self, Track};
use crate::visitor::{Request as Asked, Visitor};
use messages::{Head, Read};
use node::Node;
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::LazyLock;
use wasip3::exports::http::handler::Guest;
use wasip3::http::types::{ErrorCode, Request, Response};

wasip3::http::service::export!(Component);

struct Component;

/// Settings and secrets.
struct Configured {
    settings: &'static Settings,
    keys: Keys,
    /// Who may ask by OFREP.
    ofrep_secret: Option<String>,
}

/// Read once for each instance: they stay as they are for a revision of the app.
static SETTINGS: LazyLock<Result<Settings, String>> = LazyLock::new(|| {
    // Not `vars`, which panics on what is not UTF-8.
    let text = |value: std::ffi::OsString| value.to_string_lossy().into_owned();
    let variables = std::env::vars_os().map(|(name, value)| (text(name), text(value)));
    Settings::read(variables)
});

/// Apart from them, because secrets are not read before there is a request: see `initialize`.
static CONFIGURED: LazyLock<Result<Configured, String>> = LazyLock::new(|| {
    let settings = SETTINGS.as_ref().map_err(Clone::clone)?;
    let secret = |name: &str| {
        node::secret(name)?.ok_or_else(|| {
            format!("the secret {name:?} is not granted: name it in `capabilities.secrets`")
        })
    };
    let keys = Keys::parse(&secret(&settings.secret)?)
        .map_err(|error| format!("the secret {:?}: {error}", settings.secret))?;
    let ofrep_secret = match &settings.ofrep {
        Ofrep::Secret(name) => Some(secret(name)?),
        Ofrep::Off | Ofrep::Open => None,
    };
    Ok(Configured { settings, keys, ofrep_secret })
});

/// What an instance that is kept remembers.
#[derive(Default)]
struct Memory {
    holder: Holder,
    told: Told,
}

thread_local! {
    static MEMORY: RefCell<Memory> = RefCell::default();
}

/// Settings and the configured payload are read once for a deployment, if the manifest says so;
/// not one with encrypted parts, whose key is a secret.
impl node::bindings::exports::sedge::lifecycle::initialization::Guest for Component {
    fn initialize() -> Result<(), String> {
        let settings = SETTINGS.as_ref().map_err(Clone::clone)?;
        match settings.payload_secret {
            Some(_) => Ok(()),
            None => {
                MEMORY.with_borrow_mut(|memory| memory.holder.prepare(&mut Node::new(settings)))
            }
        }
    }
}

fn configured() -> Result<&'static Configured, String> {
    CONFIGURED.as_ref().map_err(|problems| format!("experiments: {problems}"))
}

impl Configured {
    fn flags(&self, node: &mut Node<'_>) -> Option<Rc<Flags>> {
        let refresh_ms = self.settings.refresh_ms;
        let now_ms = node.now_ms;
        MEMORY.with_borrow_mut(|memory| memory.holder.flags(node, now_ms, refresh_ms))
    }

    /// Says who saw what, each only once as far as this instance knows.
    fn expose(&self, visitor: Option<&Visitor>, exposures: &[Seen], now_ms: u64) {
        let Some(topic) = self.settings.exposures_topic() else { return };
        let is_news =
            |seen: &&Seen| MEMORY.with_borrow_mut(|memory| memory.told.is_news(seen, now_ms));
        for seen in exposures.iter().filter(is_news) {
            let exposure = seen.named(&self.keys, now_ms);
            // What one visitor sees and does has one key, so that it stays in its order.
            let lane = visitor.and_then(|visitor| self.names(visitor).into_iter().next());
            if let Some(event) = events::write(&self.keys, &exposure) {
                node::emit(&topic, lane.as_ref().unwrap_or(&exposure.visitor), &event);
            }
        }
    }

    /// The names by which a visitor may be counted.
    fn names(&self, visitor: &Visitor) -> Vec<String> {
        let identities = visitor.identities(self.settings).into_iter().take(events::NAMES_MAX);
        identities.map(|(attribute, value)| events::name(&self.keys, attribute, value)).collect()
    }

    /// Says what a visitor did, if anybody knows the visitor.
    fn done(&self, visitor: &Visitor, goal: &str, value: Option<f64>, time_ms: u64) -> bool {
        let visitors = self.names(visitor);
        let Some(first) = visitors.first().cloned() else { return false };
        let done = Done { goal: goal.to_owned(), visitors, value, time_ms };
        let event = events::write(&self.keys, &done);
        if let (Some(topic), Some(event)) = (self.settings.goals_topic(), event) {
            node::emit(&topic, &first, &event);
        }
        true
    }
}

impl Guest for Component {
    async fn handle(request: Request) -> Result<Response, ErrorCode> {
        // Nothing was touched yet: an open link lets the request pass.
        let configured =
            configured().map_err(|problems| ErrorCode::InternalError(Some(problems)))?;
        let head = Head::of(&request);
        let path = head.asked().path();
        if configured.settings.ofrep != Ofrep::Off {
            let secret = configured.ofrep_secret.as_deref();
            match ofrep::question(&head.method, path, &head.fields, secret) {
                Some(Ok(question)) => return ask(configured, &head, request, question).await,
                Some(Err(answer)) => return Ok(bodies::of_ofrep(answer)),
                None => {}
            }
        }
        if configured.settings.track.as_deref() == Some(path) {
            return Ok(track(configured, &head, request).await);
        }
        pass(configured, head, request).await
    }
}

/// What becomes of a request that is not for this link.
enum Way {
    /// It goes on as it is, without what a client says of itself: there are no flags.
    Plain,
    /// Its visitor is sent elsewhere.
    Redirect(Fields),
    /// It goes on, with what its visitor gets.
    Decided(Box<Decided>),
}

/// A request that goes on, until its answer is there.
struct Decided {
    visitor: Visitor,
    decision: Decision,
    method: String,
    path: String,
    now_ms: u64,
}

impl Configured {
    /// Decides, and says who saw what if it is decided already that somebody did.
    fn way(&self, asked: &Asked<'_>) -> Way {
        let settings = self.settings;
        let mut node = Node::new(settings);
        let Some(flags) = self.flags(&mut node) else { return Way::Plain };
        let visitor = Visitor::of(settings, Some(&self.keys), flags.asks, asked, &mut node);
        let decision = decide::decide(settings, &flags, &self.keys, asked, &visitor);
        if let Some(url) = &decision.redirect {
            self.expose(Some(&visitor), &decision.exposures, node.now_ms);
            return Way::Redirect(decide::redirect(settings, &decision, url));
        }
        let (method, path) = (asked.method.to_owned(), asked.path().to_owned());
        let now_ms = node.now_ms;
        Way::Decided(Box::new(Decided { visitor, decision, method, path, now_ms }))
    }

    /// Says who saw what in an answer, and which goals are met by it.
    fn answered(&self, decided: &Decided, status: u16) {
        let Decided { visitor, decision, method, path, now_ms } = decided;
        self.expose(Some(visitor), &decision.exposures, *now_ms);
        for goal in self.settings.goals.iter().filter(|goal| goal.is_met(method, path, status)) {
            self.done(visitor, &goal.name, None, *now_ms);
        }
    }
}

/// A request that goes on, with what its visitor gets.
async fn pass(
    configured: &Configured,
    mut head: Head,
    request: Request,
) -> Result<Response, ErrorCode> {
    let settings = configured.settings;
    let is_told = decide::is_told(settings, &head.fields);
    let decided = match configured.way(&head.asked()) {
        Way::Plain => {
            let request = if is_told { head.with_body_of(request, settings) } else { request };
            return next::handle(request).await;
        }
        Way::Redirect(fields) => return Ok(bodies::answer(302, &fields, Vec::new())),
        Way::Decided(decided) => decided,
    };
    let decision = &decided.decision;
    let is_changed = is_told || !decision.field.is_empty() || decision.rewrite.is_some();
    head.told.clone_from(&decision.field);
    if let Some(rewrite) = &decision.rewrite {
        (head.authority, head.target) = decide::rewritten(rewrite, &head.authority, &head.target);
    }
    let request = if is_changed { head.with_body_of(request, settings) } else { request };
    let response = next::handle(request).await?;
    configured.answered(&decided, response.get_status_code());
    Ok(messages::with_decision(response, settings, &decided.decision))
}

/// A flag, or all of them, by OFREP.
async fn ask(
    configured: &Configured,
    head: &Head,
    request: Request,
    question: Question,
) -> Result<Response, ErrorCode> {
    let body = match messages::read(request, ofrep::BODY_BYTES_MAX).await {
        Read::Whole(body) => body,
        Read::TooLarge => {
            let details = format!("the body has more than {} bytes", ofrep::BODY_BYTES_MAX);
            return Ok(bodies::of_ofrep(ofrep::Answer::unreadable(413, &details)));
        }
        Read::Broken => {
            return Ok(bodies::of_ofrep(ofrep::Answer::unreadable(400, "the body broke off")));
        }
    };
    let mut node = Node::new(configured.settings);
    let flags = configured.flags(&mut node);
    let answer = ofrep::answer(flags.as_deref(), &question, &head.fields, &body);
    configured.expose(None, &answer.exposures, node.now_ms);
    Ok(bodies::of_ofrep(answer))
}

/// What a client says that its visitor did.
async fn track(configured: &Configured, head: &Head, request: Request) -> Response {
    if head.method != "POST" {
        let fields = Fields::from([("allow", "POST")]);
        return bodies::answer(405, &fields, Vec::new());
    }
    // A page of another site speaks for itself, not for the visitor.
    if head.fields.one("sec-fetch-site") == Some("cross-site") {
        return bodies::problem(403, "pages of other sites may not say what visitors did");
    }
    let body = match messages::read(request, track::BODY_BYTES_MAX).await {
        Read::Whole(body) => body,
        Read::TooLarge => {
            let detail = format!("the body has more than {} bytes", track::BODY_BYTES_MAX);
            return bodies::problem(413, &detail);
        }
        Read::Broken => return bodies::problem(400, "the body broke off"),
    };
    let settings = configured.settings;
    let track = match Track::read(settings, &body) {
        Ok(track) => track,
        Err(detail) => return bodies::problem(400, &detail),
    };
    let mut node = Node::new(settings);
    let asked: Asked<'_> = head.asked();
    let keys = Some(&configured.keys);
    let visitor = Visitor::of(settings, keys, Default::default(), &asked, &mut node);
    // An id that was made just now was in no experiment.
    let is_known =
        visitor.new_id.is_none() || visitor.attributes["id"] != visitor.attributes["deviceId"];
    if !is_known || !configured.done(&visitor, &track.goal, track.value, node.now_ms) {
        return bodies::problem(400, "nobody knows the visitor: its cookie is missing");
    }
    bodies::answer(204, &Fields::default(), Vec::new())
}
