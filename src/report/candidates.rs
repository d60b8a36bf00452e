//! The table of all candidates, folded.

use super::contents::{Column, Contents, columns, measure, value};
use super::words::{NONE, escape, number, plural, short};
use crate::run::journal::Candidate;
use crate::settings::Measure;

/// Every candidate with its descent, costs and scores on the hold-out; a failed one with the reason.
pub(super) fn candidates(contents: &Contents<'_>) -> String {
    let columns = columns(contents.candidates.iter().filter_map(|candidate| candidate.scores.as_ref()));
    let best = contents.best().map(|(best, _)| best.id);
    let sought: String = contents.objectives.iter().map(|goal| format!("<th scope=\"col\">{}</th>", measure(goal))).collect();
    let heads = ["generation", "parent", "mutation", "parameters", "FLOPs", "MLM loss"].map(|head| {
        let class = if head == "mutation" { " class=\"text\"" } else { "" };
        format!("<th scope=\"col\"{class}>{head}</th>")
    });
    let tasks = columns.iter().map(|column| format!("<th scope=\"col\">{}<br>{}</th>", escape(column.task), escape(column.metric)));
    let rows = contents.candidates.iter().map(|candidate| row(contents, candidate, &columns, best == Some(candidate.id)));
    format!(
        "<details><summary>All {}</summary><div class=\"scroll\"><table class=\"candidates\">\n\
         <thead><tr><th scope=\"col\">no.</th>{sought}{}{}</tr></thead>\n<tbody>\n{}</tbody></table></div>\n\
         <p class=\"quiet\">{}Scores are on the hold-out. MLM loss is the masked-LM loss in nats at the end of adaptation; FLOPs are those of one sentence at full length, \
         forward.</p></details>\n",
        plural(contents.candidates.len(), "candidate"),
        heads.concat(),
        tasks.collect::<String>(),
        rows.collect::<String>(),
        alike(contents),
    )
}

/// How many candidates compute what an earlier one did.
fn alike(contents: &Contents<'_>) -> String {
    let alike = contents.candidates.iter().filter(|candidate| candidate.same_as.is_some()).count();
    let all = contents.candidates.len();
    let share = 100.0 * alike as f64 / all.max(1) as f64;
    match alike {
        0 => "No two candidates compute the same. ".to_owned(),
        _ => format!("{alike} of {all} candidates ({share:.0} %) compute what an earlier one did, told by values on fixed inputs. "),
    }
}

fn row(contents: &Contents<'_>, candidate: &Candidate, columns: &[Column<'_>], best: bool) -> String {
    let parent = candidate.parent.map_or(NONE.to_owned(), |parent| format!("<a href=\"#c{parent}\">{parent}</a>"));
    let mutation = if candidate.mutation.is_empty() {
        NONE.to_owned()
    } else {
        candidate.mutation.iter().map(|step| escape(step)).collect::<Vec<_>>().join("<br>")
    };
    let id = candidate.id;
    let sought: String =
        (0..contents.objectives.len()).map(|at| format!("<td class=\"score\">{}</td>", amount(contents, candidate, at))).collect();
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
        "<tr id=\"c{id}\"{class}><th scope=\"row\">{id}</th>{sought}<td>{}</td><td>{parent}</td><td class=\"text\">{mutation}</td><td>{}</td><td>{}</td>{results}</tr>\n",
        candidate.generation,
        short(candidate.params),
        short(candidate.flops)
    )
}

/// What an objective measured of a candidate.
fn amount(contents: &Contents<'_>, candidate: &Candidate, objective: usize) -> String {
    let value = contents.value_of(candidate, objective);
    match (value, contents.objectives.get(objective).map(|goal| goal.sought().0)) {
        (Some(value), Some(Measure::Params | Measure::Flops)) => short(value as u64),
        _ => number(value),
    }
}
