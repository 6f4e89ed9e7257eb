//! nginx as a server behind a node.

use crate::pebble::free_port;
use crate::wait_for;
use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// A running nginx; killed when dropped.
pub struct Nginx {
    process: Child,
    folder: PathBuf,
    /// Where it listens.
    pub address: SocketAddr,
}

/// Where Debian puts programs that not every user has on `PATH`.
const PROGRAMS: [&str; 2] = ["nginx", "/usr/sbin/nginx"];

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
        let process = spawn(folder);
        let mut nginx = Nginx { process, folder: folder.to_owned(), address };
        nginx.wait();
        nginx
    }

    /// Starts it again at the same address.
    ///
    /// # Panics
    ///
    /// If it does not start.
    pub fn restart(&mut self) {
        self.kill();
        self.process = spawn(&self.folder);
        self.wait();
    }

    /// `kill -9`, if it runs.
    pub fn kill(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }

    /// The lines of its access log so far.
    pub fn requests(&self) -> Vec<String> {
        let log = fs::read_to_string(self.folder.join("access.log")).unwrap_or_default();
        log.lines().map(str::to_owned).collect()
    }

    fn wait(&mut self) {
        let listens = wait_for(Duration::from_secs(20), || {
            self.process.try_wait().expect("its status").is_some()
                || TcpStream::connect(self.address).is_ok()
        });
        let runs = self.process.try_wait().expect("its status").is_none();
        if listens.is_none() || !runs {
            let log = fs::read_to_string(self.folder.join("error.log")).unwrap_or_default();
            panic!("nginx does not listen\n{log}");
        }
    }
}

fn spawn(folder: &Path) -> Child {
    let start = |program: &&str| {
        let mut command = Command::new(program);
        command.arg("-p").arg(folder).arg("-c").arg(folder.join("nginx.conf"));
        command.arg("-e").arg(folder.join("error.log"));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().ok()
    };
    let started = PROGRAMS.iter().find_map(start);
    started.expect("nginx is installed: cargo xtask test installs it")
}

impl Drop for Nginx {
    fn drop(&mut self) {
        self.kill();
    }
}
