use super::*;
use std::io::Read;
use std::net::{TcpListener, TcpStream};

/// Bytes that live until the process ends, and so are never changed.
fn body(count: usize) -> &'static [u8] {
    (0..count).map(|at| (at % 251) as u8).collect::<Vec<_>>().leak()
}

fn connected() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let client = TcpStream::connect(listener.local_addr().expect("bound")).expect("listens");
    let (server, _) = listener.accept().expect("has come");
    server.set_nonblocking(true).expect("a socket");
    (server, client)
}

/// Sends all, with waits while the socket is full; how often it was called.
fn send_all(server: &TcpStream, head: &[u8], body: &[u8]) -> usize {
    let mut sent = 0;
    for call in 1..100_000 {
        let (head, body) = match sent.min(head.len()) {
            at if at < head.len() => (&head[at..], body),
            at => (&[][..], &body[sent - at..]),
        };
        let before = [IoSlice::new(head)];
        let before = if head.is_empty() { &[] } else { &before[..] };
        match send(server.as_raw_fd(), before, &IoSlice::new(body)) {
            Ok(count) => sent += count,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                std::thread::sleep(std::time::Duration::from_millis(1));
            }
            Err(error) => panic!("{error}"),
        }
        if sent == head.len() + body.len() || body.is_empty() {
            return call;
        }
    }
    panic!("never whole");
}

#[test]
fn only_what_is_large_and_lies_there_as_a_whole_is_lent() {
    let bytes = body(200_000);
    let other = vec![0; 100_000];
    let begin = bytes.as_ptr().addr();
    let pages = StablePages::new(begin..begin + 100_000, Arc::new(()));
    let find = |parts: &[&[u8]]| {
        let parts: Vec<_> = parts.iter().map(|part| IoSlice::new(part)).collect();
        pages.find(&parts)
    };
    assert_eq!(find(&[]), None);
    assert_eq!(find(&[&other, b""]), None);
    assert_eq!(find(&[&bytes[..LENT_BYTES_MIN - 1]]), None);
    assert_eq!(find(&[&bytes[50_000..150_000]]), None, "beyond the end");
    assert_eq!(find(&[&other[..100], &bytes[7..100_000], bytes]), Some(1));
    assert_eq!(find(&[&other[..PAGE_BYTES], &bytes[..50_000]]), Some(1));
    assert_eq!(find(&[&other[..PAGE_BYTES + 1], &bytes[..50_000]]), None, "too much before it");
}

#[test]
fn all_arrives_in_order_however_slowly_it_is_taken() {
    let bytes = body(20_000_000);
    for (from, to) in [(0, 40_000), (4_095, 300_001), (1, 20_000_000)] {
        let (server, mut client) = connected();
        let reader = std::thread::spawn(move || {
            let (mut all, mut piece) = (Vec::new(), [0; 10_000]);
            for turn in 0.. {
                if turn % 100 == 0 {
                    std::thread::sleep(std::time::Duration::from_millis(1));
                }
                match client.read(&mut piece).expect("reads") {
                    0 => break,
                    count => all.extend_from_slice(&piece[..count]),
                }
            }
            all
        });
        let mut whole = b"head\n".to_vec();
        let mut sent = 0;
        for _ in 0..100_000 {
            let at = from + sent;
            if at == to {
                break;
            }
            let before = [IoSlice::new(&whole[..if sent == 0 { 5 } else { 0 }])];
            let before = if sent == 0 { &before[..] } else { &[] };
            match send(server.as_raw_fd(), before, &IoSlice::new(&bytes[at..to])) {
                Ok(count) if sent == 0 => sent = count.checked_sub(5).expect("more than a head"),
                Ok(count) => sent += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    std::thread::sleep(std::time::Duration::from_millis(1));
                }
                Err(error) => panic!("{error}"),
            }
        }
        drop(server);
        whole.extend_from_slice(&bytes[from..to]);
        assert!(reader.join().expect("no panic") == whole, "{from} to {to}");
    }
}

#[test]
fn what_one_client_does_not_take_is_never_sent_to_another() {
    let (one, two) = (vec![1; 16 << 20].leak(), vec![2; 40_000].leak());
    let (stuck, _never_reads) = connected();
    let full = (0..1_000)
        .find_map(|_| send(stuck.as_raw_fd(), &[IoSlice::new(b"1")], &IoSlice::new(one)).err());
    assert_eq!(full.map(|error| error.kind()), Some(io::ErrorKind::WouldBlock));
    let (server, mut client) = connected();
    assert_eq!(send_all(&server, b"2", two), 1);
    drop(server);
    let mut all = Vec::new();
    client.read_to_end(&mut all).expect("reads");
    assert!(all.len() == 40_001 && all[1..].iter().all(|byte| *byte == 2) && all[0] == b'2');
}

#[test]
fn a_client_that_is_gone_is_an_error() {
    let bytes = body(100_000);
    let (server, client) = connected();
    drop(client);
    let gone = (0..1_000).find_map(|_| send(server.as_raw_fd(), &[], &IoSlice::new(bytes)).err());
    let kind = gone.expect("it is gone").kind();
    assert!(matches!(kind, io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset), "{kind}");
    let (server, mut client) = connected();
    assert_eq!(send_all(&server, b"", bytes), 1, "and nothing is left of it");
    drop(server);
    let mut all = Vec::new();
    client.read_to_end(&mut all).expect("reads");
    assert!(all == bytes);
}

#[test]
fn what_cannot_be_lent_is_copied() {
    let (server, mut client) = connected();
    let bytes = body(40_000);
    // A pipe that is full takes nothing.
    let full = Pipe::open().expect("a pipe");
    let filled = vec![0; 1 << 20];
    while (&full.writer).write(&filled).is_ok() {}
    PIPE.with_borrow_mut(|place| *place = Some(full));
    assert_eq!(send_all(&server, b"head", bytes), 1);
    let (before, all) = ([IoSlice::new(b"he"), IoSlice::new(b"ad")], IoSlice::new(bytes));
    assert_eq!(copy(server.as_raw_fd(), &before, &all).expect("sends"), 40_004);
    drop(server);
    let mut got = Vec::new();
    client.read_to_end(&mut got).expect("reads");
    let whole = [b"head", bytes].concat();
    assert!(got == whole.repeat(2));
}
