//! The body of an answer that comes from a file: read piece by piece when it is
//! asked for, so that it needs the memory of one piece however long the file is.

use super::disk::{Disk, OpenFile};
use super::ranges::Part;
use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use sedge_model::failure::{Failure, Kind};
use std::collections::VecDeque;
use std::fs::Metadata;
use std::future::Future;
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

/// Bytes that are read at one time.
pub(super) const PIECE_BYTES: u64 = 64 * 1024;

/// What a body consists of.
pub(super) enum Section {
    /// Text between parts.
    Text(Bytes),
    /// Bytes of the file.
    File(Part),
}

impl Section {
    fn length(&self) -> u64 {
        match self {
            Section::Text(text) => text.len() as u64,
            Section::File(part) => part.length(),
        }
    }
}

type Reading = Pin<Box<dyn Future<Output = Result<Bytes, Failure>> + Send>>;

/// Sections in order.
pub(super) struct FileBody {
    disk: Arc<Disk>,
    file: Arc<OpenFile>,
    state: State,
    sections: VecDeque<Section>,
    left: u64,
    reading: Option<Reading>,
}

/// What a file was when it was opened. A file whose content changes while it is
/// sent has neither the old nor the new content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct State {
    length: u64,
    modified: (i64, i64),
}

impl State {
    pub(super) fn of(metadata: &Metadata) -> Self {
        let modified = (metadata.mtime(), metadata.mtime_nsec());
        State { length: metadata.size(), modified }
    }
}

impl FileBody {
    pub(super) fn new(
        disk: Arc<Disk>,
        file: Arc<OpenFile>,
        state: State,
        sections: VecDeque<Section>,
    ) -> Self {
        let left = sections.iter().map(Section::length).sum();
        FileBody { disk, file, state, sections, left, reading: None }
    }

    /// The next piece, or what will be it.
    fn next(&mut self) -> Option<Result<Bytes, Reading>> {
        match self.sections.pop_front()? {
            Section::Text(text) => Some(Ok(text)),
            Section::File(part) => {
                let end = part.end.min(part.begin + PIECE_BYTES);
                if end < part.end {
                    self.sections.push_front(Section::File(Part { begin: end, end: part.end }));
                }
                let part = Part { begin: part.begin, end };
                let (disk, file) = (Arc::clone(&self.disk), Arc::clone(&self.file));
                let state = self.state;
                Some(Err(Box::pin(async move {
                    let read = disk.run(move || piece(&file, state, part)).await?;
                    read.inspect(|bytes| disk.count_bytes(bytes.len() as u64)).inspect_err(
                        |failure| {
                            if failure.kind == Kind::FileChanged {
                                disk.count_changed();
                            }
                        },
                    )
                })))
            }
        }
    }
}

/// Reads a part whole, and looks whether the file is still what it was: after the
/// reading, so that what was read is of the state that was promised.
fn piece(file: &OpenFile, state: State, part: Part) -> Result<Bytes, Failure> {
    let bytes = read(&file.file, part).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => changed("it was truncated"),
        _ => Failure::new(Kind::Internal, format!("a file cannot be read: {error}")),
    })?;
    let now = file.file.metadata();
    let now = now.map_err(|error| Failure::new(Kind::Internal, format!("fstat: {error}")))?;
    if State::of(&now) != state {
        return Err(changed("it was written to"));
    }
    Ok(bytes)
}

fn changed(what: &str) -> Failure {
    Failure::new(Kind::FileChanged, format!("{what} while it was sent"))
}

/// Bytes of a file, all of them.
pub(super) fn read(file: &std::fs::File, part: Part) -> io::Result<Bytes> {
    let length = usize::try_from(part.length()).map_err(io::Error::other)?;
    let mut bytes = vec![0; length];
    file.read_exact_at(&mut bytes, part.begin)?;
    Ok(bytes.into())
}

impl HttpBody for FileBody {
    type Data = Bytes;
    type Error = Failure;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        let me = &mut *self;
        if me.reading.is_none() {
            match me.next() {
                None => return Poll::Ready(None),
                Some(Ok(text)) => {
                    me.left -= text.len() as u64;
                    return Poll::Ready(Some(Ok(Frame::data(text))));
                }
                Some(Err(reading)) => me.reading = Some(reading),
            }
        }
        let Some(reading) = &mut me.reading else { return Poll::Pending };
        let Poll::Ready(read) = reading.as_mut().poll(cx) else { return Poll::Pending };
        me.reading = None;
        match &read {
            Ok(bytes) => me.left -= bytes.len() as u64,
            // Nothing may follow a gap.
            Err(_) => me.sections.clear(),
        }
        Poll::Ready(Some(read.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt;
    use std::fs::File;
    use std::path::Path;

    fn body(path: &Path, sections: Vec<Section>) -> (Arc<Disk>, FileBody) {
        let disk = Disk::new(4);
        let file = File::open(path).expect("is there");
        let state = State::of(&file.metadata().expect("known"));
        let body = FileBody::new(disk.clone(), OpenFile::new(file, &disk), state, sections.into());
        (disk, body)
    }

    fn whole(length: u64) -> Vec<Section> {
        vec![Section::File(Part { begin: 0, end: length })]
    }

    async fn first(body: &mut FileBody) -> Bytes {
        let frame = body.frame().await.expect("a piece").expect("read");
        frame.into_data().expect("data")
    }

    async fn broken(body: &mut FileBody) -> Kind {
        let failure = loop {
            match body.frame().await.expect("a failure before the end") {
                Ok(_) => {}
                Err(failure) => break failure,
            }
        };
        assert!(body.frame().await.is_none(), "nothing follows");
        failure.kind
    }

    #[tokio::test]
    async fn a_file_that_changes_breaks_the_answer() {
        let scratch = tempfile::tempdir().expect("a folder");
        let path = scratch.path().join("a");
        let length = 3 * PIECE_BYTES;
        let content = vec![7; usize::try_from(length).expect("small")];
        for change in ["truncate", "empty", "overwrite", "append"] {
            std::fs::write(&path, &content).expect("written");
            let (disk, mut body) = body(&path, whole(length));
            assert_eq!(first(&mut body).await.len() as u64, PIECE_BYTES);
            let file = File::options().write(true).open(&path).expect("is there");
            match change {
                "truncate" => file.set_len(length - 1).expect("cut"),
                "empty" => file.set_len(0).expect("cut"),
                "append" => file.write_all_at(b"x", length).expect("written"),
                _ => {
                    file.write_all_at(b"x", 0).expect("written");
                    let later = std::time::SystemTime::now() + std::time::Duration::from_secs(5);
                    file.set_modified(later).expect("set");
                }
            }
            assert_eq!(broken(&mut body).await, Kind::FileChanged, "{change}");
            let mut text = String::new();
            disk.render_prometheus(&mut text);
            assert!(text.contains("sedge_files_changed_total 1\n"), "{change}: {text}");
        }
    }

    #[tokio::test]
    async fn a_file_that_is_replaced_or_removed_is_sent_as_it_was() {
        let scratch = tempfile::tempdir().expect("a folder");
        let path = scratch.path().join("a");
        let length = 2 * PIECE_BYTES + 1;
        let content: Vec<u8> = (0..length).map(|at| (at % 251) as u8).collect();
        std::fs::write(&path, &content).expect("written");
        let (disk, mut body) = body(&path, whole(length));
        let mut got = first(&mut body).await.to_vec();
        std::fs::write(scratch.path().join("b"), "new").expect("written");
        std::fs::rename(scratch.path().join("b"), &path).expect("moved");
        std::fs::remove_file(&path).expect("removed");
        assert!(!body.is_end_stream());
        got.extend(body.collect().await.expect("whole").to_bytes());
        assert!(got == content);
        let mut text = String::new();
        disk.render_prometheus(&mut text);
        assert!(text.contains("sedge_files_open 0\n"), "{text}");
        assert!(text.contains(&format!("sedge_files_read_bytes_total {length}\n")), "{text}");
    }

    #[tokio::test]
    async fn sections_follow_each_other_and_the_length_is_known_before() {
        let scratch = tempfile::tempdir().expect("a folder");
        let path = scratch.path().join("a");
        std::fs::write(&path, "0123456789").expect("written");
        let sections = vec![
            Section::Text("<".into()),
            Section::File(Part { begin: 8, end: 10 }),
            Section::Text("|".into()),
            Section::File(Part { begin: 0, end: 3 }),
            Section::Text(">".into()),
        ];
        let (_disk, body) = body(&path, sections);
        assert_eq!(body.size_hint().exact(), Some(8));
        assert_eq!(body.collect().await.expect("whole").to_bytes(), "<89|012>");
    }
}
