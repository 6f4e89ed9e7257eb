//! nginx as a server behind a node.

use crate::pebble::free_port;
use crate::process::{Process, program};
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A running nginx; killed when dropped.
pub struct Nginx {
    process: Process,
    folder: PathBuf,
    /// Where it listens.
    pub address: SocketAddr,
}

impl Nginx {
    /// Starts it with its files in `folder`, and waits until it listens.
    /// `listen` is added to the directive of its port (`ssl http2`), and `server`
    /// are the directives of its one server.
    ///
    /// # Panics
    ///
    /// If this machine has no nginx, or it does not start.
    pub fn start(folder: &Path, listen: &str, server: &str) -> Self {
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
        fs::create_dir_all(folder).expect("a folder");
        let at = folder.display();
        let config = format!(
            "daemon off;\nmaster_process off;\npid {at}/nginx.pid;\nerror_log {at}/error.log;\n\
             events {{ worker_connections 512; }}\n\
             http {{\n  access_log {at}/access.log;\n  client_body_temp_path {at}/body;\n  \
             proxy_temp_path {at}/proxy;\n  fastcgi_temp_path {at}/fastcgi;\n  \
             uwsgi_temp_path {at}/uwsgi;\n  scgi_temp_path {at}/scgi;\n  \
             client_max_body_size 64m;\n  \
             server {{\n    listen {address} {listen};\n{server}\n  }}\n}}\n"
        );
        fs::write(folder.join("nginx.conf"), config).expect("written");
        Nginx { process: start_in(folder, address), folder: folder.to_owned(), address }
    }

    /// Starts it again at the same address.
    ///
    /// # Panics
    ///
    /// If it does not start.
    pub fn restart(&mut self) {
        self.process.restart();
    }

    /// `kill -9`, if it runs.
    pub fn kill(&mut self) {
        self.process.end();
    }

    /// The lines of its access log so far.
    pub fn requests(&self) -> Vec<String> {
        let log = fs::read_to_string(self.folder.join("access.log")).unwrap_or_default();
        log.lines().map(str::to_owned).collect()
    }
}

/// Starts nginx with the `nginx.conf` of its folder, and waits until it listens.
pub(crate) fn start_in(folder: &Path, address: SocketAddr) -> Process {
    let mut command = Command::new(program("nginx"));
    command.arg("-p").arg(folder).arg("-c").arg(folder.join("nginx.conf"));
    command.arg("-e").arg(folder.join("error.log"));
    Process::start(command, address, folder.join("error.log"))
}
