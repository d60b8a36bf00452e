//! The judge between the executors: candle in double precision says what is right. The error here may be four times candle's in single
//! precision, there or with parameters a digit away, and 1e-5 of the largest value. The loss, the output and the gradient of each
//! parameter are judged by themselves. Programs are carried out as written, and with their picks early.

use crate::exec::candle::CandleExecutor;
use crate::exec::candle::device::devices;
use crate::exec::candle::tests::KEY;
use crate::exec::native::NativeExecutor;
use crate::exec::{Batch, Executor, Parameters, Program};
use crate::stream::{RngExt, stream};
use candle_core::{DType, Device};
use std::cell::LazyCell;
use std::sync::LazyLock;

/// What a small gradient is measured by, as a share of the largest value of all: where it comes of larger ones that cancel out, it is no
/// better than they are.
const SHARE: f32 = 0.1;

/// The devices here, made once: to make one takes longer than a graph.
static DEVICES: LazyLock<Vec<Device>> = LazyLock::new(devices);

/// What became of a comparison, the worst last.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Verdict {
    Agrees,
    /// By what candle is off with parameters a digit away alone.
    Nearby,
    /// The reference is not finite, or too large to be judged.
    LeftOut,
    Differs(String),
}

/// What became of many comparisons.
#[derive(Default)]
pub(crate) struct Tally {
    all: usize,
    nearby: usize,
    left_out: usize,
    wrong: Vec<String>,
}

impl Tally {
    pub(crate) fn add(&mut self, verdict: Verdict, what: impl FnOnce() -> String) {
        self.all += 1;
        match verdict {
            Verdict::Agrees => {}
            Verdict::Nearby => self.nearby += 1,
            Verdict::LeftOut => self.left_out += 1,
            Verdict::Differs(why) => self.wrong.push(format!("{}: {why}", what())),
        }
    }

    /// All agree but those that cannot be judged, which are few; fewer than one in `chances` needed a second chance.
    pub(crate) fn close(self, what: &str, chances: usize) {
        let Self { all, nearby, left_out, wrong } = self;
        eprintln!("{all} {what}: {left_out} could not be judged, {nearby} needed a second chance");
        assert!(wrong.is_empty(), "{} of {all} {what}:\n{}", wrong.len(), wrong.join("\n"));
        assert!(left_out * 20 < all, "{left_out} of {all} {what} could not be judged");
        assert!(nearby * chances < all, "{nearby} of {all} {what} needed a second chance");
    }
}

/// Compares the executor of the CPU with candle on every device here.
pub(crate) fn compare(program: &Program, batch: &Batch, values: &Parameters) -> Verdict {
    DEVICES.iter().map(|device| compare_with(device, program, batch, values)).max().unwrap_or(Verdict::LeftOut)
}

fn compare_with(device: &Device, program: &Program, batch: &Batch, values: &Parameters) -> Verdict {
    let candle = |dtype| CandleExecutor::new(device.clone(), dtype);
    let (exact, single) = (candle(DType::F64), candle(DType::F32));
    let judge = match parts(&exact, program, batch, values) {
        Ok(judge) => judge,
        // As `finite` says it of a loss that is not.
        Err(why) if why.starts_with("the loss is ") => return Verdict::LeftOut,
        Err(why) => return Verdict::Differs(format!("candle in double precision: {why}")),
    };
    if all(&judge).any(|value| !value.is_finite() || value.abs() > 1e6) {
        return Verdict::LeftOut;
    }
    let plain = parts(&single, program, batch, values).unwrap_or_default();
    // By chance candle may round well here: with parameters a digit away it shows what it is off by otherwise.
    let moved = LazyCell::new(|| {
        let near = |nudge| parts(&single, program, batch, &nudged(values, nudge)).ok();
        (0..8).filter_map(near).collect::<Vec<Vec<Part>>>()
    });
    let steepest = judge.iter().skip(2).map(|(_, slopes)| largest(slopes)).fold(0.0, f32::max);
    let (mut verdict, mut both) = (Verdict::Agrees, Vec::new());
    for (form, program) in [("as written", program), ("picks early", &program.picked_early())] {
        let native = parts(&NativeExecutor::new(), program, batch, values);
        let (native, double) = match (native, parts(&exact, program, batch, values)) {
            (Ok(native), Ok(double)) => (native, double),
            (native, double) => return Verdict::Differs(format!("{form}: {:?} {:?}", native.err(), double.err())),
        };
        if bits(&native) != bits(&parts(&NativeExecutor::new().recomputing(true), program, batch, values).unwrap_or_default()) {
            return Verdict::Differs(format!("{form}: activations computed anew give other bytes"));
        }
        if lengths(&native) != lengths(&judge) || lengths(&double) != lengths(&judge) {
            return Verdict::Differs(format!("{form}: {:?} and {:?}, not {:?}", lengths(&native), lengths(&double), lengths(&judge)));
        }
        if let Some(value) = all(&native).chain(all(&double)).find(|value| !value.is_finite()) {
            // Single precision need not hold what double precision does.
            let held = all(&plain).all(|value| value.is_finite());
            return if held { Verdict::Differs(format!("{form}: a value of {value}")) } else { Verdict::LeftOut };
        }
        for (number, (name, wanted)) in judge.iter().enumerate() {
            let off = |found: &[Part]| found.get(number).map_or(0.0, |(_, found)| far(found, wanted));
            let scale = if number < 2 { largest(wanted) } else { largest(wanted).max(SHARE * steepest) };
            let near = |error: f32| off(&native) <= 4.0 * error + 1e-5 * scale;
            if !near(off(&plain)) {
                let error = moved.iter().map(|moved| off(moved)).fold(0.0, f32::max);
                if !near(error) {
                    let (native, plain) = (off(&native), off(&plain));
                    let why = format!("{native} apart, candle {plain}, a digit away {error}, measured by {scale}");
                    return Verdict::Differs(format!("{form}, {name}: {why}"));
                }
                verdict = Verdict::Nearby;
            }
            if off(&double) > 1e-6 * scale {
                return Verdict::Differs(format!("{form}, {name}: candle in double precision {} apart", off(&double)));
            }
        }
        both.push(native);
    }
    // The output alone: gradients are sums over rows, of which there are fewer where picks are early.
    match both.as_slice() {
        [one, other] if bits(&one[1..2]) == bits(&other[1..2]) => verdict,
        _ => Verdict::Differs("picks carried out early give other bytes".to_owned()),
    }
}

/// A loss, an output, or the gradient of the parameter of this name.
type Part = (String, Vec<f32>);

/// The loss, the output, and then each gradient.
fn parts(executor: &dyn Executor, program: &Program, batch: &Batch, values: &Parameters) -> Result<Vec<Part>, String> {
    let (loss, gradients) = executor.gradients(program, values, batch, KEY).map_err(|error| error.message)?;
    let output = executor.forward(program, values, batch).map_err(|error| error.message)?;
    let whole = [("loss".to_owned(), vec![loss]), ("output".to_owned(), output.data)];
    Ok(whole.into_iter().chain(gradients.0.into_iter().map(|(name, array)| (name, array.data))).collect())
}

fn all(parts: &[Part]) -> impl Iterator<Item = &f32> {
    parts.iter().flat_map(|(_, part)| part)
}

fn lengths(parts: &[Part]) -> Vec<(&str, usize)> {
    parts.iter().map(|(name, part)| (name.as_str(), part.len())).collect()
}

fn bits(parts: &[Part]) -> Vec<Vec<u32>> {
    parts.iter().map(|(_, part)| part.iter().map(|value| value.to_bits()).collect()).collect()
}

fn largest(part: &[f32]) -> f32 {
    part.iter().fold(0.0f32, |largest, value| largest.max(value.abs()))
}

fn far(found: &[f32], wanted: &[f32]) -> f32 {
    found.iter().zip(wanted).map(|(found, wanted)| (found - wanted).abs()).fold(0.0, f32::max)
}

/// Every parameter moved to one of its neighbours in single precision.
fn nudged(values: &Parameters, nudge: u64) -> Parameters {
    let (mut values, mut draws) = (values.clone(), stream(nudge, "nudge", 0));
    for value in values.0.values_mut().flat_map(|array| &mut array.data) {
        *value = if draws.random() { value.next_up() } else { value.next_down() };
    }
    values
}
