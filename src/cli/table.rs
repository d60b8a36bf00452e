//! `phyla table`: every member of a small space trained once and for all.

use super::commands::Which;
use super::experiment::{executor, load, load_all};
use super::progress::Shown;
use super::run::{failed, interrupts};
use super::source::{free, out, show_all, show_one};
use crate::data::Duel;
use crate::diagnostic::{Code, Diagnostic, Result, Sources, counted};
use crate::report::curves;
use crate::run::files::read_data;
use crate::run::folder::write_whole;
use crate::run::table::{Comparison, Facts, Table, TableOptions, build_table, compare, facts};
use crate::run::texts;
use clap::Subcommand;
use std::num::{NonZeroU64, NonZeroUsize};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

#[derive(Debug, Subcommand)]
pub(super) enum TableCommand {
    /// Train every function of an experiment's space from scratch, on several seeds; it goes on where it stopped
    #[command(after_help = "Example:\n  phyla table build experiments/table.phyla --out table.jsonl")]
    Build {
        /// The file that declares the experiment: its space, model, text, and `evaluate.adapt` steps of `evaluate.pretrain`
        file: PathBuf,
        #[command(flatten)]
        which: Which,
        /// The table to write, one JSON object a line
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// Trainings of each function, on seeds of their own
        #[arg(long, value_name = "N", default_value = "2")]
        seeds: NonZeroU64,
        /// The folder to work in [default: the table's name with `.work`]
        #[arg(long, value_name = "DIR")]
        folder: Option<PathBuf>,
        /// Trainings at the same time, one thread each; changes no result [default: the experiment's]
        #[arg(long, value_name = "N")]
        workers: Option<NonZeroUsize>,
    },
    /// Say what a table shows by itself: its noise, its ends, what follows size, where known attentions stand
    #[command(after_help = "Example:\n  phyla table show table.jsonl experiments/table.phyla")]
    Show {
        /// The table
        table: PathBuf,
        /// The file that declares the experiment it was built from; its `compare` names the known architectures
        file: PathBuf,
        #[command(flatten)]
        which: Which,
        /// As one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Carry searches out on a table, with many seeds each: who reaches the smaller loss at equal evaluations
    #[command(after_help = "Example:
  phyla table compare table.jsonl experiments/rivals.phyla --seeds 201..1000

A search sees one training of each row and is judged by another, drawn for each seed. The first experiment is compared with each other
one, paired by seed: the same seed gives the same draws and the same initial population.")]
    Compare {
        /// The table
        table: PathBuf,
        /// The file that declares the searches, an experiment each
        file: PathBuf,
        /// The seeds, first and last
        #[arg(long, value_name = "A..B", default_value = "1..200", value_parser = seeds)]
        seeds: RangeInclusive<u64>,
        /// These experiments alone, in this order
        #[arg(long, value_name = "NAMES", value_delimiter = ',')]
        experiments: Vec<String>,
        /// Searches at the same time
        #[arg(long, value_name = "N", default_value = "2")]
        workers: NonZeroUsize,
        /// Draw the median curves here
        #[arg(long, value_name = "FILE")]
        svg: Option<PathBuf>,
        /// As one JSON object
        #[arg(long)]
        json: bool,
    },
}

fn seeds(text: &str) -> std::result::Result<RangeInclusive<u64>, String> {
    let ends = text.split_once("..").and_then(|(first, last)| Some((first.parse().ok()?, last.trim_start_matches('=').parse().ok()?)));
    let most = |(first, last): &(u64, u64)| first <= last && last - first < 1_000_000;
    ends.filter(most).map(|(first, last)| first..=last).ok_or_else(|| "seeds are given as `1..200`, both ends included".to_owned())
}

/// Carries a command out.
pub(super) fn table(command: TableCommand) -> u8 {
    let done = match command {
        TableCommand::Build { file, which, out, seeds, folder, workers } => {
            let folder = folder.unwrap_or_else(|| out.with_extension("work"));
            build(&file, &which, &out, &TableOptions { seeds: seeds.get(), folder, workers: workers.map(NonZeroUsize::get) })
        }
        TableCommand::Show { table, file, which, json } => show(&table, &file, &which, json),
        TableCommand::Compare { table, file, seeds, experiments, workers, svg, json } => {
            let target = svg.as_deref().map_or(Ok(()), |svg| free(svg, &[&table, &file])).map_err(|error| show_one(&error));
            target.and_then(|()| rivals(&table, &file, seeds, &experiments, workers.get())).and_then(|found| {
                out(&if json { serde_json::to_string(&found).unwrap_or_default() + "\n" } else { compared(&found) });
                let drawn = svg.map(|path| write_whole(&path, curves(&found).unwrap_or_default().as_bytes()));
                drawn.transpose().map(|_| ()).map_err(|error| show_one(&error))
            })
        }
    };
    done.err().unwrap_or(0)
}

fn build(file: &Path, which: &Which, to: &Path, options: &TableOptions) -> std::result::Result<(), u8> {
    // Before anything is trained.
    free(to, &[file]).and_then(|()| replaceable(to)).map_err(|error| show_one(&error))?;
    let checked = load(file, which)?;
    let texts = texts(&checked).map_err(|wrong| show_all(&wrong, &checked.sources, false))?;
    let executors = executor(&checked, which).map_err(|error| show_one(&error))?;
    let (progress, stop) = (Shown::new(), interrupts());
    let result = build_table(&checked, texts, &executors, options, &progress, &stop);
    progress.finish();
    let written = result.and_then(|table| write_whole(to, table.to_text().as_bytes()).map(|()| table.rows.len()));
    let rows = written.map_err(|error| failed(&error, &checked.sources))?;
    out(&format!("{}: {}\n", counted(rows, "row"), to.display()));
    Ok(())
}

/// Refuses a file that is there and is no table.
fn replaceable(to: &Path) -> Result<()> {
    let known = to.is_file() && std::fs::metadata(to).is_ok_and(|known| known.len() > 0);
    if known && read(to).is_err() {
        let message = format!("`{}` is there, and is no table", to.display());
        return Diagnostic::error(Code::WRITE, message).help("name another file, or remove it").into();
    }
    Ok(())
}

fn read(path: &Path) -> Result<Table> {
    let name = path.display().to_string();
    let text =
        read_data(&name).map_err(|why| Box::new(Diagnostic::error(Code::MISSING_FILE, format!("`{name}` cannot be read: {why}"))))?;
    Table::from_text(&name, &text)
}

fn show(table: &Path, file: &Path, which: &Which, json: bool) -> std::result::Result<(), u8> {
    let checked = load(file, which)?;
    let found = read(table).and_then(|table| facts(&table, &checked)).map_err(|error| show_one(&error))?;
    out(&if json { serde_json::to_string(&found).unwrap_or_default() + "\n" } else { told(&found) });
    Ok(())
}

fn rivals(table: &Path, file: &Path, seeds: RangeInclusive<u64>, names: &[String], workers: usize) -> std::result::Result<Comparison, u8> {
    let searches = load_all(file, names)?;
    let (progress, stop) = (Shown::new(), interrupts());
    let result = read(table).and_then(|table| compare(&searches, &table, seeds, workers, &progress, &stop));
    progress.finish();
    result.map_err(|error| failed(&error, &Sources::default()))
}

/// What a table shows, for a reader.
fn told(facts: &Facts) -> String {
    let tau = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), |value| format!("{value:.2}"));
    let (low, middle, high) = facts.losses;
    let mut lines = vec![
        format!(
            "{}, computed by {}; {} failed",
            counted(facts.members.1, "function"),
            counted(facts.members.0, "member"),
            counted(facts.failed, "training")
        ),
        format!("loss {low:.3} to {high:.3} nats, median {middle:.3}; unigram entropy {:.3}", facts.unigram_entropy),
        format!("standard deviation over seeds {:.3} nats; tau between seeds {}", facts.noise, tau(facts.between_seeds)),
        format!("tau of the loss with parameters {}, with FLOPs {}", tau(facts.with_params), tau(facts.with_flops)),
    ];
    for (title, rows) in [("smallest", &facts.best), ("largest", &facts.worst)] {
        lines.push(format!("{title}:"));
        lines.extend(rows.iter().map(|(words, loss)| format!("  {loss:.3}  {words}")));
    }
    if !facts.known.is_empty() {
        lines.push(format!("known, by their place among {}:", facts.members.1));
        lines.extend(facts.known.iter().map(|known| format!("  {:.3}  {:>4}  {}", known.loss, known.rank, known.name)));
    }
    lines.join("\n") + "\n"
}

/// A comparison, for a reader.
fn compared(found: &Comparison) -> String {
    let width = found.rivals.iter().map(|rival| rival.name.len()).max().unwrap_or(0);
    let told: Vec<String> =
        found.rivals.first().into_iter().flat_map(|rival| &rival.medians).map(|(count, _)| format!("{count:>7}")).collect();
    let mut lines = vec![
        format!(
            "seeds {} to {}, {}; the smallest mean loss of the table's rows is {:.4}, the median {:.4}",
            found.seeds.0,
            found.seeds.1,
            counted(found.evaluations, "evaluation"),
            found.scale.0,
            found.scale.1
        ),
        format!("{:width$}  median loss after {}   area under the curve [95 %]  near the best", "", told.concat()),
    ];
    for rival in &found.rivals {
        let medians: String = rival.medians.iter().map(|(_, loss)| format!("{loss:>7.4}")).collect::<Vec<_>>().join(" ");
        let (area, low, high) = rival.area;
        lines.push(format!("{:width$}  {medians}  {area:.4} [{low:.4}, {high:.4}]  {:>3.0} %", rival.name, 100.0 * rival.near_best));
    }
    for rival in found.rivals.iter().filter(|rival| rival.short.0 > 0) {
        let (short, median) = rival.short;
        let budget = counted(found.evaluations, "evaluation");
        lines.push(format!(
            "{} ended before its {budget} on {}: nothing new was found; median {median:.0}",
            rival.name,
            counted(short, "seed")
        ));
    }
    for (what, of) in [("loss at the end", 0), ("area under the curve", 1)] {
        lines.push(format!("by {what}:"));
        for pair in &found.pairs {
            let duel = if of == 0 { &pair.end } else { &pair.area };
            lines.push(format!("  {} and {:width$}  {}", pair.one, pair.other, fought(duel)));
        }
    }
    lines.join("\n") + "\n"
}

fn fought(duel: &Duel) -> String {
    format!("lower in {:>4}, equal in {:>4}, higher in {:>4}: {}", duel.wins, duel.ties, duel.losses, duel.told())
}
