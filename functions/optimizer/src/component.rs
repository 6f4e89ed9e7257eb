//! The adapter to `wasi:http` 0.3: heads in and out, bodies as they come. Whatever can
//! be decided without a host is decided elsewhere.

mod answer;
mod body;
mod dictionaries;
mod fields;

use crate::plan::Plan;
use crate::request::{Configured, Intent};
use crate::settings::Settings;
use std::sync::LazyLock;
use wasip3::exports::http::handler::Guest;
use wasip3::http::types::{ErrorCode, Method, Request, Response};

wasip3::http::service::export!(Component);

struct Component;

/// Read once for each instance: they stay as they are for a revision of the app.
static CONFIGURED: LazyLock<Result<Configured, String>> = LazyLock::new(|| {
    // Not `vars`, which panics on what is not UTF-8.
    let text = |value: std::ffi::OsString| value.to_string_lossy().into_owned();
    let variables = std::env::vars_os().map(|(name, value)| (text(name), text(value)));
    Settings::read(variables).map(Configured::new)
});

impl Guest for Component {
    async fn handle(request: Request) -> Result<Response, ErrorCode> {
        // Nothing was touched yet: an open link lets the request pass.
        let configured = CONFIGURED
            .as_ref()
            .map_err(|problems| ErrorCode::InternalError(Some(format!("optimizer: {problems}"))))?;
        let received = fields::of_request(&request);
        let mut sent = received.clone();
        let method = match request.get_method() {
            Method::Get => "GET",
            Method::Head => "HEAD",
            _ => "",
        };
        let intent = configured.read(method, &mut sent);
        let target = request.get_path_with_query().unwrap_or_default();
        let request = if sent == received { request } else { fields::with_request(request, &sent) };
        let response = next::handle(request).await?;
        let Intent::Work(mut asked) = intent else { return Ok(response) };
        asked.target = target;
        let head = fields::of_response(&response);
        match Plan::of(&configured.settings, &asked, &head) {
            Plan::Untouched => Ok(response),
            Plan::Head(head) => Ok(fields::with_response(response, &head)),
            Plan::Work(work) if asked.is_head => {
                // What a body would come to is not known without it.
                let done = work.announced();
                Ok(fields::with_response(response, &work.head(&asked, &done)))
            }
            Plan::Work(work) => answer::make(&configured.settings, &asked, *work, response).await,
        }
    }
}
