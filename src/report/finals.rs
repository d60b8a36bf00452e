//! The final table: baselines and models for every task on dev, and what may be said of it.

use super::contents::{Column, Contents, Model, OverSeeds, spoken, value};
use super::words::{NONE, escape, fixed, number, plural, short};
use crate::run::journal::{FinalModel, Scores};

/// What marks a score that does not beat the better baseline, and a loss that does not beat the frequencies of words.
const LOW: &str = "<span class=\"low\" title=\"no better than what needs no encoder\">▾</span>";

/// The final table with its remarks; `None` where neither a baseline nor a model has been scored.
pub(super) fn finals(contents: &Contents<'_>) -> Option<String> {
    if contents.models.is_empty() && contents.baselines.is_empty() {
        return None;
    }
    let columns = contents.columns();
    let rows: String = contents.baselines.iter().map(|(name, scores)| baseline(name, scores, &columns)).collect();
    let models: String = contents.models.iter().map(|model| over_seeds(contents, model, &columns)).collect();
    let table = format!(
        "<div class=\"scroll\"><table class=\"finals\">\n{}<tbody class=\"baselines\">\n{rows}</tbody>\n<tbody>\n{models}</tbody></table></div>\n",
        head(&columns)
    );
    Some(table + &remarks(contents, models.contains(LOW)) + &every_seed(contents, &columns))
}

fn head(columns: &[Column<'_>]) -> String {
    let mut tasks: Vec<(&str, usize)> = Vec::new();
    for column in columns {
        match tasks.last_mut() {
            Some((task, count)) if *task == column.task => *count += 1,
            _ => tasks.push((column.task, 1)),
        }
    }
    let fixed: String = ["model", "score", "parameters", "FLOPs", "held-out loss", "perplexity"]
        .map(|head| format!("<th scope=\"col\" rowspan=\"2\">{head}</th>"))
        .concat();
    let tasks: String = tasks
        .into_iter()
        .map(|(task, count)| format!("<th class=\"task\" scope=\"colgroup\" colspan=\"{count}\">{}</th>", escape(task)))
        .collect();
    let metrics: String = columns.iter().map(|column| format!("<th scope=\"col\">{}</th>", escape(column.metric))).collect();
    format!("<thead><tr>{fixed}{tasks}</tr>\n<tr>{metrics}</tr></thead>\n")
}

fn baseline(name: &str, scores: &Scores, columns: &[Column<'_>]) -> String {
    let nothing = format!("<td>{NONE}</td>").repeat(4);
    let tasks: String = columns.iter().map(|column| format!("<td>{}</td>", number(value(scores, *column)))).collect();
    format!(
        "<tr><th scope=\"row\">{}</th><td class=\"score\">{}</td>{nothing}{tasks}</tr>\n",
        escape(&spoken(name)),
        number(Some(scores.score))
    )
}

fn over_seeds(contents: &Contents<'_>, model: &Model<'_>, columns: &[Column<'_>]) -> String {
    let loss = model.over_seeds(FinalModel::loss);
    // Of the mean loss: the geometric mean of the seeds' perplexities.
    let perplexity = loss.as_ref().map(|loss| loss.mean.exp());
    let unlearnt = mark(loss.as_ref(), |mean| contents.unigram_entropy.is_some_and(|entropy| mean >= entropy));
    let tasks = columns.iter().map(|column| {
        let cell = model.column(*column);
        format!("<td>{}{}</td>", mark(cell.as_ref(), |mean| contents.below_baseline(*column, mean)), text(cell))
    });
    let score = model.over_seeds(|run| run.scores.score);
    let low = mark(score.as_ref(), |mean| contents.baselines.iter().any(|(_, scores)| mean <= scores.score));
    format!(
        "<tr><th scope=\"row\">{}</th><td class=\"score\">{low}{}</td><td>{}</td><td>{}</td><td>{unlearnt}{}</td><td>{}</td>{}</tr>\n",
        escape(model.name),
        text(score),
        short(model.first.params),
        short(model.first.flops),
        text(loss),
        perplexity.and_then(|value| fixed(value, 0)).unwrap_or_else(|| NONE.to_owned()),
        tasks.collect::<String>(),
    )
}

fn mark(cell: Option<&OverSeeds>, low: impl Fn(f64) -> bool) -> &'static str {
    if cell.is_some_and(|cell| low(cell.mean)) { LOW } else { "" }
}

fn text(cell: Option<OverSeeds>) -> String {
    // The spread stands smaller under the mean: the columns stay narrow.
    cell.map_or(NONE.to_owned(), |cell| match cell.text().split_once(' ') {
        Some((mean, spread)) => format!("{mean}<small>{spread}</small>"),
        None => cell.text(),
    })
}

fn remarks(contents: &Contents<'_>, low: bool) -> String {
    let never = if contents.searched { ", which the search never reads" } else { "" };
    let mut remarks = vec![format!("Scores are on dev{never}.")];
    if contents.seeds() > 1 {
        remarks.push("Each cell is the mean ± sample standard deviation over seeds.".to_owned());
    }
    match contents.unigram_entropy {
        Some(entropy) => remarks.push(format!(
            "The unigram entropy of the held-out text is <b>{entropy:.3}</b> nats. “Held-out loss” is the masked-LM loss in nats on the same text, “perplexity” e to its power; a model whose \
             loss is not below the entropy has learnt no more than how frequent words are."
        )),
        None if contents.searched => remarks.push("The unigram entropy of the held-out text is not known.".to_owned()),
        // Weights from elsewhere, and no text.
        None => {}
    }
    remarks.extend(contents.in_vain().iter().map(|told| escape(told)));
    if low {
        remarks.push(format!(
            "{LOW} marks a score that is not above the better of the baselines, and a held-out loss that is not below the unigram entropy."
        ));
    }
    let (count, verdict) = (plural(contents.models.len(), "model"), escape(&contents.verdict()));
    remarks.push(match contents.models.len() {
        0 => contents.so_far("No final model has been trained"),
        _ => format!("{count}: <b>{verdict}</b>."),
    });
    let items: String = remarks.iter().map(|remark| format!("<li>{remark}</li>\n")).collect();
    format!("<ul class=\"remarks\">\n{items}</ul>\n")
}

/// One row a model and seed, folded, where there are several seeds.
fn every_seed(contents: &Contents<'_>, columns: &[Column<'_>]) -> String {
    if contents.models.iter().all(|model| model.runs.len() < 2) {
        return String::new();
    }
    let metrics: String =
        columns.iter().map(|column| format!("<th scope=\"col\">{}<br>{}</th>", escape(column.task), escape(column.metric))).collect();
    let rows = contents.models.iter().flat_map(|model| &model.runs).map(|run| {
        let tasks: String = columns.iter().map(|column| format!("<td>{}</td>", number(value(&run.scores, *column)))).collect();
        let (loss, score) = (number(run.held_out_loss), number(Some(run.scores.score)));
        format!(
            "<tr><th scope=\"row\">{}</th><td>{}</td><td class=\"score\">{score}</td><td>{loss}</td>{tasks}</tr>\n",
            escape(&run.name),
            run.seed
        )
    });
    format!(
        "<details><summary>Every seed</summary><div class=\"scroll\"><table>\n<thead><tr><th scope=\"col\">model</th><th scope=\"col\">seed</th>\
         <th scope=\"col\">score</th><th scope=\"col\">held-out loss</th>{metrics}</tr></thead>\n<tbody>\n{}</tbody></table></div></details>\n",
        rows.collect::<String>()
    )
}
