//! A function says who MQTT clients are: it is asked as by a request, and its answer decides.
//!
//! What is asked and what answers mean is in `sedge_ingress::mqtt::auth`; here the function is
//! found and called. It runs within the limits of its manifest; whoever it has no answer for is
//! not let in, and told to come again.

use super::Mqtt;
use crate::board::Board;
use crate::revision::DeployedFunction;
use bytes::BytesMut;
use http::Request;
use http::header::{CONTENT_TYPE, HOST};
use http_body_util::BodyExt;
use sedge_ingress::mqtt::auth::{
    Authenticate, Authenticated, Credentials, Denied, Identity, QUESTION_PATH, VERDICT_BYTES_MAX,
    question, verdict,
};
use sedge_model::handler::{Context, Handler, full};
use sedge_model::node_config::BrokerConfig;
use sedge_model::trace::TraceContext;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Instant;
use tokio::sync::Semaphore;

/// How often it is told that there is no answer.
const TOLD_EVERY_S: u64 = 10;

/// Asks the function that the configuration names.
pub(super) struct Doorman {
    app: String,
    function: String,
    board: Arc<Board>,
    /// Questions at one time.
    places: Semaphore,
    began: Instant,
    /// When it was last told that there is no answer, in seconds since `began`, plus one.
    told_s: AtomicU64,
}

impl Doorman {
    /// `None`: no function is named.
    pub(super) fn of(config: &BrokerConfig, board: &Arc<Board>) -> Option<Self> {
        let (app, function) = config.authenticate.as_deref()?.split_once('/')?;
        Some(Doorman {
            app: app.to_owned(),
            function: function.to_owned(),
            board: Arc::clone(board),
            places: Semaphore::new(config.password_checks_max as usize),
            began: Instant::now(),
            told_s: AtomicU64::new(0),
        })
    }

    async fn ask(&self, credentials: Credentials) -> Result<Identity, Denied> {
        let unavailable = |why: String| Denied::Unavailable(why);
        let function = find(&self.board, &self.app, &self.function).map_err(unavailable)?;
        let place = self.places.acquire().await;
        let _place = place.map_err(|_| unavailable("the node is stopping".to_owned()))?;
        let body = question(&credentials);
        let request = Request::post(QUESTION_PATH)
            .header(HOST, "localhost")
            .header(CONTENT_TYPE, "application/json")
            .body(full(body))
            .map_err(|error| unavailable(error.to_string()))?;
        let trace = TraceContext::begin();
        let context = Context::new(credentials.peer, credentials.encrypted, trace);
        let answer = function.handler().call(request, context).await;
        let (head, mut body) =
            answer.map_err(|failure| unavailable(failure.to_string()))?.into_parts();
        let mut read = BytesMut::new();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|failure| unavailable(failure.to_string()))?;
            let data = frame.into_data().unwrap_or_default();
            if data.len() > VERDICT_BYTES_MAX - read.len() {
                let why = format!("the function's answer has more than {VERDICT_BYTES_MAX} bytes");
                return Err(unavailable(why));
            }
            read.extend_from_slice(&data);
        }
        verdict(head.status.as_u16(), &read, credentials.username)
    }

    /// Now and then, as there may be many clients that come again and again.
    fn tell(&self, why: &str) {
        let now_s = self.began.elapsed().as_secs() + 1;
        let told_s = self.told_s.load(Relaxed);
        let is_time = told_s == 0 || now_s >= told_s + TOLD_EVERY_S;
        if is_time && self.told_s.compare_exchange(told_s, now_s, Relaxed, Relaxed).is_ok() {
            let function = format!("{}/{}", self.app, self.function);
            tracing::warn!(function, why, "MQTT clients are not let in: nobody says who they are");
        }
    }
}

impl Authenticate for Doorman {
    fn authenticate(&self, credentials: Credentials) -> Authenticated<'_> {
        Box::pin(async move {
            let answer = self.ask(credentials).await;
            if let Err(Denied::Unavailable(why)) = &answer
                // Before apps are looked at there is nothing to tell; then `look_for` does.
                && !self.board.revisions().is_empty()
            {
                self.tell(why);
            }
            answer
        })
    }
}

/// The function, if it is one that is meant for this.
fn find(board: &Board, app: &str, name: &str) -> Result<Arc<DeployedFunction>, String> {
    match board.function(app, name) {
        None => Err(format!("no app on this node has the function {app}/{name}")),
        Some(function) if !function.declared.trigger.authenticate => {
            Err(format!("the manifest of {app}/{name} has no trigger.authenticate = true"))
        }
        Some(function) => Ok(function),
    }
}

/// Tells if the function that clients need is not there, once all apps were looked at.
pub(crate) fn look_for(front: Option<&Mqtt>, config: &BrokerConfig, board: &Board) {
    let name = config.authenticate.as_deref().and_then(|name| name.split_once('/'));
    let Some((app, name)) = name.filter(|_| front.is_some()) else { return };
    if let Err(why) = find(board, app, name) {
        tracing::warn!(%why, "no MQTT client is let in; hint: `broker.authenticate` is app/function");
    }
}
