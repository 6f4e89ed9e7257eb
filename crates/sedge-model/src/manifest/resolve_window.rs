//! From windows as written to those as meant: names, topics, which results are told, and that
//! no window is fed by what follows from its own results. What is asked of the stream is in
//! `resolve_window_query`.

use super::raw_window::{RawEmit, RawWindow};
use super::resolve::{Named, Resolver};
use crate::document::{Invalid, child};
use crate::topic::{TopicFilter, check_name, is_reserved, matches};
use crate::window::{Column, ColumnValue, Emit, Query, Window};

/// The least score of an anomaly, unless a window says another one.
const SCORE_MIN: f64 = 0.8;
/// Names that a result has besides its columns.
const RESULT_NAMES: [&str; 2] = ["late", "score"];

impl Resolver<'_> {
    pub(super) fn windows(&mut self, raw: Vec<RawWindow>) -> Vec<(String, Window)> {
        let windows = raw.into_iter().enumerate();
        let windows: Vec<(String, Window)> = windows
            .filter_map(|(index, raw)| {
                let at = child("/window", index);
                Some((at.clone(), self.window(&at, raw)?))
            })
            .collect();
        self.loops(&windows);
        windows
    }

    fn window(&mut self, at: &str, mut raw: RawWindow) -> Option<Window> {
        self.unique(at, Named::Window, &raw.name);
        let has_sql = raw.sql.is_some();
        let query = self.query(at, &mut raw);
        let to = self.written_topic(at, "to", raw.to, format!("windows/{}/{}", self.app, raw.name));
        let late =
            self.written_topic(at, "late", raw.late, format!("late/{}/{}", self.app, raw.name));
        if to == late {
            let message = "results and what is in no window go to the same topic";
            let key = if self.draft.has(&child(at, "late")) { "late" } else { "to" };
            self.draft.reject(&child(at, key), Invalid::new(message, "name two"));
        }
        let query = query?;
        let columns_at = if has_sql { child(at, "sql") } else { child(at, "aggregates") };
        self.column_names(&columns_at, &query.columns);
        self.own_topics(at, &query, [("to", &to), ("late", &late)]);
        let emit = raw.emit.map(|emit| self.emit(&child(at, "emit"), emit, &query.columns));
        Some(Window {
            name: raw.name,
            query,
            start: raw.start,
            to,
            late,
            publish: raw.publish,
            emit: emit.unwrap_or(Emit::Close),
            scope: raw.scope,
            disorder_ms: raw.disorder_ms,
            lateness_ms: raw.lateness_ms,
            idle_ms: raw.idle_ms,
            lag_ms_max: raw.lag_ms_max,
            future_ms_max: raw.future_ms_max,
            forget_ms: raw.forget_ms,
            keys_max: raw.keys_max,
            devices_max: raw.devices_max,
            bytes_max: raw.bytes_max,
        })
    }

    /// A topic that the window writes to.
    fn written_topic(
        &mut self,
        at: &str,
        key: &str,
        written: Option<String>,
        own: String,
    ) -> String {
        let at = child(at, key);
        let topic = written.unwrap_or(own);
        match check_name(&topic) {
            Err(error) => {
                let message = format!("the topic `{}` {error}", topic.escape_debug());
                self.draft.reject(&at, Invalid::new(message, error.hint()));
            }
            Ok(()) if is_reserved(&topic) => self.reserved(&at, "topic", &topic),
            Ok(()) => {}
        }
        topic
    }

    fn column_names(&mut self, at: &str, columns: &[Column]) {
        for name in RESULT_NAMES {
            if columns.iter().any(|column| column.name == name) {
                let message = format!("a column has the name `{name}`, which every result has");
                self.draft.reject(at, Invalid::new(message, "give it another name"));
            }
        }
    }

    /// A window must not be fed with what it writes itself.
    fn own_topics(&mut self, at: &str, query: &Query, topics: [(&str, &String); 2]) {
        for (key, topic) in topics {
            let Some(filter) = query.from.iter().find(|filter| matches(filter, topic)) else {
                continue;
            };
            let what = if key == "to" { "results" } else { "late events" };
            let message = format!("the window would be fed with its own {what}");
            let (topic_at, from_at) = (child(at, key), child(at, "from"));
            let hint = format!("`{filter}` matches `{topic}`; name another topic as `{key}`");
            let shown = [topic_at, from_at, child(at, "sql")];
            if let Some(at) = shown.iter().find(|at| self.draft.has(at)) {
                self.draft.reject(at, Invalid::new(message, hint));
            }
        }
    }

    /// Windows whose results come back to them over others: it would never end.
    fn loops(&mut self, windows: &[(String, Window)]) {
        let feeds = |one: &Window, other: &Window| {
            let is_fed = |topic: &str| other.query.from.iter().any(|from| matches(from, topic));
            is_fed(&one.to) || is_fed(&one.late)
        };
        for (index, (at, window)) in windows.iter().enumerate() {
            if feeds(window, window) {
                continue;
            }
            let (mut reached, mut next) = (vec![false; windows.len()], vec![index]);
            while let Some(one) = next.pop() {
                for (place, (_, other)) in windows.iter().enumerate() {
                    let is_new = !reached[place] && feeds(&windows[one].1, other);
                    // Loops of one window by itself were told where it was read.
                    if is_new && place != one {
                        reached[place] = true;
                        next.push(place);
                    }
                }
            }
            if reached[index] {
                let message = format!("the window `{}` feeds itself over others", window.name);
                let hint = "its results, or late events, reach a window whose own reach it again";
                self.draft.reject(&child(at, "name"), Invalid::new(message, hint));
            }
        }
    }

    fn emit(&mut self, at: &str, raw: RawEmit, columns: &[Column]) -> Emit {
        let is_change = raw.change.is_some();
        for (key, is_written, needs, holds) in [
            ("absolute", raw.absolute.is_some(), "change", is_change),
            ("relative", raw.relative.is_some(), "change", is_change),
            ("score_min", raw.score_min.is_some(), "anomaly", raw.anomaly.is_some()),
        ] {
            if is_written && !holds {
                let message = format!("`{key}` has no meaning without `{needs}`");
                let hint = format!("name the column: {needs} = \"…\"");
                self.draft.reject_key(&child(at, key), Invalid::new(message, hint));
            }
        }
        match (raw.change, raw.anomaly) {
            (Some(name), None) => {
                let column = self.aggregate_column(&child(at, "change"), &name, columns);
                let (absolute, relative) = (raw.absolute, raw.relative);
                let (absolute, relative) = (absolute.unwrap_or(0.0), relative.unwrap_or(0.0));
                column.map_or(Emit::Close, |column| Emit::Change { column, absolute, relative })
            }
            (None, Some(name)) => {
                let column = self.aggregate_column(&child(at, "anomaly"), &name, columns);
                let score_min = raw.score_min.unwrap_or(SCORE_MIN);
                column.map_or(Emit::Close, |column| Emit::Anomaly { column, score_min })
            }
            (change, _) => {
                if self.draft.is_complete(at) {
                    let message = match change {
                        Some(_) => "results are told on a change or on an anomaly, not on both",
                        None => "it is not said which results are told",
                    };
                    let hint = "write { change = \"mean\" } or { anomaly = \"mean\" }; without \
                                `emit` all are told";
                    self.draft.reject(at, Invalid::new(message, hint));
                }
                Emit::Close
            }
        }
    }

    fn aggregate_column(&mut self, at: &str, name: &str, columns: &[Column]) -> Option<usize> {
        let is_aggregate = |one: &Column| matches!(one.value, ColumnValue::Aggregate { .. });
        let found = columns.iter().position(|one| one.name == name && is_aggregate(one));
        if found.is_none() {
            let names = columns.iter().filter(|one| is_aggregate(one)).map(|one| &*one.name);
            let message = format!("no aggregate has the name `{}`", name.escape_debug());
            let hint = format!("there are {}", crate::document::suggest::list(names, "and"));
            self.draft.reject(at, Invalid::new(message, hint));
        }
        found
    }
}

/// The filters of a query that are right.
pub(super) fn right(filters: &[(String, TopicFilter)]) -> Vec<String> {
    filters.iter().map(|(_, filter)| filter.as_str().to_owned()).collect()
}
