//! A body that is read as it comes.

use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;
use wasip3::clocks::monotonic_clock;
use wasip3::wit_bindgen::rt::async_support::StreamRead;
use wasip3::wit_bindgen::{StreamReader, StreamResult, StreamWriter};

/// Bytes that one read moves.
const PIECE_BYTES: usize = 64 << 10;
/// How long a pause is before what was taken is flushed.
const PAUSE: Duration = Duration::from_millis(2);

/// The body of what stands behind.
pub(super) struct Source {
    reader: StreamReader<u8>,
    is_done: bool,
}

/// How far a body has come.
pub(super) struct Gathered {
    pub(super) bytes: Vec<u8>,
    pub(super) is_whole: bool,
}

impl Source {
    pub(super) fn new(reader: StreamReader<u8>) -> Self {
        Source { reader, is_done: false }
    }

    /// Reads until there are `bytes_max` bytes, the body has ended, or the time is up.
    pub(super) async fn gather(&mut self, bytes_max: usize, time: Duration) -> Gathered {
        let mut bytes = Vec::new();
        let mut timer = pin!(wait(time));
        let mut is_late = false;
        while !self.is_done && !is_late && bytes.len() <= bytes_max {
            let mut read = pin!(self.reader.read(Vec::with_capacity(PIECE_BYTES)));
            let came = either(read.as_mut(), timer.as_mut()).await;
            // What came while the read was called back is not lost.
            let (status, piece) = came.unwrap_or_else(|| {
                is_late = true;
                read.as_mut().cancel()
            });
            self.is_done = is_end(status);
            append(&mut bytes, piece);
        }
        Gathered { bytes, is_whole: self.is_done }
    }

    /// The next piece; `None`: the end. `pause` is called once if it is not there soon.
    pub(super) async fn next(&mut self, pause: impl AsyncFnOnce()) -> Option<Vec<u8>> {
        if self.is_done {
            return None;
        }
        let mut read = pin!(self.reader.read(Vec::with_capacity(PIECE_BYTES)));
        let (status, piece) = match either(read.as_mut(), pin!(wait(PAUSE))).await {
            Some(came) => came,
            None => {
                pause().await;
                read.await
            }
        };
        self.is_done = is_end(status);
        Some(piece)
    }
}

/// Writes all of it, or says that nobody reads any longer.
pub(super) async fn write(writer: &mut StreamWriter<u8>, bytes: Vec<u8>) -> io::Result<()> {
    if bytes.is_empty() || writer.write_all(bytes).await.is_empty() {
        return Ok(());
    }
    Err(io::ErrorKind::BrokenPipe.into())
}

fn is_end(status: StreamResult) -> bool {
    matches!(status, StreamResult::Dropped)
}

fn append(bytes: &mut Vec<u8>, piece: Vec<u8>) {
    if bytes.is_empty() {
        *bytes = piece;
    } else {
        bytes.extend_from_slice(&piece);
    }
}

async fn wait(time: Duration) {
    let nanoseconds = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
    monotonic_clock::wait_for(nanoseconds).await;
}

/// What was read, or `None` if the timer was first.
async fn either(
    mut read: Pin<&mut StreamRead<'_, u8>>,
    mut timer: Pin<&mut impl Future<Output = ()>>,
) -> Option<(StreamResult, Vec<u8>)> {
    poll_fn(|context| {
        if let Poll::Ready(came) = read.as_mut().poll(context) {
            return Poll::Ready(Some(came));
        }
        timer.as_mut().poll(context).map(|()| None)
    })
    .await
}
