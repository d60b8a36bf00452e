//! What was found, as data and as a table.

use serde::Serialize;
use serde_json::Value;

/// The middle of several measurements, with the least and the largest.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Range {
    /// The median.
    pub median: f64,
    /// The least.
    pub low: f64,
    /// The largest.
    pub high: f64,
}

impl Range {
    pub(super) fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let middle = values.len() / 2;
        let median = if values.len().is_multiple_of(2) {
            (values.get(middle.checked_sub(1)?)? + values.get(middle)?) / 2.0
        } else {
            *values.get(middle)?
        };
        Some(Self { median, low: *values.first()?, high: *values.last()? })
    }

    fn show(self) -> String {
        let Self { median, low, high } = self;
        format!("{median:.2} ({low:.2}–{high:.2})")
    }
}

/// Bursts of one kind of work.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Timing {
    /// Our time over PyTorch's, burst by burst; lower is better. Absent without a peer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ratio: Option<Range>,
    /// Our seconds for one step, one forward pass or one epoch.
    pub seconds: Option<Range>,
    /// PyTorch's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peer_seconds: Option<Range>,
    /// GFLOP/s of our best burst, by what is carried out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gflops: Option<f64>,
    /// The same as a share of the machine's measured peak.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub share_of_peak: Option<f64>,
}

impl Timing {
    /// From the seconds of both sides' bursts of `units` each.
    pub(super) fn new(times: &[(f64, Option<f64>)], units: f64, flops: Option<f64>) -> Self {
        let seconds = Range::of(times.iter().map(|(ours, _)| ours / units));
        let gflops = flops.zip(seconds).map(|(flops, seconds)| flops / seconds.low / 1e9);
        Self {
            ratio: Range::of(times.iter().filter_map(|(ours, peer)| Some(ours / (*peer)?))),
            seconds,
            peer_seconds: Range::of(times.iter().filter_map(|(_, peer)| Some((*peer)? / units))),
            gflops,
            share_of_peak: None,
        }
    }

    /// Sets the share of the machine's peak, in GFLOP/s.
    pub(super) fn compare(&mut self, peak: f64) {
        self.share_of_peak = self.gflops.map(|gflops| gflops / peak);
    }
}

/// Where it was measured.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Machine {
    /// The processor's name.
    pub processor: Option<String>,
    /// Its cores.
    pub cores: usize,
    /// Threads of either side.
    pub threads: usize,
    /// The most single-precision GFLOP/s of one thread.
    pub peak_gflops_of_one: f64,
    /// Of all threads together.
    pub peak_gflops: f64,
    /// Whether both sides ran under `chrt -r 20`.
    pub real_time: bool,
    /// How many programs wanted to run during the minute before.
    pub load: Option<f64>,
}

/// One size with one kind of layers.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Measured {
    /// The size's name.
    pub size: &'static str,
    /// The architecture of the standard library whose first layers these are.
    pub layers: &'static str,
    /// Parameters of the masked-LM model.
    pub params: u64,
    /// The same without tables of words, segments and positions.
    pub params_without_embeddings: u64,
    /// Forward FLOPs of one sentence.
    pub flops: u64,
    /// A training step.
    pub step: Timing,
    /// Our time for as many models in training at once as threads, one thread each, over that of one after the other on all of them;
    /// `None` for one thread, and where so many models do not fit in memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at_once: Option<Range>,
    /// A forward pass of the same batch.
    pub forward: Timing,
    /// An epoch of fine-tuning: the task, whether its lengths are the real data's, the time.
    pub fine_tuning: Vec<(&'static str, bool, Timing)>,
    /// The most memory that our process held in training and forward passes, in bytes.
    pub peak_bytes: Option<f64>,
    /// PyTorch's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peer_peak_bytes: Option<f64>,
    /// The share of each kind of kernel in the training steps; empty where the executor does not tell.
    pub kernels: Vec<(String, f64)>,
}

/// All that was measured.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Outcome {
    /// Where.
    pub machine: Machine,
    /// Our executor.
    pub executor: String,
    /// Whether it computed activations anew on the way back.
    pub recompute: bool,
    /// The rate of dropout.
    pub dropout: f64,
    /// What PyTorch says of itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peer: Option<Value>,
    /// What was measured.
    pub models: Vec<Measured>,
}

impl Outcome {
    /// The outcome as Markdown, which is also to be read as it stands.
    pub fn show(&self) -> String {
        let mut text = self.conditions();
        let tasks: Vec<&str> =
            self.models.first().map(|model| model.fine_tuning.iter().map(|(task, ..)| *task).collect()).unwrap_or_default();
        let mut header = vec!["model".to_owned(), "step".to_owned(), "forward".to_owned()];
        header.extend(tasks.iter().map(|task| format!("{task} epoch")));
        header.extend(["memory", "GFLOP/s", "of the peak", "at once"].map(str::to_owned));
        let mut rows = vec![header.clone(), header.iter().map(|_| "---".to_owned()).collect()];
        rows.extend(self.models.iter().map(Measured::row));
        text += &rows.iter().map(|cells| format!("| {} |\n", cells.join(" | "))).collect::<String>();
        for model in self.models.iter().filter(|model| !model.kernels.is_empty()) {
            let shares: Vec<String> = model.kernels.iter().map(|(name, share)| format!("{name} {:.0} %", share * 100.0)).collect();
            text += &format!("\nA step of {} {} by kernels: {}.\n", model.size, model.layers, shares.join(", "));
        }
        text
    }

    fn conditions(&self) -> String {
        let Machine { processor, cores, threads, peak_gflops_of_one, peak_gflops, real_time, load } = &self.machine;
        let name = processor.as_deref().unwrap_or("an unnamed processor");
        let load = load.map(|load| format!(", load {load:.1} when it began")).unwrap_or_default();
        let priority = if *real_time { "`chrt -r 20`" } else { "ordinary priority" };
        let told = |key: &str| self.peer.as_ref().and_then(|peer| peer.get(key)).and_then(Value::as_str).unwrap_or("?").to_owned();
        let picks = self.peer.as_ref().and_then(|peer| peer.get("picks")) == Some(&Value::Bool(true));
        let against = match &self.peer {
            Some(_) => format!(
                "Ratios of the executor `{}` to PyTorch {} ({}{}), lower is better: median of the bursts (least to largest).",
                self.executor,
                told("torch"),
                told("vectors"),
                if picks { ", picking rows in its last layer" } else { "" }
            ),
            None => format!("The executor `{}` alone: median of the bursts (least to largest).", self.executor),
        };
        let anew = if self.recompute { " Activations computed anew on the way back." } else { "" };
        let real = self.models.iter().flat_map(|model| &model.fine_tuning).any(|(_, real, _)| *real);
        let lengths = if real { "the real data's" } else { "synthetic, of the same median and percentiles" };
        format!(
            "{name}, {cores} cores, {threads} threads a side, {priority}{load}; measured peak {peak_gflops_of_one:.0} GFLOP/s for one \
             thread, {peak_gflops:.0} for {threads}.\n{against}{anew} Dropout {}; lengths of the tasks {lengths}.\n\n",
            self.dropout
        )
    }
}

impl Measured {
    fn row(&self) -> Vec<String> {
        let mut cells = vec![format!("{} {}", self.size, self.layers), cell(&self.step), cell(&self.forward)];
        cells.extend(self.fine_tuning.iter().map(|(.., timing)| cell(timing)));
        let mib = |bytes: f64| format!("{:.0}", bytes / f64::from(1 << 20));
        cells.push(match (self.peak_bytes, self.peer_peak_bytes) {
            (Some(ours), Some(peer)) => format!("{:.2} ({} of {} MiB)", ours / peer, mib(ours), mib(peer)),
            (Some(ours), None) => format!("{} MiB", mib(ours)),
            _ => "–".to_owned(),
        });
        cells.push(self.step.gflops.map_or_else(|| "–".to_owned(), |gflops| format!("{gflops:.0}")));
        cells.push(self.step.share_of_peak.map_or_else(|| "–".to_owned(), |share| format!("{:.0} %", share * 100.0)));
        cells.push(self.at_once.map_or_else(|| "–".to_owned(), Range::show));
        cells
    }
}

/// The ratio, or our own time where there is none.
fn cell(timing: &Timing) -> String {
    match (timing.ratio, timing.seconds) {
        (Some(ratio), _) => ratio.show(),
        (None, Some(Range { median, low, high })) => format!("{:.0} ms ({:.0}–{:.0})", median * 1e3, low * 1e3, high * 1e3),
        (None, None) => "–".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::{Range, Timing};

    #[test]
    fn a_ratio_is_the_median_of_the_pairs_not_of_the_sides() {
        // A burst of both sides that other work slowed down says as much as the others.
        let mut timing = Timing::new(&[(1.0, Some(2.0)), (30.0, Some(50.0)), (1.0, Some(1.0))], 2.0, Some(1e9));
        timing.compare(4.0);
        assert_eq!(timing.ratio, Some(Range { median: 0.6, low: 0.5, high: 1.0 }));
        assert_eq!(timing.seconds, Some(Range { median: 0.5, low: 0.5, high: 15.0 }));
        assert_eq!((timing.gflops, timing.share_of_peak), (Some(2.0), Some(0.5)));
        let alone = Timing::new(&[(1.0, None), (3.0, None)], 1.0, None);
        assert_eq!((alone.ratio, alone.gflops), (None, None));
        assert_eq!(alone.seconds.map(|seconds| seconds.median), Some(2.0));
    }
}
