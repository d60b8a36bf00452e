//! Drift: the anchors' values from generation to generation, as the supernet learns.

use super::contents::{Contents, measure};
use super::plot::{Plot, figure, range};
use super::words::{number, plural};
use std::collections::BTreeMap;

/// A line for each anchor with the caption; `None` where none was scored again.
pub(super) fn drift(contents: &Contents<'_>) -> Option<String> {
    let goal = contents.objectives.first()?;
    // A candidate that left a rung early was trained for less than when it was scored again.
    let whole = contents.candidates.iter().map(|candidate| candidate.steps).max().unwrap_or(0);
    let mut lines: BTreeMap<usize, Vec<(usize, f64)>> = BTreeMap::new();
    for one in contents.rescored.iter().filter(|one| !one.parent) {
        // Its value when it was new, whatever it was given since.
        let first = contents.candidates.iter().find(|candidate| candidate.id == one.candidate && candidate.steps == whole);
        let first = first.and_then(|first| first.values.first()).map(|value| goal.signed(*value));
        let line = lines.entry(one.candidate).or_default();
        if line.is_empty() {
            line.extend(first.map(|value| (0, value)));
        }
        line.extend(one.values.first().map(|value| (one.generation, goal.signed(*value))));
    }
    lines.retain(|_, line| line.len() > 1);
    let last = lines.values().flatten().map(|point| point.0).max()?;
    let y = range(lines.values().flatten().map(|point| point.1))?;
    let draw = |width: f64| {
        let mut plot = Plot::new(width, 300.0, 60.0, (-0.2, last as f64 + 0.2), y);
        plot.axes("generation", measure(goal), true);
        for (place, (id, line)) in lines.iter().enumerate() {
            let points: Vec<String> =
                line.iter().map(|(generation, value)| format!("{:.1},{:.1}", plot.px(*generation as f64), plot.py(*value))).collect();
            plot.push(&format!(
                "<polyline class=\"line k{}\" points=\"{}\"><title>candidate {id}</title></polyline>",
                place % 10,
                points.join(" ")
            ));
            if let Some((generation, value)) = line.last() {
                let at = (plot.px(*generation as f64) + 6.0, plot.py(*value) + 4.0);
                plot.text(at, "start", "quiet", &id.to_string());
            }
        }
        plot
    };
    let changes: Vec<f64> = lines.values().filter_map(|line| Some(line.last()?.1 - line.first()?.1)).collect();
    let count = changes.len().max(1) as f64;
    let mean = changes.iter().sum::<f64>() / count;
    let deviation = (changes.iter().map(|change| (change - mean).powi(2)).sum::<f64>() / (count - 1.0).max(1.0)).sqrt();
    let caption = format!(
        "<b>Drift.</b> {} of the initial population, scored again before each generation from the supernet as it then was. Their {} changed by {} ± {} \
         (mean and standard deviation): candidates of different generations that differ by less than this cannot be told apart.",
        plural(lines.len(), "anchor"),
        measure(goal),
        number(Some(mean)),
        number(Some(deviation)),
    );
    Some(figure(draw, &format!("Drift of {}", plural(lines.len(), "anchor")), &caption))
}
