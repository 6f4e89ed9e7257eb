//! The state of an instance that has initialized itself, as what fresh instances begin with.
//!
//! An instance that reads its settings, parses its rules and fills its tables does so again for
//! every request, if instances are not reused. All that is memory and globals: it can be read out
//! of one instance after that work, and be written into the component as what its memories and
//! globals are to begin with (Wizer's pre-initialization: Fitzgerald, *Hit the Ground Running:
//! Wasm Snapshots for Fast Start Up*, 2021). Fresh instances then map it, copying what they touch.
//!
//! 1. The component is instrumented, so that it exports its state, and compiled: [`Form::Observable`].
//! 2. An instance of that initializes itself, and [`observe`] reads what it has become.
//! 3. The original gets that state and is compiled: [`Form::Initialized`].
//!
//! Steps 1 and 3 take a component apart that nobody trusts; both happen in the compiler's process.
//! Tables are not part of a snapshot, and so a component with instructions that change one is
//! refused, as are some rare shapes of components (see `wasmtime-wizer`).

mod recorded;

pub use recorded::{Malformed, Recorded};

use recorded::Value;
use sedge_model::digest::Digest;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use thiserror::Error;
use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, Instance, Type, Val, WasmList};
use wasmtime::{AsContextMut, Store};
use wasmtime_wizer::{ComponentInstanceState, Wizer};

/// What an instrumented component exports its state by.
const ACCESS: &str = "wasmtime:wizer/access";

/// What an artifact is compiled as.
#[derive(Clone, Copy)]
pub enum Form<'a> {
    /// As it is.
    Plain,
    /// Instrumented: see [`observe`].
    Observable,
    /// With the state of an instance that has initialized itself.
    Initialized(&'a Recorded),
}

impl Form<'_> {
    /// The word for it in the compiler's arguments.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Form::Plain => "plain",
            Form::Observable => "observable",
            Form::Initialized(_) => "initialized",
        }
    }

    /// What the code of this form of an artifact is called in the cache.
    pub(crate) fn code_digest(self, artifact: &Digest) -> Digest {
        let state = match self {
            Form::Plain => return *artifact,
            Form::Observable => &[],
            Form::Initialized(state) => state.as_bytes(),
        };
        let mut hasher = blake3::Hasher::new_derive_key("sedge 2026-11 code of a form");
        hasher.update(self.word().as_bytes());
        hasher.update(artifact.as_bytes());
        hasher.update(state);
        Digest::from_bytes(*hasher.finalize().as_bytes())
    }
}

/// Why the state of an instance cannot be read out.
#[derive(Debug, Error)]
pub enum ObserveError {
    /// The component was not compiled as [`Form::Observable`].
    #[error("the component does not export its state")]
    NotObservable,
    /// An export of its state is none that is known here.
    #[error("the component exports `{0}` among its state")]
    Unknown(String),
    /// The instance has no memory left to say what is in it, or has trapped before.
    #[error("cannot read the state of the instance")]
    Read(#[source] wasmtime::Error),
}

/// Reads the memories and globals of an instance of a component in its [`Form::Observable`].
/// The instance is of no use afterwards.
///
/// # Errors
///
/// [`ObserveError`], if it has another form, or no memory is left.
pub async fn observe<T: Send + 'static>(
    store: &mut Store<T>,
    component: &Component,
    instance: Instance,
) -> Result<Recorded, ObserveError> {
    let engine = store.engine().clone();
    let (item, access) = component.get_export(None, ACCESS).ok_or(ObserveError::NotObservable)?;
    let ComponentItem::ComponentInstance(exports) = item else {
        return Err(ObserveError::NotObservable);
    };
    let mut recorded = Recorded::new();
    for (name, item) in exports.exports(&engine) {
        let unknown = || ObserveError::Unknown(name.to_owned());
        let ComponentItem::ComponentFunc(function) = item.ty else { return Err(unknown()) };
        let mut results = function.results();
        let (Some(result), None) = (results.next(), results.next()) else { return Err(unknown()) };
        let (_, index) = component.get_export(Some(&access), name).ok_or_else(unknown)?;
        let function = instance.get_func(&mut *store, index).ok_or_else(unknown)?;
        if matches!(result, Type::List(_)) {
            let read = async {
                let typed = function.typed::<(), (WasmList<u8>,)>(&mut *store)?;
                typed.call_async(&mut *store, ()).await
            };
            let (bytes,) = read.await.map_err(ObserveError::Read)?;
            recorded.add(name, Value::Bytes(bytes.as_le_slice(store.as_context_mut())));
            continue;
        }
        let mut value = [Val::Bool(false)];
        function.call_async(&mut *store, &[], &mut value).await.map_err(ObserveError::Read)?;
        recorded.add(
            name,
            match value {
                [Val::S32(value)] => Value::Word32(value.cast_unsigned()),
                [Val::S64(value)] => Value::Word64(value.cast_unsigned()),
                [Val::Float32(value)] => Value::Word32(value.to_bits()),
                [Val::Float64(value)] => Value::Word64(value.to_bits()),
                _ => return Err(unknown()),
            },
        );
    }
    Ok(recorded)
}

/// A component that exports its state.
///
/// # Errors
///
/// A component that is not valid, or of a shape of which there are no snapshots.
pub(crate) fn instrumented(source: &[u8]) -> wasmtime::Result<Vec<u8>> {
    Ok(Wizer::new().instrument_component(source)?.1)
}

/// A component whose instances begin with this state.
///
/// # Errors
///
/// As of [`instrumented`], or the state is another component's.
pub(crate) fn initialized(source: &[u8], state: &Recorded) -> wasmtime::Result<Vec<u8>> {
    let wizer = Wizer::new();
    let (context, _) = wizer.instrument_component(source)?;
    let mut witness = Witness { state, missing: None };
    let rewritten = {
        let rewriting = pin!(wizer.snapshot_component(&context, &mut witness));
        match rewriting.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(rewritten) => rewritten?,
            Poll::Pending => return Err(wasmtime::Error::msg("what was recorded is not at hand")),
        }
    };
    match witness.missing {
        Some(name) => Err(wasmtime::Error::msg(format!("nothing was recorded of `{name}`"))),
        None => Ok(rewritten),
    }
}

/// What was recorded, answering in the place of an instance.
struct Witness<'a> {
    state: &'a Recorded,
    /// What it was asked for in vain.
    missing: Option<String>,
}

impl Witness<'_> {
    fn get(&mut self, name: &str) -> Value<'_> {
        let found = self.state.get(name);
        if found.is_none() {
            self.missing = Some(name.to_owned());
        }
        found.unwrap_or(Value::Bytes(&[]))
    }

    fn word32(&mut self, name: &str) -> u32 {
        match self.get(name) {
            Value::Word32(word) => word,
            _ => self.mistaken(name),
        }
    }

    fn word64(&mut self, name: &str) -> u64 {
        match self.get(name) {
            Value::Word64(word) => word,
            _ => self.mistaken(name),
        }
    }

    fn mistaken<T: Default>(&mut self, name: &str) -> T {
        self.missing = Some(name.to_owned());
        T::default()
    }
}

impl ComponentInstanceState for Witness<'_> {
    async fn call_func_ret_list_u8(
        &mut self,
        _: &str,
        name: &str,
        contents: impl FnOnce(&[u8]) + Send,
    ) {
        match self.get(name) {
            Value::Bytes(bytes) => contents(bytes),
            _ => self.mistaken(name),
        }
    }

    async fn call_func_ret_s32(&mut self, _: &str, name: &str) -> i32 {
        self.word32(name).cast_signed()
    }

    async fn call_func_ret_s64(&mut self, _: &str, name: &str) -> i64 {
        self.word64(name).cast_signed()
    }

    async fn call_func_ret_f32(&mut self, _: &str, name: &str) -> u32 {
        self.word32(name)
    }

    async fn call_func_ret_f64(&mut self, _: &str, name: &str) -> u64 {
        self.word64(name)
    }
}

#[cfg(test)]
mod tests;
