//! Searches beside one another on a table: the median loss reached after each evaluation.

use super::plot::{Plot, range};
use crate::run::table::Comparison;

/// Pixels between the names of two lines.
const LABEL: f64 = 16.0;

/// The curves as an SVG file; `None` where there is nothing to draw.
pub fn curves(found: &Comparison) -> Option<String> {
    let y = range(found.rivals.iter().flat_map(|rival| rival.curve.iter().skip(found.evaluations / 20)).copied())?;
    let longest = found.rivals.iter().map(|rival| rival.name.len()).max()?;
    let mut plot = Plot::new(860.0, 420.0, longest as f64 * 7.2 + 20.0, (1.0, found.evaluations as f64), y);
    plot.axes("evaluations", "median loss reached, in nats", true);
    let mut ends: Vec<(f64, usize)> = Vec::new();
    for (place, rival) in found.rivals.iter().enumerate() {
        let points = (1..).zip(&rival.curve).filter(|(_, loss)| **loss <= y.1);
        let points: Vec<String> = points.map(|(count, loss)| format!("{:.1},{:.1}", plot.px(f64::from(count)), plot.py(*loss))).collect();
        plot.push(&format!("<polyline class=\"line k{}\" points=\"{}\"/>", place % 8, points.join(" ")));
        ends.extend(rival.curve.last().map(|loss| (plot.py(*loss), place)));
    }
    // Names from the top down, none on another.
    ends.sort_by(|one, other| one.0.total_cmp(&other.0));
    let mut free = f64::NEG_INFINITY;
    for (at, place) in ends {
        let y = at.max(free);
        free = y + LABEL;
        if let Some(rival) = found.rivals.get(place) {
            let x = plot.edge();
            plot.push(&format!(
                "<line class=\"line k{}\" x1=\"{:.1}\" y1=\"{at:.1}\" x2=\"{:.1}\" y2=\"{y:.1}\"/>",
                place % 8,
                x + 2.0,
                x + 12.0
            ));
            plot.text((x + 16.0, y + 4.0), "start", "", &rival.name);
        }
    }
    Some(plot.alone())
}
