//! `results.csv`: the final table for a spreadsheet or a comparison of runs.

use super::contents::{Contents, value};
use super::words::fixed;
use crate::run::journal::{Entry, Scores};

/// The columns before the tasks'.
const GENERAL: [&str; 6] = ["model", "seed", "params", "flops", "held_out_loss", "perplexity"];

/// The final table as CSV with RFC 4180's quoting and LF line ends: a row for each final model and seed, then one for each
/// baseline. Columns: model, seed, parameters, forward FLOPs, held-out masked-LM loss in nats and its perplexity, every `task.metric` on dev, score.
/// Numbers that are not counts have six decimals; what is missing or not finite is empty. It holds no times: the same
/// experiment gives the same bytes.
pub fn results_csv(entries: &[Entry]) -> String {
    let contents = Contents::new(entries);
    let columns = contents.columns();
    let scores = |scores: &Scores| -> Vec<String> {
        let tasks = columns.iter().map(|column| decimal(value(scores, *column)));
        tasks.chain([decimal(Some(scores.score))]).collect()
    };
    let mut rows = vec![GENERAL.map(str::to_owned).to_vec()];
    if let Some(header) = rows.first_mut() {
        header.extend(columns.iter().map(|column| format!("{}.{}", column.task, column.metric)));
        header.push("score".to_owned());
    }
    for run in contents.models.iter().flat_map(|model| &model.runs) {
        let numbers = [run.seed, run.params, run.flops].map(|number| number.to_string());
        let losses = [run.held_out_loss, run.held_out_loss.map(f64::exp)].map(decimal);
        let mut row: Vec<String> = std::iter::once(run.name.clone()).chain(numbers).chain(losses).collect();
        row.extend(scores(&run.scores));
        rows.push(row);
    }
    for (name, baseline) in &contents.baselines {
        let mut row = vec![(*name).to_owned()];
        row.resize(GENERAL.len(), String::new());
        row.extend(scores(baseline));
        rows.push(row);
    }
    rows.into_iter().map(|row| row.iter().map(|field| quoted(field)).collect::<Vec<_>>().join(",") + "\n").collect()
}

fn decimal(value: Option<f64>) -> String {
    value.and_then(|value| fixed(value, 6)).unwrap_or_default()
}

fn quoted(field: &str) -> String {
    if field.contains(['"', ',', '\n', '\r']) { format!("\"{}\"", field.replace('"', "\"\"")) } else { field.to_owned() }
}
