//! What a window asks of its stream: as SQL, or as keys that say the same.

use super::raw_window::{Compute, RawAggregate, RawWindow};
use super::resolve::Resolver;
use super::resolve_window::right;
use crate::document::{Invalid, child};
use crate::window::sql::{self, SqlMistake, lengths};
use crate::window::{Column, ColumnValue, Kind, Measure, Query};

/// The keys that say which events are one window.
const KINDS: [&str; 5] = ["tumble", "hop", "cumulate", "session", "count"];

impl Resolver<'_> {
    /// Takes what is asked out of a window.
    pub(super) fn query(&mut self, at: &str, raw: &mut RawWindow) -> Option<Query> {
        let Some(text) = raw.sql.take() else { return self.keys(at, raw) };
        for key in ["from", "key", "time", "aggregates"].into_iter().chain(KINDS) {
            let at = child(at, key);
            if self.draft.has(&at) {
                let message = format!("`{key}` has no meaning beside `sql`");
                let hint = "the query says it; remove one of them";
                self.draft.reject_key(&at, Invalid::new(message, hint));
            }
        }
        self.part(&child(at, "sql"), sql::read(&text).map_err(invalid))
    }

    fn keys(&mut self, at: &str, raw: &mut RawWindow) -> Option<Query> {
        let from_at = child(at, "from");
        let from = self.filters(&from_at, &raw.from);
        let is_complete = self.draft.is_complete(at);
        if raw.from.is_empty() && is_complete {
            let message = "the window has neither `sql` nor `from`";
            let hint = "write sql = \"SELECT …\", or from = [\"plant/+/climate\"] with a kind and \
                        aggregates";
            let at = if self.draft.has(&from_at) { &from_at } else { at };
            self.draft.reject(at, Invalid::new(message, hint));
            return None;
        }
        self.key_fields(&child(at, "key"), &raw.key);
        let kind = self.kind(at, raw);
        let columns = self.columns(at, &raw.key, std::mem::take(&mut raw.aggregates));
        let is_right = from.len() == raw.from.len() && is_complete;
        let time = raw.time.take().unwrap_or_else(|| "time".to_owned());
        let (kind, columns) = (kind?, columns?);
        is_right.then(|| Query {
            from: right(&from),
            key: std::mem::take(&mut raw.key),
            time,
            kind,
            columns,
        })
    }

    fn key_fields(&mut self, at: &str, fields: &[String]) {
        for (index, field) in fields.iter().enumerate() {
            if fields[..index].contains(field) {
                let message = format!("the field `{}` is named twice", field.escape_debug());
                self.draft.reject(&child(at, index), Invalid::new(message, "remove one"));
            }
        }
    }

    fn kind(&mut self, at: &str, raw: &RawWindow) -> Option<Kind> {
        let tumble = raw
            .tumble
            .as_ref()
            .map(|one| Kind::Tumble { size_ms: one.size_ms, offset_ms: one.offset_ms });
        let hop = raw.hop.as_ref().map(|one| Kind::Hop {
            slide_ms: one.slide_ms,
            size_ms: one.size_ms,
            offset_ms: one.offset_ms,
        });
        let cumulate = raw.cumulate.as_ref().map(|one| Kind::Cumulate {
            step_ms: one.step_ms,
            size_ms: one.size_ms,
            offset_ms: one.offset_ms,
        });
        let session = raw.session.as_ref().map(|one| Kind::Session { gap_ms: one.gap_ms });
        let count = raw
            .count
            .as_ref()
            .map(|one| Kind::Count { size: one.size, slide: one.slide.unwrap_or(one.size) });
        let all = KINDS.into_iter().zip([tumble, hop, cumulate, session, count]);
        let written: Vec<_> = all.filter_map(|(key, kind)| Some((key, kind?))).collect();
        match &written[..] {
            [(key, kind)] => {
                let at = child(at, key);
                // A length that is missing was told already.
                let has_lengths = self.draft.is_complete(&at) && !is_missing(*kind);
                if has_lengths && let Err(message) = lengths::check(*kind) {
                    let hint = "see the reference for what fits together";
                    self.draft.reject(&at, Invalid::new(message, hint));
                }
                Some(*kind)
            }
            [] => {
                if self.draft.is_complete(at) {
                    let message = "it is not said which events are one window";
                    let hint = "write tumble = { size_ms = \"10 s\" }, or one of hop, cumulate, \
                                session and count";
                    self.draft.reject(at, Invalid::new(message, hint));
                }
                None
            }
            [_, (second, _), ..] => {
                let message = "there are two kinds of windows".to_owned();
                let hint = "keep one of tumble, hop, cumulate, session and count";
                self.draft.reject_key(&child(at, second), Invalid::new(message, hint));
                None
            }
        }
    }

    /// The fields of the key, the ends of the window, and the aggregates.
    fn columns(
        &mut self,
        at: &str,
        key: &[String],
        aggregates: Vec<RawAggregate>,
    ) -> Option<Vec<Column>> {
        let column = |name: &str, value| Column { name: name.to_owned(), value };
        let fields = key.iter().enumerate();
        let mut columns: Vec<Column> =
            fields.map(|(index, field)| column(field, ColumnValue::Key(index))).collect();
        columns.push(column("window_start", ColumnValue::Start));
        columns.push(column("window_end", ColumnValue::End));
        let all_at = child(at, "aggregates");
        if aggregates.is_empty() {
            if self.draft.is_complete(at) {
                let message = "the window computes nothing";
                let hint = "aggregates = [{ compute = \"avg\", field = \"temperature\" }]";
                let at = if self.draft.has(&all_at) { &all_at } else { at };
                self.draft.reject(at, Invalid::new(message, hint));
            }
            return None;
        }
        for (index, raw) in aggregates.into_iter().enumerate() {
            let at = child(&all_at, index);
            let (own, measure) = self.measure(&at, &raw);
            let name = match (raw.name, &raw.field) {
                (Some(name), _) => name,
                (None, Some(field)) => format!("{own}_{field}"),
                (None, None) => own.to_owned(),
            };
            if columns.iter().any(|column| column.name == name) {
                let message = format!("two columns have the name `{}`", name.escape_debug());
                self.draft.reject(&at, Invalid::new(message, "give one of them another `name`"));
            }
            let value = ColumnValue::Aggregate { measure, field: raw.field };
            columns.push(Column { name, value });
        }
        Some(columns)
    }

    fn measure(&mut self, at: &str, raw: &RawAggregate) -> (&'static str, Measure) {
        let is_share = raw.compute == Compute::ApproxPercentile;
        let (word, measure) = raw.compute.meaning(raw.share.unwrap_or(0.5));
        let is_complete = self.draft.is_complete(at);
        let of_events = matches!(measure, Measure::Count | Measure::Rate);
        if raw.field.is_none() && !of_events && is_complete {
            let message = format!("`{word}` is of a field");
            self.draft.reject(at, Invalid::new(message, "field = \"temperature\""));
        }
        if is_share && raw.share.is_none() && is_complete {
            let message = "a percentile is of a share";
            self.draft.reject(at, Invalid::new(message, "share = 0.95"));
        }
        if !is_share && raw.share.is_some() {
            let message = format!("`share` has no meaning for `{word}`");
            let hint = "remove it, or write compute = \"approx_percentile\"";
            self.draft.reject_key(&child(at, "share"), Invalid::new(message, hint));
        }
        (word, measure)
    }
}

/// Whether a length was not written, or refused; none may be zero.
fn is_missing(kind: Kind) -> bool {
    match kind {
        Kind::Tumble { size_ms, .. } => size_ms == 0,
        Kind::Hop { slide_ms, size_ms, .. } => slide_ms == 0 || size_ms == 0,
        Kind::Cumulate { step_ms, size_ms, .. } => step_ms == 0 || size_ms == 0,
        Kind::Session { gap_ms } => gap_ms == 0,
        Kind::Count { size, slide } => size == 0 || slide == 0,
    }
}

/// What is wrong with a query, and where in it.
fn invalid(mistake: SqlMistake) -> Invalid {
    let place = mistake.place.map(|(line, column)| format!(" (line {line}, column {column})"));
    let message = format!("{}{}", mistake.message, place.unwrap_or_default());
    Invalid { message, hint: mistake.hint }
}
