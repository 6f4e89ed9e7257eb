//! The node's data folder says which node runs on it, for the command line on
//! the same machine.

use anyhow::{Context, Result};
use serde_json::{Value, json};
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// Name of the file that names the running node.
const FILE: &str = "node.json";

/// A running node's addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Running {
    /// Where requests arrive.
    pub listen: SocketAddr,
    /// Where its admin pages are.
    pub admin: SocketAddr,
    /// Where requests arrive encrypted.
    pub tls: Vec<SocketAddr>,
    /// Where MQTT clients arrive.
    pub mqtt: Vec<SocketAddr>,
    /// Its process.
    pub pid: u32,
}

impl Running {
    /// This process.
    pub(crate) fn here(listen: SocketAddr, admin: SocketAddr) -> Self {
        let (tls, mqtt) = (Vec::new(), Vec::new());
        Running { listen, admin, tls, mqtt, pid: std::process::id() }
    }

    /// As JSON: `{"listen":…,"admin":…,"tls":[…],"mqtt":[…],"pid":…}`.
    pub fn to_json(&self) -> Value {
        json!({
            "listen": self.listen,
            "admin": self.admin,
            "tls": self.tls,
            "mqtt": self.mqtt,
            "pid": self.pid,
        })
    }

    /// The node that runs on a data folder, if its process is alive. Only the
    /// store's lock is proof; this tells where to ask.
    pub fn find(data: &Path) -> Option<Self> {
        let text = fs::read_to_string(data.join(FILE)).ok()?;
        let value: Value = serde_json::from_str(&text).ok()?;
        let address = |key: &str| value.get(key)?.as_str()?.parse().ok();
        let pid = u32::try_from(value.get("pid")?.as_u64()?).ok()?;
        let addresses = |key: &str| {
            let list = value.get(key).and_then(Value::as_array).into_iter().flatten();
            list.filter_map(|one| one.as_str()?.parse().ok()).collect()
        };
        let running = Running {
            listen: address("listen")?,
            admin: address("admin")?,
            tls: addresses("tls"),
            mqtt: addresses("mqtt"),
            pid,
        };
        Path::new(&format!("/proc/{pid}")).exists().then_some(running)
    }
}

/// Keeps the file as long as the node runs.
pub(crate) struct DataFolder {
    path: PathBuf,
    announced: bool,
}

impl DataFolder {
    pub(crate) fn new(data: &Path) -> Self {
        DataFolder { path: data.join(FILE), announced: false }
    }

    /// Writes where this node is; whole or not at all.
    pub(crate) fn announce(&mut self, running: &Running) -> Result<()> {
        let new = self.path.with_extension("json-new");
        fs::write(&new, format!("{}\n", running.to_json()))
            .and_then(|()| fs::rename(&new, &self.path))
            .with_context(|| format!("write {}", self.path.display()))?;
        self.announced = true;
        Ok(())
    }
}

impl Drop for DataFolder {
    fn drop(&mut self) {
        if self.announced {
            // A file that stays behind names a process that is gone.
            let _ = fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_running_node_is_found_and_a_dead_one_is_not() {
        let folder = tempfile::tempdir().expect("a folder");
        assert_eq!(Running::find(folder.path()), None);
        let mut running =
            Running::here(([127, 0, 0, 1], 3000).into(), ([127, 0, 0, 1], 3001).into());
        let mut data = DataFolder::new(folder.path());
        running.tls = vec![([127, 0, 0, 1], 3443).into()];
        running.mqtt = vec![([127, 0, 0, 1], 1883).into()];
        data.announce(&running).expect("written");
        assert_eq!(Running::find(folder.path()).as_ref(), Some(&running));
        let dead = Running { pid: u32::MAX, ..running };
        data.announce(&dead).expect("written");
        assert_eq!(Running::find(folder.path()), None);
        drop(data);
        assert!(!folder.path().join(FILE).exists());
        for bad in ["", "{}", "[]", r#"{"listen":1,"admin":2,"pid":"x"}"#] {
            fs::write(folder.path().join(FILE), bad).expect("written");
            assert_eq!(Running::find(folder.path()), None, "{bad}");
        }
    }
}
