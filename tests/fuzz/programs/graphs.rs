//! Operations, graphs and tensor expressions whose shapes fit.

use super::Author;

/// Operations that keep a shape.
pub(super) const UNARY: &[&str] =
    &["neg", "logsigmoid", "softsign", "relu", "gelu", "sigmoid", "tanh", "softplus", "square", "abs", "sqrt", "scale", "softmax"];
const BINARY: &[&str] = &["add", "sub", "mul", "max", "min"];
/// Sets of the library with their members.
const SETS: &[(&str, &[&str])] = &[
    ("transformer", &["transpose", "scale", "softmax", "matmul"]),
    ("autobert_zero", &["neg", "transpose", "scale", "softmax", "logsigmoid", "softsign", "add", "matmul", "cosine", "euclidean"]),
];

/// The sizes of a matrix.
type Shape = [char; 2];
/// Variables with their shapes.
type Scope = Vec<(String, Shape)>;

impl Author<'_> {
    /// An operation of its own, of one tensor or two.
    pub(super) fn operation(&mut self) {
        let name = self.fresh("op");
        let two = self.dice.chance(40);
        let (inputs, names): (_, &[&str]) = if two { ("x: [i, j], y: [i, j]", &["x", "y"]) } else { ("x: [i, j]", &["x"]) };
        let body = self.pointwise(names, 2);
        self.items.push(format!("op {name}({inputs}) -> [i, j] {{ {body} }}"));
        if two { self.binary.push(name) } else { self.unary.push(name) }
    }

    /// An expression that treats every element alike.
    fn pointwise(&mut self, names: &[&'static str], depth: usize) -> String {
        if depth == 0 {
            return self.dice.word(names).to_owned();
        }
        let inner = self.pointwise(names, depth - 1);
        match self.dice.below(4) {
            0 => format!("{}({inner})", self.dice.word(&UNARY[..12])),
            1 => format!("-{inner}"),
            2 => format!("({inner}) {} {}", self.dice.word(&["+", "-", "*"]), self.dice.word(names)),
            _ => format!("{}({inner}, {})", self.dice.word(BINARY), self.dice.word(names)),
        }
    }

    /// A set of operations.
    pub(super) fn set(&mut self) {
        let mut members: Vec<String> = Vec::new();
        let (base, known) = if self.dice.chance(25) { *self.dice.pick(SETS) } else { ("", &[][..]) };
        members.extend(known.iter().map(|name| (*name).to_owned()));
        let mut own: Vec<String> = self.unary.iter().chain(&self.binary).cloned().collect();
        own.extend([UNARY, BINARY, &["transpose", "matmul", "cosine", "euclidean"]].concat().into_iter().map(str::to_owned));
        self.dice.shuffle(&mut own);
        own.retain(|name| !members.contains(name));
        own.truncate(self.dice.within(1, 5));
        // Without an operation that keeps the shape a set may lead nowhere.
        let leads = own.iter().chain(&members).any(|name| UNARY.contains(&name.as_str()) || self.unary.contains(name));
        if !leads {
            own.push("scale".to_owned());
        }
        let name = self.fresh("ops");
        let list = format!("[{}]", own.join(", "));
        let text = if base.is_empty() { list } else { format!("{} + {list}", self.std("ops", base)) };
        members.extend(own);
        self.items.push(format!("ops {name} = {text}"));
        self.own.sets.push((name, members));
    }

    /// A set that a `dag` may name, with its members.
    pub(super) fn some_set(&mut self) -> (String, Vec<String>) {
        if !self.own.sets.is_empty() && self.dice.chance(65) {
            return self.dice.pick(&self.own.sets).clone();
        }
        let (name, members) = *self.dice.pick(SETS);
        (self.std("ops", name), members.iter().map(|name| (*name).to_owned()).collect())
    }

    /// A graph that an attention may compute.
    pub(super) fn mix(&mut self) {
        let name = self.fresh("graph");
        let body = self.mix_body(&["q", "k", "v"]);
        self.items.push(format!("graph {name}(q: [n, d], k: [n, d], v: [n, d]) -> [n, d] {{\n{body}\n}}"));
        self.own.mixes.push(name);
    }

    /// Bindings and a result of shape [n, d], over these inputs.
    fn mix_body(&mut self, inputs: &[&str]) -> String {
        let mut scope: Scope = inputs.iter().map(|name| ((*name).to_owned(), ['n', 'd'])).collect();
        let mut lines = Vec::new();
        for number in 0..self.dice.below(3) {
            let shape = *self.dice.pick(&[['n', 'n'], ['n', 'd'], ['d', 'n'], ['d', 'd']]);
            let value = self.head(shape, &scope, 2);
            lines.push(format!("    y{number} = {value}"));
            scope.push((format!("y{number}"), shape));
        }
        lines.push(format!("    {}", self.head(['n', 'd'], &scope, 3)));
        lines.join("\n")
    }

    /// A graph without a name, over some of q, k and v.
    pub(super) fn literal(&mut self) -> String {
        let inputs: &[&str] = self.dice.pick::<&[&str]>(&[&["q", "k"], &["q", "k", "v"], &["v"], &["q", "v"]]);
        let scope = inputs.iter().map(|name| ((*name).to_owned(), ['n', 'd'])).collect();
        format!("graph({}) {{ {} }}", inputs.join(", "), self.head(['n', 'd'], &scope, 3))
    }

    /// A tensor expression of this shape in the world of one head.
    fn head(&mut self, shape: Shape, scope: &Scope, depth: usize) -> String {
        let fitting: Vec<String> = scope.iter().filter(|(_, known)| *known == shape).map(|(name, _)| name.clone()).collect();
        if depth == 0 {
            return match (self.one_of(&fitting), shape) {
                (Some(name), _) => name,
                (None, [i, j]) if i == j => {
                    let (left, right) = (self.dice.pick(scope).clone(), self.dice.pick(scope).clone());
                    let turn =
                        |(name, known): (String, Shape), wanted: Shape| if known == wanted { name } else { format!("transpose({name})") };
                    let other = if i == 'n' { 'd' } else { 'n' };
                    if left.1[0] == left.1[1] || right.1[0] == right.1[1] {
                        return format!("({0} @ transpose({0}))", turn((scope[0].0.clone(), scope[0].1), [i, other]));
                    }
                    format!("({} @ {})", turn(left, [i, other]), turn(right, [other, i]))
                }
                (None, [i, j]) => format!("transpose({})", self.head([j, i], scope, 0)),
            };
        }
        let inner = self.head(shape, scope, depth - 1);
        match self.dice.below(10) {
            0 | 1 => format!("{}({inner})", self.some_unary()),
            2 => format!("({inner} |> {})", self.some_unary()),
            3 => format!("transpose({})", self.head([shape[1], shape[0]], scope, depth - 1)),
            4 => format!("({inner} {} {})", self.dice.word(&["+", "-", "*"]), self.head(shape, scope, 0)),
            5 => format!("{}({inner}, {})", self.some_binary(), self.head(shape, scope, 0)),
            6 => format!("-({inner})"),
            7 => {
                let op = self.dice.word(&["cosine", "euclidean"]);
                let between = *self.dice.pick(&['n', 'd']);
                format!("{op}({}, {})", self.head([shape[0], between], scope, 0), self.head([shape[1], between], scope, depth - 1))
            }
            _ => {
                let between = *self.dice.pick(&['n', 'd']);
                format!("(({}) @ ({}))", self.head([shape[0], between], scope, depth - 1), self.head([between, shape[1]], scope, 0))
            }
        }
    }

    fn some_unary(&mut self) -> String {
        match self.one_of(&self.unary.clone()) {
            Some(own) if self.dice.chance(30) => own,
            _ => self.dice.word(UNARY).to_owned(),
        }
    }

    fn some_binary(&mut self) -> String {
        match self.one_of(&self.binary.clone()) {
            Some(own) if self.dice.chance(40) => own,
            _ => self.dice.word(BINARY).to_owned(),
        }
    }

    /// A graph from [n, h] to [n, h].
    pub(super) fn layer(&mut self) {
        let name = self.fresh("graph");
        let statics = self.dice.word(&["", "", "(kernel: size = 5)"]);
        let body = self.wide("x", 3);
        let body = if statics.is_empty() { body } else { format!("{}(kernel = kernel)({body})", self.std("layers", "light_convolution")) };
        self.items.push(format!("graph {name}{statics}(x: [n, h]) -> [n, h] {{\n    {body}\n}}"));
        self.own.layers.push(name);
    }

    /// A graph around a mixer.
    pub(super) fn block_graph(&mut self) {
        let name = self.fresh("graph");
        let body = self.wide("y", 2);
        self.items.push(format!(
            "graph {name}(mixer: graph([n, h]) -> [n, h])(x: [n, h]) -> [n, h] {{\n    y = layer_norm(x + dropout(mixer(x)))\n    {body}\n}}"
        ));
        self.own.blocks.push(name);
    }

    /// An expression of shape [n, h] over one variable.
    fn wide(&mut self, variable: &str, depth: usize) -> String {
        if depth == 0 {
            return variable.to_owned();
        }
        let inner = self.wide(variable, depth - 1);
        match self.dice.below(8) {
            0 => format!("layer_norm({inner})"),
            1 => format!("({inner} |> linear(f) |> {} |> linear(h))", self.dice.word(UNARY)),
            2 => format!("linear(h, name = \"inner\")({inner})"),
            3 => format!("({inner} + {variable})"),
            4 => format!("{}({inner})", self.std("layers", "feed_forward")),
            5 => format!("{}({})({inner})", self.std("layers", "attention"), self.some_mix()),
            6 => format!("{}({})({inner})", self.std("layers", "light_convolution"), self.dice.within(1, 9)),
            _ => format!("dropout({inner} * {variable})"),
        }
    }

    /// A graph that an attention may compute: declared, of the library, or written out.
    pub(super) fn some_mix(&mut self) -> String {
        match (self.dice.below(3), self.one_of(&self.own.mixes.clone())) {
            (0, Some(own)) => own,
            (1, _) => self.std("layers", "self_attention"),
            _ => self.literal(),
        }
    }
}
