//! `phyla bench`: how fast an executor is, beside PyTorch.

use super::commands::ExecutorName;
use super::progress::Shown;
use super::source::{err, out, show_one};
use crate::exec::{CandleExecutor, Executor, NativeExecutor};
use crate::run::bench::{BASE, MICRO, Options, SMALL, Size, TINY, bench as measure, peer, serve};
use candle_core::{DType, Device};
use clap::{Args, ValueEnum};
use std::sync::LazyLock;
use std::time::Instant;

/// What is measured, and how.
#[derive(Debug, Args)]
pub(super) struct BenchArgs {
    /// Sizes of models: `base` takes minutes and some GB of memory
    #[arg(long, value_enum, value_delimiter = ',', value_name = "SIZES", default_value = "tiny,small")]
    sizes: Vec<SizeName>,
    /// The layers: the first ones of these architectures of the standard library
    #[arg(long, value_enum, value_delimiter = ',', value_name = "LAYERS", default_value = "bert,autobert_zero")]
    layers: Vec<LayersName>,
    /// Threads of either side [default: the machine's cores]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    threads: Option<u16>,
    /// Pairs of bursts, one of PyTorch's and one of ours each
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..))]
    bursts: u64,
    /// Sentences that a burst of fine-tuning passes over; 0 for the whole task
    #[arg(long, value_name = "N", default_value_t = 256)]
    rows: usize,
    /// The rate of dropout, from 0 to 0.9
    #[arg(long, value_name = "RATE", default_value_t = 0.0, value_parser = rate)]
    dropout: f64,
    /// What carries our side out
    #[arg(long, value_enum, default_value = "native")]
    executor: ExecutorName,
    /// Compute activations anew on the way back, instead of keeping them
    #[arg(long)]
    recompute: bool,
    /// Our side alone
    #[arg(long)]
    no_peer: bool,
    /// The outcome as one JSON object
    #[arg(long)]
    json: bool,
    /// Answer a benchmark's questions on standard input
    #[arg(long, hide = true)]
    side: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum SizeName {
    /// 4 layers of width 64, length 32, batch 8: the quickstart's
    Micro,
    /// 4 layers of width 128, length 64, batch 32
    Tiny,
    /// 6 layers of width 256, length 128, batch 16
    Small,
    /// 12 layers of width 768, length 128, batch 8
    Base,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum LayersName {
    /// Scaled dot-product attention
    Bert,
    /// Convolution and searched attention
    #[value(name = "autobert_zero")]
    AutobertZero,
}

fn rate(text: &str) -> Result<f64, String> {
    let rate: f64 = text.parse().map_err(|_| "it is no number".to_owned())?;
    if (0.0..=0.9).contains(&rate) { Ok(rate) } else { Err("it is not between 0 and 0.9".to_owned()) }
}

/// Seconds since this was first asked.
fn seconds() -> f64 {
    static BEGUN: LazyLock<Instant> = LazyLock::new(Instant::now);
    BEGUN.elapsed().as_secs_f64()
}

/// Measures and shows.
pub(super) fn bench(given: &BenchArgs) -> u8 {
    let executor: Box<dyn Executor> = match given.executor {
        ExecutorName::Native => Box::new(NativeExecutor::metered(seconds).recomputing(given.recompute)),
        ExecutorName::Candle => Box::new(CandleExecutor::new(Device::Cpu, DType::F32)),
    };
    if given.side {
        let served = serve(&*executor, &mut std::io::stdin().lock(), &mut std::io::stdout().lock());
        return served.map_or_else(|error| show_one(&error), |()| 0);
    }
    let peer = match (!given.no_peer).then(peer).transpose() {
        Ok(peer) => peer,
        Err(why) => {
            err(&format!("{}\n{}; our side is measured alone\n", why.message, why.help.as_deref().unwrap_or_default()));
            None
        }
    };
    let size = |name: &SizeName| -> &'static Size {
        match name {
            SizeName::Micro => &MICRO,
            SizeName::Tiny => &TINY,
            SizeName::Small => &SMALL,
            SizeName::Base => &BASE,
        }
    };
    let layers = |name: &LayersName| match name {
        LayersName::Bert => "bert",
        LayersName::AutobertZero => "autobert_zero",
    };
    let options = Options {
        sizes: given.sizes.iter().map(size).collect(),
        layers: given.layers.iter().map(layers).collect(),
        threads: given.threads.map_or_else(|| std::thread::available_parallelism().map_or(1, usize::from), usize::from),
        bursts: given.bursts,
        rows: given.rows,
        dropout: given.dropout,
        executor: executor.name().to_owned(),
        recompute: given.recompute && matches!(given.executor, ExecutorName::Native),
        peer,
    };
    let progress = Shown::new();
    let outcome = measure(&options, &progress);
    progress.finish();
    match outcome {
        Ok(outcome) if given.json => out(&format!("{}\n", serde_json::to_string(&outcome).unwrap_or_default())),
        Ok(outcome) => out(&outcome.show()),
        Err(error) => return show_one(&error),
    }
    0
}
