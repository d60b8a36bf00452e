//! The lineage of the best: from a founder, mutation by mutation.

use super::contents::Contents;
use super::explain::lineage;
use super::plot::{Plot, figure};
use super::words::{number, plain, plural};

/// Pixels from one ancestor to the next.
const STEP: f64 = 46.0;

/// The lineage of the best candidate with its caption; `None` where it has no ancestors.
pub(super) fn descent(contents: &Contents<'_>) -> Option<String> {
    let (best, reached) = contents.best()?;
    let ancestors = lineage(contents, best);
    if ancestors.is_empty() {
        return None;
    }
    // The founder first; each with the mutation that made it.
    let mut way: Vec<(usize, usize, Option<f64>, String)> = Vec::new();
    let mut made = "drawn anew".to_owned();
    for ancestor in ancestors.iter().rev() {
        way.push((ancestor.id, ancestor.generation, ancestor.value, made));
        made = ancestor.mutation.join(", then ");
    }
    way.push((best.id, best.generation, Some(reached), made));
    let last = way.len() - 1;
    let draw = |width: f64| {
        let mut plot = Plot::new(width, 30.0 + STEP * way.len() as f64, 14.0, (0.0, 1.0), (0.0, 1.0));
        let letters = if plot.is_narrow() { 34 } else { 90 };
        for (place, (id, generation, value, made)) in way.iter().enumerate() {
            let (x, y) = (26.0, 26.0 + STEP * place as f64);
            if place < last {
                plot.push(&format!("<line class=\"axis\" x1=\"{x}\" y1=\"{:.1}\" x2=\"{x}\" y2=\"{:.1}\"/>", y + 9.0, y + STEP - 9.0));
            }
            plot.dot((x, y), 6.0, "dot", "", &format!("candidate {id}"));
            if place == last {
                plot.push(&format!("<circle class=\"ring\" cx=\"{x}\" cy=\"{y:.1}\" r=\"9\"/>"));
            }
            plot.text((48.0, y - 3.0), "start", "strong", &format!("candidate {id}, generation {generation}: {}", number(*value)));
            plot.text((48.0, y + 13.0), "start", "quiet", &plain(made, letters));
        }
        plot
    };
    let caption = format!(
        "<b>Lineage.</b> How the best came about, {} from its founder, each with its {} and the mutation that made it.",
        plural(last, "mutation step"),
        contents.measure()
    );
    Some(figure(draw, &format!("Lineage of candidate {}", best.id), &caption))
}
