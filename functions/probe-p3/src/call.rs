//! One request and its answer, for paths that answer with a text: those that
//! the two probes share know nothing of streams.

use crate::query::Query;
use serde_json::Value;
use std::cell::RefCell;
use std::rc::Rc;

/// A whole answer.
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// Its media type.
    pub content_type: &'static str,
    /// Its body.
    pub text: String,
}

/// A request that has not been answered.
pub struct Call {
    /// The path without its query.
    pub path: String,
    query: Query,
    answer: Rc<RefCell<Option<Answer>>>,
}

impl Call {
    /// Lets `path` answer a request for `target`.
    pub fn answer(target: &str, path: impl FnOnce(Call)) -> Option<Answer> {
        let answer = Rc::default();
        let (name, query) = Query::split(target);
        path(Call { path: name, query, answer: Rc::clone(&answer) });
        answer.take()
    }

    /// A parameter of the query; empty if it is absent.
    pub fn text_of(&self, name: &str) -> &str {
        self.query.text_of(name)
    }

    /// A number of the query; `default` if it is absent or no number.
    pub fn number_of(&self, name: &str, default: u64) -> u64 {
        self.query.number_of(name, default)
    }

    /// A whole answer of plain text.
    pub fn text(self, status: u16, text: &str) {
        self.whole(status, "text/plain; charset=utf-8", text.to_owned());
    }

    /// A whole answer of JSON.
    pub fn json(self, value: &Value) {
        self.whole(200, "application/json", format!("{value}\n"));
    }

    fn whole(self, status: u16, content_type: &'static str, text: String) {
        self.answer.replace(Some(Answer { status, content_type, text }));
    }
}
