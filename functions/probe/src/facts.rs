//! `sedge:geo`, `sedge:client`, and what a function says while it answers: the same for every
//! version of `wasi:http`.

use crate::call::Call;
use crate::services::bindings::sedge::client::{agent, connection};
use crate::services::bindings::sedge::geo::lookup;
use crate::services::bindings::sedge::stream::output::{self, Delivery};
use crate::services::bindings::sedge::stream::state;
use serde_json::{Value, json};

/// Answers `/facts/locate`, `/facts/client`, `/facts/agent`, `/facts/emit`, `/facts/publish`,
/// `/facts/state` and `/facts/trap` (which says something, and breaks).
pub fn answer(call: Call) {
    let told = match call.path.trim_start_matches("/facts/") {
        "locate" => locate(&call),
        "client" => Ok(connection::address().map_or(Value::Null, Value::from)),
        "agent" => parse(&call),
        "emit" => emit(&call),
        "publish" => publish(&call),
        "state" => state::get("key").map_err(|error| format!("{error:?}")).map(|_| json!("got")),
        "trap" => {
            let said = emit(&call);
            panic!("on purpose, after {said:?}")
        }
        other => Err(format!("the probe has no {other}")),
    };
    match told {
        Ok(value) => call.json(&value),
        Err(error) => call.text(400, &format!("{error}\n")),
    }
}

fn locate(call: &Call) -> Result<Value, String> {
    let facts = lookup::locate(call.text_of("address")).map_err(|error| format!("{error:?}"))?;
    let Some(lookup::Facts { place, network, traits }) = facts else { return Ok(Value::Null) };
    let point = place.coordinates.map(|point| json!([point.latitude, point.longitude]));
    Ok(json!({
        "country": place.country,
        "city": place.city,
        "point": point,
        "system": network.autonomous_system,
        "anonymous": traits.contains(lookup::Traits::ANONYMOUS),
    }))
}

fn parse(call: &Call) -> Result<Value, String> {
    let facts = agent::parse(call.text_of("text")).map_err(|error| format!("{error:?}"))?;
    Ok(json!({
        "kind": format!("{:?}", facts.kind),
        "browser": facts.browser.family,
        "major": facts.browser.major,
        "system": facts.system.family,
        "brand": facts.device.brand,
    }))
}

/// Emits `text` to `topic`, `count` times.
fn emit(call: &Call) -> Result<Value, String> {
    for _ in 0..call.number_of("count", 1) {
        let (topic, text) = (call.text_of("topic"), call.text_of("text").as_bytes());
        let said = output::emit(topic, b"key", Some("text/plain"), text);
        said.map_err(|error| format!("{error:?}"))?;
    }
    Ok(json!("said"))
}

/// Publishes `text` to `topic`; with `durable`, when the answer has ended.
fn publish(call: &Call) -> Result<Value, String> {
    let delivery = match call.text_of("durable") {
        "" => Delivery::AtOnce,
        _ => Delivery::Durable,
    };
    let said =
        output::publish(call.text_of("topic"), call.text_of("text").as_bytes(), delivery, false);
    said.map(|()| json!("said")).map_err(|error| format!("{error:?}"))
}
