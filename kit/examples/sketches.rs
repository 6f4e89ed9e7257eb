//! Prints what a sketch's update takes and how large its error is:
//! `cargo run --release -p sedge-kit --example sketches`.

use std::hint::black_box;
use std::time::Instant;

use sedge_kit::privacy::Pseudonyms;
use sedge_kit::sketch::distinct::Distinct;
use sedge_kit::sketch::frequent::Frequent;
use sedge_kit::sketch::hash::xxh64;
use sedge_kit::sketch::moments::Moments;
use sedge_kit::sketch::quantiles::Quantiles;

const UPDATES: u64 = 10_000_000;

fn random(at: u64, run: u64) -> u64 {
    xxh64(&at.to_le_bytes(), run)
}

fn time(name: &str, updates: u64, mut update: impl FnMut(u64)) {
    let begin = Instant::now();
    (0..updates).for_each(&mut update);
    println!("{name}: {:.1} ns", begin.elapsed().as_nanos() as f64 / updates as f64);
}

fn speed() {
    let values: Vec<f64> =
        (0..4096).map(|at| 1.0 + (random(at, 0) % 1_000_000) as f64 / 100.0).collect();
    let mut quantiles = Quantiles::new(0.01, 2048);
    time("quantiles", UPDATES, |at| {
        quantiles.insert(values[at as usize % 4096]);
    });
    let mut distinct = Distinct::new(12);
    time("distinct, hash given", UPDATES, |at| {
        distinct.insert_hash(at.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    });
    let mut distinct = Distinct::new(12);
    time("distinct, eight bytes hashed", UPDATES, |at| distinct.insert(&at.to_le_bytes()));
    let mut moments = Moments::default();
    time("moments", UPDATES, |at| {
        moments.insert(at as i64, values[at as usize % 4096]);
    });
    let mut frequent = Frequent::new(64);
    time("frequent, 8 names", UPDATES / 10, |at| {
        frequent.insert(["a", "b", "c", "d", "e", "f", "g", "h"][at as usize % 8]);
    });
    let pseudonyms = Pseudonyms::new(&[7; 32]);
    time("pseudonym of 16 bytes", UPDATES / 10, |at| {
        black_box(pseudonyms.name("address", &[at.to_le_bytes(), [0; 8]].concat()));
    });
    black_box((quantiles.quantile(0.5), distinct.estimate(), moments.sum(), frequent.total()));
}

fn errors() {
    for precision in [10, 12, 14] {
        let stated = Distinct::new(precision).standard_error() * 100.0;
        for (count, runs) in [(10, 200), (1_000, 200), (100_000, 100), (1_000_000, 30)] {
            let squares = (0..runs).map(|run| {
                let mut sketch = Distinct::new(precision);
                (0..count).for_each(|at| sketch.insert_hash(random(at, run + 1)));
                (sketch.estimate() / count as f64 - 1.0).powi(2)
            });
            let error = (squares.sum::<f64>() / runs as f64).sqrt() * 100.0;
            println!(
                "distinct, precision {precision}, {count}: {error:.3} % (stated {stated:.3} %)"
            );
        }
    }
}

fn main() {
    speed();
    errors();
}
