//! The databases of a node: all files of a folder whose names end in `.mmdb`.

use super::database::{self, Database};
use super::{DatabaseInfo, Facts, GeoError, LocateError};
use arc_swap::ArcSwap;
use std::collections::BTreeSet;
use std::fs::{self, DirBuilder, File};
use std::io;
use std::net::IpAddr;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Databases that are used at one time.
const DATABASES_MAX: usize = 16;
/// How the names of databases end.
const ENDING: &str = "mmdb";

/// All databases, in the order of their names: what one says counts more than what a later one
/// does.
#[derive(Default)]
pub struct GeoDatabases(ArcSwap<Vec<Arc<Database>>>);

impl GeoDatabases {
    /// Takes what lies in a folder in the place of what was there before, and tells what cannot
    /// be used. In the place of a file that has become unusable, its old version goes on. A
    /// folder that does not exist has none.
    pub fn load(&self, folder: &Path) -> Vec<GeoError> {
        let before = self.0.load_full();
        let mut problems = Vec::new();
        let paths = files(folder).unwrap_or_else(|source| {
            problems.push(GeoError::Io { path: folder.to_owned(), source });
            BTreeSet::new()
        });
        let mut databases = Vec::new();
        for path in paths.iter().take(DATABASES_MAX) {
            match Database::open(path) {
                Ok(database) => databases.push(Arc::new(database)),
                Err(problem) => {
                    let name = path.file_name().map(|name| name.to_string_lossy());
                    let old = before.iter().find(|one| Some(&*one.info.name) == name.as_deref());
                    databases.extend(old.cloned());
                    problems.push(problem);
                }
            }
        }
        for path in paths.into_iter().skip(DATABASES_MAX) {
            let detail = format!("there are {DATABASES_MAX} before it, which is all that are used");
            problems.push(GeoError::Invalid { path, detail });
        }
        self.0.store(Arc::new(databases));
        problems
    }

    /// What they say of an address; `None`: none has it.
    ///
    /// # Errors
    /// There are none, or one is damaged there.
    pub(super) fn locate(&self, address: IpAddr) -> Result<Option<Facts>, LocateError> {
        let databases = self.0.load();
        if databases.is_empty() {
            return Err(LocateError::NoDatabase);
        }
        let address = address.to_canonical();
        let mut joined: Option<Facts> = None;
        for database in databases.iter() {
            let found = database.locate(address).map_err(|detail| {
                let name = database.info.name.clone();
                LocateError::Damaged { name, address, detail }
            })?;
            if let Some(facts) = found {
                joined = Some(match joined {
                    None => facts,
                    Some(before) => before.or(facts),
                });
            }
        }
        Ok(joined)
    }

    /// What they say of themselves.
    pub fn shown(&self) -> Vec<DatabaseInfo> {
        self.0.load().iter().map(|database| database.info.clone()).collect()
    }
}

impl Facts {
    /// What is said here, and else what is said there. A place is taken whole, because half of
    /// one and half of another would be none.
    fn or(self, other: Facts) -> Facts {
        let has_place = self.country.is_some() || self.coordinates.is_some();
        let (of_place, of_rest) = if has_place { (&self, &other) } else { (&other, &self) };
        let place = |part: fn(&Facts) -> &Option<String>| part(of_place).clone();
        let traits = self.traits.or(other.traits);
        Facts {
            continent: of_place.continent.clone().or_else(|| of_rest.continent.clone()),
            country: place(|facts| &facts.country),
            subdivision: place(|facts| &facts.subdivision),
            city: place(|facts| &facts.city),
            postal_code: place(|facts| &facts.postal_code),
            time_zone: place(|facts| &facts.time_zone),
            coordinates: of_place.coordinates,
            autonomous_system: self.autonomous_system.or(other.autonomous_system),
            organization: self.organization.clone().or_else(|| other.organization.clone()),
            traits,
        }
    }
}

fn files(folder: &Path) -> io::Result<BTreeSet<PathBuf>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeSet::new()),
        Err(error) => return Err(error),
    };
    let mut files = BTreeSet::new();
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_some_and(|ending| ending == ENDING) {
            files.insert(path);
        }
    }
    Ok(files)
}

/// Checks a database and puts a copy of it into a folder, whole or not at all: a node that has
/// the old one mapped goes on with it until it looks again.
///
/// # Errors
/// It is none, or the folder cannot be written.
pub fn put(database: &Path, folder: &Path, name: &str) -> Result<DatabaseInfo, GeoError> {
    let path = folder.join(name);
    let io = |source| GeoError::Io { path: path.clone(), source };
    DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(io)?;
    let partial = folder.join(format!(".{name}.partial"));
    let written = copy(database, &partial).map_err(io).and_then(|()| database::check(&partial));
    let moved = written.and_then(|info| {
        fs::rename(&partial, &path).map_err(io)?;
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(io)?;
        Ok(DatabaseInfo { name: name.to_owned(), ..info })
    });
    if moved.is_err() {
        // What is left of it, if anything; the error that is told is the one above.
        drop(fs::remove_file(&partial));
    }
    moved.map_err(|error| match error {
        // The file that somebody named is to blame, not its copy.
        GeoError::Invalid { detail, .. } => GeoError::Invalid { path: database.to_owned(), detail },
        GeoError::Size { bytes, .. } => GeoError::Size { path: database.to_owned(), bytes },
        other => other,
    })
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::copy(from, to)?;
    File::open(to)?.sync_all()
}
