//! The search curve: the hold-out score of each candidate against its number, and the best so far.

use super::contents::Contents;
use super::plot::{MANY, Plot, figure, range};
use super::words::{escape, number, plural};
use std::collections::BTreeMap;

/// The search curve with its caption; `None` where no candidate has a score.
pub(super) fn curve(contents: &Contents<'_>) -> Option<String> {
    let (best, reached) = contents.best()?;
    let (low, high) = range(contents.candidates.iter().filter_map(|candidate| contents.value(candidate)))?;
    // Room for the best one's label above, and for the crosses of failed ones below.
    let y = (low - 0.05 * (high - low), high + 0.05 * (high - low));
    let last = contents.candidates.last().map_or(0, |candidate| candidate.id);
    let failed = contents.candidates.iter().filter(|candidate| contents.value(candidate).is_none()).count();
    let draw = |width: f64| {
        let mut plot = Plot::new(width, 320.0, 14.0, (-0.6, last as f64 + 0.6), y);
        generations(&mut plot, contents);
        plot.axes("candidate", contents.measure(), true);
        let (path, points) = (steps(&plot, contents), if contents.candidates.len() > MANY { 2.2 } else { 3.4 });
        plot.push(&format!("<path class=\"best\" d=\"{path}\"/>"));
        for candidate in &contents.candidates {
            let x = plot.px(candidate.id as f64);
            match contents.value(candidate) {
                Some(value) => {
                    plot.dot((x, plot.py(value)), points, "dot", "", &format!("candidate {}: {}", candidate.id, number(Some(value))))
                }
                None => {
                    let (y, id) = (plot.bottom() - 7.0, candidate.id);
                    let cross = format!("M{:.1} {:.1}l6 6m0 -6l-6 6", x - 3.0, y - 3.0);
                    plot.push(&format!("<path class=\"failed\" d=\"{cross}\"><title>candidate {id} failed</title></path>"));
                }
            }
        }
        let (x, y) = (plot.px(best.id as f64), plot.py(reached));
        plot.push(&format!("<circle class=\"ring\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"6\"/>"));
        let right = x > width * 0.62;
        plot.text(
            (if right { x - 9.0 } else { x + 9.0 }, y - 7.0),
            if right { "end" } else { "start" },
            "strong",
            &format!("{}: {}", best.id, number(Some(reached))),
        );
        plot
    };
    let caption = format!(
        "<b>Search curve.</b> Each dot is a candidate by its {}; the line is the best so far. \
         Bands are generations, numbered at the top{}. The ring is candidate {} with {}, the best of {}.",
        contents.measure(),
        if failed > 0 { format!("; a cross stands for a candidate that failed ({failed})") } else { String::new() },
        best.id,
        escape(&number(Some(reached))),
        plural(contents.candidates.len(), "candidate"),
    );
    Some(figure(draw, &format!("Search curve: best {} by candidate {}", number(Some(reached)), best.id), &caption))
}

fn generations(plot: &mut Plot, contents: &Contents<'_>) {
    let mut spans: BTreeMap<usize, (usize, usize)> = BTreeMap::new();
    for candidate in &contents.candidates {
        let span = spans.entry(candidate.generation).or_insert((candidate.id, candidate.id));
        *span = (span.0.min(candidate.id), span.1.max(candidate.id));
    }
    let mut free = f64::NEG_INFINITY;
    for (generation, (first, last)) in spans {
        let (from, to) = (first as f64 - 0.5, last as f64 + 0.5);
        if generation % 2 == 1 {
            plot.band(from, to);
        }
        let middle = f64::midpoint(plot.px(from), plot.px(to));
        if middle - free > 18.0 {
            free = middle;
            let text = if plot.px(to) - plot.px(from) > 84.0 { format!("generation {generation}") } else { generation.to_string() };
            plot.text((middle, 36.0), "middle", "quiet", &text);
        }
    }
}

fn steps(plot: &Plot, contents: &Contents<'_>) -> String {
    let mut best = None;
    let mut path = String::new();
    for (candidate, value) in contents.candidates.iter().filter_map(|candidate| Some((candidate, contents.value(candidate)?))) {
        if best.is_none_or(|best| contents.better(value, best)) {
            let (x, y) = (plot.px(candidate.id as f64), plot.py(value));
            path += &if path.is_empty() { format!("M{x:.1} {y:.1}") } else { format!("H{x:.1}V{y:.1}") };
            best = Some(value);
        }
    }
    path + &format!("H{:.1}", plot.edge())
}
