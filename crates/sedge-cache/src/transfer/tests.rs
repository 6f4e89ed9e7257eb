use super::*;
use bytes::Bytes;
use futures_util::task::noop_waker;
use http::{HeaderMap, HeaderValue};
use http_body::Body;
use proptest::prelude::*;
use sedge_model::failure::{Failure, Kind};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;

const BOUNDS: Bounds = Bounds { object_bytes_max: 1_000, window_bytes: 100, alone_bytes_max: 50 };

fn begin(announced: Option<u64>) -> (Writer, Transfer, Arc<Budget>) {
    let budget = Arc::new(Budget::new(1 << 20));
    let (writer, transfer, _) = Transfer::begin(announced, BOUNDS, &budget, None);
    (writer, transfer, budget)
}

/// What a reader gives without waiting: its bytes, and how it stands.
#[derive(Debug, PartialEq, Eq)]
enum Stands {
    Waits,
    Ended,
    Trailers,
    Failed(Kind),
}

fn read(reader: &mut Reader) -> (Vec<u8>, Stands) {
    let waker = noop_waker();
    let mut bytes = Vec::new();
    let mut trailers = false;
    loop {
        match Pin::new(&mut *reader).poll_frame(&mut Context::from_waker(&waker)) {
            Poll::Pending => return (bytes, Stands::Waits),
            Poll::Ready(None) if trailers => return (bytes, Stands::Trailers),
            Poll::Ready(None) => return (bytes, Stands::Ended),
            Poll::Ready(Some(Err(failure))) => return (bytes, Stands::Failed(failure.kind)),
            Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                Ok(data) => bytes.extend_from_slice(&data),
                Err(_) => trailers = true,
            },
        }
    }
}

fn room(writer: &Writer) -> Poll<Result<(), Abandoned>> {
    writer.poll_room(&mut Context::from_waker(&noop_waker()))
}

fn failure() -> Failure {
    Failure::new(Kind::UpstreamBroken, "of the test")
}

#[test]
fn what_is_too_short_or_too_long_or_broken_never_looks_complete() {
    let (mut writer, transfer, _) = begin(Some(5));
    let mut early = transfer.reader().expect("joins");
    writer.append(Bytes::from_static(b"abc")).expect("fits");
    assert_eq!(read(&mut early), (b"abc".to_vec(), Stands::Waits));
    assert!(!early.is_end_stream());
    assert!(writer.finish(None).is_err());
    assert_eq!(read(&mut early), (vec![], Stands::Failed(Kind::UpstreamBroken)));
    assert!(transfer.reader().is_none(), "nobody joins what has failed");

    let (mut writer, transfer, _) = begin(Some(5));
    let mut reader = transfer.reader().expect("joins");
    assert!(writer.append(Bytes::from_static(b"abcdef")).is_err());
    drop(writer);
    assert_eq!(read(&mut reader), (vec![], Stands::Failed(Kind::UpstreamProtocol)));

    let (mut writer, transfer, _) = begin(None);
    let mut reader = transfer.reader().expect("joins");
    writer.append(Bytes::from_static(b"abc")).expect("fits");
    writer.fail(failure());
    assert_eq!(read(&mut reader), (b"abc".to_vec(), Stands::Failed(Kind::UpstreamBroken)));
    assert_eq!(read(&mut reader), (vec![], Stands::Ended), "told once");

    let (writer, transfer, _) = begin(None);
    let mut reader = transfer.reader().expect("joins");
    drop(writer);
    assert_eq!(read(&mut reader).1, Stands::Failed(Kind::UpstreamBroken));
}

#[test]
fn a_range_behind_the_end_fails_and_one_within_ends_before_the_transfer_does() {
    let (mut writer, transfer, _) = begin(None);
    let behind = transfer.reader().expect("joins");
    let mut behind = behind.of(2, 9);
    let within = transfer.reader().expect("joins");
    let mut within = within.of(2, 5);
    let empty = transfer.reader().expect("joins");
    let mut empty = empty.of(3, 3);
    assert_eq!(read(&mut empty), (vec![], Stands::Ended));
    assert_eq!(within.size_hint().exact(), Some(3));
    assert_eq!(read(&mut within), (vec![], Stands::Waits));
    for chunk in ["a", "bc", "de", "f"] {
        writer.append(Bytes::from(chunk)).expect("fits");
    }
    assert_eq!(read(&mut within), (b"cde".to_vec(), Stands::Ended));
    assert_eq!(read(&mut behind), (b"cdef".to_vec(), Stands::Waits));
    writer.finish(None).expect("ends");
    assert_eq!(read(&mut behind), (vec![], Stands::Failed(Kind::Internal)));
}

#[test]
fn each_reader_gets_all_from_where_it_joins_and_the_trailers() {
    let (mut writer, transfer, budget) = begin(Some(6));
    let mut first = transfer.reader().expect("joins");
    writer.append(Bytes::from_static(b"abc")).expect("fits");
    assert_eq!(read(&mut first).0, b"abc");
    let mut second = transfer.reader().expect("joins");
    assert_eq!(second.size_hint().exact(), Some(6));
    writer.append(Bytes::new()).expect("nothing");
    writer.append(Bytes::from_static(b"def")).expect("fits");
    let mut trailers = HeaderMap::new();
    trailers.insert("x-sum", HeaderValue::from_static("1"));
    let whole = writer.finish(Some(trailers)).expect("ends");
    assert_eq!(
        (whole.bytes, whole.chunks.map(|chunks| chunks.concat())),
        (6, Ok(b"abcdef".to_vec()))
    );
    let mut third = transfer.reader().expect("joins what is kept");
    assert_eq!(read(&mut first), (b"def".to_vec(), Stands::Trailers));
    assert_eq!(read(&mut second), (b"abcdef".to_vec(), Stands::Trailers));
    assert_eq!(read(&mut third), (b"abcdef".to_vec(), Stands::Trailers));
    assert!(budget.used() >= 6);
    drop((first, second, third, transfer));
    assert_eq!(budget.used(), 0);
}

#[test]
fn an_empty_body_is_at_its_end_at_once() {
    let (writer, transfer, _) = begin(None);
    let reader = transfer.reader().expect("joins");
    assert_eq!(reader.size_hint().exact(), None);
    assert!(!reader.is_end_stream());
    let whole = writer.finish(None).expect("ends");
    assert_eq!(whole.bytes, 0);
    assert!(reader.is_end_stream());
    assert_eq!(reader.size_hint().exact(), Some(0));
}

#[test]
fn a_slow_reader_holds_up_nobody_while_the_transfer_is_kept() {
    let (mut writer, transfer, _) = begin(None);
    let mut slow = transfer.reader().expect("joins");
    let mut fast = transfer.reader().expect("joins");
    for _ in 0..9 {
        assert_eq!(room(&writer), Poll::Ready(Ok(())));
        writer.append(Bytes::from(vec![1; 100])).expect("fits");
        assert_eq!(read(&mut fast).0.len(), 100);
    }
    writer.finish(None).expect("ends");
    assert_eq!(read(&mut slow).0.len(), 900);
}

#[test]
fn past_the_bound_of_an_object_the_slowest_reader_paces() {
    let (mut writer, transfer, budget) = begin(None);
    let mut slow = transfer.reader().expect("joins");
    let mut fast = transfer.reader().expect("joins");
    writer.append(Bytes::from(vec![1; 1_000])).expect("fits");
    assert_eq!(writer.not_kept(), None);
    writer.append(Bytes::from(vec![2; 1])).expect("fits");
    assert_eq!(writer.not_kept(), Some(NotKept::TooLarge));
    assert!(transfer.reader().is_none(), "nobody joins");
    assert_eq!(read(&mut fast).0.len(), 1_001);
    assert_eq!(room(&writer), Poll::Pending, "the slow one has not read");
    assert_eq!(read(&mut slow).0.len(), 1_001);
    assert_eq!(room(&writer), Poll::Ready(Ok(())));
    assert_eq!(budget.used(), 0, "what was read is dropped");
    writer.append(Bytes::from(vec![2; 1])).expect("fits");
    drop(slow);
    assert_eq!(read(&mut fast).0.len(), 1);
    let whole = writer.finish(None).expect("ends");
    assert_eq!((whole.bytes, whole.chunks.err()), (1_002, Some(NotKept::TooLarge)));
    assert_eq!(read(&mut fast).1, Stands::Ended);
}

#[test]
fn what_is_announced_too_large_is_never_kept_but_read_by_who_came_before_it() {
    let (mut writer, transfer, budget) = begin(Some(5_000));
    assert_eq!(writer.not_kept(), Some(NotKept::TooLarge));
    let mut reader = transfer.reader().expect("joins before the first byte");
    writer.append(Bytes::from(vec![1; 100])).expect("fits");
    assert!(transfer.reader().is_none());
    assert_eq!(room(&writer), Poll::Pending);
    assert_eq!((read(&mut reader).0.len(), budget.used()), (100, 0));
    drop(reader);
    assert_eq!(room(&writer), Poll::Ready(Err(Abandoned)));
}

#[test]
fn a_budget_that_is_used_up_ends_the_keeping_only() {
    let budget = Arc::new(Budget::new(300));
    let (mut one, first, _) = Transfer::begin(None, BOUNDS, &budget, None);
    let (mut other, second, _) = Transfer::begin(None, BOUNDS, &budget, None);
    let (mut reader, _keeps) = (second.reader().expect("joins"), first.reader());
    one.append(Bytes::from(vec![1; 100])).expect("fits");
    other.append(Bytes::from(vec![1; 200])).expect("fits");
    assert_eq!((one.not_kept(), other.not_kept()), (None, Some(NotKept::NoMemory)));
    assert_eq!(read(&mut reader).0.len(), 200);
    drop((one, first, _keeps));
    assert_eq!(budget.used(), 0);
}

#[test]
fn without_readers_little_may_still_arrive_and_much_may_not() {
    let (mut writer, transfer, _) = begin(Some(200));
    writer.append(Bytes::from(vec![1; 50])).expect("fits");
    assert_eq!(room(&writer), Poll::Ready(Err(Abandoned)), "150 bytes are left");
    let back = transfer.reader();
    assert_eq!(room(&writer), Poll::Ready(Ok(())));
    writer.append(Bytes::from(vec![1; 100])).expect("fits");
    drop(back);
    assert_eq!(room(&writer), Poll::Ready(Ok(())), "50 bytes are left");

    let (mut writer, transfer, _) = begin(None);
    drop(transfer.reader());
    writer.append(Bytes::from(vec![1; 50])).expect("fits");
    assert_eq!(room(&writer), Poll::Ready(Ok(())));
    writer.append(Bytes::from(vec![1; 1])).expect("fits");
    assert_eq!(room(&writer), Poll::Ready(Err(Abandoned)));
}

#[test]
fn a_closed_transfer_forgets_what_was_read_once_it_has_ended() {
    let (mut writer, transfer, budget) = begin(None);
    let mut reader = transfer.reader().expect("joins");
    writer.append(Bytes::from(vec![1; 100])).expect("fits");
    transfer.close();
    assert_eq!(read(&mut reader).0.len(), 100);
    assert!(budget.used() > 0, "the store still needs it");
    assert_eq!(writer.finish(None).expect("ends").chunks.map(|all| all.concat().len()), Ok(100));
    assert!(transfer.reader().is_none());
    assert_eq!(budget.used(), 0);
}

#[test]
fn unwanted_is_read_but_not_kept() {
    let (mut writer, transfer, _) = begin(None);
    let mut reader = transfer.reader().expect("joins");
    writer.keep_no_longer();
    writer.append(Bytes::from_static(b"a")).expect("fits");
    assert_eq!(read(&mut reader).0, b"a");
    assert_eq!(writer.finish(None).expect("ends").chunks.err(), Some(NotKept::Unwanted));
}

/// Counts how often it was woken.
#[derive(Default)]
struct Bell(AtomicUsize);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, SeqCst);
    }
}

#[test]
fn who_waits_is_woken_and_who_does_not_is_not() {
    let (mut writer, transfer, _) = begin(None);
    let bell = Arc::new(Bell::default());
    let waker = Waker::from(Arc::clone(&bell));
    let mut cx = Context::from_waker(&waker);
    let mut reader = transfer.reader().expect("joins");
    assert!(Pin::new(&mut reader).poll_frame(&mut cx).is_pending());
    writer.append(Bytes::from_static(b"a")).expect("fits");
    writer.append(Bytes::from_static(b"b")).expect("fits");
    assert_eq!(bell.0.load(SeqCst), 1);

    let bell = Arc::new(Bell::default());
    let waker = Waker::from(Arc::clone(&bell));
    assert!(writer.poll_room(&mut Context::from_waker(&waker)).is_ready());
    drop(reader);
    assert_eq!(bell.0.load(SeqCst), 1, "the last reader has left");
}

/// Wakes a thread.
struct Unpark(thread::Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

fn block_on<T>(mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>) -> T {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    loop {
        if let Poll::Ready(value) = poll(&mut Context::from_waker(&waker)) {
            return value;
        }
        thread::park();
    }
}

/// Reads on a thread, to the end.
fn drain(mut reader: Reader) -> thread::JoinHandle<Result<u64, Kind>> {
    thread::spawn(move || {
        let mut sum = 0_u64;
        loop {
            match block_on(|cx| Pin::new(&mut reader).poll_frame(cx)) {
                None => return Ok(sum),
                Some(Err(failure)) => return Err(failure.kind),
                Some(Ok(frame)) => {
                    sum += frame.data_ref().map_or(0, |data| data.len() as u64);
                }
            }
        }
    })
}

#[test]
fn readers_on_other_threads_get_all_of_what_is_kept_and_of_what_is_not() {
    for (bounds, is_kept) in [
        (Bounds { object_bytes_max: 1 << 20, ..BOUNDS }, true),
        (Bounds { object_bytes_max: 5_000, window_bytes: 500, ..BOUNDS }, false),
    ] {
        let budget = Arc::new(Budget::new(1 << 20));
        let (mut writer, transfer, _) = Transfer::begin(None, bounds, &budget, None);
        let readers: Vec<_> = (0..4).map(|_| drain(transfer.reader().expect("joins"))).collect();
        for _ in 0..1_000 {
            block_on(|cx| writer.poll_room(cx)).expect("is read");
            writer.append(Bytes::from(vec![1; 100])).expect("fits");
        }
        assert_eq!(writer.finish(None).expect("ends").chunks.is_ok(), is_kept);
        for reader in readers {
            assert_eq!(reader.join().expect("no panic"), Ok(100_000));
        }
        drop(transfer);
        assert_eq!(budget.used(), 0);
    }
}

proptest! {
    /// Whatever order writing, reading, joining, leaving and bounds come in: a reader
    /// gets a prefix of what was written, all of it if it is told the end, and the
    /// budget is even afterwards.
    #[test]
    fn readers_get_prefixes_and_the_budget_is_even(
        steps in proptest::collection::vec((0_u8..6, 0_usize..200), 1..60),
        announced in proptest::option::of(0_u64..3_000),
        fails: bool,
        budget_max in 0_u64..4_000,
    ) {
        let budget = Arc::new(Budget::new(budget_max));
        let (writer, transfer, _) = Transfer::begin(announced, BOUNDS, &budget, None);
        let mut writer = Some(writer);
        let mut written: Vec<u8> = Vec::new();
        let mut readers: Vec<(Reader, usize)> = Vec::new();
        for (step, size) in steps {
            match step {
                0 | 1 => if let Some(one) = &mut writer {
                    let chunk: Vec<u8> = (0..size).map(|at| (written.len() + at) as u8).collect();
                    match one.append(Bytes::from(chunk.clone())) {
                        Ok(()) => written.extend(chunk),
                        Err(_) => writer = None,
                    }
                },
                2 => readers.extend(transfer.reader().map(|reader| (reader, 0))),
                3 if !readers.is_empty() => drop(readers.swap_remove(size % readers.len())),
                4 => for (reader, at) in &mut readers {
                    let (bytes, _) = read(reader);
                    prop_assert_eq!(&written[*at..*at + bytes.len()], &bytes[..]);
                    *at += bytes.len();
                },
                _ => if size == 7 { transfer.close() },
            }
        }
        let has_ended = match writer {
            Some(writer) if fails => { writer.fail(failure()); false }
            Some(writer) => writer.finish(None).is_ok(),
            None => false,
        };
        for (reader, at) in &mut readers {
            if reader.is_end_stream() { prop_assert_eq!(*at, written.len()); continue; }
            let (bytes, stands) = read(reader);
            prop_assert_eq!(&written[*at..*at + bytes.len()], &bytes[..]);
            *at += bytes.len();
            match stands {
                Stands::Ended if has_ended => prop_assert_eq!(*at, written.len()),
                Stands::Failed(_) => prop_assert!(!has_ended),
                // A failure was told before.
                Stands::Ended => prop_assert!(!has_ended),
                other => prop_assert!(false, "{:?}", other),
            }
        }
        drop((readers, transfer));
        prop_assert_eq!(budget.used(), 0);
    }
}
