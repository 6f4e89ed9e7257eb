//! Which requests a function answers.

use http::Method;

/// One route of one function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// `None`: every host. In lower case, without port.
    pub host: Option<Host>,
    /// What the path must be.
    pub path: Path,
    /// Empty: every method.
    pub methods: Vec<Method>,
}

/// What the request's host must be.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Host {
    /// This host.
    Exact(String),
    /// `*.example.org`: any number of labels before this suffix; the suffix is
    /// kept with its leading dot.
    Suffix(String),
}

/// What the request's path must be, compared byte by byte before decoding.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Path {
    /// `/about`: this path only.
    Exact(String),
    /// `/img/*`: `/img`, `/img/` and everything below. Kept without the `/*`;
    /// `/*` is the empty prefix.
    Prefix(String),
}
