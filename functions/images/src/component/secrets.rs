//! The secrets that the manifest grants.

#[allow(missing_docs)]
mod bindings {
    wit_bindgen::generate!({
        inline: "package sedge:images; world secrets { import sedge:secrets/store@0.1.0; }",
        path: "../../wit/deps/sedge-secrets",
        world: "sedge:images/secrets",
        generate_all,
    });
}

use bindings::sedge::secrets::store;

/// The secret of this name; `None` where it is not granted, or not there.
pub(super) fn secret(name: &str) -> Option<String> {
    store::get(name).ok().flatten()
}
