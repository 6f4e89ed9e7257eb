//! Pebble, Let's Encrypt's authority for tests: it really connects to the node
//! to see whether a host is its own.

use crate::tls::{Authority, Subject};
use crate::wait_for;
use std::fs::{self, File};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// A running authority, and the DNS server that sends it to loopback.
pub struct Pebble {
    authority: Child,
    names: Child,
    /// The URL of its directory.
    pub directory: String,
    management: SocketAddr,
}

/// What it does differently from a gentle authority.
#[derive(Clone, Copy)]
pub struct Manners {
    /// The port at which it looks for TLS-ALPN-01.
    pub tls_port: u16,
    /// The port at which it looks for HTTP-01.
    pub http_port: u16,
    /// How many of a hundred good nonces it refuses.
    pub nonces_refused: u8,
    /// How many of a hundred proofs it remembers for the next order.
    pub proofs_reused: u8,
    /// How long its certificates live, in seconds.
    pub validity_s: u32,
}

/// A port of loopback that is free now.
///
/// # Panics
///
/// If there is none.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("bound").port()
}

impl Pebble {
    /// Starts it with its files in `folder`; `pebble-ca.pem` there is the
    /// authority of its own connection.
    ///
    /// # Panics
    ///
    /// If this machine has no pebble, or it does not start.
    pub fn start(folder: &Path, manners: Manners) -> Self {
        let ca = Authority::new(folder, "pebble-ca");
        let own =
            Subject { name: "pebble", hosts: &["localhost", "127.0.0.1"], ..Subject::default() };
        ca.issue("pebble", own);
        let [port, management, dns, dns_management] = [(); 4].map(|()| free_port());
        let config = serde_json::json!({ "pebble": {
            "listenAddress": format!("127.0.0.1:{port}"),
            "managementListenAddress": format!("127.0.0.1:{management}"),
            "certificate": folder.join("pebble.pem"),
            "privateKey": folder.join("pebble-key.pem"),
            "httpPort": manners.http_port,
            "tlsPort": manners.tls_port,
            "certificateValidityPeriod": manners.validity_s,
        }});
        let file = folder.join("pebble.json");
        fs::write(&file, config.to_string()).expect("written");
        let names = Command::new("pebble-challtestsrv")
            .args(["-dns01", &format!("127.0.0.1:{dns}"), "-http01", "", "-https01", ""])
            .args(["-tlsalpn01", "", "-defaultIPv6", ""])
            .args(["-management", &format!("127.0.0.1:{dns_management}")])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("pebble-challtestsrv is installed");
        let log = File::create(folder.join("pebble.log")).expect("a log");
        let authority = Command::new("pebble")
            .arg("-config")
            .arg(&file)
            .args(["-dnsserver", &format!("127.0.0.1:{dns}")])
            .env("PEBBLE_VA_NOSLEEP", "1")
            .env("PEBBLE_WFE_NONCEREJECT", manners.nonces_refused.to_string())
            .env("PEBBLE_AUTHZREUSE", manners.proofs_reused.to_string())
            .stdout(log)
            .stderr(Stdio::null())
            .spawn()
            .expect("pebble is installed");
        let management = SocketAddr::from(([127, 0, 0, 1], management));
        let directory = format!("https://localhost:{port}/dir");
        let pebble = Pebble { authority, names, directory, management };
        let up = |port: u16| TcpStream::connect(("127.0.0.1", port)).is_ok();
        let ready = wait_for(Duration::from_secs(20), || up(port) && up(dns_management));
        assert!(
            ready.is_some(),
            "{}",
            fs::read_to_string(folder.join("pebble.log")).expect("a log")
        );
        pebble
    }

    /// Writes the root that its certificates lead to, to `FILE` in `folder`.
    ///
    /// # Panics
    ///
    /// If it does not tell.
    pub fn write_root(&self, folder: &Path, file: &str) {
        let url = format!("https://{}/roots/0", self.management);
        let answer = crate::tls::curl(folder, &["--fail", "--cacert", "pebble-ca.pem", &url]);
        assert!(answer.status.success(), "{}", String::from_utf8_lossy(&answer.stderr));
        fs::write(folder.join(file), answer.stdout).expect("written");
    }

    /// How many orders were made, by its log in `folder`.
    pub fn orders(&self, folder: &Path) -> usize {
        let log = fs::read_to_string(folder.join("pebble.log")).unwrap_or_default();
        log.lines().filter(|line| line.contains("Added order")).count()
    }
}

impl Drop for Pebble {
    fn drop(&mut self) {
        for child in [&mut self.authority, &mut self.names] {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
