//! How long a draw from the paper's space takes, and a mutation with the identity of its result: `cargo bench --bench space`, or with a word
//! of what is wanted behind `--`.

#![expect(clippy::expect_used, clippy::print_stdout, reason = "a benchmark prints, and fails by panicking")]

use phyla::check::{Checker, World};
use phyla::run::files::Disk;
use phyla::settings::{Inter, Intra, Mutation, Pick};
use phyla::space::{Architecture, Draw, hash, inter, intra};
use phyla::stream::stream;
use std::time::Instant;

/// The program's allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Batches, of which the median counts.
const BATCHES: u64 = 21;
/// Draws a batch.
const EACH: usize = 200;

fn main() {
    let world = World::load(&Disk, &["experiments/autobert_zero_base.phyla".to_owned()]);
    let checker = Checker::new(&world, &Disk);
    let space = checker.named_space("experiments/autobert_zero_base.phyla", "std.spaces.autobert_zero").expect("the paper's space");
    let begun = Instant::now();
    let _counted = space.sample(Draw::BySize, &mut stream(0, "bench", 0));
    println!("the counts made once          {:>8.1} ms", begun.elapsed().as_secs_f64() * 1e3);
    for (name, draw) in [("by size", Draw::BySize), ("uniform", Draw::Uniform)] {
        report(&format!("a candidate of 12 layers, {name}"), &mut |batch| {
            let mut draws = stream(batch, "bench", 1);
            for _ in 0..EACH {
                std::hint::black_box(space.sample(draw, &mut draws));
            }
        });
    }
    let weights = Mutation {
        inter: Inter { swap_mixer: 1.0, change_kernel: 1.0 },
        intra: Intra { replace_op: 4.0, insert_op: 1.0, delete_op: 1.0, rewire: 1.0 },
        pick: Pick::Uniform,
    };
    let even = |fitting: &[&str]| vec![1.0; fitting.len()];
    let mut draws = stream(0, "bench", 2);
    let parents: Vec<Architecture> = (0..EACH).filter_map(|_| space.sample(Draw::BySize, &mut draws)).collect();
    report("a mutation between layers, with the hash of the result", &mut |batch| {
        let mut draws = stream(batch, "bench", 3);
        for parent in &parents {
            let child = inter(&space, parent, &weights.inter, &mut draws);
            std::hint::black_box(child.map(|(child, _)| hash(&space, &child)));
        }
    });
    report("a mutation of an expression, with the hash of the result", &mut |batch| {
        let mut draws = stream(batch, "bench", 4);
        for parent in &parents {
            let child = intra(&space, parent, &weights.intra, &even, &mut draws);
            std::hint::black_box(child.map(|(child, _)| hash(&space, &child)));
        }
    });
}

fn report(what: &str, work: &mut dyn FnMut(u64)) {
    if std::env::args().skip(1).any(|wanted| !wanted.starts_with('-') && !what.contains(&wanted)) {
        return;
    }
    let mut times: Vec<f64> = (0..BATCHES)
        .map(|batch| {
            let begun = Instant::now();
            work(batch);
            begun.elapsed().as_secs_f64() / EACH as f64 * 1e6
        })
        .collect();
    times.sort_by(f64::total_cmp);
    let median = times.get(times.len() / 2).copied().unwrap_or(0.0);
    println!("{what:<60} {median:>8.1} µs");
}
