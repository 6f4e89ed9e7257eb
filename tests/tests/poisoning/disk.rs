//! What lies on the disk, damaged or exchanged while the node is down: what is served is
//! what the origin has, or it is fetched anew.

use super::origin::{Asked, FRESH, Origin, Script, answer};
use super::play::ask;
use sedge_tests::client::Answer;
use sedge_tests::{Node, Scenario, wait_for};
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// More than the memory holds, each less than an eighth of it.
const OBJECTS: usize = 24;
const OBJECT_BYTES: usize = 100_000;
const CONFIG: &str = "[cache]\nmemory_bytes_max = \"1 MiB\"\ndisk_bytes_max = \"8 MiB\"\n";

/// Content that tells from each of its bytes which target and whose cache it is of.
fn content(target: &str, salt: u64) -> String {
    let seed =
        target.bytes().fold(salt, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
    let mut random = Random(seed);
    (0..OBJECT_BYTES).map(|_| char::from(b'a' + (random.next() % 26) as u8)).collect()
}

fn good(asked: &Asked) -> Vec<u8> {
    answer(
        asked,
        "200 OK",
        &format!("{FRESH}\nX-Of: {}", asked.target()),
        &content(asked.target(), 1),
    )
}

fn evil(asked: &Asked) -> Vec<u8> {
    answer(asked, "200 OK", &format!("{FRESH}\nX-Of: evil"), &content(asked.target(), 2))
}

/// Numbers that are the same in each run (SplitMix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }
}

/// The files of a cache, as they were when the node was killed.
struct Saved(Vec<(PathBuf, Vec<u8>)>);

impl Saved {
    fn of(node: &Node) -> Self {
        let mut files = Vec::new();
        let mut folders = vec![node.folder().join("data/cache")];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).expect("a folder").flatten() {
                match entry.path() {
                    path if path.is_dir() => folders.push(path),
                    path => files.push((path.clone(), fs::read(&path).expect("a file"))),
                }
            }
        }
        files.sort();
        Saved(files)
    }

    /// Puts them back, in the place of whatever lies there.
    fn restore(&self, node: &Node) {
        let folder = node.folder().join("data/cache");
        fs::remove_dir_all(&folder).expect("removed");
        fs::create_dir_all(folder.join("segments")).expect("made");
        for (path, bytes) in &self.0 {
            fs::write(path, bytes).expect("written");
        }
    }

    /// The files with stored responses.
    fn segments(&self) -> Vec<&(PathBuf, Vec<u8>)> {
        self.0.iter().filter(|(path, _)| is_segment(path)).collect()
    }
}

fn is_segment(path: &Path) -> bool {
    !["floor", "lock", "purges"].iter().any(|name| path.ends_with(name))
}

fn manifest(origin: &Origin) -> String {
    format!(
        "[app]\nname = \"shop\"\n\n[[upstream]]\nname = \"back\"\nendpoints = [\"{}\"]\n\n\
         [[chain]]\nname = \"cached\"\nlinks = [{{ cache = {{}} }}]\nupstream = \"back\"\n\n\
         [[route]]\nname = \"all\"\nchain = \"cached\"\n",
        origin.address
    )
}

fn target(at: usize) -> String {
    format!("/object/{at}")
}

fn get(node: &Node, at: usize) -> Answer {
    ask(node.listen, &format!("GET {} HTTP/1.1\r\nHost: shop.test\r\n\r\n", target(at)))
}

/// A node whose disk has most of the objects, and that was killed.
fn killed(script: Script) -> (Node, Origin) {
    let origin = Origin::start();
    origin.state().script = script;
    // What is damaged is told.
    let scenario = Scenario::new().config(CONFIG).allow("cache");
    let mut node = scenario.app("app", &manifest(&origin)).start();
    for _ in 0..3 {
        (0..OBJECTS).for_each(|at| assert_eq!(get(&node, at).status, 200));
    }
    let on_disk = || node.metrics().sum("sedge_cache_disk_objects", &[]) > 8.0;
    assert!(wait_for(Duration::from_secs(20), on_disk).is_some(), "{}", node.log());
    // What was answered is in the files, whatever ends the process.
    let written = || node.metrics().sum("sedge_cache_disk_written_total", &[]) > 8.0;
    assert!(wait_for(Duration::from_secs(20), written).is_some(), "{}", node.log());
    node.kill9();
    (node, origin)
}

/// Starts the node, and looks at each object; how many came from the disk.
fn served(node: &mut Node, origin: &Origin, what: &str, wrong: &mut Vec<String>) -> usize {
    origin.state().seen = 0;
    node.restart();
    for at in 0..OBJECTS {
        let (answer, target) = (get(node, at), target(at));
        let is_right = answer.status == 200
            && answer.header("x-of") == Some(&*target)
            && answer.text() == content(&target, 1);
        // A reader may be cut off where damage is found; the next one must not be.
        if !is_right && (answer.whole || get(node, at).text() != content(&target, 1)) {
            wrong.push(format!("{what}: {target}: {} whole {}", answer.status, answer.whole));
        }
    }
    let fetched = origin.state().seen;
    node.kill9();
    OBJECTS.saturating_sub(fetched)
}

/// Damage to one file.
type Damage = (&'static str, fn(&Path, &[u8], &mut Random));

#[rustfmt::skip]
const DAMAGES: &[Damage] = &[
    ("one bit", |path, bytes, random| flip(path, bytes, random, 1)),
    ("one bit, elsewhere", |path, bytes, random| flip(path, bytes, random, 1)),
    ("one bit, at a third place", |path, bytes, random| flip(path, bytes, random, 1)),
    ("many bits", |path, bytes, random| flip(path, bytes, random, 1_000)),
    ("one bit at the beginning", |path, bytes, random| edit(path, bytes, |bytes| bytes[random.below(64)] ^= 1)),
    ("one bit at the end", |path, bytes, _| edit(path, bytes, |bytes| if let Some(last) = bytes.last_mut() { *last ^= 0x80 })),
    ("cut to nothing", |path, _, _| write(path, &[])),
    ("cut to a byte", |path, bytes, _| write(path, &bytes[..1])),
    ("cut to a header", |path, bytes, _| write(path, &bytes[..64.min(bytes.len())])),
    ("cut in the middle", |path, bytes, random| write(path, &bytes[..random.below(bytes.len())])),
    ("cut by a byte", |path, bytes, _| write(path, &bytes[..bytes.len() - 1])),
    ("zeros in the middle", |path, bytes, random| edit(path, bytes, |bytes| { let at = random.below(bytes.len()); let end = bytes.len().min(at + 70_000); bytes[at..end].fill(0); })),
    ("zeros behind", |path, bytes, _| edit(path, bytes, |bytes| bytes.extend([0; 100_000]))),
    ("nothing but zeros", |path, bytes, _| write(path, &vec![0; bytes.len()])),
    ("noise behind", |path, bytes, random| edit(path, bytes, |bytes| bytes.extend((0..50_000).map(|_| random.next() as u8)))),
    ("itself behind", |path, bytes, _| write(path, &[bytes, bytes].concat())),
    ("a block exchanged with another", |path, bytes, random| edit(path, bytes, |bytes| exchange(bytes, random))),
    ("a block exchanged with another, elsewhere", |path, bytes, random| edit(path, bytes, |bytes| exchange(bytes, random))),
    ("a byte taken out", |path, bytes, random| edit(path, bytes, |bytes| { bytes.remove(random.below(bytes.len())); })),
    ("a byte put in", |path, bytes, random| edit(path, bytes, |bytes| bytes.insert(random.below(bytes.len()), 1))),
    ("gone", |path, _, _| fs::remove_file(path).expect("removed")),
    ("a folder in its place", |path, _, _| { fs::remove_file(path).expect("removed"); fs::create_dir(path).expect("made"); }),
    ("a folder with files in its place", |path, _, _| { fs::remove_file(path).expect("removed"); fs::create_dir(path).expect("made"); write(&path.join("x"), b"x"); }),
    ("a pipe in its place", |path, _, _| { fs::remove_file(path).expect("removed"); assert!(Command::new("mkfifo").arg(path).status().expect("mkfifo").success()); }),
    ("a link to nothing in its place", |path, _, _| { fs::remove_file(path).expect("removed"); symlink("nowhere", path).expect("a link"); }),
    ("a link to itself in its place", |path, _, _| { fs::remove_file(path).expect("removed"); symlink(path, path).expect("a link"); }),
    ("a link to an endless file in its place", |path, _, _| { fs::remove_file(path).expect("removed"); symlink("/dev/zero", path).expect("a link"); }),
    ("nobody may read it", |path, _, _| fs::set_permissions(path, fs::Permissions::from_mode(0o0)).expect("set")),
];

fn write(path: &Path, bytes: &[u8]) {
    fs::write(path, bytes).expect("written");
}

fn edit(path: &Path, bytes: &[u8], change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = bytes.to_vec();
    change(&mut bytes);
    write(path, &bytes);
}

fn flip(path: &Path, bytes: &[u8], random: &mut Random, bits: usize) {
    edit(path, bytes, |bytes| {
        for _ in 0..bits {
            let at = random.below(bytes.len());
            bytes[at] ^= 1 << random.below(8);
        }
    });
}

fn exchange(bytes: &mut [u8], random: &mut Random) {
    const BYTES: usize = 4_096;
    let Some(blocks) = (bytes.len() / BYTES).checked_sub(1).filter(|blocks| *blocks > 0) else {
        return;
    };
    let (one, other) = (random.below(blocks) * BYTES, random.below(blocks) * BYTES);
    for at in 0..BYTES {
        bytes.swap(one + at, other + at);
    }
}

#[test]
fn files_that_are_damaged_serve_nothing_wrong() {
    let (mut node, origin) = killed(good);
    let saved = Saved::of(&node);
    let mut wrong = Vec::new();
    let untouched = served(&mut node, &origin, "untouched", &mut wrong);
    assert!(untouched > 8, "only {untouched} of {OBJECTS} came from the disk");
    let mut lines = vec![format!("untouched: {untouched} of {OBJECTS} from the disk")];
    for (number, (name, damage)) in DAMAGES.iter().enumerate() {
        // Each file alone, and then all of them.
        for at in 0..=saved.0.len() {
            saved.restore(&node);
            let mut random = Random((number * 100 + at) as u64);
            let chosen = saved.0.iter().enumerate();
            let chosen = chosen.filter(|(file, _)| *file == at || at == saved.0.len());
            // Of one that is empty, nothing can be damaged but that it is a file.
            let is_of_kind = |bytes: &[u8]| !bytes.is_empty() || name.ends_with("in its place");
            for (_, (path, bytes)) in chosen.filter(|(_, (_, bytes))| is_of_kind(bytes)) {
                // A folder where a file of its own should be is the operator's to remove:
                // then the node does not start, and says why.
                if !name.contains("folder") || is_segment(path) {
                    damage(path, bytes, &mut random);
                }
            }
            let file = saved.0.get(at).map(|(path, _)| path.file_name());
            let what = format!("{name}: {file:?}");
            let held = served(&mut node, &origin, &what, &mut wrong);
            lines.push(format!("{what}: {held} of {OBJECTS} from the disk"));
        }
    }
    let table = lines.join("\n");
    assert!(wrong.is_empty(), "{}\n{table}", wrong.join("\n"));
    println!("{table}");
}

#[test]
fn files_of_another_cache_serve_nothing_of_it() {
    let (other, _evil) = killed(evil);
    let foreign = Saved::of(&other);
    let (mut node, origin) = killed(good);
    let saved = Saved::of(&node);
    let mut wrong = Vec::new();
    let (own, others) = (saved.segments(), foreign.segments());
    assert!(!own.is_empty() && !others.is_empty());
    // In the place of an own one, and beside the own ones.
    for (at, (path, bytes)) in others.iter().enumerate() {
        for place in 0..=own.len() {
            saved.restore(&node);
            let folder = own[0].0.parent().expect("a folder");
            let name = path.file_name().expect("a name");
            match own.get(place) {
                Some((own, _)) => write(own, bytes),
                None => write(&folder.join(name), bytes),
            }
            served(&mut node, &origin, &format!("{at} at {place}"), &mut wrong);
        }
    }
    // All of the own ones exchanged with one another.
    saved.restore(&node);
    for (at, (path, _)) in own.iter().enumerate() {
        write(path, &own[(at + 1) % own.len()].1);
    }
    served(&mut node, &origin, "exchanged", &mut wrong);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // All that the other cache had is a cache, and so the harness must see it.
    let [own, others] = [&node, &other].map(|node| node.folder().join("data/cache"));
    fs::remove_dir_all(&own).expect("removed");
    fs::create_dir_all(own.join("segments")).expect("made");
    for (path, bytes) in &foreign.0 {
        write(&own.join(path.strip_prefix(&others).expect("within")), bytes);
    }
    served(&mut node, &origin, "all of the other", &mut wrong);
    assert!(wrong.len() > 8, "{wrong:?}");
}
