//! A folder of files as the end of a rule's way.
//!
//! In the order in which a request travels: its path becomes the name of a file
//! ([`paths`]); on a thread that may wait, the file is looked up (`lookup`) and
//! opened beneath the folder (`beneath`), compressed if there is one that is
//! (`encodings`); conditions are judged by its `validators`; [`ranges`] cut it; and
//! `body` reads it as the client takes it. The node's `disk` bounds and counts.

pub mod paths;
pub mod ranges;

mod beneath;
mod body;
mod disk;
mod encodings;
mod lookup;
mod media_types;
mod validators;

pub use disk::Disk;

use super::rule::SentPath;
use beneath::Closed;
use body::{FileBody, Section, State};
use disk::{OpenFile, Outcome};
use http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE,
    ETAG, HeaderMap, HeaderName, HeaderValue, LAST_MODIFIED, LOCATION, RANGE, VARY,
    X_CONTENT_TYPE_OPTIONS,
};
use http::request::Parts;
use http::{Method, Response, StatusCode};
use lookup::{Looked, Opened, Query, Role};
use ranges::{Asked, Part};
use sedge_model::failure::{Failure, Kind};
use sedge_model::handler::{self, Answer, Body, Context, Handler, Request};
use sedge_model::routing::rule::Files;
use sedge_model::trace::random;
use std::collections::VecDeque;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;
use validators::{Validators, Verdict};

/// Why a folder cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// It is not there, no folder, or may not be looked into.
    #[error("the folder {} cannot be served: {error}", folder.display())]
    Folder {
        /// Which.
        folder: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// A file that the manifest names is not in it.
    #[error("the folder {} has no file {name}, which `{key}` names", folder.display())]
    File {
        /// Which folder.
        folder: PathBuf,
        /// The key of the manifest.
        key: &'static str,
        /// Its value.
        name: String,
    },
}

/// Serves a folder.
pub struct FileServer {
    files: Arc<Files>,
    disk: Arc<Disk>,
}

impl FileServer {
    /// Serves what is in the folder when it is asked for; nothing is kept.
    pub fn new(files: Files, disk: Arc<Disk>) -> Self {
        FileServer { files: Arc::new(files), disk }
    }

    /// Looks whether a folder can be served, before it is.
    ///
    /// # Errors
    ///
    /// If it is none, or has not the files that are named.
    pub fn check(files: &Files) -> Result<(), FolderError> {
        let folder = files.folder.clone();
        let root = match beneath::Root::open(&folder) {
            Ok(root) => root,
            Err(error) => return Err(FolderError::Folder { folder, error }),
        };
        for (key, name) in [("fallback", &files.fallback), ("not_found", &files.not_found)] {
            if let Some(name) = name
                && !matches!(root.find(name.as_bytes()), Ok(beneath::Found::File(..)))
            {
                return Err(FolderError::File { folder, key, name: name.clone() });
            }
        }
        Ok(())
    }

    async fn answer(&self, request: Request) -> Result<Response<Body>, Failure> {
        let (head, _) = request.into_parts();
        if !matches!(head.method, Method::GET | Method::HEAD) {
            self.disk.count(Outcome::OtherMethod);
            let allowed = vec![Method::GET, Method::HEAD];
            return Err(Failure::other_method("files are only read", allowed));
        }
        let asks_for_whole = !head.headers.contains_key(RANGE)
            && !head.headers.keys().any(|name| name.as_str().starts_with("if-"));
        let codings = match self.files.precompressed {
            true => encodings::wanted(&head.headers),
            false => Vec::new(),
        };
        let path = head.uri.path();
        let query = Query {
            wanted: paths::wanted(path, self.files.hidden),
            ends_with_slash: match head.extensions.get::<SentPath>() {
                None => path.ends_with('/'),
                Some(SentPath::Same(sent)) => sent.ends_with('/'),
                Some(SentPath::Other) => true,
            },
            codings,
            at_once: head.method == Method::GET && asks_for_whole,
        };
        let files = Arc::clone(&self.files);
        match self.disk.run(move || lookup::look(&files, &query)).await? {
            Looked::File(opened) => Ok(self.file(&head, *opened)),
            Looked::Folder => self.redirect(&head),
            Looked::Nothing(closed) => Err(self.nothing(closed)),
        }
    }

    fn nothing(&self, closed: Closed) -> Failure {
        let (outcome, failure) = match closed {
            Closed::Missing => {
                (Outcome::Missing, Failure::new(Kind::FileNotFound, "there is no such file"))
            }
            Closed::Refused => {
                (Outcome::Refused, Failure::new(Kind::FileNotFound, "the path is not served"))
            }
            Closed::Failed(_, text) => (Outcome::Failed, Failure::new(Kind::Internal, text)),
        };
        self.disk.count(outcome);
        failure
    }

    /// Relative links in an index need the slash.
    fn redirect(&self, head: &Parts) -> Result<Response<Body>, Failure> {
        let path = match head.extensions.get::<SentPath>() {
            Some(SentPath::Same(path)) => path,
            _ => head.uri.path(),
        };
        let query = head.uri.query().map(|query| format!("?{query}")).unwrap_or_default();
        let location = HeaderValue::try_from(format!("{path}/{query}"))
            .map_err(|_| Failure::new(Kind::BadRequest, "the redirect's target is none"))?;
        self.disk.count(Outcome::Redirected);
        let mut response = Response::new(handler::empty());
        *response.status_mut() = StatusCode::MOVED_PERMANENTLY;
        response.headers_mut().insert(LOCATION, location);
        self.note_policy(response.headers_mut());
        Ok(response)
    }

    /// What every answer says of caches.
    fn note_policy(&self, headers: &mut HeaderMap) {
        if let Some(value) = &self.files.cache_control {
            headers.insert(CACHE_CONTROL, value.clone());
        }
        if self.files.precompressed {
            headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
        }
    }

    fn file(&self, head: &Parts, opened: Opened) -> Response<Body> {
        let media_type = media_types::of(&opened.name);
        let mut response = Response::new(handler::empty());
        let headers = response.headers_mut();
        if opened.role == Role::NotFound {
            self.disk.count(Outcome::Fallback);
            describe(headers, &media_type, &opened);
            *response.status_mut() = StatusCode::NOT_FOUND;
            return self.whole(head, opened, response);
        }
        self.note_policy(headers);
        let validators = Validators::of(&opened.metadata, SystemTime::now());
        headers.extend(validators.tag().map(|tag| (ETAG, tag)));
        headers.extend(validators.last_modified().map(|date| (LAST_MODIFIED, date)));
        let refused = match validators.judge(&head.headers) {
            Verdict::Send => None,
            Verdict::NotModified => Some((StatusCode::NOT_MODIFIED, Outcome::NotModified)),
            Verdict::Failed => Some((StatusCode::PRECONDITION_FAILED, Outcome::PreconditionFailed)),
        };
        if let Some((status, outcome)) = refused {
            self.disk.count(outcome);
            *response.status_mut() = status;
            return response;
        }
        describe(headers, &media_type, &opened);
        headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
        match asked(head, &validators, opened.metadata.len()) {
            Asked::Whole => {
                let whole = opened.role == Role::Itself;
                self.disk.count(if whole { Outcome::Whole } else { Outcome::Fallback });
                self.whole(head, opened, response)
            }
            Asked::Nothing => {
                self.disk.count(Outcome::Unsatisfiable);
                unsatisfiable(response, opened.metadata.len())
            }
            Asked::Parts(parts) => {
                self.disk.count(Outcome::Partial);
                self.parts(opened, response, &parts, &media_type)
            }
        }
    }

    fn whole(&self, head: &Parts, opened: Opened, response: Response<Body>) -> Response<Body> {
        let length = opened.metadata.len();
        let mut response = response;
        response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(length));
        if head.method == Method::HEAD || length == 0 {
            return response;
        }
        if let Some(content) = opened.content {
            self.disk.count_bytes(content.len() as u64);
            return response.map(|_| handler::full(content));
        }
        let section = Section::File(Part { begin: 0, end: length });
        let body = self.body(opened, VecDeque::from([section]));
        response.map(|_| body)
    }

    /// 206, with one part as it is or several between boundaries (RFC 9110 §14.6).
    fn parts(
        &self,
        opened: Opened,
        mut response: Response<Body>,
        parts: &[Part],
        media_type: &HeaderValue,
    ) -> Response<Body> {
        let length = opened.metadata.len();
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
        let headers = response.headers_mut();
        let sections = match parts {
            [only] => {
                insert(headers, CONTENT_RANGE, content_range(*only, length));
                VecDeque::from([Section::File(*only)])
            }
            several => {
                let boundary = format!("{:016x}{:016x}", random::nonzero(), random::nonzero());
                let multipart = format!("multipart/byteranges; boundary={boundary}");
                insert(headers, CONTENT_TYPE, multipart);
                between(several, length, media_type, &boundary)
            }
        };
        let body = self.body(opened, sections);
        let length = http_body::Body::size_hint(&body).exact().unwrap_or_default();
        response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(length));
        response.map(|_| body)
    }

    fn body(&self, opened: Opened, sections: VecDeque<Section>) -> Body {
        let state = State::of(&opened.metadata);
        let file = OpenFile::new(opened.file, &self.disk);
        Body::new(FileBody::new(Arc::clone(&self.disk), file, state, sections))
    }
}

impl Handler for FileServer {
    fn call(&self, request: Request, _: Context) -> Answer<'_> {
        Box::pin(self.answer(request))
    }
}

/// What is sent of a file. Only a `GET` can ask for less than the whole, by one
/// field (RFC 9110 §14.2).
fn asked(head: &Parts, validators: &Validators, length: u64) -> Asked {
    let mut ranges = head.headers.get_all(RANGE).iter();
    let Some(range) = ranges.next() else { return Asked::Whole };
    let is_alone = ranges.next().is_none();
    if head.method != Method::GET || !is_alone || !validators.allows_parts(&head.headers) {
        return Asked::Whole;
    }
    ranges::asked(range.as_bytes(), length)
}

/// What the content is. Browsers must not guess another type (WHATWG Fetch).
fn describe(headers: &mut HeaderMap, media_type: &HeaderValue, opened: &Opened) {
    headers.insert(CONTENT_TYPE, media_type.clone());
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if let Some(coding) = opened.coding {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static(coding.name));
    }
}

fn unsatisfiable(mut response: Response<Body>, length: u64) -> Response<Body> {
    *response.status_mut() = StatusCode::RANGE_NOT_SATISFIABLE;
    let headers = response.headers_mut();
    for name in [CONTENT_TYPE, CONTENT_ENCODING, CACHE_CONTROL, ETAG, LAST_MODIFIED] {
        headers.remove(name);
    }
    insert(headers, CONTENT_RANGE, format!("bytes */{length}"));
    response
}

fn content_range(part: Part, length: u64) -> String {
    format!("bytes {}-{}/{length}", part.begin, part.end - 1)
}

fn between(
    parts: &[Part],
    length: u64,
    media_type: &HeaderValue,
    boundary: &str,
) -> VecDeque<Section> {
    let media_type = media_type.to_str().unwrap_or("application/octet-stream");
    let mut sections = VecDeque::with_capacity(2 * parts.len() + 1);
    for (index, part) in parts.iter().enumerate() {
        let begin = if index > 0 { "\r\n" } else { "" };
        let range = content_range(*part, length);
        let text = format!(
            "{begin}--{boundary}\r\nContent-Type: {media_type}\r\nContent-Range: {range}\r\n\r\n"
        );
        sections.push_back(Section::Text(text.into()));
        sections.push_back(Section::File(*part));
    }
    sections.push_back(Section::Text(format!("\r\n--{boundary}--\r\n").into()));
    sections
}

/// Values that are made of digits and words of ours are values.
fn insert(headers: &mut HeaderMap, name: HeaderName, value: String) {
    if let Ok(value) = HeaderValue::try_from(value) {
        headers.insert(name, value);
    }
}

#[cfg(test)]
mod tests;
