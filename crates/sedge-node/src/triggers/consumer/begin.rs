//! Where a consumer begins.

use super::super::commit::Place;
use super::{COMMIT_AGAIN_AFTER, WINDOW_MAX};
use crate::streams::Streams;
use anyhow::{Context, Result, anyhow};
use sedge_ingress::messages::{Backoff, DispatchOptions, Progress};
use sedge_model::trigger::{MessageTrigger, Start};
use sedge_store::log::LogError;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::sleep;

/// How far a trigger has come; one that is new is noted, so that nothing is removed before it
/// has read it.
pub(super) async fn progress(
    streams: &Streams,
    name: &str,
    trigger: &MessageTrigger,
) -> Result<Progress> {
    if let Some(cursor) = streams.log().cursor(name) {
        let read = Progress::decode(&cursor.state, WINDOW_MAX as usize);
        return read.with_context(|| format!("go on with the trigger of {name}"));
    }
    let progress = Progress::all_below(first(streams, trigger.start));
    begin_cursor(streams, Place::of(name, &progress)).await?;
    Ok(progress)
}

/// Where who is new begins.
pub(in super::super) fn first(streams: &Streams, start: Start) -> u64 {
    let usage = streams.log().usage();
    match start {
        Start::Latest => usage.end,
        Start::Earliest => usage.oldest,
    }
}

/// Notes a cursor, however long the log has no room.
pub(in super::super) async fn begin_cursor(streams: &Streams, place: Place) -> Result<()> {
    loop {
        let (told, reply) = oneshot::channel();
        let reply_to = Box::new(move |result| drop(told.send(result)));
        streams.submit(Vec::new(), Some(place.change()), reply_to);
        match reply.await.unwrap_or(Err(LogError::Closed)) {
            Ok(_) => return Ok(()),
            Err(LogError::Full | LogError::Busy) => sleep(COMMIT_AGAIN_AFTER).await,
            Err(error) => return Err(anyhow!(error).context(format!("note {}", place.name))),
        }
    }
}

pub(super) fn options(trigger: &MessageTrigger) -> DispatchOptions {
    DispatchOptions {
        batch_messages_max: trigger.batch_messages_max as usize,
        batch_bytes_max: usize::try_from(trigger.batch_bytes_max).unwrap_or(usize::MAX),
        batch_wait: Duration::from_millis(trigger.batch_wait_ms),
        concurrency_max: trigger.concurrency_max as usize,
        window_messages_max: trigger.window_messages_max.min(WINDOW_MAX) as usize,
        retries_max: trigger.retries_max,
        backoff: Backoff {
            first: Duration::from_millis(trigger.backoff_ms),
            longest: Duration::from_millis(trigger.backoff_ms_max),
        },
        ..DispatchOptions::default()
    }
}
