//! Rank agreement: each model's value with shared weights against its value from scratch.

use super::contents::{Contents, measure};
use super::plot::{Plot, figure, range};
use super::words::{number, plural};
use crate::run::RankAgreement;

/// The scatter with its caption; `None` where none was measured.
pub(super) fn agreement(contents: &Contents<'_>, found: Option<&RankAgreement>) -> Option<String> {
    let found = found?;
    let goal = contents.objectives.first()?;
    let sign = if goal.sought().1 { 1.0 } else { -1.0 };
    let points: Vec<(f64, f64)> = found.points.iter().map(|(shared, scratch)| (sign * shared, sign * scratch)).collect();
    let x = range(points.iter().map(|point| point.0))?;
    let y = range(points.iter().map(|point| point.1))?;
    let draw = |width: f64| {
        let mut plot = Plot::new(width, 340.0, 14.0, x, y);
        plot.axes(&format!("{}, shared weights", measure(goal)), "from scratch, mean over seeds", false);
        for (model, (shared, scratch)) in points.iter().enumerate() {
            let words = format!("model {model}: {} shared, {} from scratch", number(Some(*shared)), number(Some(*scratch)));
            plot.dot((plot.px(*shared), plot.py(*scratch)), 4.2, "dot", "", &words);
        }
        plot
    };
    let tau = |value: Option<f64>| value.map_or_else(|| "not known".to_owned(), |value| number(Some(value)));
    let interval = found
        .interval
        .map_or_else(String::new, |(low, high)| format!(" (95 % of bootstrap samples: {} to {})", number(Some(low)), number(Some(high))));
    let caption = format!(
        "<b>Rank agreement.</b> {} drawn by size, each judged with shared weights and trained from scratch. Kendall’s tau between the two is <b>{}</b>{interval}; \
         between two trainings from scratch it is {}. Tau of a training from scratch in as many steps as sharing took is {}, of the parameter count {}, of FLOPs {}: what sharing adds must lie above them. With the warm-up \
         counted, sharing took {:.1} times fewer steps and {:.1} times less time.",
        plural(found.models, "model"),
        number(Some(found.tau)),
        tau(found.between),
        tau(found.short),
        tau(found.params),
        tau(found.flops),
        found.speed_up_steps,
        found.speed_up_seconds,
    );
    Some(figure(draw, &format!("Rank agreement: tau {}", number(Some(found.tau))), &caption))
}
