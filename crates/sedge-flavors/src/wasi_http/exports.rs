//! What a component can be called for.

use super::World;
use sedge_engine::inspect::Inspection;

/// What a component exports that a node calls; at least one of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exports {
    /// Requests, in this version of `wasi:http`.
    pub http: Option<World>,
    /// Messages, by this interface.
    pub messages: Option<Receives>,
    /// Ticks of a schedule: `sedge:stream/schedule`.
    pub schedule: bool,
    /// Whether requests are shown to it as values first: `sedge:link/filter`.
    pub filters: bool,
    /// Whether an instance can be prepared for all others: `sedge:lifecycle/initialization`.
    pub initializes: bool,
}

/// By which interface a component is handed messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Receives {
    /// `sedge:stream/handler`.
    Batches,
    /// `wasi:messaging/incoming-handler`: one by one.
    Messages,
}

impl Receives {
    fn as_str(self) -> &'static str {
        match self {
            Receives::Batches => "sedge:stream handler",
            Receives::Messages => "wasi:messaging",
        }
    }
}

impl Exports {
    /// Of a component; `None` if it exports nothing that is known.
    pub fn of(inspection: &Inspection) -> Option<Exports> {
        let has = |prefix: &str| inspection.exports.iter().any(|name| name.starts_with(prefix));
        let http = World::of(inspection);
        let exports = Exports {
            http,
            // Without a handler there is nothing that it could leave to it.
            filters: http == Some(World::Http03) && has("sedge:link/filter@0.1."),
            messages: if has("sedge:stream/handler@0.1.") {
                Some(Receives::Batches)
            } else if has("wasi:messaging/incoming-handler@0.2.0-draft") {
                Some(Receives::Messages)
            } else {
                None
            },
            schedule: has("sedge:stream/schedule@0.1."),
            initializes: has("sedge:lifecycle/initialization@0.1."),
        };
        let any = exports.http.is_some() || exports.messages.is_some() || exports.schedule;
        any.then_some(exports)
    }

    /// For people: `wasi:http 0.2, sedge:stream handler`.
    pub fn shown(self) -> String {
        let schedule = self.schedule.then_some("sedge:stream schedule");
        let initializes = self.initializes.then_some("sedge:lifecycle initialization");
        let filters = self.filters.then_some("sedge:link filter");
        let others = self.messages.map(Receives::as_str).into_iter().chain(schedule);
        let others = filters.into_iter().chain(others).chain(initializes);
        self.http.map(World::as_str).into_iter().chain(others).collect::<Vec<_>>().join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_component_is_called_for_is_read_from_its_exports() {
        let of = |exports: &[&str]| {
            let exports = exports.iter().map(ToString::to_string).collect();
            Exports::of(&Inspection { imports: vec![], exports }).map(Exports::shown)
        };
        assert_eq!(of(&[]), None);
        assert_eq!(of(&["sedge:stream/types@0.1.0", "sedge:stream/handler@0.2.0"]), None);
        assert_eq!(of(&["sedge:stream/handler@0.1.0"]).as_deref(), Some("sedge:stream handler"));
        let standard = of(&["wasi:messaging/incoming-handler@0.2.0-draft"]);
        assert_eq!(standard.as_deref(), Some("wasi:messaging"));
        let all = [
            "wasi:http/handler@0.3.2",
            "sedge:stream/schedule@0.1.0",
            "sedge:stream/handler@0.1.0",
            "sedge:link/filter@0.1.0",
            "sedge:lifecycle/initialization@0.1.0",
        ];
        let shown = of(&all).expect("something");
        assert_eq!(
            shown,
            "wasi:http 0.3, sedge:link filter, sedge:stream handler, sedge:stream schedule, \
             sedge:lifecycle initialization"
        );
        for alone in ["sedge:lifecycle/initialization@0.1.0", "sedge:link/filter@0.1.0"] {
            assert_eq!(of(&[alone]), None, "nothing to call");
        }
        let older = of(&["wasi:http/incoming-handler@0.2.0", "sedge:link/filter@0.1.0"]);
        assert_eq!(older.as_deref(), Some("wasi:http 0.2"), "no handler of a link");
    }
}
