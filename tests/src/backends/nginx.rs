//! nginx.

use super::{Backend, Kind, Seen, asked, folder, write};
use crate::nginx;
use crate::pebble::free_port;
use serde_json::Value;
use std::net::SocketAddr;

pub(super) fn start() -> Backend {
    let folder = folder();
    let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let path = folder.path();
    write(path, "nginx.conf", &config(&path.display().to_string(), address));
    let process = nginx::start_in(path, address);
    Backend { name: "nginx", address, kind: Kind::Process(Box::new(process), read, folder) }
}

/// One process, which stays in the foreground and keeps its user. Only a request
/// that is passed on has its body read, so it is passed on to a second server.
fn config(folder: &str, address: SocketAddr) -> String {
    format!(
        r#"daemon off;
master_process off;
pid {folder}/nginx.pid;
events {{ worker_connections 256; }}
http {{
    log_format seen escape=json '{{"line":"$request","status":"$status","body":"$request_body"}}';
    access_log off;
    client_body_temp_path {folder}/bodies;
    proxy_temp_path {folder}/proxied;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    client_body_buffer_size 1m;
    client_body_in_single_buffer on;
    keepalive_timeout 60s;
    keepalive_requests 1000000;
    upstream inner {{ server unix:{folder}/inner.sock; keepalive 4; }}
    server {{
        listen {address};
        access_log {folder}/seen.log seen;
        location / {{
            proxy_pass http://inner;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
        }}
    }}
    server {{
        listen unix:{folder}/inner.sock;
        add_header x-asked "$request_method $request_uri" always;
        location / {{ return 200 "nginx\n"; }}
    }}
}}
"#
    )
}

fn read(line: &str) -> Option<Seen> {
    let line: Value = serde_json::from_str(line).ok()?;
    Some(Seen {
        asked: asked(line["line"].as_str()?),
        status: line["status"].as_str()?.parse().ok()?,
        body: Some(line["body"].as_str()?.to_owned()),
    })
}
