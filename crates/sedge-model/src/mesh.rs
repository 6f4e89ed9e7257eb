//! Reads the files of service meshes and ingress gateways as they are: Istio's
//! `Gateway`, `VirtualService` and `DestinationRule`, and the Kubernetes Gateway
//! API's `Gateway` and `HTTPRoute`, into the rules and upstreams of an app.
//!
//! In reading order: [`yaml`] gives values with their places, [`fields`] takes
//! them one by one and reports what nobody took, [`object`] tells kinds apart,
//! [`entrance`] says where requests come in, [`istio`] and [`gateway_api`] read
//! what becomes of them, and [`services`] finds the endpoints that names mean.
//!
//! A field that is understood is honored. One that is not is a mistake that
//! names it; a lenient reader warns instead. What is malformed is always a
//! mistake. All of them are found at once.

mod duration;
mod entrance;
mod fields;
mod gateway_api;
mod istio;
mod object;
mod services;
#[cfg(test)]
mod tests;
mod values;
mod yaml;

use crate::document::{Found, Problems};
use crate::node_config::NodeConfig;
use crate::routing::rule::Rule;
use crate::routing::upstream::Upstream;
use entrance::Entrance;
use object::{Kind, Object};
use services::Services;
use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::path::{Path, PathBuf};

/// One file is not longer than this.
const TEXT_BYTES_MAX: usize = 4 << 20;

/// A file that was read from disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceText {
    /// Named in messages; paths within are resolved against its folder.
    pub file: PathBuf,
    /// What it says.
    pub text: String,
}

/// What the files say together.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Mesh {
    /// Names unique; those of Istio in the order of the files.
    pub rules: Vec<Rule>,
    /// One for each service, port and subset that a rule names.
    pub upstreams: Vec<Upstream>,
    /// What a lenient reader left out, by file.
    pub warnings: Vec<Problems>,
}

/// Every mistake of every file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistakes {
    /// Those of one file each; none is empty.
    pub files: Vec<Problems>,
}

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problems) in self.files.iter().enumerate() {
            write!(f, "{}{problems}", if index > 0 { "\n" } else { "" })?;
        }
        Ok(())
    }
}

impl std::error::Error for Mistakes {}

/// Whether a field that this node does not honor is a mistake.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Strictness {
    /// It is.
    #[default]
    Strict,
    /// It is left out with a warning (`--lenient`).
    Lenient,
}

/// Reads `files` as one app. The node's configuration says which endpoints the
/// names of services mean, which listeners the ports of gateways are, and which
/// certificates it has. Nothing is read from disk. Fails with *all* mistakes of
/// all files.
pub fn read(
    files: &[SourceText],
    node: &NodeConfig,
    strictness: Strictness,
) -> Result<Mesh, Mistakes> {
    let mut notes = Notes { wrong: Vec::new(), left_out: Vec::new(), strictness };
    let documents: Vec<Vec<yaml::Node>> = files
        .iter()
        .enumerate()
        .map(|(file, source)| documents(source, file, &mut notes))
        .collect();
    let mut objects = Vec::new();
    for (file, documents) in documents.iter().enumerate() {
        for document in documents {
            objects.extend(object::read(document, file, &node.mesh.namespace, &mut notes));
        }
    }
    if objects.is_empty() && notes.wrong.is_empty() && notes.left_out.is_empty() {
        let message = "there is no object in the file".to_owned();
        notes.push(0, Found { span: 0..0, message, hint: None }, false);
    }
    unique_names(&mut objects, files, &mut notes);
    let mut mesh = routes(&objects, files, node, &mut notes);
    let by_file = |list: &[(usize, Found)]| -> Vec<Problems> {
        let of = |file: usize| -> Vec<Found> {
            list.iter().filter(|(one, _)| *one == file).map(|(_, found)| found.clone()).collect()
        };
        let lists = files.iter().enumerate().map(|(file, source)| (source, of(file)));
        let lists = lists.filter(|(_, found)| !found.is_empty());
        lists.map(|(source, found)| Problems::new(&source.text, &source.file, found)).collect()
    };
    if !notes.wrong.is_empty() {
        return Err(Mistakes { files: by_file(&notes.wrong) });
    }
    mesh.warnings = by_file(&notes.left_out).into_iter().map(Problems::into_warnings).collect();
    Ok(mesh)
}

/// What was found wrong and what was left out, by file.
struct Notes {
    wrong: Vec<(usize, Found)>,
    left_out: Vec<(usize, Found)>,
    strictness: Strictness,
}

impl Notes {
    fn push(&mut self, file: usize, found: Found, unsupported: bool) {
        let list = match self.strictness {
            Strictness::Lenient if unsupported => &mut self.left_out,
            _ => &mut self.wrong,
        };
        list.push((file, found));
    }
}

/// Where requests come in, by namespace and name of the gateway.
#[derive(Debug, Default)]
struct Gateways {
    istio: BTreeMap<(String, String), Vec<Entrance>>,
    gateway_api: BTreeMap<(String, String), Vec<gateway_api::gateway::Listener>>,
}

fn documents(source: &SourceText, file: usize, notes: &mut Notes) -> Vec<yaml::Node> {
    let mut refuse = |found| {
        notes.push(file, found, false);
        Vec::new()
    };
    if source.text.len() > TEXT_BYTES_MAX {
        let message = format!("the file is larger than {TEXT_BYTES_MAX} bytes");
        return refuse(Found { span: 0..0, message, hint: None });
    }
    if let Some(found) = object::flattened(&source.text) {
        return refuse(found);
    }
    let (documents, found) = yaml::documents(&source.text);
    notes.wrong.extend(found.into_iter().map(|found| (file, found)));
    documents
}

/// Two objects of one kind and name are a mistake: the later would win in a
/// cluster.
fn unique_names(objects: &mut Vec<Object<'_>>, files: &[SourceText], notes: &mut Notes) {
    let mut seen: BTreeMap<(String, String, String), String> = BTreeMap::new();
    objects.retain(|object| {
        let key = (format!("{:?}", object.kind), object.namespace.clone(), object.name.clone());
        let source = &files[object.spot.file];
        let line = source.text[..object.spot.span.start].matches('\n').count() + 1;
        let here = format!("{}:{line}", source.file.display());
        if let Some(first) = seen.get(&key) {
            let message = format!("two objects of this kind have the name `{}`", object.name);
            let hint = format!("the first is in {first}");
            notes.wrong(&object.spot, crate::document::Invalid::new(message, hint));
            return false;
        }
        seen.insert(key, here);
        true
    });
}

/// What is around a route while it is read.
struct Context<'c, 'n> {
    gateways: &'c Gateways,
    services: &'c mut Services<'n>,
    node: &'n NodeConfig,
    names: &'c mut HashSet<String>,
}

/// Entrances first, then how services are spoken with, then the routes.
fn routes(
    objects: &[Object<'_>],
    files: &[SourceText],
    node: &NodeConfig,
    notes: &mut Notes,
) -> Mesh {
    let folder = |object: &Object<'_>| {
        files[object.spot.file].file.parent().unwrap_or(Path::new("")).to_owned()
    };
    let of = |kind| objects.iter().filter(move |object| object.kind == kind);
    let mut gateways = Gateways::default();
    for object in of(Kind::IstioGateway) {
        let entrances = istio::gateway::read(object, node, &folder(object), notes);
        gateways.istio.insert((object.namespace.clone(), object.name.clone()), entrances);
    }
    for object in of(Kind::Gateway) {
        let listeners = gateway_api::gateway::read(object, node, notes);
        gateways.gateway_api.insert((object.namespace.clone(), object.name.clone()), listeners);
    }
    let traffic = of(Kind::DestinationRule)
        .filter_map(|object| istio::destination_rule::read(object, node, &folder(object), notes))
        .collect();
    let mut services = Services::new(node, traffic);
    let mut names = HashSet::new();
    let mut rules = Vec::new();
    for ((_, name), entrances) in &gateways.istio {
        for one in entrances.iter().filter(|one| one.to_https) {
            let name = values::unique(&format!("{name}-to-https"), &mut names);
            rules.push(entrance::to_https(name, one.hosts.clone(), one.door));
        }
    }
    let mut context =
        Context { gateways: &gateways, services: &mut services, node, names: &mut names };
    for object in objects {
        match object.kind {
            Kind::VirtualService => {
                rules.extend(istio::virtual_service::read(object, &mut context, notes));
            }
            Kind::HttpRoute => {
                rules.extend(gateway_api::http_route::read(object, &mut context, notes))
            }
            _ => {}
        }
    }
    Mesh { rules, upstreams: services.upstreams, warnings: Vec::new() }
}
