//! What a file holds, by the box `meta`: its items, where their bytes lie, and
//! how they refer to each other (ISO/IEC 14496-12 §8.11).

use super::boxes::{Boxed, Boxes, Reader, malformed};
use super::properties::{Association, associations};
use crate::problem::Problem;

/// The most items, and extents, references and properties of all of them.
const ITEMS_MAX: usize = 4_096;
const EXTENTS_MAX: usize = 8_192;
const REFERENCES_MAX: usize = 8_192;
const PROPERTIES_MAX: usize = 4_096;

/// The tables of the box `meta`, each as long as its limit at most.
#[derive(Default)]
pub(super) struct Meta<'a> {
    /// The item that is the picture.
    pub(super) primary: u32,
    /// Identifiers and types of the items.
    items: Vec<(u32, [u8; 4])>,
    locations: Vec<Location>,
    references: Vec<Reference>,
    /// All properties; associations name them by their place, from 1 on.
    properties: Vec<Boxed<'a>>,
    associations: Vec<(u32, Vec<Association>)>,
    /// What `idat` holds.
    data: &'a [u8],
}

/// Where the bytes of an item lie.
struct Location {
    item: u32,
    /// In `idat`, not in the file.
    is_inside: bool,
    /// Offset and length; of length 0, all from there on.
    extents: Vec<(u64, u64)>,
}

/// From an item to others.
struct Reference {
    name: [u8; 4],
    from: u32,
    to: Vec<u32>,
}

impl<'a> Meta<'a> {
    /// Reads the body of the box `meta`.
    pub(super) fn read(body: &'a [u8]) -> Result<Self, Problem> {
        let mut reader = Reader::new(body);
        reader.version().ok_or_else(|| malformed(*b"meta"))?;
        let mut meta = Self::default();
        let mut seen: Vec<[u8; 4]> = Vec::new();
        for found in (Boxes { rest: reader.rest }) {
            let found = found?;
            const KNOWN: [&[u8; 4]; 7] =
                [b"hdlr", b"pitm", b"iloc", b"iinf", b"iref", b"iprp", b"idat"];
            if !KNOWN.contains(&&found.name) {
                continue;
            }
            if seen.contains(&found.name) {
                return Err(found.malformed());
            }
            seen.push(found.name);
            match &found.name {
                b"hdlr" => handler(found.body).ok_or_else(|| found.malformed())?,
                b"pitm" => {
                    meta.primary = primary(found.body).ok_or_else(|| found.malformed())?;
                }
                b"iloc" => {
                    meta.locations = locations(found.body).ok_or_else(|| found.malformed())?;
                }
                b"iinf" => meta.items = items(found)?,
                b"iref" => meta.references = references(found)?,
                b"iprp" => meta.read_properties(found)?,
                _ => meta.data = found.body,
            }
        }
        if seen.contains(b"pitm") { Ok(meta) } else { Err(malformed(*b"meta")) }
    }

    /// `ipco` with the properties and `ipma` with their associations (§8.11.14).
    fn read_properties(&mut self, found: Boxed<'a>) -> Result<(), Problem> {
        for inner in (Boxes { rest: found.body }) {
            let inner = inner?;
            match &inner.name {
                b"ipco" if self.properties.is_empty() => {
                    for property in (Boxes { rest: inner.body }) {
                        if self.properties.len() == PROPERTIES_MAX {
                            return Err(Problem::Unsupported("it has too many properties"));
                        }
                        self.properties.push(property?);
                    }
                }
                b"ipma" => {
                    let room = ITEMS_MAX - self.associations.len();
                    let more = associations(inner.body, room).ok_or_else(|| inner.malformed())?;
                    self.associations.extend(more);
                }
                _ => return Err(inner.malformed()),
            }
        }
        Ok(())
    }

    /// The type of an item.
    pub(super) fn kind(&self, item: u32) -> Option<[u8; 4]> {
        self.items.iter().find(|(id, _)| *id == item).map(|(_, kind)| *kind)
    }

    /// The items that references of this name lead to from `from`.
    pub(super) fn references_from(&self, name: &[u8; 4], from: u32) -> &[u32] {
        let found = self.references.iter().find(|one| one.name == *name && one.from == from);
        found.map_or(&[], |one| &one.to)
    }

    /// The items from which references of this name lead to `to`.
    pub(super) fn references_to(
        &self,
        name: [u8; 4],
        to: u32,
    ) -> impl Iterator<Item = u32> + use<'_, 'a> {
        let leads = move |one: &&Reference| one.name == name && one.to.contains(&to);
        self.references.iter().filter(leads).map(|one| one.from)
    }

    /// The properties of an item, and whether each is essential, in their order.
    pub(super) fn properties_of(
        &self,
        item: u32,
    ) -> impl Iterator<Item = Result<(Boxed<'a>, bool), Problem>> + use<'_, 'a> {
        let of_item = self.associations.iter().find(|(id, _)| *id == item);
        let associations = of_item.map_or(&[][..], |(_, associations)| associations);
        // Index 0 stands for no property.
        associations.iter().filter(|one| one.index > 0).map(|one| {
            let property = self.properties.get(usize::from(one.index) - 1);
            let property = property.ok_or_else(|| malformed(*b"ipma"))?;
            Ok((*property, one.is_essential))
        })
    }

    /// The parts that an item consists of, in their order; `source` is the file.
    pub(super) fn parts(&self, item: u32, source: &'a [u8]) -> Result<Vec<&'a [u8]>, Problem> {
        let location = self.locations.iter().find(|one| one.item == item);
        let location = location.ok_or_else(|| malformed(*b"iloc"))?;
        let whole = if location.is_inside { self.data } else { source };
        let part = |(offset, length): &(u64, u64)| {
            let from = usize::try_from(*offset).ok()?;
            let length = usize::try_from(*length).ok()?;
            let to = if length == 0 { whole.len() } else { from.checked_add(length)? };
            whole.get(from..to)
        };
        let parts: Option<Vec<_>> = location.extents.iter().map(part).collect();
        parts.ok_or_else(|| Problem::Damaged("an item of it lies past its end".to_owned()))
    }
}

/// The handler must be for pictures (ISO/IEC 23008-12 §6.2).
fn handler(body: &[u8]) -> Option<()> {
    let mut reader = Reader::new(body);
    reader.version()?;
    reader.u32()?;
    (reader.name()? == *b"pict").then_some(())
}

fn primary(body: &[u8]) -> Option<u32> {
    let mut reader = Reader::new(body);
    let (version, _) = reader.version()?;
    reader.id(version > 0)
}

/// §8.11.3, versions 0 to 2.
fn locations(body: &[u8]) -> Option<Vec<Location>> {
    let mut reader = Reader::new(body);
    let (version, _) = reader.version()?;
    let sizes = reader.u16()?;
    let size = |shift: u16| usize::from(sizes >> shift & 15);
    let is_size = |size: usize| matches!(size, 0 | 4 | 8);
    let (offset_bytes, length_bytes, base_bytes) = (size(12), size(8), size(4));
    let index_bytes = if version == 0 { 0 } else { size(0) };
    let are_sizes = [offset_bytes, length_bytes, base_bytes, index_bytes].into_iter().all(is_size);
    if version > 2 || !are_sizes {
        return None;
    }
    let count = usize::try_from(reader.id(version == 2)?).ok()?;
    if count > ITEMS_MAX {
        return None;
    }
    let (mut locations, mut extents_left) = (Vec::new(), EXTENTS_MAX);
    for _ in 0..count {
        let item = reader.id(version == 2)?;
        let method = if version == 0 { 0 } else { reader.u16()? & 15 };
        // Another file has none of ours.
        let is_elsewhere = reader.u16()? != 0;
        let base = reader.number(base_bytes)?;
        let count = usize::from(reader.u16()?);
        extents_left = extents_left.checked_sub(count)?;
        let mut extents = Vec::new();
        for _ in 0..count {
            reader.number(index_bytes)?;
            let offset = reader.number(offset_bytes)?;
            let length = reader.number(length_bytes)?;
            extents.push((base.checked_add(offset)?, length));
        }
        // An item of another method is as one that lies nowhere: that matters
        // only if it is needed.
        if method <= 1 && !is_elsewhere {
            locations.push(Location { item, is_inside: method == 1, extents });
        }
    }
    Some(locations)
}

/// §8.11.6; entries of versions 2 and 3, which are those with a type.
fn items(found: Boxed<'_>) -> Result<Vec<(u32, [u8; 4])>, Problem> {
    let mut reader = Reader::new(found.body);
    let mut count = || {
        let (version, _) = reader.version()?;
        reader.id(version > 0)
    };
    count().ok_or_else(|| found.malformed())?;
    let mut items = Vec::new();
    for entry in (Boxes { rest: reader.rest }) {
        let entry = entry?;
        if items.len() == ITEMS_MAX {
            return Err(Problem::Unsupported("it has too many items"));
        }
        let mut reader = Reader::new(entry.body);
        let mut item = || {
            let (version, _) = reader.version()?;
            let id = reader.id(version > 2)?;
            // The index of a protection.
            reader.u16()?;
            (version >= 2).then_some((id, reader.name()?))
        };
        if entry.name != *b"infe" {
            return Err(entry.malformed());
        }
        items.push(item().ok_or_else(|| entry.malformed())?);
    }
    Ok(items)
}

/// §8.11.12, versions 0 and 1.
fn references(found: Boxed<'_>) -> Result<Vec<Reference>, Problem> {
    let mut reader = Reader::new(found.body);
    let (version, _) = reader.version().ok_or_else(|| found.malformed())?;
    let (mut references, mut left) = (Vec::new(), REFERENCES_MAX);
    for one in (Boxes { rest: reader.rest }) {
        let one = one?;
        let mut reader = Reader::new(one.body);
        let mut read = || {
            let from = reader.id(version > 0)?;
            let count = usize::from(reader.u16()?);
            left = left.checked_sub(count.max(1))?;
            let to: Option<Vec<u32>> = (0..count).map(|_| reader.id(version > 0)).collect();
            Some(Reference { name: one.name, from, to: to? })
        };
        references.push(read().ok_or_else(|| one.malformed())?);
    }
    Ok(references)
}
