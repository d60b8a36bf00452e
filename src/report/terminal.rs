//! The final table as plain text.

use super::contents::{Contents, OverSeeds, spoken, value};
use super::words::{NONE, number, plain, plural, short};
use crate::run::journal::{Entry, FinalModel};
use crate::run::rank_agreement;

/// The widest line, wherever the columns can be parted.
const WIDTH: usize = 100;

/// Columns between the names and the tasks: score, parameters, FLOPs, loss.
const GENERAL: usize = 4;

/// The longest name of a model that is shown whole.
const NAME: usize = 32;

/// The final table as plain text, without styles: baselines, then models with the mean and the standard deviation over their
/// seeds; the unigram entropy beside the held-out losses; what may be said of who scores highest. Tables wider than
/// 100 characters are parted into several, each with the models' names.
pub fn table(entries: &[Entry]) -> String {
    let contents = Contents::new(entries);
    let experiment = plain(contents.experiment, WIDTH);
    let unfinished = if contents.finished { "" } else { "The run is unfinished.\n" };
    if contents.models.is_empty() && contents.baselines.is_empty() {
        return format!("{experiment}: no final model has been trained and no baseline scored.\n{unfinished}");
    }
    let seeds = if contents.seeds() > 1 { "; mean ± standard deviation over seeds" } else { "" };
    let mut text = format!("{experiment}: final table (scores on dev{seeds})\n{unfinished}");
    let columns = columns(&contents);
    let (names, rest) = columns.split_first().map_or((None, [].as_slice()), |(names, rest)| (Some(names), rest));
    let Some(names) = names else { return text };
    let mut block = vec![names];
    let parted = width(&columns.iter().collect::<Vec<_>>()) > WIDTH;
    for (index, column) in rest.iter().enumerate() {
        // A table that does not fit is parted before its tasks first, so that these stay together.
        let full = width(&block) + 2 + column.width > WIDTH || (parted && index == GENERAL);
        if block.len() > 1 && full {
            text += &lines(&block);
            block = vec![names];
        }
        block.push(column);
    }
    text += &lines(&block);
    text += &match contents.unigram_entropy {
        Some(entropy) => format!("\nUnigram entropy of the held-out text: {entropy:.3} nats; compare “held-out loss”.\n"),
        None if contents.searched => "\nThe unigram entropy of the held-out text is not known.\n".to_owned(),
        None => "\n".to_owned(),
    };
    text += &contents.in_vain().iter().map(|told| format!("{told}\n")).collect::<String>();
    if let Some(found) = rank_agreement(entries) {
        text += &format!("{}.\n", found.told());
    }
    text += &match contents.models.len() {
        0 => contents.so_far("No final model has been trained") + "\n",
        _ => format!("{}: {}.\n", plural(contents.models.len(), "model"), plain(&contents.verdict(), usize::MAX)),
    };
    text
}

/// A column from its two lines of heading down.
struct Text {
    cells: Vec<String>,
    width: usize,
    left: bool,
}

fn columns(contents: &Contents<'_>) -> Vec<Text> {
    let over_seeds = |value: Option<OverSeeds>| value.map_or(NONE.to_owned(), |value| value.text());
    let column = |heading: [&str; 2], baselines: Vec<String>, models: Vec<String>| {
        let cells: Vec<String> = heading.iter().map(|line| plain(line, NAME)).chain(baselines).chain(models).collect();
        Text { width: cells.iter().map(|cell| cell.chars().count()).max().unwrap_or(0), cells, left: false }
    };
    let nothing = || contents.baselines.iter().map(|_| NONE.to_owned()).collect::<Vec<_>>();
    let models = |cell: &dyn Fn(&super::contents::Model<'_>) -> String| contents.models.iter().map(cell).collect::<Vec<_>>();
    let names = contents.baselines.iter().map(|(name, _)| plain(&spoken(name), NAME)).collect();
    let scores = contents.baselines.iter().map(|(_, scores)| number(Some(scores.score))).collect();
    // The score comes first, so that it stays beside the names however many tasks follow.
    let mut columns = vec![
        Text { left: true, ..column(["", "model"], names, models(&|model| plain(model.name, NAME))) },
        column(["", "score"], scores, models(&|model| over_seeds(model.over_seeds(|run| run.scores.score)))),
        column(["", "params"], nothing(), models(&|model| short(model.first.params))),
        column(["", "FLOPs"], nothing(), models(&|model| short(model.first.flops))),
        column(["held-out", "loss"], nothing(), models(&|model| over_seeds(model.over_seeds(FinalModel::loss)))),
    ];
    for score in contents.columns() {
        let baselines = contents.baselines.iter().map(|(_, scores)| number(value(scores, score))).collect();
        columns.push(column([score.task, score.metric], baselines, models(&|model| over_seeds(model.column(score)))));
    }
    columns
}

fn width(block: &[&Text]) -> usize {
    block.iter().map(|column| column.width + 2).sum::<usize>().saturating_sub(2)
}

fn lines(block: &[&Text]) -> String {
    let height = block.first().map_or(0, |column| column.cells.len());
    let mut text = "\n".to_owned();
    for row in 0..height {
        let cells = block.iter().map(|column| {
            let cell = column.cells.get(row).map_or("", String::as_str);
            if column.left { format!("{cell:<0$}", column.width) } else { format!("{cell:>0$}", column.width) }
        });
        text += cells.collect::<Vec<_>>().join("  ").trim_end();
        text.push('\n');
        if row == 1 {
            text += &"─".repeat(width(block));
            text.push('\n');
        }
    }
    text
}
