//! A plot: a scaled area with axes, as SVG whose colours come from the page's style sheet, so that it follows light and dark.
//!
//! Written by hand rather than with a plotting library: inline SVG needs no name space (and so no address), no fonts, and
//! colours a style sheet can change.

use super::words::escape;

/// A plot in work.
pub(super) struct Plot {
    width: f64,
    height: f64,
    left: f64,
    right: f64,
    x: (f64, f64),
    y: (f64, f64),
    body: String,
}

/// The least that is kept free at the left, and the most, as a share of the width.
const LEFT: f64 = 48.0;
const MOST_LEFT: f64 = 0.4;
/// The width of a digit.
const DIGIT: f64 = 6.8;
/// Between a number and its axis.
const GAP: f64 = 7.0;
/// Numbers wished for on the vertical axis.
const TICKS: f64 = 5.0;
const TOP: f64 = 44.0;
const BOTTOM: f64 = 42.0;

/// From more points than this on, they are drawn small and unconnected.
pub(super) const MANY: usize = 150;

/// The two widths a plot is drawn at: for a page, and for a telephone.
const WIDTHS: [(f64, &str); 2] = [(860.0, "wide"), (360.0, "narrow")];

/// A plot at both widths with its caption, which is HTML; `draw` gets the width.
pub(super) fn figure(draw: impl Fn(f64) -> Plot, label: &str, caption: &str) -> String {
    let label = escape(label);
    let drawn = WIDTHS.iter().map(|(width, class)| {
        let plot = draw(*width);
        let (width, height, body) = (plot.width, plot.height, plot.body);
        format!("<svg class=\"plot {class}\" viewBox=\"0 0 {width:.0} {height:.0}\" role=\"img\" aria-label=\"{label}\">\n{body}</svg>\n")
    });
    format!("<figure>\n{}<figcaption>{caption}</figcaption>\n</figure>\n", drawn.collect::<String>())
}

/// The styles of a plot that stands by itself, on white.
const ALONE: &str = "text{font:12px system-ui,'Segoe UI','Helvetica Neue',Arial,sans-serif;fill:#22262b}.title{fill:#626a73}.quiet{fill:#626a73}\
    .grid{stroke:#d9dcdf;stroke-width:.7}.axis{stroke:#626a73}.line{fill:none;stroke:var(--k);stroke-width:2;stroke-linejoin:round}\
    .k0{--k:#3b76af}.k1{--k:#d9760f}.k2{--k:#4a9440}.k3{--k:#cc444b}.k4{--k:#8c66b8}.k5{--k:#8d6a5d}.k6{--k:#cf64a9}.k7{--k:#7b7f85}";

impl Plot {
    /// The plot as an SVG file of its own.
    pub(super) fn alone(&self) -> String {
        let (width, height, body) = (self.width, self.height, &self.body);
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{height:.0}\" viewBox=\"0 0 {width:.0} {height:.0}\">\n\
             <style>{ALONE}</style>\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n{body}</svg>\n"
        )
    }

    /// An empty plot over the ranges `x` and `y`, with `right` pixels kept free at its right.
    pub(super) fn new(width: f64, height: f64, right: f64, x: (f64, f64), y: (f64, f64)) -> Self {
        let longest = ticks(y, TICKS, 0.0).iter().map(|(_, text)| text.chars().count()).max().unwrap_or(0);
        let left = LEFT.max((longest as f64 * DIGIT + 2.0 * GAP).min(width * MOST_LEFT));
        Self { width, height, left, right, x, y, body: String::new() }
    }

    /// Whether this is the drawing for a telephone.
    pub(super) fn is_narrow(&self) -> bool {
        self.width < 500.0
    }

    /// The pixel of a value on the horizontal axis.
    pub(super) fn px(&self, x: f64) -> f64 {
        self.left + (x - self.x.0) / (self.x.1 - self.x.0) * (self.width - self.left - self.right)
    }

    /// The pixel of a value on the vertical axis.
    pub(super) fn py(&self, y: f64) -> f64 {
        self.bottom() - (y - self.y.0) / (self.y.1 - self.y.0) * (self.bottom() - TOP)
    }

    /// The pixel of the horizontal axis.
    pub(super) fn bottom(&self) -> f64 {
        self.height - BOTTOM
    }

    /// The pixel of the area's right edge.
    pub(super) fn edge(&self) -> f64 {
        self.width - self.right
    }

    /// Adds finished SVG.
    pub(super) fn push(&mut self, svg: &str) {
        self.body.push_str(svg);
        self.body.push('\n');
    }

    /// Adds the axes: lines and numbers at ticks, and titles; `whole` where the horizontal axis counts something.
    pub(super) fn axes(&mut self, x_title: &str, y_title: &str, whole: bool) {
        let left = self.left;
        for (y, text) in ticks(self.y, TICKS, 0.0) {
            let (at, edge) = (self.py(y), self.edge());
            self.push(&format!("<line class=\"grid\" x1=\"{left}\" y1=\"{at:.1}\" x2=\"{edge:.1}\" y2=\"{at:.1}\"/>"));
            self.text((left - GAP, at + 4.0), "end", "", &text);
        }
        let bottom = self.bottom();
        for (x, text) in ticks(self.x, if self.is_narrow() { 4.0 } else { 9.0 }, if whole { 1.0 } else { 0.0 }) {
            let at = self.px(x);
            self.push(&format!("<line class=\"axis\" x1=\"{at:.1}\" y1=\"{bottom:.1}\" x2=\"{at:.1}\" y2=\"{:.1}\"/>", bottom + 4.0));
            self.text((at, bottom + 17.0), "middle", "", &text);
        }
        self.push(&format!("<line class=\"axis\" x1=\"{left}\" y1=\"{bottom:.1}\" x2=\"{:.1}\" y2=\"{bottom:.1}\"/>", self.edge()));
        self.text((f64::midpoint(left, self.edge()), bottom + 35.0), "middle", "title", x_title);
        self.text((6.0, 14.0), "start", "title", y_title);
    }

    /// Adds a text at a pixel; `anchor` is `start`, `middle` or `end`.
    pub(super) fn text(&mut self, at: (f64, f64), anchor: &str, class: &str, text: &str) {
        self.push(&format!("<text class=\"{class}\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"{anchor}\">{}</text>", at.0, at.1, escape(text)));
    }

    /// Adds a dot with the words that a pointer brings up; `style` is a declaration or empty.
    pub(super) fn dot(&mut self, at: (f64, f64), radius: f64, class: &str, style: &str, words: &str) {
        let style = if style.is_empty() { String::new() } else { format!(" style=\"{style}\"") };
        let words = escape(words);
        self.push(&format!(
            "<circle class=\"{class}\" cx=\"{:.1}\" cy=\"{:.1}\" r=\"{radius}\"{style}><title>{words}</title></circle>",
            at.0, at.1
        ));
    }

    /// Adds a shaded band from one value of the horizontal axis to another.
    pub(super) fn band(&mut self, from: f64, to: f64) {
        let (left, right) = (self.px(from).max(self.left), self.px(to).min(self.edge()));
        let height = self.bottom() - TOP;
        self.push(&format!(
            "<rect class=\"band\" x=\"{left:.1}\" y=\"{TOP}\" width=\"{:.1}\" height=\"{height:.1}\"/>",
            (right - left).max(0.0)
        ));
    }
}

/// The range of finite values with some room; `None` of none.
pub(super) fn range(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    let (low, high) = values
        .filter(|value| value.is_finite())
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
    // Differences of rounding are not drawn as if they were large.
    let room = if high - low > 1e-6 { (high - low) * 0.07 } else { (high.abs() * 0.05).max(0.01) };
    (low <= high).then_some((low - room, high + room))
}

/// Round values within a range, about `wish` of them and no closer than `least`, with their text.
fn ticks((low, high): (f64, f64), wish: f64, least: f64) -> Vec<(f64, String)> {
    let rough = (high - low) / wish;
    let magnitude = 10f64.powf(rough.log10().floor());
    let step =
        [1.0, 2.0, 5.0, 10.0].into_iter().map(|factor| factor * magnitude).find(|step| *step >= rough * 0.999).unwrap_or(rough).max(least);
    let decimals = (-step.log10().floor()).clamp(0.0, 9.0) as usize;
    let first = (low / step).ceil();
    // A range that is not finite, or too small for its size, has no ticks.
    let values = (0..20).map(|index| (first + f64::from(index)) * step).take_while(|value| *value <= high + step * 1e-9);
    values.filter_map(|value| Some((value, super::words::fixed(value, decimals)?))).collect()
}
