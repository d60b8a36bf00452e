//! Spaces, spaces that change others, and architectures that fill them.

use super::Author;
use super::graphs::UNARY;

/// What is known of a declared space.
#[derive(Clone)]
pub struct Space {
    pub name: String,
    /// Times that its body repeats the mixer, with a filling each; `None` where it stands outside of a `repeat`.
    pub fillings: Option<usize>,
    /// Whether it has a second hole, `tail`.
    pub has_tail: bool,
    /// Whether `layers` is a field that may be changed.
    pub has_layers: bool,
    /// Labels that may fill the mixer, with their arguments; a single mixer's are written as calls.
    pub arms: Vec<Arm>,
}

/// A `dag`: its operations, its inputs, and how deep it may be.
#[derive(Clone)]
pub struct Dag {
    members: Vec<String>,
    inputs: &'static [&'static str],
    deepest: usize,
}

/// A member of the choice of mixers.
#[derive(Clone)]
pub enum Arm {
    /// An attention whose graph is a hole.
    Attention(String, Dag),
    /// A convolution with one of these kernels.
    Convolution(String, Vec<usize>),
    /// A layer without a hole.
    Whole(String),
}

impl Arm {
    /// Leaves out the operations that another file does not know.
    pub fn keep_known(&mut self) {
        if let Self::Attention(_, dag) = self {
            dag.members.retain(|name| UNARY.contains(&name.as_str()));
        }
    }
}

impl Author<'_> {
    pub(super) fn space(&mut self) {
        let name = self.fresh("space");
        let (mixer, arms, chosen) = self.mixer();
        let layers = self.dice.within(1, 3);
        let has_layers = self.dice.chance(60);
        let tied = self.dice.chance(25);
        let count = if has_layers { "layers".to_owned() } else { layers.to_string() };
        let tie = if tied { format!(", tie = {layers}") } else { String::new() };
        let block = self.one_of(&self.own.blocks.clone()).filter(|_| self.dice.chance(60));
        let block = block.unwrap_or_else(|| self.std("layers", "encoder_layer"));
        let fixed = self.std("layers", "feed_forward");
        let shape = self.dice.weighted(&[(70, 0), (15, 1), (15, 2)]);
        let body = match shape {
            0 => format!("repeat({count}{tie}) {{ {block}(mixer) }}"),
            1 => format!("graph(x) {{ {block}(mixer)(repeat({count}) {{ {block}({fixed}) }}(x)) }}"),
            _ => format!("graph(x) {{ repeat({count}{tie}) {{ {block}(mixer) }}(x) |> {block}(tail) }}"),
        };
        let mut fields = vec![format!("mixer = {mixer}"), format!("body = {body}")];
        if shape == 2 {
            fields.push(format!("tail = {}(kernel = choose(3, 5))", self.std("layers", "light_convolution")));
        }
        if has_layers {
            fields.push(format!("layers = {layers}"));
        }
        if self.dice.chance(25) {
            let bound = self.dice.word(&["mixes(n)", "params <= 20G", "flops <= 1e15", "flops(n = 128) >= 1", "params > 10"]);
            fields.push(format!("require {bound}"));
        }
        self.dice.shuffle(&mut fields);
        let fields = self.braces(&fields);
        self.items.push(format!("space {name} {fields}"));
        let arms = if chosen { arms } else { Vec::new() };
        let fillings = Some(if tied { 1 } else { layers }).filter(|_| shape != 1);
        self.own.spaces.push(Space { name, fillings, has_tail: shape == 2, has_layers, arms });
    }

    /// A mixer, its members, and whether they have labels.
    fn mixer(&mut self) -> (String, Vec<Arm>, bool) {
        if self.dice.chance(35) {
            let (text, arm) = self.arm("only");
            return (text, vec![arm], false);
        }
        let mut arms = Vec::new();
        let mut fields = Vec::new();
        for label in ["attention", "conv", "third"].into_iter().take(self.dice.within(2, 3)) {
            let (text, arm) = self.arm(label);
            fields.push(format!("{label} = {text}"));
            arms.push(arm);
        }
        (format!("choose {}", self.braces(&fields)), arms, true)
    }

    /// A member of the choice, as it is written and as it is filled.
    fn arm(&mut self, label: &str) -> (String, Arm) {
        match self.dice.below(6) {
            0..=2 => {
                let (text, dag) = self.dag();
                (format!("{}({text})", self.std("layers", "attention")), Arm::Attention(label.to_owned(), dag))
            }
            3 => {
                let mut kernels: Vec<usize> = (0..self.dice.within(2, 4)).map(|_| self.dice.within(1, 31)).collect();
                kernels.sort_unstable();
                kernels.dedup();
                let listed = kernels.iter().map(usize::to_string).collect::<Vec<_>>().join(", ");
                let text = format!("{}(kernel = choose({listed}))", self.std("layers", "light_convolution"));
                (text, Arm::Convolution(label.to_owned(), kernels))
            }
            4 => (format!("{}({})", self.std("layers", "attention"), self.some_mix()), Arm::Whole(label.to_owned())),
            _ => {
                let own = self.one_of(&self.own.layers.clone());
                (own.unwrap_or_else(|| self.std("layers", "feed_forward")), Arm::Whole(label.to_owned()))
            }
        }
    }

    /// A `dag` as it is written, and what is known of it.
    fn dag(&mut self) -> (String, Dag) {
        let (set, members) = self.some_set();
        let deepest = self.dice.within(1, 4);
        let largest = self.dice.within(deepest, 6);
        let tight = self.dice.chance(15);
        let least = if tight { self.dice.within(1, deepest) } else { 1 };
        let mut arguments = vec![format!("ops = {set}"), format!("depth = {least}..={deepest}"), format!("size = 1..={largest}")];
        let mut inputs: &[&str] = &["q", "k", "v"];
        if self.dice.chance(50) {
            inputs = self.dice.pick::<&[&str]>(&[&["q", "k", "v"], &["q", "k"], &["v", "q"], &["k"]]);
            arguments.insert(0, format!("inputs = [{}]", inputs.join(", ")));
        } else if self.dice.chance(30) {
            arguments.push(format!("uses = {}", self.dice.word(&["1..=3", "1..=2", "2..=3", "1"])));
        }
        (format!("dag({})", arguments.join(", ")), Dag { members, inputs, deepest })
    }

    /// A space that changes another one.
    pub(super) fn changed_space(&mut self) {
        let base = self.dice.pick(&self.own.spaces).clone();
        if !base.has_layers {
            return;
        }
        let name = self.fresh("space");
        let layers = self.dice.within(1, 4);
        let mut fields = vec![format!("layers = {layers}")];
        if self.dice.chance(30) {
            fields.push(format!("mixer = {}", self.mixer().0));
        }
        self.items.push(format!("space {name} = {} {{ {} }}", base.name, fields.join(", ")));
        // A tie that does not divide the layers is a mistake or not; nothing is filled here.
        self.own.spaces.push(Space { name, arms: Vec::new(), ..base });
    }

    pub(super) fn architecture(&mut self) {
        let number = self.dice.below(self.own.spaces.len());
        let space = self.own.spaces[number].clone();
        if space.arms.is_empty() {
            return;
        }
        let fillings: Vec<String> = (0..space.fillings.unwrap_or(1)).map(|_| self.filling(&space.arms)).collect();
        let fillings = fillings.join(self.dice.word(&[", ", "\n        "]));
        let mixer = if space.fillings.is_some() { format!("[{fillings}]") } else { fillings };
        let tail = if space.has_tail { "\n    tail = light_convolution(kernel = 5)" } else { "" };
        let name = self.fresh("architecture");
        self.items.push(format!("architecture {name} = {} {{\n    mixer = {mixer}{tail}\n}}", space.name));
        self.own.architectures.push((name, number));
    }

    fn filling(&mut self, arms: &[Arm]) -> String {
        match self.dice.pick(arms).clone() {
            Arm::Convolution(label, kernels) => format!("{label}(kernel = {})", self.dice.pick(&kernels)),
            Arm::Whole(label) => label,
            Arm::Attention(label, dag) => {
                let (input, body) = self.expression(&dag);
                format!("{label}(graph({input}) {{ {body} }})")
            }
        }
    }

    /// A chain of operations of a `dag` over one of its inputs.
    fn expression(&mut self, dag: &Dag) -> (&'static str, String) {
        let unary: Vec<String> = dag
            .members
            .iter()
            .filter(|name| self.unary.contains(name) || !self.binary.contains(name))
            .filter(|name| !["add", "sub", "mul", "max", "min", "transpose", "matmul", "cosine", "euclidean"].contains(&name.as_str()))
            .cloned()
            .collect();
        let input = self.dice.word(dag.inputs);
        let mut text = input.to_owned();
        for _ in 0..self.dice.within(1, dag.deepest.min(2)) {
            if let Some(op) = self.one_of(&unary).filter(|op| !text.starts_with(op.as_str())) {
                text = format!("{op}({text})");
            }
        }
        (input, text)
    }
}
