//! Topics (Sparkplug 3.0, chapter 4).

use crate::payload::{PayloadError, Place, Problem};

/// What a topic says of its message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Topic<'t> {
    /// `spBv1.0/group/KIND/node` or `spBv1.0/group/KIND/node/device`.
    Message {
        /// Of what kind it is.
        kind: Kind,
        /// The group of edge nodes.
        group: &'t str,
        /// The edge node.
        node: &'t str,
        /// The device behind it, in kinds that are about one.
        device: Option<&'t str>,
    },
    /// `spBv1.0/STATE/host`.
    State {
        /// The host application.
        host: &'t str,
    },
}

/// Kinds of messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `NBIRTH`
    NodeBirth,
    /// `NDATA`
    NodeData,
    /// `NDEATH`
    NodeDeath,
    /// `NCMD`
    NodeCommand,
    /// `DBIRTH`
    DeviceBirth,
    /// `DDATA`
    DeviceData,
    /// `DDEATH`
    DeviceDeath,
    /// `DCMD`
    DeviceCommand,
}

const KINDS: [(&str, Kind); 8] = [
    ("NBIRTH", Kind::NodeBirth),
    ("NDATA", Kind::NodeData),
    ("NDEATH", Kind::NodeDeath),
    ("NCMD", Kind::NodeCommand),
    ("DBIRTH", Kind::DeviceBirth),
    ("DDATA", Kind::DeviceData),
    ("DDEATH", Kind::DeviceDeath),
    ("DCMD", Kind::DeviceCommand),
];

impl Kind {
    /// Whether its topics name a device.
    fn has_device(self) -> bool {
        use Kind::{DeviceBirth, DeviceCommand, DeviceData, DeviceDeath};
        matches!(self, DeviceBirth | DeviceData | DeviceDeath | DeviceCommand)
    }
}

impl<'t> Topic<'t> {
    /// Reads a topic.
    ///
    /// # Errors
    ///
    /// It is none of Sparkplug B.
    pub fn parse(topic: &'t str) -> Result<Self, PayloadError> {
        let fail = || {
            let expected = "a topic `spBv1.0/group/KIND/node`, with `/device` for the kinds that \
                            begin with `D`, or `spBv1.0/STATE/host`";
            Problem::expected(expected).at(Place::default().field("topic"))
        };
        let is_id = |part: &&str| !part.is_empty() && !part.contains(['+', '#', '\0']);
        let mut parts = topic.split('/');
        let (namespace, group) = (parts.next(), parts.next().filter(is_id).ok_or_else(fail)?);
        if namespace != Some("spBv1.0") {
            return Err(fail());
        }
        let third = parts.next().filter(is_id).ok_or_else(fail)?;
        if group == "STATE" {
            return match parts.next() {
                None => Ok(Topic::State { host: third }),
                Some(_) => Err(fail()),
            };
        }
        let (_, kind) = *KINDS.iter().find(|(word, _)| *word == third).ok_or_else(fail)?;
        let node = parts.next().filter(is_id).ok_or_else(fail)?;
        let device = match parts.next() {
            Some(device) => Some(Some(device).filter(is_id).ok_or_else(fail)?),
            None => None,
        };
        if parts.next().is_some() || device.is_some() != kind.has_device() {
            return Err(fail());
        }
        Ok(Topic::Message { kind, group, node, device })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_topics_are_refused() {
        for bad in [
            "",
            "spBv1.0",
            "spBv1.0/group",
            "spBv1.0/group/NBIRTH",
            "spBv1.0/group/NBIRTH/",
            "spBv1.0//NBIRTH/node",
            "spBv1.0/group/NBIRTH/node/device",
            "spBv1.0/group/DBIRTH/node",
            "spBv1.0/group/DBIRTH/node/",
            "spBv1.0/group/DBIRTH/node/device/more",
            "spBv1.0/group/BIRTH/node",
            "spBv1.0/group/nbirth/node",
            "spBv1.0/gr+up/NBIRTH/node",
            "spBv1.0/group/NBIRTH/#",
            "spAv1.0/group/NBIRTH/node",
            "spBv1.0/STATE",
            "spBv1.0/STATE/",
            "spBv1.0/STATE/host/more",
            "STATE/host",
        ] {
            assert!(Topic::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn topics_say_who_speaks() {
        let (group, node) = ("Plant 1", "gateway");
        let expected = Topic::Message { kind: Kind::DeviceData, group, node, device: Some("pump") };
        assert_eq!(Topic::parse("spBv1.0/Plant 1/DDATA/gateway/pump"), Ok(expected));
        let expected = Topic::Message { kind: Kind::NodeDeath, group, node, device: None };
        assert_eq!(Topic::parse("spBv1.0/Plant 1/NDEATH/gateway"), Ok(expected));
        assert_eq!(Topic::parse("spBv1.0/STATE/scada"), Ok(Topic::State { host: "scada" }));
    }
}
