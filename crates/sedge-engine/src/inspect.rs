//! What an artifact is, read from its bytes without compiling it.

use thiserror::Error;
use wasmparser::{Encoding, Parser, Payload};

/// What a component says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inspection {
    /// Names of top-level imports, such as `wasi:http/types@0.2.9`.
    pub imports: Vec<String>,
    /// Names of top-level exports, such as `wasi:http/incoming-handler@0.2.9`.
    pub exports: Vec<String>,
}

impl Inspection {
    /// Whether the component needs the component-model async features: it
    /// imports or exports an interface of WASI 0.3.
    pub fn concurrency(&self) -> bool {
        let is_preview3 = |name: &String| name.starts_with("wasi:") && name.contains("@0.3.");
        self.imports.iter().chain(&self.exports).any(is_preview3)
    }
}

/// Why bytes are not a component.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum InspectError {
    /// The bytes do not begin with `\0asm`.
    #[error("not a WebAssembly binary")]
    NotWasm,
    /// A core module: it has no typed interface.
    #[error("a core module, not a component")]
    CoreModule,
    /// The bytes end early or make no sense.
    #[error("a malformed component: {0}")]
    Malformed(String),
}

/// Reads the imports and exports of a component. Sections are skimmed, not
/// validated: validation is the compiler's work, in its own process.
///
/// # Errors
///
/// [`InspectError`] if the bytes are not a component.
pub fn inspect(bytes: &[u8]) -> Result<Inspection, InspectError> {
    if !bytes.starts_with(b"\0asm") {
        return Err(InspectError::NotWasm);
    }
    let malformed = |error: wasmparser::BinaryReaderError| {
        InspectError::Malformed(format!("{} at byte {}", error.message(), error.offset()))
    };
    let mut found = Inspection { imports: Vec::new(), exports: Vec::new() };
    let mut depth = 0usize;
    for payload in Parser::new(0).parse_all(bytes) {
        match payload.map_err(malformed)? {
            Payload::Version { encoding: Encoding::Module, .. } if depth == 0 => {
                return Err(InspectError::CoreModule);
            }
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ComponentImportSection(section) if depth == 0 => {
                for import in section {
                    found.imports.push(import.map_err(malformed)?.name.name.to_owned());
                }
            }
            Payload::ComponentExportSection(section) if depth == 0 => {
                for export in section {
                    found.exports.push(export.map_err(malformed)?.name.name.to_owned());
                }
            }
            _ => {}
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_what_is_not_a_component() {
        assert_eq!(inspect(b""), Err(InspectError::NotWasm));
        assert_eq!(inspect(b"#!/bin/sh"), Err(InspectError::NotWasm));
        assert_eq!(inspect(b"\0asm\x01\0\0\0"), Err(InspectError::CoreModule));
        assert!(matches!(inspect(b"\0asm\x0d\0"), Err(InspectError::Malformed(_))));
        assert!(matches!(inspect(b"\0asm\x0d\0\x01\0\x07\xff"), Err(InspectError::Malformed(_))));
    }

    #[test]
    fn an_empty_component_has_no_names() {
        let found = inspect(b"\0asm\x0d\0\x01\0").expect("a component");
        assert_eq!(found, Inspection { imports: vec![], exports: vec![] });
        assert!(!found.concurrency());
    }
}
