//! `sedge:client`: the client's address, and what its user agent says.

use super::bindings::sedge::client::{agent, connection};
use crate::wasi_http::state::State;
use sedge_services::agents::{AGENT_BYTES_MAX, AgentError, Device, Kind, Version};
use wasmtime::Result;

impl connection::Host for State {
    fn address(&mut self) -> Result<Option<String>> {
        let is_granted = self.spec.services.client.is_granted();
        Ok(self.client.filter(|_| is_granted).map(|address| address.to_string()))
    }
}

impl agent::Host for State {
    fn parse(&mut self, user_agent: String) -> Result<Result<agent::Facts, agent::Error>> {
        let facts = match self.spec.services.client.parse(&user_agent) {
            Ok(facts) => facts,
            Err(AgentError::AccessDenied) => return Ok(Err(agent::Error::AccessDenied)),
            Err(AgentError::TooLong) => {
                return Ok(Err(agent::Error::TooLong(AGENT_BYTES_MAX as u32)));
            }
        };
        Ok(Ok(agent::Facts {
            kind: kind(facts.kind),
            browser: version(&facts.browser),
            system: version(&facts.system),
            device: device(&facts.device),
        }))
    }
}

fn kind(kind: Kind) -> agent::Kind {
    match kind {
        Kind::Desktop => agent::Kind::Desktop,
        Kind::Mobile => agent::Kind::Mobile,
        Kind::Tablet => agent::Kind::Tablet,
        Kind::Tv => agent::Kind::Tv,
        Kind::Bot => agent::Kind::Bot,
        Kind::Other => agent::Kind::Other,
    }
}

fn version(version: &Version) -> agent::Version {
    let Version { family, major, minor, patch } = version.clone();
    agent::Version { family, major, minor, patch }
}

fn device(device: &Device) -> agent::Device {
    let Device { family, brand, model } = device.clone();
    agent::Device { family, brand, model }
}
