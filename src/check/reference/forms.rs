//! What is written without being declared: kinds that are no records, forms of graphs, forms of spaces.

/// A form of the language.
#[derive(Clone, Copy, Debug, serde::Serialize)]
pub struct Form {
    /// The word or mark it is known by.
    pub name: &'static str,
    /// As it is written.
    pub written: &'static str,
    /// What it means.
    pub doc: &'static str,
}

const fn form(name: &'static str, written: &'static str, doc: &'static str) -> Form {
    Form { name, written, doc }
}

/// The kinds of declarations that are no records.
pub const DECLARED: &[Form] = &[
    form(
        "graph",
        "graph name(a: size)(x: [n, h]) -> [n, h] { … }",
        "What is computed: bindings, then a last expression, its result. The first list of parameters is static and may be missing.",
    ),
    form("op", "op name(x: [i, j]) -> [i, j] { … }", "An operation of one's own, without parameters; to a search it is one operation."),
    form("ops", "ops name = [add, matmul] + other", "A set of operations that a `dag` may draw from."),
    form(
        "space",
        "space name { mixer = choose { … }, layers = 4, body = repeat(layers) { … } }",
        "A graph with holes: `body`, from `[n, h]` to `[n, h]`, the fields that it names, and lines that begin with `require`.",
    ),
    form("architecture", "architecture name = backbone { mixer = [ … ] }", "A space with its holes filled."),
    form("test", "test \"title\" { count(backbone) > 1_000 }", "Claims, which `phyla test` carries out."),
    form("primitive", "primitive name(x: [i, j]) -> [i, j] { law = … }", "What the executor can compute; for the standard library."),
];

/// Forms of graphs.
pub const OF_GRAPHS: &[Form] = &[
    form("|>", "x |> g(a)", "`g(a)(x)`"),
    form("+ - * @", "x + y, x - y, x * y, x @ y, -x", "`add`, `sub`, `mul`, `matmul`, `neg`"),
    form("graph", "graph(q, k) { … }", "a graph without a name; it lists only the inputs it uses, and they bind by name"),
    form(
        "repeat",
        "repeat(4) { encoder_layer(mixer) }",
        "that graph four times in a row, each with parameters of its own; with `tie = 2` two repetitions in a row share their fillings",
    ),
    form("per_head", "per_head(mix)(q, k, v)", "splits each `[n, h]` into heads `[n, d]`, computes `mix` in each, joins the results"),
    form("tie", "tie(unembed, word)", "`unembed` with the weight of `word`"),
];

/// Forms of spaces.
pub const OF_SPACES: &[Form] = &[
    form("choose", "choose(3, 5, 7)", "one of these sizes"),
    form("choose", "choose { a = …, b = … }", "one of these graphs; the names are labels, and choices inside an arm are holes of that arm"),
    form(
        "dag",
        "dag(inputs = [q, k, v], ops = mine, depth = 2..=6, size = 2..=8, uses = 2..=3)",
        "any well-shaped expression over these inputs (by default all that the place has), built of the operations of a set",
    ),
    form(
        "require",
        "require params <= 20M",
        "what every member meets besides: a bound on `params`, `flops` or `flops(n = 128)`, or `mixes(n)`",
    ),
    form("first", "bert.first(4)", "the first four repetitions of an architecture"),
];
