//! Several objectives: the candidates by the first two, and the front that no other candidate beats.

use super::contents::{Contents, measure};
use super::plot::{MANY, Plot, figure, range};
use super::words::{list, plural, unit};
use crate::run::journal::Candidate;
use crate::search::fronts;

/// The front with its caption; `None` with a single objective, or where no candidate has been evaluated.
pub(super) fn front(contents: &Contents<'_>) -> Option<String> {
    let [first, second, ..] = contents.objectives.as_slice() else { return None };
    let evaluated: Vec<&Candidate> = contents.candidates.iter().filter(|one| contents.value(one).is_some()).copied().collect();
    // A candidate that was scored again stands where its last values put it.
    let front = fronts(&evaluated.iter().map(|candidate| contents.values(candidate)).collect::<Vec<_>>()).into_iter().next()?;
    let at = |candidate: &Candidate, objective: usize| contents.value_of(candidate, objective).unwrap_or(f64::NAN);
    let (across, letter) = unit(evaluated.iter().map(|candidate| at(candidate, 1).abs()).fold(0.0, f64::max));
    let (up, letter_up) = unit(evaluated.iter().map(|candidate| at(candidate, 0).abs()).fold(0.0, f64::max));
    let place = |candidate: &Candidate| (at(candidate, 1) / across, at(candidate, 0) / up);
    let x = range(evaluated.iter().map(|candidate| place(candidate).0))?;
    let y = range(evaluated.iter().map(|candidate| place(candidate).1))?;
    let mut members: Vec<&Candidate> = front.iter().filter_map(|member| evaluated.get(*member).copied()).collect();
    members.sort_by(|one, other| place(one).0.total_cmp(&place(other).0));
    let title = |goal, letter: &str| format!("{}{}{letter}", measure(goal), if letter.is_empty() { "" } else { ", " });
    let draw = |width: f64| {
        let mut plot = Plot::new(width, 340.0, 14.0, x, y);
        plot.axes(&title(second, letter), &title(first, letter_up), false);
        let dots = if evaluated.len() > MANY { 2.2 } else { 3.4 };
        for candidate in &evaluated {
            let (x, y) = place(candidate);
            let centre = (plot.px(x), plot.py(y));
            plot.dot(centre, dots, "dot", "", &format!("candidate {}", candidate.id));
            if members.iter().any(|member| member.id == candidate.id) {
                plot.push(&format!("<circle class=\"ring\" cx=\"{:.1}\" cy=\"{:.1}\" r=\"6\"/>", centre.0, centre.1));
            }
        }
        plot
    };
    let names: Vec<String> = contents.objectives.iter().map(|goal| measure(goal).to_owned()).collect();
    let caption = format!(
        "<b>Front.</b> No candidate is better than one with a ring in one of {} without being worse in another: {} of {}.",
        list(&names),
        members.len(),
        plural(evaluated.len(), "candidate"),
    );
    Some(figure(draw, &format!("Front of {}", list(&names)), &caption))
}
