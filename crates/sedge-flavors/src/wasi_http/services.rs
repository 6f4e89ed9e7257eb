//! Host functions beyond WASI's own: thin conversions to `sedge-services`.

mod cache;
mod client;
mod codec;
mod config;
mod geo;
mod keyvalue;
mod logging;
pub(super) mod messaging;
mod stream;

use super::state::State;
use wasmtime::component::{HasSelf, Linker};

pub(super) mod bindings {
    wasmtime::component::bindgen!({
        path: "../../wit",
        world: "sedge:host/services",
        imports: {
            "wasi:keyvalue/store.[method]bucket.get": async | trappable,
            "wasi:keyvalue/store.[method]bucket.set": async | trappable,
            "wasi:keyvalue/store.[method]bucket.delete": async | trappable,
            "wasi:keyvalue/store.[method]bucket.exists": async | trappable,
            "wasi:keyvalue/store.[method]bucket.list-keys": async | trappable,
            "wasi:keyvalue/atomics.[static]cas.new": async | trappable,
            "wasi:keyvalue/atomics.increment": async | trappable,
            "wasi:keyvalue/atomics.swap": async | trappable,
            "wasi:keyvalue/batch.get-many": async | trappable,
            "wasi:keyvalue/batch.set-many": async | trappable,
            "wasi:keyvalue/batch.delete-many": async | trappable,
            "sedge:keyvalue/expiry.set": async | trappable,
            "sedge:cache/store.[method]scope.get": async | trappable,
            "sedge:cache/store.[method]scope.get-or-begin": async | trappable,
            "sedge:cache/store.[method]scope.delete": async | trappable,
            "sedge:cache/store.[method]scope.purge-tag": async | trappable,
            "sedge:codec/encoder.[static]picture.encode": async | trappable,
            default: trappable,
        },
        with: {
            "wasi:keyvalue/store.bucket": sedge_services::kv::Bucket,
            "wasi:keyvalue/atomics.cas": super::keyvalue::Handle,
            "sedge:cache/store.scope": sedge_services::cache::CacheScope,
            "sedge:cache/store.fill": sedge_services::cache::Maker,
            "sedge:codec/encoder.picture": sedge_services::codec::Handover,
            "wasi:messaging/types.client": super::messaging::Client,
            "wasi:messaging/types.message": super::messaging::Letter,
        },
    });
}

/// Defines the services for every guest; what a guest may do with them is
/// decided by what its function was granted.
pub(super) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    bindings::Services::add_to_linker::<_, HasSelf<State>>(linker, |state| state)
}

/// What a function exports that is handed messages.
pub(super) mod messages {
    wasmtime::component::bindgen!({
        path: "../../wit",
        world: "sedge:host/consumer",
        exports: { default: async },
    });
}

/// What a function exports that is handed messages by the standard's interface.
pub(super) mod receiver {
    wasmtime::component::bindgen!({
        path: "../../wit",
        world: "sedge:host/receiver",
        exports: { default: async },
        with: { "wasi:messaging/types@0.2.0-draft": super::bindings::wasi::messaging::types },
    });
}

/// What a function exports that is called by the clock.
pub(super) mod schedule {
    wasmtime::component::bindgen!({
        path: "../../wit",
        world: "sedge:host/scheduled",
        exports: { default: async },
    });
}

/// What a link exports that decides on heads alone.
pub(super) mod filtering {
    wasmtime::component::bindgen!({
        path: "../../wit",
        world: "sedge:host/filtering",
        ownership: Borrowing { duplicate_if_necessary: false },
        exports: { default: async },
    });
}
