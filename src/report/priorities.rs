//! Operation priorities over the generations: a line an operation, labelled at its end.

use super::contents::Contents;
use super::plot::{Plot, figure, range};
use super::words::{escape, number, plain};

/// Pixels between the labels of two lines.
const LABEL: f64 = 16.0;

/// Lines that differ by colour alone; the following are dashed.
const COLOURS: usize = 10;

/// An operation and its probability in each generation that knows it.
struct Line<'a> {
    operation: &'a str,
    points: Vec<(usize, f64)>,
}

/// The priorities with their caption and the last generation's numbers; `None` where there are none.
pub(super) fn priorities(contents: &Contents<'_>) -> Option<String> {
    let lines = lines(contents);
    let last = contents.priorities.last()?;
    let first = contents.priorities.first()?;
    let even = 1.0 / last.operations.len().max(1) as f64;
    let (_, high) = range(lines.iter().flat_map(|line| &line.points).map(|point| point.1).chain([0.0, even]))?;
    let x = (first.generation as f64 - 0.35, last.generation as f64 + 0.35);
    let draw = |width: f64| {
        let height = (lines.len() as f64 * LABEL + 110.0).max(320.0);
        let mut plot = Plot::new(width, height, if width < 500.0 { 134.0 } else { 190.0 }, x, (0.0, high));
        for priority in contents.priorities.iter().filter(|priority| priority.says_nothing) {
            plot.band(priority.generation as f64 - 0.35, priority.generation as f64 + 0.35);
        }
        plot.axes("generation", "probability of being drawn", true);
        let (left, y, edge) = (plot.px(x.0), plot.py(even), plot.edge());
        plot.push(&format!("<line class=\"even\" x1=\"{left:.1}\" y1=\"{y:.1}\" x2=\"{edge:.1}\" y2=\"{y:.1}\"/>"));
        lines.iter().enumerate().for_each(|(index, line)| stroke(&mut plot, index, line));
        labels(&mut plot, &lines);
        plot
    };
    let remark = contents.silent_generations().map_or(String::new(), |silent| {
        format!(" <strong>In {silent} (shaded) the largest and the smallest probability differ too little: the priority says nothing there.</strong>")
    });
    let caption = format!(
        "<b>Operation priorities.</b> The probability with which a mutation draws each operation, among those that fit the place, by \
         generation; the dashed line is an even draw. At the right, the last known probability.{remark}"
    );
    let label = format!("Operation priorities of {} operations over the generations", lines.len());
    Some(figure(draw, &label, &caption) + &numbers(contents))
}

fn lines<'a>(contents: &Contents<'a>) -> Vec<Line<'a>> {
    let mut lines: Vec<Line<'a>> = Vec::new();
    for priority in &contents.priorities {
        for (operation, _, _, probability) in priority.operations.iter().filter(|operation| operation.3.is_finite()) {
            let point = (priority.generation, *probability);
            match lines.iter_mut().find(|line| line.operation == operation) {
                Some(line) => line.points.push(point),
                None => lines.push(Line { operation, points: vec![point] }),
            }
        }
    }
    lines
}

/// The class of a line: its colour, and dashes from the eleventh on.
fn class(index: usize) -> String {
    format!("k{}{}", index % COLOURS, if index < COLOURS { "" } else { " dashed" })
}

fn stroke(plot: &mut Plot, index: usize, line: &Line<'_>) {
    let class = class(index);
    let at: Vec<(f64, f64)> = line.points.iter().map(|(generation, p)| (plot.px(*generation as f64), plot.py(*p))).collect();
    let path: Vec<String> = at.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
    plot.push(&format!("<polyline class=\"line {class}\" points=\"{}\"/>", path.join(" ")));
    for (at, (generation, p)) in at.into_iter().zip(&line.points) {
        plot.dot(at, 2.8, &format!("point {class}"), "", &format!("{}, generation {generation}: {}", line.operation, number(Some(*p))));
    }
}

/// Labels at the right, each as near to the end of its line as the others allow, joined to it.
fn labels(plot: &mut Plot, lines: &[Line<'_>]) {
    let mut ends: Vec<(usize, &str, (usize, f64))> =
        lines.iter().enumerate().filter_map(|(index, line)| Some((index, line.operation, *line.points.last()?))).collect();
    ends.sort_by(|a, b| b.2.1.total_cmp(&a.2.1));
    // Downwards no label overlaps the one above; then upwards none leaves the area.
    let mut free = 0.0;
    let mut places: Vec<f64> = Vec::new();
    for (_, _, (_, p)) in &ends {
        free = plot.py(*p).max(free + LABEL);
        places.push(free);
    }
    let mut floor = plot.bottom() + LABEL;
    for place in places.iter_mut().rev() {
        *place = place.min(floor - LABEL);
        floor = *place;
    }
    let longest = if plot.is_narrow() { 10 } else { 18 };
    for ((index, operation, (generation, p)), y) in ends.into_iter().zip(places) {
        let (from, to, class) = (plot.px(generation as f64) + 4.0, plot.edge() + 16.0, class(index));
        let end = plot.py(p);
        plot.push(&format!(
            "<polyline class=\"leader {class}\" points=\"{from:.1},{end:.1} {:.1},{end:.1} {to:.1},{y:.1}\"/>",
            plot.edge()
        ));
        plot.text((to + 4.0, y + 4.0), "start", "", &format!("{} {}", number(Some(p)), plain(operation, longest)));
    }
}

/// The numbers of the last generation, folded.
fn numbers(contents: &Contents<'_>) -> String {
    let Some(last) = contents.priorities.last() else { return String::new() };
    let mut operations: Vec<_> = last.operations.iter().collect();
    operations.sort_by(|a, b| b.3.total_cmp(&a.3));
    let rows = operations.into_iter().map(|(operation, credit, occurrences, probability)| {
        let cells: String =
            [credit, occurrences, probability].into_iter().map(|value| format!("<td>{}</td>", number(Some(*value)))).collect();
        format!("<tr><th scope=\"row\">{}</th>{cells}</tr>\n", escape(operation))
    });
    format!(
        "<details><summary>Priorities of generation {} as numbers</summary><div class=\"scroll\"><table>\n<thead><tr><th scope=\"col\">operation</th>\
         <th scope=\"col\">mean credit</th><th scope=\"col\">occurrences</th><th scope=\"col\">probability</th></tr></thead>\n<tbody>\n{}</tbody></table></div></details>\n",
        last.generation,
        rows.collect::<String>()
    )
}
