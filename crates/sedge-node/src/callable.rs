//! Does a component export what its manifest starts it by?

use sedge_flavors::wasi_http::Exports;
use sedge_model::manifest::Function;

/// What is wrong, and what to do about it; `None`: the function can be called by all that
/// starts it.
pub(crate) fn mistake(declared: &Function, exports: Exports) -> Option<(String, String)> {
    let trigger = &declared.trigger;
    let answers = trigger.is_empty() || trigger.authenticate || !declared.routes.is_empty();
    let wanted = [
        (answers && exports.http.is_none(), "answers requests", "wasi:http", "export `wasi:http`"),
        (
            trigger.message.is_some() && exports.messages.is_none(),
            "is started by messages",
            "sedge:stream/handler or wasi:messaging/incoming-handler",
            "export `sedge:stream/handler` or `wasi:messaging/incoming-handler`, or remove [function.trigger.message]",
        ),
        (
            !trigger.schedules.is_empty() && !exports.schedule,
            "is started by a schedule",
            "sedge:stream/schedule",
            "export `sedge:stream/schedule`, or remove [[function.trigger.schedule]]",
        ),
        (
            declared.preinitialize && !exports.initializes,
            "is to be initialized before it is served",
            "sedge:lifecycle/initialization",
            "export `sedge:lifecycle/initialization`, or remove `preinitialize`",
        ),
    ];
    let (_, what, interface, hint) = wanted.into_iter().find(|(is_missing, ..)| *is_missing)?;
    let message = format!(
        "the function `{}` {what}, but its component does not export {interface}",
        declared.name
    );
    Some((message, format!("{hint}; it exports {}", exports.shown())))
}
