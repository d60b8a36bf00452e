//! The commands and their flags.

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::num::NonZeroUsize;
use std::path::PathBuf;

/// Searches, trains and compares encoders, as an experiment file says.
#[derive(Debug, Parser)]
#[command(
    name = "phyla",
    version,
    about,
    max_term_width = 100,
    after_help = "Examples:
  phyla run experiments/quickstart.phyla         carry an experiment out
  phyla check experiments/                       find the mistakes in every file of a folder
  phyla graph FILE std.architectures.bert --svg bert.svg

Exit codes: 0 done, 1 mistakes or failure, 2 command line not understood, 130 interrupted."
)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Carry an experiment out: search, final training, report; it goes on where it stopped
    #[command(after_help = "Examples:
  phyla run experiments/quickstart.phyla
  phyla run experiments/quickstart.phyla --set search.evaluations=60 --set seed=7
  phyla run FILE --out runs/mine --fresh

The run folder holds experiment.phyla and .yaml, journal.jsonl, best.phyla, best.safetensors, results.csv, report.html,
and predictions/ where tasks have test files.
Interrupted (Ctrl-C, or killed), the same command goes on where it was.")]
    Run {
        /// The file that declares the experiment
        file: PathBuf,
        #[command(flatten)]
        which: Which,
        /// The run folder [default: runs/<experiment>-<fingerprint>-s<seed>]
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
        /// Start over, removing what an earlier run left in the folder
        #[arg(long)]
        fresh: bool,
        /// Candidates evaluated at the same time, one thread each; changes no result [default: the experiment's]
        #[arg(long, value_name = "N")]
        workers: Option<NonZeroUsize>,
        /// Stop after this stage; the same command without it goes on
        #[arg(long, value_enum, value_name = "STAGE")]
        until: Option<Stage>,
    },
    /// Say what a run would do and cost, and spend nothing
    #[command(after_help = "Example:\n  phyla plan experiments/autobert_zero_base.phyla --json")]
    Plan {
        /// The file that declares the experiment
        file: PathBuf,
        #[command(flatten)]
        which: Which,
        /// Time some training steps on this machine to estimate the whole
        #[arg(long)]
        measure: bool,
        /// The plan as one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Find the mistakes in files and folders of `.phyla` sources
    #[command(after_help = "Example:\n  phyla check experiments/ --json")]
    Check {
        /// Files, or folders whose `.phyla` files are all checked
        #[arg(required = true)]
        paths: Vec<PathBuf>,
        /// One JSON object a diagnostic, one a line
        #[arg(long)]
        json: bool,
    },
    /// Draw a graph, an architecture or a space
    #[command(after_help = "Examples:
  phyla graph FILE std.architectures.bert | dot -Tpng > bert.png
  phyla graph FILE 'std.architectures.autobert_zero.first(4)' --svg found.svg")]
    Graph {
        /// The file whose names are seen
        file: PathBuf,
        /// A graph, operation, architecture or space: `name`, `std.layers.attention`, `bert.first(4)`
        name: String,
        /// Write a drawing here, in place of DOT on standard output
        #[arg(long, value_name = "FILE")]
        svg: Option<PathBuf>,
    },
    /// Count a space, draw from it, list it, ask what lies in it
    #[command(
        subcommand,
        after_help = "Examples:
  phyla space count experiments/quickstart.phyla
  phyla space sample experiments/quickstart.phyla -n 3 --uniform
  phyla space contains FILE std.architectures.bert --space std.spaces.autobert_zero
  phyla space distance FILE 'std.architectures.bert.first(4)' 'std.architectures.autobert_zero.first(4)'
  phyla space enumerate FILE --space small --json"
    )]
    Space(super::space::SpaceCommand),
    /// Train one architecture from scratch, without a search, and score it
    #[command(after_help = "Example:
  phyla train experiments/quickstart.phyla 'std.architectures.bert.first(4)'

The folder holds the experiment, the journal with the scores, and model.safetensors, the weights of the first seed.")]
    Train {
        /// The file that declares the experiment whose `final` budget is used
        file: PathBuf,
        /// The architecture
        name: String,
        #[command(flatten)]
        which: Which,
        /// The folder [default: runs/train-<architecture's hash>-<fingerprint>-s<seed>]
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
        /// Start over
        #[arg(long)]
        fresh: bool,
    },
    /// Say what runs hold: one candidate explained, searches compared
    #[command(subcommand, after_help = "Example:\n  phyla runs explain runs/quickstart-1a2b3c4d-s42 17 --json")]
    Runs(super::runs::RunsCommand),
    /// Make a submission to GLUE from a finished run
    #[command(subcommand, after_help = "Example:\n  phyla glue submit runs/base-1a2b3c4d-s42")]
    Glue(super::glue::GlueCommand),
    /// Train every member of a small space once, and compare searches on what was found
    #[command(
        subcommand,
        after_help = "Examples:
  phyla table build experiments/attention_table.phyla --out table.jsonl
  phyla table show table.jsonl experiments/attention_table.phyla
  phyla table compare table.jsonl experiments/attention_rivals.phyla --seeds 201..1000"
    )]
    Table(super::table::TableCommand),
    /// Say what the code of a mistake means, with an example that fails and the same mended
    #[command(after_help = "Examples:\n  phyla explain E0401\n  phyla explain              the list of all codes")]
    Explain {
        /// The code, as it stands above a mistake; without one, all are listed
        code: Option<String>,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Say what a name of the language means: records and their fields, operations with formula and gradient, the standard library
    #[command(after_help = "Examples:
  phyla doc                           the names there are
  phyla doc train                     a record: its fields with type, unit and default
  phyla doc softmax                   an operation: shapes, formula, gradient
  phyla doc std.layers.attention      a declaration of the standard library
  phyla doc mine.phyla swish          one of a file, or one that it imports
  phyla doc search.evaluations        a field

Exit codes: 0 done, 1 there is no such name, or the file cannot be read.")]
    Doc {
        /// A name; or a file, whose names are then seen
        #[arg(value_name = "NAME|FILE")]
        first: Option<String>,
        /// A name that the file declares or imports, or any other
        #[arg(value_name = "NAME")]
        second: Option<String>,
        /// A list of entries, as JSON
        #[arg(long)]
        json: bool,
    },
    /// Compare two files by meaning: fields, operations, the sizes of spaces, the edits between architectures
    #[command(after_help = "Examples:
  phyla diff HEAD:experiments/mine.phyla experiments/mine.phyla
  phyla diff v1:space.phyla v2:space.phyla --json

Layout, comments, order and the way a file is split make no difference.
As git's own diff of these files:
  git config diff.phyla.command 'phyla diff --git-driver'
  echo '*.phyla diff=phyla' >> .gitattributes

Exit codes: 0 they mean the same, 1 they do not, 2 one of them has mistakes or cannot be read.")]
    Diff(super::diff::Given),
    /// Carry out the tests that files hold
    #[command(after_help = "Examples:
  phyla test                          every test of every file below this folder
  phyla test experiments/ --filter budget
  phyla test std                      the standard library's own

A test is a block of a file, `test \"title\" { count(backbone) > 1_000 }`; docs/language.md lists what can be claimed.
Exit codes: 0 all hold, 1 some do not or a file has mistakes, 2 there is no test to carry out.")]
    Test {
        /// Files or folders; `std` and `std.layers` name modules of the standard library
        #[arg(default_value = ".")]
        paths: Vec<PathBuf>,
        /// Only tests with this in their title
        #[arg(long, value_name = "TEXT")]
        filter: Option<String>,
        /// One JSON object a test, one a line
        #[arg(long)]
        json: bool,
    },
    /// Write files in the canonical layout
    #[command(
        after_help = "Examples:\n  phyla fmt experiments/\n  phyla fmt --check .\n  phyla fmt --diff experiments/\n  phyla fmt - < old.phyla > new.phyla"
    )]
    Fmt {
        /// Files or folders; `-` is standard input, formatted to standard output
        #[arg(required = true)]
        paths: Vec<PathBuf>,
        /// Change nothing; name the files that are not in the canonical layout and exit with 1
        #[arg(long)]
        check: bool,
        /// Change nothing; print what would change, as a unified diff, and exit with 1 where anything would
        #[arg(long, conflicts_with = "check")]
        diff: bool,
    },
    /// Begin an experiment: writes NAME.phyla
    #[command(after_help = "Example:\n  phyla new mine && phyla check mine.phyla")]
    New {
        /// The experiment's name
        name: String,
        /// The texts it is to pre-train on, as paths seen from here
        #[arg(long, value_name = "FILE", default_value = "corpus.txt")]
        corpus: Vec<String>,
    },
    /// Measure training, forward passes and memory beside PyTorch's
    #[command(after_help = "Examples:
  phyla bench                                       tiny and small models, beside PyTorch where it is there
  phyla bench --sizes tiny --no-peer --bursts 3     our side alone, in half a minute
  phyla bench --sizes base --layers bert --json

Nothing else should be running. `sh tests/peers/setup.sh` makes a Python with torch in target/peers/venv; PHYLA_PEER_PYTHON
names another one. PHYLA_GLUE names a folder with GLUE's files, whose sentence lengths are then used.")]
    Bench(super::bench::BenchArgs),
    /// Make the mini suite's tasks from a novel's text and a dictionary's glosses
    #[command(after_help = "Example, which makes the files that ship:
  phyla mini-suite experiments/data/austen.txt experiments/data/wordnet_glosses.txt --out experiments/data/mini")]
    MiniSuite {
        /// Prose, one paragraph a line
        prose: PathBuf,
        /// Glosses, one a line
        glosses: PathBuf,
        /// The folder to write
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
        /// The seed of every draw
        #[arg(long, default_value_t = crate::data::mini::SEED)]
        seed: u64,
    },
}

/// Which experiment of a file, and changed how.
#[derive(Debug, Args)]
pub(super) struct Which {
    /// The experiment's name, where the file declares several
    #[arg(long, value_name = "NAME")]
    pub experiment: Option<String>,
    /// Change a field, typed and checked as in the file; may be given several times
    #[arg(long = "set", value_name = "PATH=VALUE")]
    pub set: Vec<String>,
    /// What training is computed on: `cpu`, or a GPU as `cuda:0` [default: the experiment's]
    #[arg(long, value_name = "DEVICE", value_parser = device)]
    pub device: Option<String>,
    /// What carries training out [default: native on the CPU, candle elsewhere]
    #[arg(long, value_enum)]
    pub executor: Option<ExecutorName>,
}

/// A device's name as the change that puts it into the experiment.
fn device(name: &str) -> Result<String, String> {
    let index = match name.split_once(':') {
        None if name == "cpu" => return Ok("device = cpu".to_owned()),
        None if name == "cuda" => Some(0),
        Some(("cuda", index)) => index.parse::<u16>().ok(),
        _ => None,
    };
    index.map(|index| format!("device = cuda({index})")).ok_or_else(|| "a device is `cpu`, `cuda` or `cuda:N`".to_owned())
}

/// The stages of a run.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Stage {
    /// The supernet's warm-up
    WarmUp,
    /// The rank agreement, where the experiment has one
    Agreement,
    /// The search
    Search,
}

impl Stage {
    fn until(self) -> crate::run::Until {
        match self {
            Self::WarmUp => crate::run::Until::Warmup,
            Self::Agreement => crate::run::Until::Agreement,
            Self::Search => crate::run::Until::Search,
        }
    }
}

/// The executors there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum ExecutorName {
    /// Phyla's own plans, on the CPU
    Native,
    /// candle: the reference, on the CPU or a GPU
    Candle,
}

/// Carries a command line out and gives the exit code.
pub fn run(cli: Cli) -> u8 {
    super::source::written(carried_out(cli))
}

fn carried_out(cli: Cli) -> u8 {
    match cli.command {
        Command::Run { file, which, out, fresh, workers, until } => {
            let (workers, until) = (workers.map(NonZeroUsize::get), until.map(Stage::until));
            super::run::run(&file, &which, crate::run::Options { out, fresh, workers, until })
        }
        Command::Plan { file, which, measure, json } => super::run::plan(&file, &which, measure, json),
        Command::Check { paths, json } => super::check::check(&paths, json),
        Command::Graph { file, name, svg } => super::graph::graph(&file, &name, svg.as_deref()),
        Command::Space(command) => super::space::space(&command),
        Command::Train { file, name, which, out, fresh } => {
            super::train::train(&file, &name, &which, crate::run::TrainOptions { out, fresh })
        }
        Command::Runs(command) => super::runs::runs(&command),
        Command::Glue(command) => super::glue::glue(&command),
        Command::Table(command) => super::table::table(command),
        Command::Explain { code, json } => super::explain::explain(code.as_deref(), json),
        Command::Doc { first, second, json } => super::doc::doc(first.as_deref(), second.as_deref(), json),
        Command::Diff(given) => super::diff::diff(&given),
        Command::Test { paths, filter, json } => super::test::test(&paths, filter.as_deref(), json),
        Command::Fmt { paths, check, diff } => super::fmt::fmt(&paths, super::fmt::Change::new(check, diff)),
        Command::New { name, corpus } => super::new::new(&name, &corpus),
        Command::Bench(given) => super::bench::bench(&given),
        Command::MiniSuite { prose, glosses, out, seed } => super::mini_suite::mini_suite(&prose, &glosses, &out, seed),
    }
}
