//! The table of all candidates, folded.

use super::contents::{Column, Contents, columns, score, value};
use super::words::{NONE, escape, number, plural, short};
use crate::run::journal::Candidate;

/// Every candidate with its descent, costs and scores on the hold-out; a failed one with the reason.
pub(super) fn candidates(contents: &Contents<'_>) -> String {
    let columns = columns(contents.candidates.iter().filter_map(|candidate| candidate.scores.as_ref()));
    let best = contents.best().map(|(best, _)| best.id);
    let heads = ["no.", "score", "generation", "parent", "mutation", "parameters", "FLOPs", "MLM loss"].map(|head| {
        let class = if head == "mutation" { " class=\"text\"" } else { "" };
        format!("<th scope=\"col\"{class}>{head}</th>")
    });
    let tasks = columns.iter().map(|column| format!("<th scope=\"col\">{}<br>{}</th>", escape(column.task), escape(column.metric)));
    let rows = contents.candidates.iter().map(|candidate| row(candidate, &columns, best == Some(candidate.id)));
    format!(
        "<details><summary>All {}</summary><div class=\"scroll\"><table class=\"candidates\">\n\
         <thead><tr>{}{}</tr></thead>\n<tbody>\n{}</tbody></table></div>\n\
         <p class=\"quiet\">Scores are on the hold-out. MLM loss is the masked-LM loss in nats at the end of adaptation; FLOPs are those of one sentence at full length, \
         forward.</p></details>\n",
        plural(contents.candidates.len(), "candidate"),
        heads.concat(),
        tasks.collect::<String>(),
        rows.collect::<String>()
    )
}

fn row(candidate: &Candidate, columns: &[Column<'_>], best: bool) -> String {
    let parent = candidate.parent.map_or(NONE.to_owned(), |parent| format!("<a href=\"#c{parent}\">{parent}</a>"));
    let mutation = if candidate.mutation.is_empty() {
        NONE.to_owned()
    } else {
        candidate.mutation.iter().map(|step| escape(step)).collect::<Vec<_>>().join("<br>")
    };
    let id = candidate.id;
    let class = if best { " class=\"first\"" } else { "" };
    let results = match (&candidate.failure, &candidate.scores) {
        (Some(reason), _) => format!("<td class=\"text failure\" colspan=\"{}\">failed: {}</td>", columns.len() + 1, escape(reason)),
        (None, scores) => {
            let tasks =
                columns.iter().map(|column| format!("<td>{}</td>", number(scores.as_ref().and_then(|scores| value(scores, *column)))));
            format!("<td>{}</td>{}", number(candidate.loss), tasks.collect::<String>())
        }
    };
    format!(
        "<tr id=\"c{id}\"{class}><th scope=\"row\">{id}</th><td class=\"score\">{}</td><td>{}</td><td>{parent}</td><td class=\"text\">{mutation}</td><td>{}</td><td>{}</td>{results}</tr>\n",
        number(score(candidate)),
        candidate.generation,
        short(candidate.params),
        short(candidate.flops)
    )
}
