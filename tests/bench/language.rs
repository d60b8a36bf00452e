//! How long it takes to check and to format sources: `cargo bench --bench language`.

#![expect(clippy::print_stdout, reason = "a benchmark prints")]

use phyla::check::{Checker, Files, Memory, World};
use phyla::diagnostic::Severity;
use phyla::run::files::Disk;
use phyla::syntax::format;
use std::fmt::Write;
use std::time::Instant;

/// The program's allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Runs, of which the median counts.
const RUNS: usize = 21;
/// Changes to a file.
const CHANGES: usize = 400;

/// A source in memory beside the disk.
struct With {
    path: &'static str,
    text: String,
}

impl Files for With {
    fn read(&self, path: &str) -> Result<String, String> {
        if path == self.path { Ok(self.text.clone()) } else { Disk.read(path) }
    }

    fn join(&self, from: &str, path: &str) -> String {
        Disk.join(from, path)
    }

    fn absolute(&self, path: &str) -> String {
        Disk.absolute(path)
    }

    fn data(&self, path: &str) -> Result<Vec<(String, String)>, String> {
        Disk.data(path)
    }

    fn stamp(&self, path: &str) -> Result<String, String> {
        Disk.stamp(path)
    }

    fn variable(&self, name: &str) -> Option<String> {
        Disk.variable(name)
    }
}

/// A file of at least so many lines: experiments over the text that ships, and many variants of everything they are made of.
fn source(lines: usize, experiments: usize) -> String {
    let mut text = "use std.layers { attention, encoder_layer, feed_forward, light_convolution }\nuse std.models { micro }\n\
        use std.search { op_nas }\nuse std.spaces { autobert_zero }\nuse std.train { pretrain }\nuse \"quickstart.phyla\" { quickstart }\n"
        .to_owned();
    let mut count = 0;
    while text.lines().count() < lines {
        count += 1;
        let _ = write!(
            text,
            "\n/// The width of variant {count}.\nmodel wide_{count} = micro {{\n    hidden = {}\n    heads = 2\n}}\n\n\
            graph mixed_{count}(q: [n, d], k: [n, d], v: [n, d]) -> [n, d] {{\n    scores = scale(q @ transpose(k))\n    \
            softmax(scores) @ (v + q)\n}}\n\n\
            graph layer_{count}(x: [n, h]) -> [n, h] {{\n    y = layer_norm(x + dropout(attention(mixed_{count})(x)))\n    \
            layer_norm(y + dropout(feed_forward(y)))\n}}\n\n\
            train brisk_{count} = pretrain {{\n    steps = {} steps\n    optimizer.lr = 1e-3\n}}\n\n\
            search long_{count} = op_nas {{\n    population = {}\n    evaluations = 300\n}}\n\n\
            space kernels_{count} {{\n    mixer = choose {{\n        conv = light_convolution(kernel = choose(3, 5, {}))\n        \
            attention = attention(mixed_{count})\n    }}\n    layers = 4\n    body = repeat(layers) {{ encoder_layer(mixer) }}\n}}\n\n\
            architecture found_{count} = autobert_zero {{\n    layers = 2\n    mixer = [\n        conv(kernel = 5)\n        \
            attention(graph(q, k) {{ softmax(scale(q @ -transpose(logsigmoid(-k)))) @ (q + k) }})\n    ]\n}}\n",
            64 + 2 * count,
            1000 + count,
            10 + count,
            2 * count + 5,
        );
        if count <= experiments {
            let _ = write!(
                text,
                "\nexperiment variant_{count} = quickstart {{\n    model = wide_{count}\n    space = kernels_{count}\n    \
                search = long_{count}\n    final.pretrain = brisk_{count}\n}}\n",
            );
        }
    }
    text
}

fn main() {
    let path = "experiments/benchmark.phyla";
    for experiments in [0, 1, 10] {
        let files = With { path, text: source(1_000, experiments) };
        let mut found = 0;
        let took = median(&mut || {
            let world = World::load(&files, &[path.to_owned()]);
            let checker = Checker::new(&world, &files);
            checker.check_module(path);
            found = checker.diagnostics().iter().filter(|one| one.severity == Severity::Error).count();
        });
        let lines = files.text.lines().count();
        println!("checking {lines} lines, experiments: {experiments:>2}   {:>8.1} ms, {found} mistakes", took * 1e3);
    }
    for experiments in [1, 10] {
        let mut times = changes(path, &source(1_000, experiments));
        times.sort_by(f64::total_cmp);
        let of = |share: usize| times.get(times.len() * share / 100).copied().unwrap_or(0.0) * 1e3;
        println!(
            "one digit changed, experiments: {experiments:>2}    {:>8.1} ms, 95 of 100 within {:.1} ms, slowest {:.1} ms",
            of(50),
            of(95),
            times.last().copied().unwrap_or(0.0) * 1e3
        );
    }
    let text = source(20_000, 1);
    let lines = text.lines().count();
    let took = median(&mut || drop(std::hint::black_box(format(&text))));
    println!("formatting {lines} lines                 {:>8.1} ms, {:.0} lines a second", took * 1e3, lines as f64 / took);
}

/// What checking takes each time that a digit somewhere has become another, or has become again what it was.
fn changes(path: &'static str, text: &str) -> Vec<f64> {
    let digits: Vec<usize> = text.bytes().enumerate().filter(|(_, byte)| byte.is_ascii_digit()).map(|(at, _)| at).collect();
    let mut files = With { path, text: text.to_owned() };
    let mut memory = Memory::default();
    memory.check(&files, path);
    let mut times = Vec::new();
    for change in 0..CHANGES / 2 {
        let Some(at) = digits.get(change * digits.len() / (CHANGES / 2)).copied() else { continue };
        let digit = text.as_bytes().get(at).map_or(0, |byte| (byte - b'0' + 1) % 10);
        let changed = format!("{}{digit}{}", text.get(..at).unwrap_or(""), text.get(at + 1..).unwrap_or(""));
        for state in [changed, text.to_owned()] {
            files.text = state;
            let begun = Instant::now();
            std::hint::black_box(memory.check(&files, path));
            times.push(begun.elapsed().as_secs_f64());
        }
    }
    times
}

fn median(work: &mut dyn FnMut()) -> f64 {
    let mut times: Vec<f64> = (0..RUNS)
        .map(|_| {
            let begun = Instant::now();
            work();
            begun.elapsed().as_secs_f64()
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 2).copied().unwrap_or(0.0)
}
