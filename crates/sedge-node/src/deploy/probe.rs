//! Step 5 of a deployment: a function that has a probe answers it before its
//! revision takes the routes.

use crate::call;
use crate::revision::DeployedFunction;
use anyhow::{Context, Result, anyhow};
use http::Request;
use http::header::HOST;
use http_body_util::BodyExt;
use sedge_model::handler::{Handler, empty};
use sedge_model::manifest::Probe;

/// What is quoted of a wrong answer, in bytes.
const QUOTED_BYTES_MAX: usize = 200;

/// Asks a function of a new revision. Its own limits bound how long that takes.
///
/// # Errors
///
/// If it fails, or answers with another status than its probe allows.
pub(super) async fn probe(app: &str, deployed: &DeployedFunction) -> Result<()> {
    let Some(probe) = &deployed.declared.probe else { return Ok(()) };
    let (name, target) = (&deployed.declared.name, &probe.target);
    let asked = ask(probe, &*deployed.handler()).await;
    asked.with_context(|| format!("probe function {name} of app {app} with GET {target}"))
}

async fn ask(probe: &Probe, handler: &dyn Handler) -> Result<()> {
    let request = Request::get(&probe.target).header(HOST, &probe.host).body(empty())?;
    let response = handler.call(request, call::context()).await?;
    let status = response.status();
    let mut body = response.into_body();
    let mut quoted = Vec::new();
    while let Some(frame) = body.frame().await {
        if let Some(data) = frame?.data_ref() {
            let room = QUOTED_BYTES_MAX - quoted.len();
            quoted.extend_from_slice(&data[..data.len().min(room)]);
        }
    }
    if probe.accepts(status.as_u16()) {
        return Ok(());
    }
    let wanted = match &probe.statuses[..] {
        [] => "200 to 299".to_owned(),
        statuses => statuses.iter().map(u16::to_string).collect::<Vec<_>>().join(" or "),
    };
    let quoted = String::from_utf8_lossy(&quoted);
    let said = match quoted.trim() {
        "" => String::new(),
        text => format!(": {}", text.escape_debug()),
    };
    Err(anyhow!("it answered {}, not {wanted}{said}", status.as_u16()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use sedge_model::failure::{Failure, Kind};
    use sedge_model::handler::{self, Answer, Context};

    /// Answers with a status and a body, or fails.
    struct Fixed(Result<(u16, &'static str), Kind>);

    impl Handler for Fixed {
        fn call(&self, request: handler::Request, _: Context) -> Answer<'_> {
            assert_eq!(request.uri(), "/healthz");
            assert_eq!(request.headers()[HOST], "example.org");
            let answer = self.0.map_err(|kind| Failure::new(kind, "of the test"));
            Box::pin(async move {
                let (status, body) = answer?;
                let mut response = http::Response::new(handler::full(body));
                *response.status_mut() = http::StatusCode::from_u16(status).expect("a status");
                Ok(response)
            })
        }
    }

    #[tokio::test]
    async fn only_the_right_answer_passes() {
        let any: &[u16] = &[];
        for (statuses, answer, reason) in [
            (any, Err(Kind::Trap), Some("of the test")),
            (
                any,
                Ok((500, " no database\n\x1b ")),
                Some("500, not 200 to 299: no database\\n\\u{1b}"),
            ),
            (any, Ok((301, "")), Some("it answered 301, not 200 to 299")),
            (&[204, 404], Ok((200, "")), Some("it answered 200, not 204 or 404")),
            (&[204, 404], Ok((404, "gone")), None),
            (any, Ok((299, "")), None),
        ] {
            let probe = Probe {
                target: "/healthz".to_owned(),
                host: "example.org".to_owned(),
                statuses: statuses.to_vec(),
            };
            let asked = ask(&probe, &Fixed(answer)).await;
            let told = asked.err().map(|error| format!("{error:#}"));
            match (reason, told) {
                (None, told) => assert_eq!(told, None),
                (Some(reason), told) => {
                    let told = told.expect(reason);
                    assert!(told.contains(reason), "{told}");
                }
            }
        }
    }

    #[tokio::test]
    async fn a_long_answer_is_quoted_in_part() {
        let long: &'static str = Box::leak("x".repeat(10_000).into_boxed_str());
        let probe = Probe {
            target: "/healthz".to_owned(),
            host: "example.org".to_owned(),
            statuses: Vec::new(),
        };
        let asked = ask(&probe, &Fixed(Ok((404, long)))).await;
        let told = asked.expect_err("wrong").to_string();
        assert!(told.len() < 300 && told.contains("xxx"), "{told}");
    }
}
