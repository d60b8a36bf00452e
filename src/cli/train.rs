//! `phyla train`: one architecture, no search.

use super::commands::Which;
use super::experiment::{executor, with_architecture};
use super::progress::Shown;
use super::run::{failed, interrupts};
use super::source::{out, show_all, show_one};
use crate::run::{TrainOptions, texts, train_one};
use std::path::Path;

/// Trains one architecture on the experiment's `final` budget and shows its scores.
pub(super) fn train(file: &Path, name: &str, which: &Which, options: TrainOptions) -> u8 {
    let (checked, architecture) = match with_architecture(file, which, Some(name)) {
        Ok((checked, Some(architecture))) => (checked, architecture),
        Ok((_, None)) => return 1,
        Err(code) => return code,
    };
    let texts = match texts(&checked) {
        Ok(texts) => texts,
        Err(wrong) => return show_all(&wrong, &checked.sources, false),
    };
    let executors = match executor(&checked, which) {
        Ok(executors) => executors,
        Err(error) => return show_one(&error),
    };
    let progress = Shown::new();
    let stop = interrupts();
    let result = train_one(&checked, texts, &architecture, &executors, &options, &progress, &stop);
    progress.finish();
    match result {
        Ok((folder, models)) => {
            for model in models {
                let loss = model.held_out_loss.map_or_else(String::new, |loss| format!("  held-out masked-LM loss {loss:.3} nats"));
                out(&format!("{name}  seed {}  {} parameters{loss}\n", model.seed, model.params));
                for (task, metrics) in &model.scores.tasks {
                    let metrics: Vec<String> = metrics.iter().map(|(metric, value)| format!("{metric} {value:.4}")).collect();
                    out(&format!("  {task:<12} {}\n", metrics.join("  ")));
                }
                out(&format!("  {:<12} {:.4}\n", "score", model.scores.score));
            }
            out(&format!("folder: {}\n", folder.display()));
            0
        }
        Err(error) => failed(&error, &checked.sources),
    }
}
