//! What this machine takes for the same without a node: a message there and back over loopback,
//! and what is synced in between. A round in which the floor is high says more of the machine's
//! disk and of who else uses its cores than of Sedge.

use super::{PAUSE, Way};
use anyhow::{Context, Result};
use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::thread;
use std::time::Instant;

/// About what a reading and what follows from it have.
const MESSAGE_BYTES: usize = 64;
/// What is appended before each sync: a record with its frame.
const RECORD_BYTES: usize = 256;
/// What is synced before an actuator is told: the reading, and what follows from it.
const SYNCS: usize = 2;

/// How long each of so many took, milliseconds.
pub(super) fn measure(way: Way, folder: &Path, times: usize) -> Result<Vec<f64>> {
    fs::create_dir_all(folder).context("making a folder for the floor")?;
    let path = folder.join("floor");
    let listener = TcpListener::bind("127.0.0.1:0").context("looking for a free port")?;
    let address = listener.local_addr()?;
    let file = match way {
        Way::Durable => Some(File::create(&path).context("making a file for the floor")?),
        Way::AtOnce => None,
    };
    // Ends with the connection.
    let answering = thread::spawn(move || answer(&listener, file, times));
    let took = ask(TcpStream::connect(address).context("connecting")?, times);
    let answered = answering.join().map_err(|_| anyhow::anyhow!("the floor's thread panicked"))?;
    let took = took?;
    answered?;
    if way == Way::Durable {
        fs::remove_file(&path).context("removing the floor's file")?;
    }
    Ok(took)
}

fn ask(mut stream: TcpStream, times: usize) -> Result<Vec<f64>> {
    stream.set_nodelay(true)?;
    let mut message = [7; MESSAGE_BYTES];
    let mut took = Vec::with_capacity(times);
    for _ in 0..times {
        thread::sleep(PAUSE);
        let begin = Instant::now();
        stream.write_all(&message).context("asking")?;
        stream.read_exact(&mut message).context("waiting for the answer")?;
        took.push(begin.elapsed().as_secs_f64() * 1e3);
    }
    Ok(took)
}

fn answer(listener: &TcpListener, mut file: Option<File>, times: usize) -> Result<()> {
    let (mut stream, _) = listener.accept().context("accepting")?;
    stream.set_nodelay(true)?;
    let mut message = [0; MESSAGE_BYTES];
    for _ in 0..times {
        stream.read_exact(&mut message).context("reading what is asked")?;
        if let Some(file) = &mut file {
            for _ in 0..SYNCS {
                file.write_all(&[7; RECORD_BYTES]).context("appending")?;
                file.sync_data().context("syncing")?;
            }
        }
        stream.write_all(&message).context("answering")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_way_is_measured_and_leaves_nothing() {
        let folder = std::env::temp_dir().join(format!("sedge-floor-{}", std::process::id()));
        for way in Way::ALL {
            let took = measure(way, &folder, 3).expect("measured");
            assert_eq!(took.len(), 3);
            assert!(took.iter().all(|took| *took > 0.0));
        }
        assert_eq!(fs::read_dir(&folder).expect("a folder").count(), 0);
        fs::remove_dir(&folder).expect("removed");
    }
}
