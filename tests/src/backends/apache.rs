//! Apache.

use super::{Backend, Kind, Seen, asked, folder, write};
use crate::pebble::free_port;
use crate::process::{Process, program};
use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

/// Reads a body, and tells of it in a field, in hexadecimal; the server writes
/// that to its log.
const SCRIPT: &str = r#"#!/bin/sh
body=$(od -An -v -tx1 | tr -d ' \n')
printf 'content-type: text/plain\r\ncontent-length: 7\r\n'
printf 'x-asked: %s %s\r\n' "$REQUEST_METHOD" "$REQUEST_URI"
printf 'x-body: %s.\r\n\r\napache\n' "$body"
"#;

/// Where Debian has its modules.
const MODULES: &str = "/usr/lib/apache2/modules";

pub(super) fn start() -> Backend {
    let folder = folder();
    let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let path = folder.path();
    let script = write(path, "script.sh", SCRIPT);
    fs::set_permissions(script, fs::Permissions::from_mode(0o755)).expect("its owner");
    let file = write(path, "apache.conf", &config(&path.display().to_string(), address));
    let mut command = Command::new(program("apache2"));
    command.arg("-X").arg("-f").arg(file);
    let process = Process::start(command, address, path.join("error.log"));
    Backend { name: "apache", address, kind: Kind::Process(Box::new(process), read, folder) }
}

/// One process with threads. If root has started it, it gives that up.
fn config(folder: &str, address: SocketAddr) -> String {
    let modules = ["mpm_event", "authz_core", "alias", "cgi", "env"];
    let modules = modules.map(|name| format!("LoadModule {name}_module {MODULES}/mod_{name}.so\n"));
    format!(
        r#"{modules}ServerRoot {folder}
ServerName test
PidFile {folder}/apache.pid
DefaultRuntimeDir {folder}
User nobody
Group nogroup
Listen {address}
ErrorLog {folder}/error.log
LogFormat "%r\t%>s\t%{{x-body}}o" seen
CustomLog {folder}/seen.log seen
KeepAlive On
KeepAliveTimeout 60
MaxKeepAliveRequests 0
ThreadsPerChild 16
MaxRequestWorkers 16
SetEnv ap_trust_cgilike_cl yes
ScriptAlias / {folder}/script.sh/
<Directory {folder}>
    Require all granted
</Directory>
"#,
        modules = modules.concat()
    )
}

fn read(line: &str) -> Option<Seen> {
    let mut parts = line.split('\t');
    let (line, status, body) = (parts.next()?, parts.next()?, parts.next()?);
    let body = match body.strip_suffix('.') {
        None => None,
        Some(digits) => Some(text(digits)?),
    };
    Some(Seen { asked: asked(line), status: status.parse().ok()?, body })
}

fn text(digits: &str) -> Option<String> {
    let bytes = digits.as_bytes().chunks(2);
    let bytes = bytes.map(|two| u8::from_str_radix(std::str::from_utf8(two).ok()?, 16).ok());
    Some(String::from_utf8_lossy(&bytes.collect::<Option<Vec<u8>>>()?).into_owned())
}
