//! Which file answers a path. Everything here may wait for the disk.

use super::beneath::{Closed, Found, Root};
use super::body::{self, PIECE_BYTES, State};
use super::encodings::Coding;
use super::paths::Wanted;
use super::ranges::Part;
use bytes::Bytes;
use sedge_model::routing::rule::Files;
use std::fs::{File, Metadata};
use std::os::unix::fs::MetadataExt;

/// What a request needs to be looked up.
pub(super) struct Query {
    /// `None`: the path can be no file.
    pub(super) wanted: Option<Wanted>,
    /// Whether the path that the client knows ends with a slash.
    pub(super) ends_with_slash: bool,
    /// The codings that the client takes, the best first; empty if none is looked
    /// for.
    pub(super) codings: Vec<Coding>,
    /// Whether a short file is read at once, since it will be sent whole.
    pub(super) at_once: bool,
}

/// What was found.
pub(super) enum Looked {
    /// A file to send.
    File(Box<Opened>),
    /// A folder with an index, asked for without a slash at the end.
    Folder,
    /// Nothing, and no file that says so.
    Nothing(Closed),
}

/// A file to send.
pub(super) struct Opened {
    pub(super) file: File,
    pub(super) metadata: Metadata,
    /// The name of what was asked for, without the end of its coding.
    pub(super) name: Vec<u8>,
    pub(super) coding: Option<Coding>,
    pub(super) role: Role,
    /// The content, if the file is short and was asked for at once.
    pub(super) content: Option<Bytes>,
}

/// Why a file is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// It was asked for.
    Itself,
    /// Nothing was there, and this file stands for it.
    Fallback,
    /// Nothing was there, or nothing that may be served, and this file says so.
    NotFound,
}

/// Looks a path up.
pub(super) fn look(files: &Files, query: &Query) -> Looked {
    let root = match Root::open(&files.folder) {
        Ok(root) => root,
        Err(error) => {
            let text = format!("the folder {} cannot be opened: {error}", files.folder.display());
            return Looked::Nothing(Closed::Failed(error.kind(), text));
        }
    };
    let found = match &query.wanted {
        None => Err(Closed::Refused),
        Some(wanted) => itself(&root, files, wanted, query.ends_with_slash),
    };
    let (role, name, file, metadata) = match found {
        Ok(Some((name, file, metadata))) => (Role::Itself, name, file, metadata),
        Ok(None) => return Looked::Folder,
        Err(closed) => match instead(&root, files, &closed) {
            Some((role, name, file, metadata)) => (role, name, file, metadata),
            None => return Looked::Nothing(closed),
        },
    };
    let mut opened = Opened { file, metadata, name, coding: None, role, content: None };
    compressed(&root, &query.codings, &mut opened);
    if query.at_once && opened.metadata.len() <= PIECE_BYTES {
        opened.content = content(&opened);
    }
    Looked::File(Box::new(opened))
}

type Named = (Vec<u8>, File, Metadata);

/// `None` for a folder that has an index, if the client must ask with a slash.
fn itself(
    root: &Root,
    files: &Files,
    wanted: &Wanted,
    ends_with_slash: bool,
) -> Result<Option<Named>, Closed> {
    match root.find(&wanted.name)? {
        Found::File(file, metadata) if !wanted.is_folder => {
            Ok(Some((wanted.name.clone(), file, metadata)))
        }
        Found::File(..) => Err(Closed::Missing),
        Found::Folder => {
            // A folder without an index is not told from nothing.
            let index = files.index.as_ref().ok_or(Closed::Missing)?;
            let mut name = wanted.name.clone();
            if !name.is_empty() {
                name.push(b'/');
            }
            name.extend_from_slice(index.as_bytes());
            match root.find(&name)? {
                Found::File(file, metadata) => {
                    Ok(ends_with_slash.then_some((name, file, metadata)))
                }
                Found::Folder => Err(Closed::Missing),
            }
        }
    }
}

/// The file that is sent for what is not there.
fn instead(root: &Root, files: &Files, closed: &Closed) -> Option<(Role, Vec<u8>, File, Metadata)> {
    let (role, name) = match (closed, &files.fallback, &files.not_found) {
        (Closed::Missing, Some(name), _) => (Role::Fallback, name),
        (Closed::Missing | Closed::Refused, _, Some(name)) => (Role::NotFound, name),
        _ => return None,
    };
    match root.find(name.as_bytes()) {
        Ok(Found::File(file, metadata)) => Some((role, name.clone().into_bytes(), file, metadata)),
        _ => None,
    }
}

/// Takes the best of the files that lie compressed beside one, unless that is
/// older: then it was made of something else.
fn compressed(root: &Root, codings: &[Coding], opened: &mut Opened) {
    for coding in codings {
        let mut name = opened.name.clone();
        name.extend_from_slice(coding.end.as_bytes());
        let Ok(Found::File(file, metadata)) = root.find(&name) else { continue };
        let age = |of: &Metadata| (of.mtime(), of.mtime_nsec());
        if age(&metadata) >= age(&opened.metadata) {
            opened.file = file;
            opened.metadata = metadata;
            opened.coding = Some(*coding);
            return;
        }
    }
}

/// The whole content; `None` if the file has been changed since, or cannot be read,
/// which the body will find out again and say.
fn content(opened: &Opened) -> Option<Bytes> {
    let whole = Part { begin: 0, end: opened.metadata.len() };
    let bytes = body::read(&opened.file, whole).ok()?;
    let now = opened.file.metadata().ok()?;
    (State::of(&now) == State::of(&opened.metadata)).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::super::paths;
    use super::*;
    use std::path::Path;
    use std::time::{Duration, SystemTime};

    fn files(folder: &Path) -> Files {
        Files {
            folder: folder.to_owned(),
            index: Some("index.html".to_owned()),
            fallback: None,
            not_found: None,
            cache_control: None,
            precompressed: true,
            hidden: false,
        }
    }

    fn told(files: &Files, path: &str, codings: &[Coding]) -> String {
        let wanted = paths::wanted(path, files.hidden);
        let ends_with_slash = path.ends_with('/');
        let codings = codings.to_vec();
        match look(files, &Query { wanted, ends_with_slash, codings, at_once: true }) {
            Looked::Folder => "folder".to_owned(),
            Looked::Nothing(closed) => format!("{closed:?}"),
            Looked::File(opened) => {
                let content = opened.content.expect("short");
                format!("{:?} {}", opened.role, String::from_utf8_lossy(&content))
            }
        }
    }

    fn site() -> tempfile::TempDir {
        let site = tempfile::tempdir().expect("a folder");
        for folder in ["docs", "empty", "odd/index.html"] {
            std::fs::create_dir_all(site.path().join(folder)).expect("made");
        }
        for (name, content) in [
            ("index.html", "home"),
            ("docs/index.html", "docs"),
            ("404.html", "lost"),
            ("app.js", "plain"),
            ("app.js.br", "brotli"),
            ("app.js.gz", "gzip"),
        ] {
            std::fs::write(site.path().join(name), content).expect("written");
        }
        site
    }

    #[test]
    fn what_is_not_there_is_missing_unless_a_file_stands_for_it() {
        let site = site();
        let plain = files(site.path());
        let fallback = Files { fallback: Some("index.html".into()), ..plain.clone() };
        let not_found = Files { not_found: Some("404.html".into()), ..plain.clone() };
        let gone = Files { fallback: Some("gone.html".into()), ..plain.clone() };
        for (path, without, with_fallback, with_page) in [
            ("/nothing", "Missing", "Fallback home", "NotFound lost"),
            ("/app.js/", "Missing", "Fallback home", "NotFound lost"),
            ("/empty", "Missing", "Fallback home", "NotFound lost"),
            ("/empty/", "Missing", "Fallback home", "NotFound lost"),
            ("/odd/", "Missing", "Fallback home", "NotFound lost"),
            ("/odd", "Missing", "Fallback home", "NotFound lost"),
            ("/.env", "Refused", "Refused", "NotFound lost"),
            ("/../x", "Refused", "Refused", "NotFound lost"),
        ] {
            assert_eq!(told(&plain, path, &[]), without, "{path}");
            assert_eq!(told(&fallback, path, &[]), with_fallback, "{path}");
            assert_eq!(told(&not_found, path, &[]), with_page, "{path}");
            assert_eq!(told(&gone, path, &[]), without, "{path}");
        }
        let lost = told(&files(&site.path().join("gone")), "/", &[]);
        assert!(lost.starts_with("Failed(NotFound"), "{lost}");
    }

    #[test]
    fn folders_have_an_index_or_are_none() {
        let site = site();
        let plain = files(site.path());
        let bare = Files { index: None, ..plain.clone() };
        for (path, expected, without) in [
            ("/", "Itself home", "Missing"),
            ("/docs/", "Itself docs", "Missing"),
            ("/docs", "folder", "Missing"),
            ("/docs/index.html", "Itself docs", "Itself docs"),
        ] {
            assert_eq!(told(&plain, path, &[]), expected, "{path}");
            assert_eq!(told(&bare, path, &[]), without, "{path}");
        }
    }

    #[test]
    fn a_compressed_file_stands_beside_a_plain_one_that_is_not_newer() {
        let site = site();
        let plain = files(site.path());
        let [br, zstd, gzip] = [("br", ".br"), ("zstd", ".zst"), ("gzip", ".gz")]
            .map(|(name, end)| Coding { name, end });
        assert_eq!(told(&plain, "/app.js", &[]), "Itself plain");
        assert_eq!(told(&plain, "/app.js", &[zstd]), "Itself plain");
        assert_eq!(told(&plain, "/app.js", &[zstd, gzip, br]), "Itself gzip");
        assert_eq!(told(&plain, "/app.js.br", &[br]), "Itself brotli");
        assert_eq!(told(&plain, "/app", &[br]), "Missing");
        let old = std::fs::File::options().write(true).open(site.path().join("app.js.br"));
        let long_ago = SystemTime::now() - Duration::from_secs(3_600);
        old.and_then(|file| file.set_modified(long_ago)).expect("set");
        assert_eq!(told(&plain, "/app.js", &[br, gzip]), "Itself gzip");
        assert_eq!(told(&plain, "/app.js", &[br]), "Itself plain");
    }
}
