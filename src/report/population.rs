//! The population: the hold-out score of each candidate against its parameters, coloured by generation.

use super::contents::Contents;
use super::plot::{MANY, Plot, figure, range};
use super::words::{number, short, unit};
use std::collections::{BTreeMap, BTreeSet};

/// The population with its caption; `None` where no candidate has a score.
pub(super) fn population(contents: &Contents<'_>) -> Option<String> {
    let (best, reached) = contents.best()?;
    let scored: Vec<_> = contents.candidates.iter().filter_map(|candidate| Some((*candidate, contents.value(candidate)?))).collect();
    let (divisor, unit) = unit(scored.iter().map(|(candidate, _)| candidate.params as f64).fold(0.0, f64::max));
    let x = range(scored.iter().map(|(candidate, _)| candidate.params as f64 / divisor))?;
    let y = range(scored.iter().map(|(_, score)| *score))?;
    let (last, many) = (contents.last_generation(), scored.len() > MANY);
    let draw = |width: f64| {
        let mut plot = Plot::new(width, 340.0, 14.0, x, y);
        plot.axes(&format!("parameters{}{unit}", if unit.is_empty() { "" } else { ", " }), contents.measure(), false);
        let at: BTreeMap<usize, (f64, f64)> =
            scored.iter().map(|(candidate, score)| (candidate.id, (plot.px(candidate.params as f64 / divisor), plot.py(*score)))).collect();
        for (candidate, _) in scored.iter().filter(|_| !many) {
            if let (Some(from), Some(to)) = (candidate.parent.and_then(|parent| at.get(&parent)), at.get(&candidate.id)) {
                plot.push(&format!(
                    "<line class=\"link\" x1=\"{:.1}\" y1=\"{:.1}\" x2=\"{:.1}\" y2=\"{:.1}\"/>",
                    from.0, from.1, to.0, to.1
                ));
            }
        }
        for (candidate, score) in &scored {
            let Some(at) = at.get(&candidate.id) else { continue };
            let words = format!(
                "candidate {}, generation {}: {} parameters, {}",
                candidate.id,
                candidate.generation,
                short(candidate.params),
                number(Some(*score))
            );
            plot.dot(*at, if many { 2.6 } else { 4.2 }, "dot generation", &along(candidate.generation, last), &words);
        }
        if let Some((x, y)) = at.get(&best.id) {
            plot.push(&format!("<circle class=\"ring\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"7\"/>"));
            let right = *x > width * 0.62;
            plot.text(
                (if right { x - 10.0 } else { x + 10.0 }, y - 7.0),
                if right { "end" } else { "start" },
                "strong",
                &best.id.to_string(),
            );
        }
        legend(&mut plot, last);
        plot
    };
    let caption = format!(
        "<b>Population.</b> The {} against the parameters of the masked-LM model, coloured by generation{}. The ring is the best, candidate {}. Where it only follows size, \
         the search has found no more than a parameter count would tell.",
        contents.measure(),
        if many { "" } else { "; a thin line joins a candidate to its parent" },
        best.id
    );
    Some(figure(draw, &format!("Population: {} against parameters, best {}", contents.measure(), number(Some(reached))), &caption))
}

/// At most six generations with their colours, in the row above the area.
fn legend(plot: &mut Plot, last: usize) {
    let shown: BTreeSet<usize> =
        (0..6).map(|index| (index * last + 2) / 5).chain([0, last]).filter(|generation| *generation <= last).collect();
    let mut right = plot.edge();
    for generation in shown.into_iter().rev() {
        let text = generation.to_string();
        plot.text((right, 36.0), "end", "quiet", &text);
        right -= text.len() as f64 * 7.5 + 6.0;
        plot.dot((right, 32.0), 4.2, "dot generation", &along(generation, last), &format!("generation {generation}"));
        right -= 12.0;
    }
    plot.text((right, 36.0), "end", "quiet", "generation");
}

/// How far along the run a generation lies, from 0 to 1: the style sheet makes a colour of it.
fn along(generation: usize, last: usize) -> String {
    format!("--along:{:.3}", generation as f64 / last.max(1) as f64)
}
