//! Drawings of graphs: Graphviz DOT, and SVG laid out from it.

use super::dag::{Attr, Graph, Node, NodeKind};
use super::dim::{in_letters, show_shape};
use super::weights::owns_parameters;
use crate::diagnostic::{Code, Diagnostic, Result};
use layout::backends::svg::SVGWriter;
use layout::core::format::{ClipHandle, RenderBackend};
use layout::core::geometry::Point;
use layout::core::style::StyleAttr;
use layout::gv::{DotParser, GraphBuilder};
use std::fmt::Write;

/// Nodes of a drawing at most: the layout takes the square of their number in time.
const MOST: usize = 2000;

/// The graph as Graphviz DOT, top to bottom: inputs round, the result in a thick frame, what owns parameters blue, the
/// world of one head yellow, holes in a double red circle; an operand's number stands on its edge where operands differ.
pub fn dot(graph: &Graph) -> String {
    let mut dot = String::from("digraph {\n    rankdir=TB;\n    node [shape=box, style=filled, fontsize=12];\n");
    for index in graph.order() {
        let Some(node) = graph.node(index) else { continue };
        let label = in_letters(&format!("\"{}\\n{}\"", quoted(&title(node)), show_shape(&node.shape)), graph.letters());
        let (shape, colour) = look(node);
        let thick = if index == graph.output() { ", width=3, penwidth=3" } else { "" };
        // Writing into a string cannot fail.
        let _ = writeln!(dot, "    n{} [label={label}, shape={shape}, fillcolor=\"{colour}\"{thick}];", index.index());
    }
    for index in graph.order() {
        let arguments = graph.arguments(index);
        for (port, argument) in arguments.iter().enumerate() {
            let port = if ordered(graph.node(index), arguments.len()) { format!(" [label=\"{}\"]", port + 1) } else { String::new() };
            let _ = writeln!(dot, "    n{} -> n{}{port};", argument.index(), index.index());
        }
    }
    dot.push_str("}\n");
    dot
}

/// The drawing of a graph as SVG.
///
/// # Errors
/// Where the graph is too large to be laid out.
pub fn svg(graph: &Graph) -> Result<String> {
    let nodes = graph.order().len();
    if nodes > MOST {
        let message = format!("a graph of {nodes} nodes is too large to be drawn; at most {MOST} are");
        return Diagnostic::error(Code::RANGE, message).help("draw one layer, or take the DOT to Graphviz").into();
    }
    let parsed = DotParser::new(&dot(graph)).process();
    let parsed = parsed.map_err(|why| Box::new(Diagnostic::error(Code::INTERNAL, format!("the drawing cannot be laid out: {why}"))))?;
    let mut builder = GraphBuilder::new();
    builder.visit_graph(&parsed);
    let mut canvas = Canvas::default();
    let mut drawing = builder.get();
    // The layout's check for circles walks every path, of which a stack of residuals has exponentially many.
    drawing.dag.set_validate(false);
    drawing.do_it(false, false, false, &mut canvas);
    Ok(canvas.finish())
}

/// The blank around a drawing.
const MARGIN: f64 = 8.0;

/// A canvas that knows where it was drawn on. The one beneath takes room for texts that they do not fill.
#[derive(Default)]
struct Canvas {
    writer: SVGWriter,
    /// The least and the greatest place so far.
    drawn: Option<(Point, Point)>,
}

impl Canvas {
    fn grow(&mut self, to: Point) {
        let (least, most) = self.drawn.unwrap_or((to, to));
        self.drawn = Some((Point::new(least.x.min(to.x), least.y.min(to.y)), Point::new(most.x.max(to.x), most.y.max(to.y))));
    }

    /// The drawing, as large as what is on it.
    fn finish(self) -> String {
        // Not every viewer reads a colour with its opacity: some would paint the outer circle of a hole black.
        let svg = self.writer.finalize().replace("\"#00000000\"", "\"none\"");
        let (Some((least, most)), Some((head, rest))) = (self.drawn, svg.split_once("<svg ")) else { return svg };
        let Some((_, body)) = rest.split_once('>') else { return svg };
        let (x, y) = (least.x - MARGIN, least.y - MARGIN);
        let (width, height) = (most.x + MARGIN - x, most.y + MARGIN - y);
        let size = format!("width=\"{width:.1}\" height=\"{height:.1}\" viewBox=\"{x:.1} {y:.1} {width:.1} {height:.1}\"");
        format!("{head}<svg {size} xmlns=\"http://www.w3.org/2000/svg\">{body}")
    }
}

impl RenderBackend for Canvas {
    fn draw_rect(&mut self, xy: Point, size: Point, look: &StyleAttr, properties: Option<String>, clip: Option<ClipHandle>) {
        self.grow(xy);
        self.grow(xy.add(size));
        self.writer.draw_rect(xy, size, look, properties, clip);
    }

    fn draw_line(&mut self, start: Point, stop: Point, look: &StyleAttr, properties: Option<String>) {
        self.grow(start);
        self.grow(stop);
        self.writer.draw_line(start, stop, look, properties);
    }

    fn draw_circle(&mut self, xy: Point, size: Point, look: &StyleAttr, properties: Option<String>) {
        // `xy` is the middle.
        self.grow(xy.sub(size.scale(0.5)));
        self.grow(xy.add(size.scale(0.5)));
        self.writer.draw_circle(xy, size, look, properties);
    }

    fn draw_text(&mut self, xy: Point, text: &str, look: &StyleAttr) {
        // Within its node, or beside its edge.
        self.grow(xy);
        self.writer.draw_text(xy, text, look);
    }

    fn draw_arrow(
        &mut self,
        path: &[(Point, Point)],
        dashed: bool,
        head: (bool, bool),
        look: &StyleAttr,
        properties: Option<String>,
        text: &str,
    ) {
        // A curve stays between its points and what bends it.
        path.iter().for_each(|(at, bend)| {
            self.grow(*at);
            self.grow(*bend);
        });
        self.writer.draw_arrow(path, dashed, head, look, properties, text);
    }

    fn create_clip(&mut self, xy: Point, size: Point, rounded_px: usize) -> ClipHandle {
        self.writer.create_clip(xy, size, rounded_px)
    }
}

/// A text as it stands between quotes in DOT, without characters that XML cannot hold.
fn quoted(text: &str) -> String {
    text.replace(char::is_control, " ").replace('\\', "\\\\").replace('"', "\\\"")
}

/// What a node computes, with its static parameters.
fn title(node: &Node) -> String {
    let attrs: Vec<String> = node.attrs.iter().map(|(name, attr)| format!("{name} = {}", show_attr(attr))).collect();
    let name = match &node.kind {
        NodeKind::Input { name, .. } => name.clone(),
        NodeKind::Op(op) => op.name.clone(),
        NodeKind::SplitHeads => "per head".to_owned(),
        NodeKind::MergeHeads => "all heads".to_owned(),
        NodeKind::Hole(hole) => format!("? {}", hole.name),
    };
    let name = node.label.as_ref().map_or_else(|| name.clone(), |label| format!("{label}: {name}"));
    if attrs.is_empty() { name } else { format!("{name}({})", attrs.join(", ")) }
}

fn show_attr(attr: &Attr) -> String {
    match attr {
        Attr::Size(size) => size.to_string(),
        Attr::Number(number) => number.to_string(),
        Attr::Hole(hole) => format!("? {}", hole.name),
    }
}

fn look(node: &Node) -> (&'static str, &'static str) {
    match &node.kind {
        NodeKind::Input { .. } => ("ellipse", "white"),
        NodeKind::Hole(_) => ("doublecircle", "mistyrose"),
        NodeKind::Op(op) if owns_parameters(op) => ("box", "lightblue"),
        _ if node.per_head => ("box", "lightyellow"),
        _ => ("box", "whitesmoke"),
    }
}

/// Whether the order of a node's arguments matters and has to be read off its edges.
fn ordered(node: Option<&Node>, arguments: usize) -> bool {
    let commutes = matches!(node.map(|node| &node.kind), Some(NodeKind::Op(op)) if op.laws.commutative);
    arguments > 1 && !commutes
}

#[cfg(test)]
mod tests {
    use super::{Canvas, dot, svg};
    use crate::graph::{Attr, Builder, Dim, Graph, HoleRef, Laws, OpDef, Symbol};
    use layout::core::format::RenderBackend;
    use layout::core::geometry::Point;
    use layout::core::style::StyleAttr;
    use std::collections::BTreeMap;

    fn graph() -> Graph {
        let op = |name: &str, signature: &str| OpDef::declare(name, signature, Laws::default());
        let mut builder = Builder::new();
        let x = builder.input("x <&\"'>", vec![Symbol::Tokens.into(), Symbol::Hidden.into()], false, false);
        let out = BTreeMap::from([("out".to_owned(), Attr::Size(Dim::from(Symbol::Hidden)))]);
        let q = builder.apply(&op("linear", "[i, j] -> [i, out]"), out.clone(), "a", &[x]).unwrap();
        let k = builder.apply(&op("linear", "[i, j] -> [i, out]"), out, "b", &[x]).unwrap();
        let (q, k) = (builder.split_heads(q).unwrap(), builder.split_heads(k).unwrap());
        let kt = builder.apply(&op("transpose", "[i, j] -> [j, i]"), BTreeMap::new(), "", &[k]).unwrap();
        let scores = builder.apply(&op("matmul", "[i, j], [j, k] -> [i, k]"), BTreeMap::new(), "", &[q, kt]).unwrap();
        let soft = builder.apply(&op("softmax", "[i, j] -> [i, j]"), BTreeMap::new(), "", &[scores]).unwrap();
        let mixed = builder.apply(&op("matmul", "[i, j], [j, k] -> [i, k]"), BTreeMap::new(), "", &[soft, q]).unwrap();
        let merged = builder.merge_heads(mixed).unwrap();
        let wide = vec![Symbol::Tokens.into(), Symbol::Hidden.into()];
        let hole = builder.hole(HoleRef { name: "mixer".to_owned(), repetition: Some(0) }, wide, &[merged]).unwrap();
        let mul = builder.apply(&op("mul", "[i, j], [i, j] -> [i, j]"), BTreeMap::new(), "", &[hole, hole]).unwrap();
        let y = builder.apply(&op("add", "[i, j], [i, j] -> [i, j]"), BTreeMap::new(), "", &[x, mul]).unwrap();
        builder.finish(y)
    }

    /// Whether tags close in the order they open and nothing but entities stands outside them.
    fn well_formed(xml: &str) -> bool {
        let mut open: Vec<&str> = Vec::new();
        for piece in xml.split('<').skip(1) {
            let Some((tag, text)) = piece.split_once('>') else { return false };
            if text.contains('>') || text.split('&').skip(1).any(|rest| !rest.contains(';')) {
                return false;
            }
            let name = tag.split([' ', '\n']).next().unwrap_or_default();
            match name.strip_prefix('/') {
                Some(closed) if open.pop() != Some(closed) => return false,
                None if !tag.ends_with(['/', '?']) => open.push(name),
                _ => {}
            }
        }
        open.is_empty()
    }

    #[test]
    fn a_drawing_says_what_is_computed() {
        let dot = dot(&graph());
        for part in ["softmax\\n[n, n]", "linear(out = h)\\n[n, h]", "lightblue", "lightyellow", "? mixer", "[label=\"2\"]"] {
            assert!(dot.contains(part), "{part} is not in {dot}");
        }
        assert_eq!(dot.matches("->").count(), 16);
    }

    #[test]
    fn a_drawing_is_well_formed() {
        let svg = svg(&graph()).unwrap();
        assert!(well_formed(&svg), "{svg}");
        assert!(svg.contains("x &lt;&amp;&quot;") && svg.contains("fill=\"none\""));
        assert!(!svg.contains("#00000000"));
        assert!(!well_formed("<a><b></a>"));
    }

    #[test]
    fn a_drawing_is_as_large_as_what_is_on_it() {
        let mut canvas = Canvas::default();
        canvas.draw_rect(Point::new(30.0, 40.0), Point::new(50.0, 20.0), &StyleAttr::simple(), None, None);
        canvas.draw_circle(Point::new(100.0, 50.0), Point::new(20.0, 10.0), &StyleAttr::simple(), None);
        let svg = canvas.finish();
        assert!(svg.contains(r#"<svg width="96.0" height="36.0" viewBox="22.0 32.0 96.0 36.0" xmlns="#), "{svg}");
        assert!(well_formed(&svg), "{svg}");
    }
}
