//! Progress: a bar in a terminal; plain lines elsewhere, so that a log stays readable.

use super::source::err;
use crate::run::Progress;
use indicatif::{HumanDuration, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use std::fmt::Write;
use std::io::IsTerminal;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// The time between two lines of a log.
const LINES: Duration = Duration::from_secs(15);

/// Progress on standard error.
pub(super) struct Shown {
    bar: Option<ProgressBar>,
    state: Mutex<State>,
}

struct State {
    stage: String,
    unit: &'static str,
    total: u64,
    begun: Instant,
    line: Instant,
    first: Option<u64>,
}

impl Shown {
    pub(super) fn new() -> Self {
        let bar = std::io::stderr().is_terminal().then(|| ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(5)));
        let now = Instant::now();
        let state = State { stage: String::new(), unit: "steps", total: 0, begun: now, line: now, first: None };
        Self { bar, state: Mutex::new(state) }
    }

    /// Clears the bar.
    pub(super) fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// How fast a stage goes; nothing while that is not known.
fn rate(state: &ProgressState, out: &mut dyn Write) {
    match state.per_sec() {
        slow if slow > 0.0 && slow < 1.0 => drop(write!(out, "{:.1}/min  ", slow * 60.0)),
        fast if fast >= 1.0 => drop(write!(out, "{fast:.1}/s  ")),
        _ => {}
    }
}

/// The time left; nothing while that is not known.
fn left(state: &ProgressState, out: &mut dyn Write) {
    if !state.eta().is_zero() {
        let _full = write!(out, "{:#} left  ", HumanDuration(state.eta()));
    }
}

impl Progress for Shown {
    fn stage(&self, name: &str, total: u64, unit: &'static str) {
        if let Ok(mut state) = self.state.lock() {
            let now = Instant::now();
            *state = State { stage: name.to_owned(), unit, total, begun: now, line: now, first: None };
        }
        match &self.bar {
            Some(bar) => {
                let template = format!("{{prefix:<14}} {{bar:24}} {{pos}}/{{len}} {unit}  {{rate}}{{left}}{{wide_msg}}");
                if let Ok(style) = ProgressStyle::with_template(&template) {
                    let style = style.with_key("rate", rate).with_key("left", left);
                    bar.set_style(style.progress_chars("━╸─"));
                }
                bar.set_prefix(name.to_owned());
                bar.set_message("");
                bar.set_length(total);
                bar.set_position(0);
                bar.reset();
                bar.enable_steady_tick(Duration::from_millis(200));
            }
            None if total > 1 => err(&format!("{name}: {total} {unit}\n")),
            None => {}
        }
    }

    fn at(&self, done: u64, note: &str) {
        if let Some(bar) = &self.bar {
            bar.set_position(done);
            bar.set_message(note.to_owned());
            return;
        }
        let Ok(mut state) = self.state.lock() else { return };
        let first = *state.first.get_or_insert(done);
        if state.line.elapsed() < LINES {
            return;
        }
        state.line = Instant::now();
        let rate = (done - first.min(done)) as f64 / state.begun.elapsed().as_secs_f64().max(1e-9);
        let left = if rate > 0.0 {
            format!("{:.0} s left", state.total.saturating_sub(done) as f64 / rate)
        } else {
            "time left unknown".to_owned()
        };
        let note = if note.is_empty() { String::new() } else { format!(", {note}") };
        err(&format!("{}: {done} of {} {}, {rate:.1} a second, {left}{note}\n", state.stage, state.total, state.unit));
    }

    fn line(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| err(&format!("{text}\n"))),
            None => err(&format!("{text}\n")),
        }
    }
}
