//! `[ingest]`: readings by HTTP. Nothing is read from disk here: whoever loads the file of
//! passwords reports what is wrong with it.

use crate::document::{Draft, Invalid, quantity};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// Where devices send readings by HTTP, and who they are. Without this table there is no such
/// place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct IngestConfig {
    /// The path below which devices send, on all listeners of requests:
    /// `POST /v1/ingest/<device>`. No app can have a route there.
    #[schemars(length(min = 2, max = 256))]
    pub path: String,
    /// File, relative to this file, with names and hashes of passwords, as
    /// `sedge mqtt password` writes it; the name is the device. Read again when it
    /// changes.
    #[schemars(length(min = 1, max = 4_096), example = &"mqtt-passwords")]
    pub passwords: Option<PathBuf>,
    /// Whether a request is taken that shows no certificate and gives no name: as any
    /// device.
    pub anonymous: bool,
    /// Names that may send as any device, as gateways do; others only as the device
    /// that they are.
    #[schemars(length(max = 1_024), inner(length(min = 1, max = 256)))]
    pub any_device: Vec<String>,
    /// The body of one request.
    #[schemars(schema_with = "quantity::bytes", range(min = 1_024, max = 8_388_608))]
    pub body_bytes_max: u64,
    /// Readings of one request.
    #[schemars(range(min = 1, max = 100_000))]
    pub readings_max: u32,
    /// Requests at one time; one more is told to come again.
    #[schemars(range(min = 1, max = 65_536))]
    pub requests_max: u32,
    /// Checks of a password at one time; one more waits.
    #[schemars(range(min = 1, max = 1_024))]
    pub password_checks_max: u32,
}

impl Default for IngestConfig {
    fn default() -> Self {
        IngestConfig {
            path: "/v1/ingest".to_owned(),
            passwords: None,
            anonymous: false,
            any_device: Vec::new(),
            body_bytes_max: 1 << 20,
            readings_max: 10_000,
            requests_max: 256,
            password_checks_max: 16,
        }
    }
}

/// Checks what the schema cannot say. `has_client_certificates`: some listener asks for them.
pub(super) fn resolve(
    draft: &mut Draft,
    mut ingest: IngestConfig,
    folder: &Path,
    has_client_certificates: bool,
) -> IngestConfig {
    let is_plain = |segment: &str| {
        let known = |c: u8| c.is_ascii_alphanumeric() || b"-_.~".contains(&c);
        !["", ".", ".."].contains(&segment) && segment.bytes().all(known)
    };
    let segments = ingest.path.strip_prefix('/');
    if !segments.is_some_and(|segments| segments.split('/').all(is_plain)) {
        let message = format!("`{}` is not a path for readings", ingest.path.escape_debug());
        let hint = "write segments of letters, digits, `-`, `_`, `.` and `~`, without a `/` at \
                    the end, for example \"/v1/ingest\"";
        draft.reject("/ingest/path", Invalid::new(message, hint));
    }
    if ingest.passwords.is_none() && !ingest.anonymous && !has_client_certificates {
        let message = "nobody could send readings here: there are no passwords, and no listener \
                       asks for certificates";
        let hint = "write passwords = \"FILE\", or anonymous = true to take readings from \
                    everybody, or client_ca of a [[tls]]";
        let at = if draft.has("/ingest/anonymous") { "/ingest/anonymous" } else { "/ingest" };
        draft.reject(at, Invalid::new(message, hint));
    }
    ingest.passwords = ingest.passwords.map(|path| folder.join(path));
    ingest
}
