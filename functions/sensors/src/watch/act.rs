//! Carries out what a rule says.

use super::call::{self, CALL_MEDIA_TYPE, CALLS_TOPIC};
use super::host::{Host, HostError};
use super::rules::{Action, Rule};
use super::template::{Facts, Template};

/// What is done about a series.
pub struct Act<'a> {
    /// What is known of it now.
    pub facts: Facts<'a>,
    /// What tells the series from all others.
    pub identity: &'a str,
    /// The same whenever the same is done again, and never for anything else of this series.
    pub occasion: String,
}

impl Act<'_> {
    /// Carries out a rule. `record`: what a webhook is told unless the rule says something.
    pub fn carry_out(
        &self,
        host: &mut dyn Host,
        rule: &Rule,
        record: impl FnOnce() -> Vec<u8>,
    ) -> Result<(), HostError> {
        let (facts, identity) = (&self.facts, self.identity);
        match &rule.action {
            Action::Publish { topic, payload, delivery, retain } => {
                let payload = payload.payload(facts);
                host.publish(&topic.topic(facts), payload.as_bytes(), *delivery, *retain)
            }
            Action::Call { payload, .. } => {
                let series = super::series::hash(identity.as_bytes());
                let key = format!("{:016x}-{series:016x}-{}", rule.id, self.occasion);
                let body = match payload {
                    Some(payload) => payload.payload(facts),
                    None => String::from_utf8(record()).unwrap_or_default(),
                };
                let topic = Template::parse_topic(CALLS_TOPIC)
                    .map_err(|reason| HostError { reason, permanent: true })?;
                let message = call::message(rule, key, body);
                host.emit(&topic.topic(facts), identity, CALL_MEDIA_TYPE, &message)
            }
        }
    }
}
