//! What an object of 1 kB takes in memory: by how much a cache grows with many of them.

use super::super::report::{Report, figure, table};
use super::super::subjects::free_address;
use super::folder;
use super::player::{Play, write_objects};
use super::servers::Cache;
use crate::workspace::Workspace;
use anyhow::{Context, Result};

const BODY_BYTES: usize = 1_000;
/// Objects that are there before: what grows in steps has taken its first ones then.
const BEFORE: usize = 20_000;
const OBJECTS: usize = 200_000;
const CONNECTIONS: usize = 16;
/// Room for all of them, bytes.
const BYTES_MAX: u64 = 2 << 30;

/// Fills each cache once, and prints what it grew by.
pub(super) fn measure(workspace: &Workspace, caches: &[Cache], report: &mut Report) -> Result<()> {
    let at = folder(workspace);
    let before = write_objects(&at, "memory-before", BODY_BYTES, 0, BEFORE)?;
    let objects = write_objects(&at, "memory", BODY_BYTES, BEFORE, OBJECTS)?;
    let mut rows = Vec::new();
    for cache in caches {
        eprintln!("memory of {}", cache.name);
        let origin = free_address()?;
        let server = cache.start(workspace, origin, BYTES_MAX)?;
        let fill = |trace| Play {
            trace,
            seconds: None,
            connections: CONNECTIONS,
            cold: 0,
            origin: Some(origin),
        };
        fill(&before).run(workspace, server.address)?;
        let (memory, files) = (server.memory_bytes(), server.file_bytes());
        fill(&objects).run(workspace, server.address)?;
        let each = |bytes: f64| bytes / OBJECTS as f64;
        let memory = each(server.memory_bytes() - memory);
        let files = each(server.file_bytes().saturating_sub(files) as f64);
        // All must still be there, or it did not grow by as many.
        Play { origin: None, ..fill(&objects) }
            .run(workspace, server.address)
            .with_context(|| format!("{} has not stored all objects", cache.name))?;
        let beyond = memory + files - BODY_BYTES as f64;
        let mut row = vec![cache.name.to_owned()];
        for (metric, value) in
            [("memory", memory), ("files in the page cache", files), ("beyond the body", beyond)]
        {
            report.row(cache.name, "200,000 objects of 1 kB, each", metric, value, "B");
            row.push(figure(value));
        }
        rows.push(row);
    }
    let heading = ["each object of 1 kB", "memory B", "files B", "beyond the body B"];
    println!("\n{}", table(&heading, &rows));
    Ok(())
}
