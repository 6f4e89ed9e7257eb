//! The pictures: photographs, and two of 12 megapixels that are made of photographs.

use crate::shell;
use crate::workspace::Workspace;
use anyhow::{Context, Result};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Photographs are made as wide, and large ones.
const WIDTH: u32 = 400;
const LARGE_WIDTH: u32 = 800;

/// A source, and how wide it is to become.
pub(super) struct Picture {
    /// The file's name within the folder of sources.
    pub(super) file: String,
    pub(super) bytes: Vec<u8>,
    pub(super) width: u32,
}

/// What is told of a picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Case {
    file: String,
    width: u32,
}

impl Picture {
    pub(super) fn case(&self) -> Case {
        Case { file: self.file.clone(), width: self.width }
    }
}

impl Case {
    pub(super) fn name(&self) -> String {
        format!("{} to {}", self.file, self.width)
    }
}

/// The folder that servers read from.
pub(super) fn folder(bench: &Path) -> PathBuf {
    bench.join("sources")
}

/// Photographs of `../shared/data/photos`, or those of the example where that folder is not
/// there, as JPEG; and two of 4000 × 3000 pixels: enlarged, with grain, as cameras write it.
pub(super) fn all(
    workspace: &Workspace,
    bench: &Path,
    sharp: Option<&Path>,
) -> Result<Vec<Picture>> {
    let shared = workspace.root.join("../shared/data/photos");
    let photographs = if shared.is_dir() { shared } else { workspace.root.join("examples/images") };
    println!("photographs of {}", photographs.display());
    let folder = folder(bench);
    fs::create_dir_all(&folder).context("making the folder of sources")?;
    let Some(sharp) = sharp else {
        // Without it nothing is converted or enlarged.
        return read(&photographs, WIDTH, |name| name.ends_with(".jpg"), Some(&folder));
    };
    let script = bench.join("sources.mjs");
    fs::write(&script, SCRIPT).context("writing a script")?;
    shell::run(Command::new("node").arg(&script).args([sharp, &photographs, &folder]))
        .context("making the sources")?;
    let is_large = |name: &str| name.starts_with("12mp-");
    let mut pictures = read(&folder, WIDTH, |name| !is_large(name), None)?;
    pictures.extend(read(&folder, LARGE_WIDTH, is_large, None)?);
    Ok(pictures)
}

fn read(
    from: &Path,
    width: u32,
    wants: impl Fn(&str) -> bool,
    copy_to: Option<&Path>,
) -> Result<Vec<Picture>> {
    let mut pictures = Vec::new();
    for entry in fs::read_dir(from).context("looking for photographs")? {
        let file = entry?.file_name().to_string_lossy().into_owned();
        if wants(&file) && file.ends_with(".jpg") {
            let bytes = fs::read(from.join(&file)).with_context(|| format!("reading {file}"))?;
            if let Some(to) = copy_to {
                fs::write(to.join(&file), &bytes).with_context(|| format!("copying {file}"))?;
            }
            pictures.push(Picture { file, bytes, width });
        }
    }
    pictures.sort_by(|one, other| one.file.cmp(&other.file));
    Ok(pictures)
}

/// `sources.mjs MODULES FROM TO`. The grain is the same in each run.
const SCRIPT: &str = r"
import fs from 'node:fs';
import { createRequire } from 'node:module';
const [, , modules, from, to] = process.argv;
const sharp = createRequire(modules + '/')('sharp');
const names = fs.readdirSync(from).filter((name) => /^[a-z_]+\.(png|jpg)$/.test(name)).sort();
for (const name of names) {
  const { width, height } = await sharp(from + '/' + name).metadata();
  if (width * height < 100000 || width > 4 * height) continue;
  await sharp(from + '/' + name).flatten().toColorspace('srgb').jpeg({ quality: 92 })
    .toFile(to + '/' + name.split('.')[0] + '.jpg');
}
for (const name of ['coffee', 'rocket']) {
  const pixels = await sharp(to + '/' + name + '.jpg')
    .resize(4000, 3000, { fit: 'cover', kernel: 'lanczos3' }).removeAlpha().raw().toBuffer();
  let seed = 12345;
  for (let at = 0; at < pixels.length; at++) {
    seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff;
    pixels[at] = Math.max(0, Math.min(255, pixels[at] + ((seed >> 16) % 13) - 6));
  }
  await sharp(pixels, { raw: { width: 4000, height: 3000, channels: 3 } })
    .jpeg({ quality: 90 }).toFile(to + '/12mp-' + name + '.jpg');
}
";
