//! Calls that no request starts: batches of messages, and ticks of a schedule.

use super::WasiHttpFunction;
use super::failures::Failures;
use super::function::{Flight, Inner, Place};
use super::idle::Home;
use super::instance::Face;
use super::services::bindings::wasi::messaging::types::Error;
use super::services::messages::{Consumer, exports as handler_exports, sedge as words};
use super::services::messaging::Letter;
use super::services::receiver::Receiver;
use super::services::schedule::{Scheduled, exports as schedule_exports};
use super::state::State;
use crate::outbound::Trace;
use sedge_engine::call::Call;
use sedge_model::failure::{Failure, Kind};
use sedge_model::trace::{Spans, TraceContext};
use sedge_services::streams::{Failed, Message, Outcome, Tick, Transaction};
use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;
use tokio::sync::oneshot;
use wasmtime::Store;

/// What a function is called with.
pub(super) enum Job {
    Batch(Vec<Arc<Message>>),
    Tick(Tick),
}

/// What it says to that.
pub(super) enum Told {
    Outcome(Outcome),
    Ticked(Result<(), String>),
}

/// The span that a call hangs below, and where its own steps are recorded.
#[derive(Clone, Debug)]
pub struct Below {
    /// Its identity.
    pub above: TraceContext,
    /// Nowhere, unless it is sampled.
    pub spans: Spans,
}

impl Job {
    fn face(&self) -> Face {
        match self {
            Job::Batch(_) => Face::Messages,
            Job::Tick(_) => Face::Schedule,
        }
    }
}

impl WasiHttpFunction {
    /// Hands a batch to the function. What it says, and what is to be committed if it has
    /// handled all of it.
    ///
    /// # Errors
    /// It did not come to an end; nothing of it counts.
    pub async fn handle(
        &self,
        batch: Vec<Arc<Message>>,
        transaction: Transaction,
        below: Below,
    ) -> Result<(Outcome, Transaction), Failure> {
        match self.0.run(Job::Batch(batch), transaction, below).await? {
            (Told::Outcome(outcome), transaction) => Ok((outcome, transaction)),
            (Told::Ticked(_), _) => Err(Failure::new(Kind::Internal, "a batch was ticked")),
        }
    }

    /// Calls the function because it is time. What it says, and what is to be committed if
    /// all is well.
    ///
    /// # Errors
    /// As [`WasiHttpFunction::handle`].
    pub async fn tick(
        &self,
        tick: Tick,
        transaction: Transaction,
        below: Below,
    ) -> Result<(Result<(), String>, Transaction), Failure> {
        match self.0.run(Job::Tick(tick), transaction, below).await? {
            (Told::Ticked(result), transaction) => Ok((result, transaction)),
            (Told::Outcome(_), _) => Err(Failure::new(Kind::Internal, "a tick was a batch")),
        }
    }
}

/// What a call leaves, on its way back to who waits for it.
type Back = oneshot::Sender<(Told, Transaction)>;

impl Inner {
    async fn run(
        self: &Arc<Self>,
        job: Job,
        transaction: Transaction,
        Below { above, spans }: Below,
    ) -> Result<(Told, Transaction), Failure> {
        let metrics = &self.spec.metrics;
        metrics.requests.fetch_add(1, Relaxed);
        let begin = Instant::now();
        self.used(begin);
        let trace = Trace::below(above, spans);
        let failures = Failures::new(&self.spec, trace.context());
        let result = self.driven(job, transaction, trace).await;
        metrics.duration.record(begin.elapsed());
        if let Err(failure) = &result {
            failures.record(failure);
        }
        result
    }

    async fn driven(
        self: &Arc<Self>,
        job: Job,
        transaction: Transaction,
        trace: Trace,
    ) -> Result<(Told, Transaction), Failure> {
        let flight = Flight::begin(&self.spec.metrics, self.spec.limits.concurrency_max)?;
        let place = Place { loaded: self.loaded().await?, home: Home::here(), held: None };
        let call = Call::beside_requests(self.spec.limits.cpu());
        let (sender, mut receiver) = oneshot::channel();
        let work = self.clone().job(place, call.clone(), (job, transaction), trace, sender, flight);
        let mut drive = self.drive(call, Box::pin(work));
        poll_fn(|context| drive.poll(context)).await?;
        receiver.try_recv().map_err(|_| Failure::new(Kind::Internal, "a call left nothing behind"))
    }

    async fn job(
        self: Arc<Self>,
        mut place: Place,
        call: Arc<Call>,
        (job, transaction): (Job, Transaction),
        trace: Trace,
        back: Back,
        _flight: Flight,
    ) {
        let face = job.face();
        let mut idle = match self.instance(face, &mut place, &call, trace).await {
            Ok(idle) => idle,
            Err(failure) => return call.fail(failure),
        };
        idle.store.data_mut().transaction = Some(transaction);
        let told = idle.instance.run(&mut idle.store, job).await;
        let transaction = idle.store.data_mut().transaction.take();
        self.account(&call, &idle);
        match (told, transaction) {
            (Err(error), _) => call.fail(self.classify(&error, &mut idle.store)),
            (Ok(told), Some(transaction)) => {
                self.keep(face, place.home, idle);
                // Who has gone away does not want it.
                let _ = back.send((told, transaction));
            }
            (Ok(_), None) => call.fail(Failure::new(Kind::Internal, "a call lost what it did")),
        }
    }
}

/// Lets an instance handle a batch.
pub(super) async fn handle(
    consumer: &Consumer,
    store: &mut Store<State>,
    batch: &[Arc<Message>],
) -> wasmtime::Result<Outcome> {
    use handler_exports::sedge::stream::handler;
    let batch: Vec<_> = batch.iter().map(|message| lowered(message)).collect();
    let outcome = consumer.sedge_stream_handler().call_handle(store, &batch).await?;
    Ok(match outcome {
        handler::Outcome::Handled => Outcome::Handled,
        handler::Outcome::Failed(failures) => {
            let failed =
                failures.into_iter().map(|handler::Failure { index, reason, permanent }| Failed {
                    index,
                    reason,
                    permanent,
                });
            Outcome::Failed(failed.collect())
        }
    })
}

/// Lets an instance handle a batch, one message after the other, up to the first that fails.
pub(super) async fn receive(
    receiver: &Receiver,
    store: &mut Store<State>,
    batch: &[Arc<Message>],
) -> wasmtime::Result<Outcome> {
    for (index, message) in batch.iter().enumerate() {
        let letter = store.data_mut().hand_over(Letter::of(message))?;
        let handler = receiver.wasi_messaging_incoming_handler();
        if let Err(error) = handler.call_handle(&mut *store, letter).await? {
            let permanent = matches!(error, Error::PermissionDenied(_));
            let reason = match error {
                Error::Timeout => "it took too long".to_owned(),
                Error::Connection(reason)
                | Error::PermissionDenied(reason)
                | Error::Other(reason) => reason,
            };
            // A batch has no more messages than a manifest may ask for.
            return Ok(Outcome::Failed(vec![Failed { index: index as u32, reason, permanent }]));
        }
    }
    Ok(Outcome::Handled)
}

/// Lets an instance do what is due.
pub(super) async fn tick(
    scheduled: &Scheduled,
    store: &mut Store<State>,
    tick: Tick,
) -> wasmtime::Result<Result<(), String>> {
    use schedule_exports::sedge::stream::schedule;
    let Tick { name, due_ms, missed } = tick;
    let tick = schedule::Tick { name, due_ms, missed };
    scheduled.sedge_stream_schedule().call_run(store, &tick).await
}

fn lowered(message: &Message) -> words::stream::types::Message {
    words::stream::types::Message {
        position: message.position,
        topic: message.topic.clone(),
        device: message.device.clone(),
        epoch: message.epoch,
        sequence: message.sequence,
        time_ms: message.time_ms,
        key: message.key.to_vec(),
        content_type: message.content_type.clone(),
        payload: message.payload.to_vec(),
    }
}
