//! The import that makes a function a middleware: the handler behind it in its
//! chain. `wasip3` has no such world, so the import is generated here, once for
//! every link.

mod bindings {
    wasip3::wit_bindgen::generate!({
        path: "../../wit",
        world: "sedge:host/link",
        runtime_path: "wasip3::wit_bindgen::rt",
        generate_all,
        with: {
            "wasi:http/types@0.3.2": wasip3::http::types,
            "wasi:clocks/types@0.3.2": wasip3::clocks::types,
        },
    });
}

/// Sends a request to what stands behind the link, and waits for its answer.
pub use bindings::wasi::http::handler::handle;
