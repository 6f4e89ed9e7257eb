//! An MQTT server that keeps nothing when it ends: for public suites, and to measure what the
//! front costs.
//!
//! `mqtt PORT [WEBSOCKET-PORT] [--threads N] [--acl FILE] [--passwords FILE]`, until killed.

use sedge_ingress::mqtt::auth::{Acl, Anyone, Authenticate, PasswordFile};
use sedge_ingress::mqtt::journal::MemoryJournal;
use sedge_ingress::mqtt::{Broker, MqttGateway, MqttListener, MqttOptions, Transport};
use std::fmt::Debug;
use std::net::SocketAddr;
use std::sync::Arc;

type Fault = Box<dyn std::error::Error>;

fn main() -> Result<(), Fault> {
    let mut options = MqttOptions::default();
    let mut acl = Acl::allow_all();
    let mut authenticate: Arc<dyn Authenticate> = Arc::new(Anyone);
    let mut listeners = Vec::new();
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or("an argument has no value");
        match argument.as_str() {
            "--threads" => options.threads = value()?.parse()?,
            "--acl" => acl = Acl::parse(&std::fs::read_to_string(value()?)?).map_err(all)?,
            "--passwords" => {
                let text = std::fs::read_to_string(value()?)?;
                let file = PasswordFile::parse(&text, options.password_checks_max);
                authenticate = Arc::new(file.map_err(all)?);
            }
            port => {
                let listen = SocketAddr::from(([127, 0, 0, 1], port.parse()?));
                let transport = match listeners.len() {
                    0 => Transport::Tcp,
                    _ => Transport::WebSocket { path: "/mqtt".to_owned() },
                };
                listeners.push(MqttListener { listen, transport, tls: None });
            }
        }
    }
    let broker = Broker::new(options, Arc::new(MemoryJournal::new()), authenticate, acl)?;
    let gateway = MqttGateway::bind(listeners, broker)?;
    eprintln!("mqtt on {:?}", gateway.addresses());
    loop {
        std::thread::park();
    }
}

fn all<E: Debug>(errors: Vec<E>) -> Fault {
    format!("{errors:#?}").into()
}
