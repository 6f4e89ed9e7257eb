//! From triggers as written to those as meant, and what handlers may say.

use super::raw::RawCapabilities;
use super::raw_trigger::{RawMessage, RawMissed, RawSchedule, RawTrigger};
use super::resolve::Resolver;
use crate::cron::{Cron, Zone};
use crate::document::{Invalid, child};
use crate::limits::Limits;
use crate::topic::{TopicFilter, check_name, is_reserved};
use crate::trigger::{MessageTrigger, Missed, Schedule, Triggers};

impl Resolver<'_> {
    /// `at` is the function's.
    pub(super) fn triggers(
        &mut self,
        at: &str,
        function: &str,
        raw: Option<RawTrigger>,
        limits: &Limits,
    ) -> Triggers {
        let Some(raw) = raw else { return Triggers::default() };
        let at = child(at, "trigger");
        let is_empty = raw.message.is_none() && raw.schedule.is_empty() && !raw.authenticate;
        if is_empty && self.draft.is_complete(&at) {
            let hint = "write [function.trigger.message], [[function.trigger.schedule]] or \
                        authenticate = true";
            let message = "the trigger has neither `message` nor `schedule` nor `authenticate`";
            self.draft.reject(&at, Invalid::new(message, hint));
        }
        let message_at = child(&at, "message");
        let message =
            raw.message.map(|message| self.message_trigger(&message_at, function, message, limits));
        let schedules_at = child(&at, "schedule");
        let mut names: Vec<String> = Vec::new();
        let schedules = raw.schedule.into_iter().enumerate().filter_map(|(index, schedule)| {
            let at = child(&schedules_at, index);
            self.schedule_name(&at, &schedule.name, &schedules_at, &mut names);
            self.schedule(&at, schedule)
        });
        Triggers { message, schedules: schedules.collect(), authenticate: raw.authenticate }
    }

    fn message_trigger(
        &mut self,
        at: &str,
        function: &str,
        raw: RawMessage,
        limits: &Limits,
    ) -> MessageTrigger {
        let filters = self.filters(&child(at, "topics"), &raw.topics);
        let dead_letters = self.dead_letters(at, function, raw.dead_letters, &filters);
        let written = |key: &str| self.draft.has(&child(at, key));
        if raw.batch_messages_max > raw.window_messages_max {
            let (key, message) = match written("batch_messages_max") {
                true => ("batch_messages_max", "a batch is larger than the window"),
                false => ("window_messages_max", "the window is smaller than a batch"),
            };
            let hint = format!(
                "a batch has up to {} messages, of {} that are read ahead",
                raw.batch_messages_max, raw.window_messages_max
            );
            self.draft.reject(&child(at, key), Invalid::new(message, hint));
        }
        let written = |key: &str| self.draft.has(&child(at, key));
        if raw.backoff_ms > raw.backoff_ms_max {
            let key = if written("backoff_ms") { "backoff_ms" } else { "backoff_ms_max" };
            let hint = format!(
                "the first retry waits {} ms, and none more than {} ms",
                raw.backoff_ms, raw.backoff_ms_max
            );
            let message = "the first retry waits longer than any may";
            self.draft.reject(&child(at, key), Invalid::new(message, hint));
        }
        let concurrency_at = child(at, "concurrency_max");
        if raw.concurrency_max > limits.concurrency_max && self.draft.has(&concurrency_at) {
            let message = "more batches at one time than the function may handle";
            let hint = format!("its limits have concurrency_max = {}", limits.concurrency_max);
            self.draft.reject(&concurrency_at, Invalid::new(message, hint));
        }
        MessageTrigger {
            topics: raw.topics,
            start: raw.start,
            batch_messages_max: raw.batch_messages_max,
            batch_bytes_max: raw.batch_bytes_max,
            batch_wait_ms: raw.batch_wait_ms,
            concurrency_max: raw.concurrency_max.min(limits.concurrency_max),
            window_messages_max: raw.window_messages_max,
            retries_max: raw.retries_max,
            backoff_ms: raw.backoff_ms,
            backoff_ms_max: raw.backoff_ms_max,
            dead_letters,
            ordered: raw.ordered,
        }
    }

    /// The topic of dead letters; the function that writes them must not be called for them.
    fn dead_letters(
        &mut self,
        at: &str,
        function: &str,
        written: Option<String>,
        filters: &[(String, TopicFilter)],
    ) -> String {
        let letters_at = child(at, "dead_letters");
        let own = format!("dead-letters/{}/{function}", self.app);
        let topic = written.unwrap_or(own);
        if let Err(error) = check_name(&topic) {
            let message = format!("the topic `{}` {error}", topic.escape_debug());
            self.draft.reject(&letters_at, Invalid::new(message, error.hint()));
            return topic;
        }
        if is_reserved(&topic) {
            self.reserved(&letters_at, "topic", &topic);
            return topic;
        }
        let Some((filter_at, filter)) = filters.iter().find(|(_, one)| one.matches(&topic)) else {
            return topic;
        };
        let message = "the function would be called for its own dead letters".to_owned();
        if self.draft.has(&letters_at) {
            let hint = format!("`{filter}` matches `{topic}`; name a topic that it does not match");
            self.draft.reject(&letters_at, Invalid::new(message, hint));
        } else {
            let hint = format!(
                "`{filter}` matches `{topic}`, where messages go that it could not handle; name \
                 fewer topics, or another one as `dead_letters`"
            );
            self.draft.reject(filter_at, Invalid::new(message, hint));
        }
        topic
    }

    /// The filters that are right, each with its pointer; the others are reported.
    pub(super) fn filters(&mut self, at: &str, filters: &[String]) -> Vec<(String, TopicFilter)> {
        let mut right = Vec::new();
        for (index, text) in filters.iter().enumerate() {
            let at = child(at, index);
            match TopicFilter::parse(text) {
                Err(error) => {
                    let message = format!("the topic filter `{}` {error}", text.escape_debug());
                    self.draft.reject(&at, Invalid::new(message, error.hint()));
                }
                Ok(_) if is_reserved(text) => self.reserved(&at, "topic filter", text),
                Ok(_) if filters[..index].contains(text) => {
                    let message = format!("the topic filter `{text}` is named twice");
                    self.draft.reject(&at, Invalid::new(message, "remove one"));
                }
                Ok(filter) => right.push((at, filter)),
            }
        }
        right
    }

    pub(super) fn reserved(&mut self, at: &str, noun: &str, text: &str) {
        let message = format!("the {noun} `{}` begins with `$`", text.escape_debug());
        let hint = "such topics are for the node itself; no function reads or writes them";
        self.draft.reject(at, Invalid::new(message, hint));
    }

    fn schedule_name(&mut self, at: &str, name: &str, all: &str, before: &mut Vec<String>) {
        let name_at = child(at, "name");
        self.name(&name_at, name);
        match before.iter().position(|one| one == name && !name.is_empty()) {
            None => {}
            Some(first) => {
                let line = self.draft.line(self.text, &child(&child(all, first), "name"));
                let message = format!("two schedules have the name `{name}`");
                let hint = format!("the first is on line {line}");
                self.draft.reject(&name_at, Invalid::new(message, hint));
            }
        }
        before.push(name.to_owned());
    }

    fn schedule(&mut self, at: &str, raw: RawSchedule) -> Option<Schedule> {
        let missed = match raw.missed {
            RawMissed::Once => Missed::Once,
            RawMissed::Skip => Missed::Skip,
            RawMissed::All => Missed::All { calls_max: raw.missed_max.unwrap_or(100) },
        };
        if raw.missed != RawMissed::All && raw.missed_max.is_some() {
            let message = "`missed_max` has no meaning unless all missed calls are made";
            let hint = "remove it, or write missed = \"all\"";
            self.draft.reject_key(&child(at, "missed_max"), Invalid::new(message, hint));
        }
        let cron = self.part(&child(at, "cron"), Cron::parse(&raw.cron));
        let time_zone = self.part(&child(at, "time_zone"), Zone::parse(&raw.time_zone));
        Some(Schedule {
            name: raw.name,
            cron: cron?,
            time_zone: time_zone?,
            missed,
            jitter_s: raw.jitter_s,
            retries_max: raw.retries_max,
            backoff_ms: raw.backoff_ms,
        })
    }

    /// Checks what a handler may say; `at` is the capabilities'.
    pub(super) fn topics(&mut self, at: &str, raw: &RawCapabilities, trigger: &Triggers) {
        for (at, filter) in self.filters(&child(at, "emit"), &raw.emit) {
            let mut own = trigger.message.iter().flat_map(|message| &message.topics);
            if own.any(|topic| topic == filter.as_str()) {
                let message =
                    format!("the function may emit all that it is called for: `{filter}`");
                let hint = "it would call itself without end; grant other topics, or fewer";
                self.draft.reject(&at, Invalid::new(message, hint));
            }
        }
        self.filters(&child(at, "publish"), &raw.publish);
        if raw.state && trigger.is_empty() {
            let message = "`state` has no meaning without a trigger";
            let hint = "it takes effect with the progress of one; a function that answers \
                        requests keeps what it knows in `kv`";
            self.draft.reject_key(&child(at, "state"), Invalid::new(message, hint));
        }
    }
}
