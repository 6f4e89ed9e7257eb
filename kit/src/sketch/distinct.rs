//! How many different things there were: HyperLogLog (Flajolet, Fusy, Gandouet & Meunier, AofA
//! 2007) with hashes of 64 bits, a sparse start (Heule, Nunkesser & Hall, *HyperLogLog in
//! Practice*, EDBT 2013) and the estimator of Ertl (*New cardinality estimation algorithms for
//! HyperLogLog sketches*, arXiv:1702.01284, 2017, algorithm 6), which needs no table of measured
//! biases and is right from zero to 2⁶⁰.
//!
//! **Error.** With m = 2^precision registers the standard error of a large count is 1.04/√m
//! ([`Distinct::standard_error`]); while the sketch is sparse it is below a thousandth. The
//! sketch depends on the *set* of hashes only, not on order, repetition or how they were
//! divided among sketches that were merged.
//!
//! **Room.** Four bytes for each different hash at first, then m bytes; m·6/8 when written.
//!
//! **Hostile input.** Who knows the hash can make the count as large or as small as he likes:
//! what strangers send is to be hashed with a secret.

use alloc::vec;
use alloc::vec::Vec;

use super::hash;
use crate::state::{Reader, StateError, Writer, seal, unseal};

/// What a written sketch begins with, and its version.
const KIND: [u8; 4] = *b"skdi";
const VERSION: u8 = 1;

/// The precisions that there are.
pub const PRECISION_MIN: u8 = 4;
/// The precisions that there are.
pub const PRECISION_MAX: u8 = 18;

/// Bits of the register's number while the sketch is sparse.
const SPARSE_BITS: u32 = 26;
/// An entry is the register's number and, in its lowest bits, what is in there.
const RANK_BITS: u32 = 6;
/// Inserting moves what is behind: more entries than this would take longer than they save.
const SPARSE_MAX: usize = 1024;

/// 1.04/√m, to more digits: √(3·ln 2 − 1).
const ERROR_FACTOR: f64 = 1.038_961_761_413_689_2;

#[derive(Clone, Debug, PartialEq, Eq)]
enum Registers {
    /// In the order of the registers, each once.
    Sparse(Vec<u32>),
    Dense(Vec<u8>),
}

/// A set of which only the size is known, and that not exactly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Distinct {
    precision: u8,
    registers: Registers,
}

impl Distinct {
    /// Nothing yet. `precision` is clamped to [`PRECISION_MIN`] and [`PRECISION_MAX`].
    pub fn new(precision: u8) -> Self {
        let precision = precision.clamp(PRECISION_MIN, PRECISION_MAX);
        Distinct { precision, registers: Registers::Sparse(Vec::new()) }
    }

    /// How many bits of a hash choose its register.
    pub fn precision(&self) -> u8 {
        self.precision
    }

    /// The standard deviation of the estimate, as a share of the true count, once that is well
    /// beyond the number of registers. It is smaller before.
    pub fn standard_error(&self) -> f64 {
        ERROR_FACTOR / libm::sqrt((1_u64 << self.precision) as f64)
    }

    /// Takes one more thing, by its XXH64 without a seed.
    pub fn insert(&mut self, bytes: &[u8]) {
        self.insert_hash(hash::xxh64(bytes, 0));
    }

    /// Takes one more thing, by its hash. All 64 bits must be as good as random.
    pub fn insert_hash(&mut self, hash: u64) {
        match &mut self.registers {
            Registers::Dense(ranks) => {
                let index = (hash >> (64 - u32::from(self.precision))) as usize;
                let rank = rank(hash, u32::from(self.precision));
                if ranks[index] < rank {
                    ranks[index] = rank;
                }
            }
            Registers::Sparse(_) => {
                let index = (hash >> (64 - SPARSE_BITS)) as u32;
                self.insert_sparse(index << RANK_BITS | u32::from(rank(hash, SPARSE_BITS)));
            }
        }
    }

    fn insert_sparse(&mut self, entry: u32) {
        let Registers::Sparse(entries) = &mut self.registers else { return };
        let index = entry >> RANK_BITS;
        match entries.binary_search_by_key(&index, |one| one >> RANK_BITS) {
            Ok(at) => entries[at] = entries[at].max(entry),
            Err(at) => entries.insert(at, entry),
        }
        if entries.len() > sparse_max(self.precision) {
            self.make_dense();
        }
    }

    fn make_dense(&mut self) {
        let Registers::Sparse(entries) = &self.registers else { return };
        let mut ranks = vec![0; 1 << self.precision];
        for entry in entries {
            let (index, rank) = parts(*entry);
            raise(&mut ranks, reduce(index, rank, SPARSE_BITS, u32::from(self.precision)));
        }
        self.registers = Registers::Dense(ranks);
    }

    /// Adds all that `other` has seen. The lower precision of both is the precision then.
    pub fn merge(&mut self, other: &Distinct) {
        self.reduce_to(other.precision);
        match &other.registers {
            Registers::Sparse(entries) => {
                entries.iter().for_each(|entry| self.insert_entry(*entry))
            }
            Registers::Dense(others) => {
                self.make_dense();
                let Registers::Dense(ranks) = &mut self.registers else { return };
                let (from, to) = (u32::from(other.precision), u32::from(self.precision));
                for (index, rank) in others.iter().enumerate() {
                    raise(ranks, reduce(index, *rank, from, to));
                }
            }
        }
    }

    fn insert_entry(&mut self, entry: u32) {
        let (index, rank) = parts(entry);
        match &mut self.registers {
            Registers::Sparse(_) => self.insert_sparse(entry),
            Registers::Dense(ranks) => {
                raise(ranks, reduce(index, rank, SPARSE_BITS, u32::from(self.precision)));
            }
        }
    }

    /// Gives up precision; nothing if it is not above `precision`.
    pub fn reduce_to(&mut self, precision: u8) {
        let precision = precision.clamp(PRECISION_MIN, PRECISION_MAX);
        if precision >= self.precision {
            return;
        }
        let before = u32::from(self.precision);
        self.precision = precision;
        match &self.registers {
            Registers::Sparse(entries) if entries.len() <= sparse_max(precision) => {}
            Registers::Sparse(_) => self.make_dense(),
            Registers::Dense(finer) => {
                let mut ranks = vec![0; 1 << precision];
                for (index, rank) in finer.iter().enumerate() {
                    raise(&mut ranks, reduce(index, *rank, before, u32::from(precision)));
                }
                self.registers = Registers::Dense(ranks);
            }
        }
    }

    /// Whether nothing was ever inserted.
    pub fn is_empty(&self) -> bool {
        matches!(&self.registers, Registers::Sparse(entries) if entries.is_empty())
    }

    /// How many different things there were, about.
    pub fn estimate(&self) -> f64 {
        match &self.registers {
            // How many balls leave so many of 2²⁶ boxes empty (linear counting: Whang,
            // Vander-Zanden & Taylor, ACM TODS 15, 1990).
            Registers::Sparse(entries) => {
                let boxes = (1_u64 << SPARSE_BITS) as f64;
                -boxes * libm::log1p(-(entries.len() as f64) / boxes)
            }
            Registers::Dense(ranks) => dense_estimate(ranks, u32::from(self.precision)),
        }
    }

    /// Bytes in memory.
    pub fn memory_bytes(&self) -> usize {
        let heap = match &self.registers {
            Registers::Sparse(entries) => entries.capacity() * size_of::<u32>(),
            Registers::Dense(ranks) => ranks.capacity(),
        };
        size_of::<Self>() + heap
    }

    /// The sketch as bytes, for [`Distinct::from_bytes`].
    pub fn to_bytes(&self) -> Vec<u8> {
        seal(KIND, VERSION, |out| self.write(out))
    }

    /// What [`Distinct::to_bytes`] gave.
    ///
    /// # Errors
    ///
    /// If the bytes are not such a sketch.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, StateError> {
        unseal(bytes, KIND, VERSION, Distinct::read)
    }

    /// Sparse entries as distances, dense registers with six bits each.
    pub(crate) fn write(&self, out: &mut Writer) {
        out.u8(self.precision);
        match &self.registers {
            Registers::Sparse(entries) => {
                out.u8(0);
                out.varint(entries.len() as u64);
                let mut before = 0;
                for entry in entries {
                    out.varint(u64::from(entry - before));
                    before = *entry;
                }
            }
            Registers::Dense(ranks) => {
                out.u8(1);
                for four in ranks.as_chunks::<4>().0 {
                    let word = four.iter().rev().fold(0, |word, rank| word << 6 | u32::from(*rank));
                    word.to_le_bytes()[..3].iter().for_each(|byte| out.u8(*byte));
                }
            }
        }
    }

    pub(crate) fn read(input: &mut Reader) -> Result<Self, StateError> {
        let precision = input.u8()?;
        if !(PRECISION_MIN..=PRECISION_MAX).contains(&precision) {
            return Err(StateError::Value);
        }
        let registers = match input.u8()? {
            0 => Registers::Sparse(read_sparse(input, precision)?),
            1 => Registers::Dense(read_dense(input, precision)?),
            _ => return Err(StateError::Value),
        };
        Ok(Distinct { precision, registers })
    }
}

fn read_sparse(input: &mut Reader, precision: u8) -> Result<Vec<u32>, StateError> {
    let count = input.varcount(sparse_max(precision))?;
    let mut entries: Vec<u32> = Vec::with_capacity(count);
    let mut entry = 0_u32;
    for _ in 0..count {
        let distance = u32::try_from(input.varint()?).map_err(|_| StateError::Value)?;
        entry = entry.checked_add(distance).ok_or(StateError::Value)?;
        let (index, rank) = parts(entry);
        let ordered = entries.last().is_none_or(|last| ((last >> RANK_BITS) as usize) < index);
        if !ordered || !(1..=rank_max(SPARSE_BITS)).contains(&rank) {
            return Err(StateError::Value);
        }
        entries.push(entry);
    }
    Ok(entries)
}

fn read_dense(input: &mut Reader, precision: u8) -> Result<Vec<u8>, StateError> {
    let packed = input.bytes((1 << precision) / 4 * 3)?;
    let mut ranks = Vec::with_capacity(1 << precision);
    for [low, middle, high] in packed.as_chunks::<3>().0 {
        let word = u32::from_le_bytes([*low, *middle, *high, 0]);
        ranks.extend([0, 6, 12, 18].map(|shift| (word >> shift) as u8 & 0x3F));
    }
    let highest = ranks.iter().copied().max().unwrap_or(0);
    // What is dense has been too large to be sparse: some register is not empty.
    if highest == 0 || highest > rank_max(u32::from(precision)) {
        return Err(StateError::Value);
    }
    Ok(ranks)
}

/// How many entries a sparse sketch may have: not more room than the registers take.
fn sparse_max(precision: u8) -> usize {
    ((1 << precision) / size_of::<u32>()).min(SPARSE_MAX)
}

/// The highest that a register can hold.
fn rank_max(precision: u32) -> u8 {
    (64 - precision + 1) as u8
}

/// One more than the zeros that the hash begins with behind the bits of its register.
fn rank(hash: u64, precision: u32) -> u8 {
    // The bit behind the last one ends a row of zeros.
    let rest = hash << precision | 1 << (precision - 1);
    rest.leading_zeros() as u8 + 1
}

fn parts(entry: u32) -> (usize, u8) {
    ((entry >> RANK_BITS) as usize, (entry & ((1 << RANK_BITS) - 1)) as u8)
}

/// Which register a finer one belongs to, and what it says there: as if the hash were given
/// again.
fn reduce(index: usize, rank: u8, from: u32, to: u32) -> (usize, u8) {
    let dropped = from - to;
    let below = index as u64 & ((1 << dropped) - 1);
    let rank = match below {
        _ if rank == 0 => 0,
        0 => rank + dropped as u8,
        _ => (below.leading_zeros() - (64 - dropped)) as u8 + 1,
    };
    (index >> dropped, rank)
}

fn raise(ranks: &mut [u8], (index, rank): (usize, u8)) {
    ranks[index] = ranks[index].max(rank);
}

/// Ertl (2017), algorithm 6.
fn dense_estimate(ranks: &[u8], precision: u32) -> f64 {
    let registers = ranks.len() as f64;
    let highest = usize::from(rank_max(precision));
    let mut counts = [0_u32; 64];
    ranks.iter().for_each(|rank| counts[usize::from(*rank & 63)] += 1);
    let full = f64::from(counts[highest]) / registers;
    let mut sum = registers * tau(1.0 - full);
    for rank in (1..highest).rev() {
        sum = 0.5 * (sum + f64::from(counts[rank]));
    }
    sum += registers * sigma(f64::from(counts[0]) / registers);
    registers * registers / (2.0 * core::f64::consts::LN_2 * sum)
}

/// What empty registers stand for: x + Σ x^(2^k)·2^(k−1); infinite at 1.
fn sigma(share: f64) -> f64 {
    if share >= 1.0 {
        return f64::INFINITY;
    }
    let (mut power, mut weight, mut sum) = (share, 1.0, share);
    loop {
        power *= power;
        let before = sum;
        sum += power * weight;
        weight += weight;
        if sum <= before {
            return sum;
        }
    }
}

/// What full registers stand for: (1 − x − Σ (1 − x^(2^−k))²·2^−k) / 3.
fn tau(share: f64) -> f64 {
    if share <= 0.0 || share >= 1.0 {
        return 0.0;
    }
    let (mut root, mut weight, mut sum) = (share, 1.0, 1.0 - share);
    loop {
        root = libm::sqrt(root);
        weight *= 0.5;
        let before = sum;
        sum -= (1.0 - root) * (1.0 - root) * weight;
        if sum >= before {
            return sum / 3.0;
        }
    }
}

#[cfg(test)]
mod tests;
