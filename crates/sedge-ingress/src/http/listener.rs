//! One listening socket per thread, on the same address.

use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::{SocketAddr, TcpListener};

/// Binds `threads` listeners that share one address by `SO_REUSEPORT`: the
/// kernel deals new connections out by a hash of the client's address, without
/// a lock between the accept loops. The first socket takes the port, the others
/// bind what it got.
pub(crate) fn bind(
    address: SocketAddr,
    threads: usize,
    backlog: u32,
) -> io::Result<(SocketAddr, Vec<TcpListener>)> {
    // A port in use by a listener that also shares its port would be joined
    // without an error, and answer half of its requests: probe without sharing.
    if address.port() != 0 {
        let probe = socket(address)?;
        probe.bind(&address.into())?;
    }
    let first = listen(address, backlog)?;
    let address = first.local_addr()?;
    let mut listeners = vec![first];
    while listeners.len() < threads.max(1) {
        listeners.push(listen(address, backlog)?);
    }
    Ok((address, listeners))
}

fn listen(address: SocketAddr, backlog: u32) -> io::Result<TcpListener> {
    let socket = socket(address)?;
    socket.set_reuse_port(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(i32::try_from(backlog).unwrap_or(i32::MAX))?;
    Ok(socket.into())
}

fn socket(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // A restarted node must not wait for the old one's closed connections.
    socket.set_reuse_address(true)?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_in_use_is_an_error_even_if_it_is_shared() {
        let free = SocketAddr::from(([127, 0, 0, 1], 0));
        let (taken, _held) = bind(free, 2, 16).expect("a free port");
        let error = bind(taken, 2, 16).expect_err("the port is taken");
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
    }

    #[test]
    fn all_threads_share_the_port_that_the_first_got() {
        let free = SocketAddr::from(([127, 0, 0, 1], 0));
        let (address, listeners) = bind(free, 3, 16).expect("a free port");
        assert_ne!(address.port(), 0);
        for listener in &listeners {
            assert_eq!(listener.local_addr().expect("bound"), address);
        }
        assert_eq!(listeners.len(), 3);
    }
}
