//! `phyla run` and `phyla plan`.

use super::commands::{ExecutorName, Which};
use super::experiment::{executor, load};
use super::progress::Shown;
use super::source::{err, out, show_all, show_in, show_one};
use crate::diagnostic::{Code, Diagnostic, Sources};
use crate::graph::draw::svg;
use crate::report;
use crate::run::folder::write_whole;
use crate::run::{self, Options, Outcome};
use crate::space::{fillings, instantiate};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Carries an experiment out and writes its report.
pub(super) fn run(file: &Path, which: &Which, options: Options) -> u8 {
    let mut checked = match load(file, which) {
        Ok(checked) => checked,
        Err(code) => return code,
    };
    // Before anything is measured or written: without sound data nothing will be run.
    let texts = match run::texts(&checked) {
        Ok(texts) => texts,
        Err(wrong) => return show_all(&wrong, &checked.sources, false),
    };
    let executors = match executor(&checked, which) {
        Ok(executors) => executors,
        Err(error) => return show_one(&error),
    };
    // They change no result, but memory and time; the experiment keeps its own.
    let workers = checked.settings.workers;
    checked.settings.workers = options.workers.unwrap_or(workers);
    let plan = run::plan(&checked, Some(&executors));
    checked.settings.workers = workers;
    match plan {
        Ok(mut plan) => {
            plan.folder = options.out.clone().unwrap_or(plan.folder);
            out(&plan.show());
            if let Err(error) = plan.fits(&executors) {
                return show_one(&error);
            }
        }
        Err(error) => return show_one(&error),
    }
    let progress = Shown::new();
    let stop = interrupts();
    let result = run::run(&checked, texts, &executors, &options, &progress, &stop);
    progress.finish();
    let outcome = match result {
        Ok(outcome) => outcome,
        Err(error) => return failed(&error, &checked.sources),
    };
    match leave(&outcome, &checked.source) {
        Ok(()) => {}
        Err(error) => return show_one(&error),
    }
    if outcome.already {
        err(&format!("this run is finished; `--fresh` starts over. Its folder: {}\n", outcome.folder.display()));
    }
    out(&report::table(&outcome.entries));
    out(&format!("report: {}\n", outcome.folder.join("report.html").display()));
    0
}

/// Results and report, from the journal.
fn leave(outcome: &Outcome, source: &str) -> crate::diagnostic::Result<()> {
    write_whole(&outcome.folder.join("results.csv"), report::results_csv(&outcome.entries).as_bytes())?;
    let mut drawings = Vec::new();
    if let Some((space, best)) = &outcome.best {
        for (layer, words) in fillings(space, best).into_iter().enumerate() {
            if let Some(graph) = crate::space::layer_graph(space, best, layer) {
                drawings.push(report::Drawing { title: format!("Layer {}", layer + 1), svg: svg(&graph)?, formula: words });
            }
        }
        if let Ok(whole) = instantiate(space, best) {
            drawings.push(report::Drawing { title: "The whole encoder".to_owned(), svg: svg(&whole)?, formula: String::new() });
        }
    }
    write_whole(&outcome.folder.join("report.html"), report::html(&outcome.entries, source, &drawings)?.as_bytes())
}

/// Says what a run would do.
pub(super) fn plan(file: &Path, which: &Which, measure: bool, json: bool) -> u8 {
    let checked = match load(file, which) {
        Ok(checked) => checked,
        Err(code) => return code,
    };
    // Only what is timed needs the device to be here.
    let executors = measure.then(|| executor(&checked, which)).transpose();
    let plan = executors.and_then(|executors| run::plan(&checked, executors.as_ref()));
    // What candle holds is not foretold, whether it is here or not.
    let plan = plan.map(|mut plan| {
        plan.memory = plan.memory.filter(|_| which.executor != Some(ExecutorName::Candle));
        plan
    });
    match plan {
        Ok(plan) if json => out(&format!("{}\n", serde_json::to_string(&plan).unwrap_or_default())),
        Ok(plan) => out(&plan.show()),
        Err(error) => return show_one(&error),
    }
    0
}

/// Set by Ctrl-C; the second one ends the process at once.
pub(super) fn interrupts() -> Arc<AtomicBool> {
    let stop = Arc::new(AtomicBool::new(false));
    let seen = stop.clone();
    let set = ctrlc::set_handler(move || {
        if seen.swap(true, Ordering::SeqCst) {
            #[expect(clippy::exit, reason = "asked twice to stop: the journal holds all that counts")]
            std::process::exit(130);
        }
        err("stopping at the next step (Ctrl-C again: at once)\n");
    });
    if let Err(error) = set {
        err(&format!("Ctrl-C will end the run at once: {error}\n"));
    }
    stop
}

/// Shows why a run ended, with the exit code for it.
pub(super) fn failed(error: &Diagnostic, sources: &Sources) -> u8 {
    let code = show_in(error, sources);
    if error.code == Code::INTERRUPTED { 130 } else { code }
}
