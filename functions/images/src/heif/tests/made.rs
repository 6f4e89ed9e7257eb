//! Files that are put together box by box, to be wrong in one way each.

use crate::av1::sequence::Sequence;

/// A file. Data lie in `idat`; the first item is the picture.
#[derive(Clone)]
pub(super) struct Made {
    pub(super) brands: Vec<u8>,
    /// Type, data and associations of items 1, 2, …
    pub(super) items: Vec<Item>,
    pub(super) properties: Vec<Vec<u8>>,
    pub(super) references: Vec<([u8; 4], u16, Vec<u16>)>,
    /// What else `meta` holds.
    pub(super) more: Vec<u8>,
}

#[derive(Clone)]
pub(super) struct Item {
    pub(super) kind: [u8; 4],
    pub(super) data: Vec<u8>,
    /// Places of properties from 1 on; 0x80 is added to those that are essential.
    pub(super) properties: Vec<u8>,
}

/// The AV1 data of a picture of 64 × 48 pixels of 4:4:4, and its header.
pub(super) fn coded() -> (Vec<u8>, Sequence) {
    let file = include_bytes!("../../../testdata/avif/bt709.avif");
    let image = super::super::read(file).expect("a sample").image;
    (image.tiles[0].data().into_owned(), image.sequence)
}

/// The sequence header of a still picture of 4:4:4 and 8 bits, as a unit; no side is 0 or
/// above 65,536.
pub(super) fn sequence(width: u32, height: u32) -> Vec<u8> {
    let fields: [(u32, u32); 14] = [
        // Profile 1, still, a reduced header, level 31.
        (1, 3),
        (1, 1),
        (1, 1),
        (31, 5),
        // Bits of each side.
        (15, 4),
        (15, 4),
        (width - 1, 16),
        (height - 1, 16),
        // No tools, 8 bits, no code points, all values.
        (0, 6),
        (0, 2),
        (1, 1),
        // One quantizer, no grain, the end.
        (0, 2),
        (1, 1),
        (0, 2),
    ];
    let bits = fields.iter().fold(0u64, |bits, (value, count)| bits << count | u64::from(*value));
    [&[0x0a, 8][..], &bits.to_be_bytes()].concat()
}

pub(super) fn boxed(name: &[u8; 4], parts: &[&[u8]]) -> Vec<u8> {
    let body = parts.concat();
    [&(body.len() as u32 + 8).to_be_bytes()[..], name, &body].concat()
}

/// `ispe`.
pub(super) fn size(width: u32, height: u32) -> Vec<u8> {
    boxed(b"ispe", &[&[0; 4], &width.to_be_bytes(), &height.to_be_bytes()])
}

/// `av1C` of 4:4:4 and 8 bits.
pub(super) fn coding() -> Vec<u8> {
    boxed(b"av1C", &[&[0x81, 0x20, 0, 0]])
}

/// `auxC` of alpha.
pub(super) fn alpha() -> Vec<u8> {
    boxed(b"auxC", &[&[0; 4], b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha\0"])
}

/// The data of a grid.
pub(super) fn grid(rows: u8, columns: u8, width: u16, height: u16) -> Vec<u8> {
    [&[0, 0, rows - 1, columns - 1][..], &width.to_be_bytes(), &height.to_be_bytes()].concat()
}

impl Made {
    /// One picture, as it should be.
    pub(super) fn still() -> Self {
        let item = Item { kind: *b"av01", data: coded().0, properties: vec![1, 0x82] };
        Self {
            brands: b"avif\0\0\0\0avifmif1miaf".to_vec(),
            items: vec![item],
            properties: vec![size(64, 48), coding()],
            references: Vec::new(),
            more: Vec::new(),
        }
    }

    /// One picture whose headers agree about its size, and a frame of these bytes, at most
    /// 127.
    pub(super) fn announced(width: u32, height: u32, frame: &[u8]) -> Self {
        let mut made = Self::still();
        made.properties[0] = size(width, height);
        made.items[0].data =
            [&sequence(width, height)[..], &[0x32, frame.len() as u8], frame].concat();
        made
    }

    /// A grid of 2 × 2 tiles that are all the same, as it should be.
    pub(super) fn grid() -> Self {
        let mut made = Self::still();
        let tile = made.items[0].clone();
        made.properties.push(size(100, 90));
        made.items[0] = Item { kind: *b"grid", data: grid(2, 2, 100, 90), properties: vec![3] };
        made.items.extend([tile.clone(), tile.clone(), tile.clone(), tile]);
        made.references.push((*b"dimg", 1, vec![2, 3, 4, 5]));
        made
    }

    pub(super) fn file(&self) -> Vec<u8> {
        self.file_with(&self.locations())
    }

    /// The file with another body of `iloc`.
    pub(super) fn file_with(&self, locations: &[u8]) -> Vec<u8> {
        let data: Vec<u8> = self.items.iter().flat_map(|item| item.data.clone()).collect();
        let mut infos = [&[0; 4][..], &(self.items.len() as u16).to_be_bytes()].concat();
        let mut associations = [&[0; 4][..], &(self.items.len() as u32).to_be_bytes()].concat();
        for (id, item) in (1u16..).zip(&self.items) {
            let id = id.to_be_bytes();
            infos.extend(boxed(b"infe", &[&[2, 0, 0, 0], &id, &[0, 0], &item.kind, &[0]]));
            associations.extend(id);
            associations.push(item.properties.len() as u8);
            associations.extend(&item.properties);
        }
        let mut references = vec![0; 4];
        for (name, from, to) in &self.references {
            let to: Vec<u8> =
                [*from, to.len() as u16].iter().chain(to).flat_map(|id| id.to_be_bytes()).collect();
            references.extend(boxed(name, &[&to]));
        }
        let meta = boxed(
            b"meta",
            &[
                &[0; 4],
                &boxed(b"hdlr", &[&[0; 8], b"pict", &[0; 13]]),
                &boxed(b"pitm", &[&[0, 0, 0, 0, 0, 1]]),
                &boxed(b"iloc", &[locations]),
                &boxed(b"iinf", &[&infos]),
                &boxed(b"iref", &[&references]),
                &boxed(
                    b"iprp",
                    &[
                        &boxed(b"ipco", &[&self.properties.concat()]),
                        &boxed(b"ipma", &[&associations]),
                    ],
                ),
                &boxed(b"idat", &[&data]),
                &self.more,
            ],
        );
        [boxed(b"ftyp", &[&self.brands]), meta].concat()
    }

    /// `iloc` of version 1: each item is one extent within `idat`.
    fn locations(&self) -> Vec<u8> {
        let mut out = vec![1, 0, 0, 0, 0x44, 0];
        out.extend((self.items.len() as u16).to_be_bytes());
        let mut offset = 0u32;
        for (id, item) in (1u16..).zip(&self.items) {
            let length = item.data.len() as u32;
            out.extend(id.to_be_bytes());
            out.extend([0, 1, 0, 0, 0, 1]);
            out.extend(offset.to_be_bytes());
            out.extend(length.to_be_bytes());
            offset += length;
        }
        out
    }
}
