//! What the host functions of one instance work on.

use super::function::FunctionSpec;
use super::logs::Logs;
use super::next::Next;
use crate::outbound::{Budget, Outbound, Trace};
use sedge_engine::call::Call;
use sedge_engine::guard::{Guard, Guarded};
use sedge_services::streams::Transaction;
use std::net::IpAddr;
use std::sync::Arc;
use wasmtime::component::ResourceTable;
use wasmtime_wasi::{WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

/// The state of one instance's store.
pub(super) struct State {
    guard: Guard,
    wasi: WasiCtx,
    http: WasiHttpCtx,
    pub(super) table: ResourceTable,
    pub(super) outbound: Outbound,
    pub(super) logs: Logs,
    pub(super) spec: Arc<FunctionSpec>,
    /// The way to the next handler of a chain, if this call is one of a link.
    pub(super) next: Option<Next>,
    /// Whose request this call answers, if it answers one.
    pub(super) client: Option<IpAddr>,
    /// What this call brings about, if it may bring about anything.
    pub(super) transaction: Option<Transaction>,
    /// Bytes of the messages that the guest has in its hands.
    pub(super) letters_bytes: usize,
}

impl State {
    /// The state of a fresh instance that works for `call`.
    pub(super) fn new(spec: &Arc<FunctionSpec>, call: Arc<Call>, outbound: Outbound) -> Self {
        State::over(WasiCtxBuilder::new(), spec, call, outbound)
    }

    /// The same with another clock, or another source of what is random.
    pub(super) fn over(
        mut wasi: WasiCtxBuilder,
        spec: &Arc<FunctionSpec>,
        call: Arc<Call>,
        outbound: Outbound,
    ) -> Self {
        let logs = Logs::new(spec);
        wasi.stdout(logs.stream("stdout")).stderr(logs.stream("stderr"));
        for (name, value) in spec.services.environment.iter() {
            wasi.env(name, value);
        }
        let mut http = WasiHttpCtx::new();
        http.set_field_size_limit(field_memory_bytes(&spec.limits));
        let mut table = ResourceTable::new();
        table.set_max_capacity(spec.limits.resources_max as usize);
        State {
            guard: Guard::new(call, spec.limits.memory_bytes_max),
            wasi: wasi.build(),
            http,
            table,
            outbound,
            logs,
            spec: spec.clone(),
            next: None,
            client: None,
            transaction: None,
            letters_bytes: 0,
        }
    }

    /// Makes a used instance ready for another request: budgets begin anew.
    pub(super) fn renew(&mut self, call: Arc<Call>, trace: Trace) {
        self.guard.call = call;
        self.outbound.renew(trace, Budget::of(&self.spec.limits));
        self.logs.renew();
    }

    /// The most memory this instance has had, bytes.
    pub(super) fn memory_bytes_peak(&self) -> u64 {
        self.guard.memory_bytes_peak()
    }
}

/// wasmtime counts the memory of a header map, not its text: names and values
/// with some bytes of bookkeeping for each field.
fn field_memory_bytes(limits: &sedge_model::limits::Limits) -> usize {
    const BOOKKEEPING_BYTES: usize = 128;
    limits.header_bytes_max as usize + limits.headers_max as usize * BOOKKEEPING_BYTES
}

impl Guarded for State {
    fn guard(&mut self) -> &mut Guard {
        &mut self.guard
    }
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl WasiHttpView for State {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { hooks: &mut self.outbound, table: &mut self.table, ctx: &mut self.http }
    }
}
