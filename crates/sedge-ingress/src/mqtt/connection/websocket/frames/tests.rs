use super::*;
use proptest::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    let mask = [1, 2, 3, 4];
    let mut frame = vec![first];
    match payload.len() {
        length @ 0..=125 => frame.push(0x80 | length as u8),
        length @ 126..=65_535 => {
            frame.push(0x80 | 126);
            frame.extend_from_slice(&(length as u16).to_be_bytes());
        }
        length => {
            frame.push(0x80 | 127);
            frame.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    frame.extend_from_slice(&mask);
    frame.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    frame
}

/// What is read of these bytes, and what is written meanwhile.
fn read(bytes: Vec<u8>, chunk: usize) -> (io::Result<Vec<u8>>, Vec<u8>) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(async {
        let (mut client, server) = duplex(1 << 20);
        let writing = async {
            for part in bytes.chunks(chunk) {
                // The other side has closed, once it has read what it does not take.
                if client.write_all(part).await.is_err() {
                    break;
                }
                tokio::task::yield_now().await;
            }
            let _ = client.shutdown().await;
            client
        };
        let reading = async {
            let mut frames = Frames::new(server);
            let mut read = Vec::new();
            frames.read_to_end(&mut read).await.map(|_| read)
        };
        let (mut client, read) = tokio::join!(writing, reading);
        let mut written = Vec::new();
        client.read_to_end(&mut written).await.expect("what was written");
        (read, written)
    })
}

#[test]
fn what_is_no_frame_of_a_client_ends_it() {
    for (name, bytes) in [
        ("not masked", vec![0x82, 0x01, b'x']),
        ("an extension", masked(0xc2, b"x")),
        ("text", masked(0x81, b"x")),
        ("a continuation of nothing", masked(0x80, b"x")),
        ("a message in another", [masked(0x02, b"x"), masked(0x82, b"y")].concat()),
        ("a long ping", masked(0x89, &[0; 126])),
        ("a ping in pieces", masked(0x09, b"x")),
        ("opcode 11", masked(0x8b, b"")),
        ("a negative length", vec![0x82, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4]),
    ] {
        let error = read(bytes, 1).0.expect_err(name);
        assert_eq!(error.kind(), ErrorKind::InvalidData, "{name}");
    }
}

#[test]
fn pings_and_the_end_are_answered() {
    let bytes = [
        masked(0x02, b"ab"),
        masked(0x89, b"hi"),
        masked(0x8a, b"ignored"),
        masked(0x80, b"c"),
        masked(0x88, &[3, 0xe8]),
        masked(0x82, b"never read"),
    ];
    for chunk in [1, 3, 1_000] {
        let (read, written) = read(bytes.concat(), chunk);
        assert_eq!(read.expect("bytes"), b"abc");
        assert_eq!(written, [&[0x8a, 2][..], b"hi", &[0x88, 2, 3, 0xe8]].concat());
    }
}

proptest! {
    #[test]
    fn any_division_is_the_same_bytes(
        parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..8),
        chunk in 1usize..200,
    ) {
        let frames: Vec<u8> = parts.iter().flat_map(|part| masked(0x82, part)).collect();
        prop_assert_eq!(read(frames, chunk).0.expect("bytes"), parts.concat());
    }

    #[test]
    fn no_bytes_do_harm(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
        let _ = read(bytes, 7);
    }
}
