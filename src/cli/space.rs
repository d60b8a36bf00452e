//! `phyla space`: a space counted, drawn from, listed, and asked about.

use super::experiment::unknown_name;
use super::source::{err, out, show_all, show_one};
use crate::check::{Checker, NamedArchitecture, SharedSpace, World, counted};
use crate::diagnostic::{Code, Diagnostic, FileId, Result};
use crate::graph::Hash;
use crate::run::files::Disk;
use crate::run::functional_classes;
use crate::space::{Architecture, Domain, Draw, Space, distance, fillings, hash, lies_in, to_source};
use crate::stream::stream;
use crate::syntax::format;
use clap::{Args, Subcommand};
use num_traits::ToPrimitive;
use serde_json::{Value, json};
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub(super) enum SpaceCommand {
    /// Count the architectures, exactly: of each hole, of each layer, in all
    Count {
        #[command(flatten)]
        of: Of,
    },
    /// Draw architectures, as Phyla source
    Sample {
        #[command(flatten)]
        of: Of,
        /// How many
        #[arg(short, value_name = "N", default_value_t = 1)]
        n: usize,
        /// Evenly among all members; otherwise a size is drawn first, as for an initial population
        #[arg(long)]
        uniform: bool,
        /// The seed of the draw
        #[arg(long, default_value_t = 0)]
        seed: u64,
    },
    /// Say whether an architecture is a member; exit code 1 where it is not
    Contains {
        #[command(flatten)]
        of: Of,
        /// The architecture: `mine`, `std.architectures.bert`, `bert.first(4)`
        #[arg(value_name = "ARCHITECTURE")]
        name: String,
    },
    /// Say how far apart two architectures are: edits of expressions, other arms, other sizes
    Distance {
        #[command(flatten)]
        of: Of,
        /// One architecture
        a: String,
        /// Another
        b: String,
    },
    /// List every member of a small space, one a line
    Enumerate {
        #[command(flatten)]
        of: Of,
        /// Refuse where there are more than this
        #[arg(long, value_name = "N", default_value_t = 100_000)]
        limit: usize,
        /// One member of each set that computes the same, told by values on fixed inputs, and how many the set has
        #[arg(long)]
        functional: bool,
    },
}

/// Which space is meant.
#[derive(Debug, Args)]
pub(super) struct Of {
    /// The file whose names are seen
    file: PathBuf,
    /// The space: `backbone`, `std.spaces.autobert_zero` [default: the experiment's, or the only one declared]
    #[arg(long, value_name = "NAME")]
    space: Option<String>,
    /// As JSON; members one object a line
    #[arg(long)]
    json: bool,
}

/// What a command does with the space and the architectures it names; gives what is to be printed, and the exit code.
type Work<'a> = dyn Fn(&Space, &[NamedArchitecture]) -> Result<(String, u8)> + 'a;

/// Carries a command out.
pub(super) fn space(command: &SpaceCommand) -> u8 {
    match command {
        SpaceCommand::Count { of } => with(of, &[], &|space, _| Ok((count(space, of.json), 0))),
        SpaceCommand::Sample { of, n, uniform, seed } => {
            let draw = if *uniform { Draw::Uniform } else { Draw::BySize };
            with(of, &[], &|space, _| sample(space, draw, *n, *seed, of.json))
        }
        SpaceCommand::Contains { name, of } => with(of, &[name], &|space, named| Ok(membership(space, named, of.json))),
        SpaceCommand::Distance { a, b, of } => with(of, &[a, b], &|space, named| apart(space, named, of.json)),
        SpaceCommand::Enumerate { of, limit, functional: false } => with(of, &[], &|space, _| enumerate(space, *limit, of.json)),
        SpaceCommand::Enumerate { of, limit, functional: true } => with(of, &[], &|space, _| classes(space, *limit, of.json)),
    }
}

fn with(of: &Of, names: &[&str], work: &Work<'_>) -> u8 {
    let key = of.file.display().to_string();
    let mut world = World::load(&Disk, std::slice::from_ref(&key));
    let places: Vec<FileId> = names.iter().map(|name| world.sources.add("NAME", *name)).collect();
    let checker = Checker::new(&world, &Disk);
    let space = chosen(&checker, &key, of.space.as_deref());
    let mut named = Vec::new();
    for (name, place) in names.iter().zip(places) {
        match checker.named_architecture(&key, name, place) {
            Some(architecture) => named.push(architecture),
            None if checker.failed() => break,
            None => return show_one(&unknown_name(&checker, name, &key, &["architecture"])),
        }
    }
    let code = show_all(&checker.diagnostics(), &world.sources, false);
    if code != 0 {
        return code;
    }
    match space.and_then(|space| work(&space, &named)) {
        Ok((text, code)) => {
            out(&text);
            code
        }
        Err(error) => show_one(&error),
    }
}

/// The space of that name; without one, the space of the file's experiments, or the only space it declares.
fn chosen(checker: &Checker<'_>, key: &str, name: Option<&str>) -> Result<SharedSpace> {
    let Some(name) = name else {
        let spaces = checker.spaces_of(key);
        return match spaces.as_slice() {
            [space] => Ok(space.clone()),
            _ if checker.failed() => Diagnostic::error(Code::USAGE, "the file has mistakes").into(),
            [] => Diagnostic::error(Code::USAGE, format!("`{key}` declares no space and no experiment"))
                .help("name a space: `--space std.spaces.autobert_zero`")
                .into(),
            several => {
                let names: Vec<&str> = several.iter().map(|space| space.name.as_str()).collect();
                let message = format!("`{key}` has several spaces");
                Diagnostic::error(Code::USAGE, message).help(format!("choose one with `--space`: {}", names.join(", "))).into()
            }
        };
    };
    match checker.named_space(key, name) {
        Some(space) => Ok(space),
        None if checker.failed() => Diagnostic::error(Code::USAGE, "the file has mistakes").into(),
        None => Err(Box::new(unknown_name(checker, name, key, &["space"]))),
    }
}

fn count(space: &Space, json: bool) -> String {
    if json {
        let holes = space.holes.iter().map(|hole| {
            let fillings = hole.fillings();
            json!({"hole": hole.name, "fillings": fillings, "each": hole.domain.count().to_string(), "parts": parts(&hole.domain)})
        });
        return format!(
            "{}\n",
            json!({"space": space.name, "architectures": space.count().to_string(), "holes": holes.collect::<Vec<_>>()})
        );
    }
    let mut lines = vec![format!("{}: {}", space.name, counted(space.count(), "architecture"))];
    for hole in &space.holes {
        let times = match hole.fillings() {
            1 => String::new(),
            times => format!(", {times} times"),
        };
        lines.push(format!("  {}: {}{times}", hole.name, hole.domain.count()));
        describe(&hole.domain, 4, &mut lines);
    }
    lines.join("\n") + "\n"
}

fn describe(domain: &Domain, indent: usize, lines: &mut Vec<String>) {
    match domain {
        Domain::Values(_) => {}
        Domain::Dag(dag) => {
            let sizes = dag.sizes();
            lines.extend(sizes.into_iter().map(|size| format!("{:indent$}of {}: {}", "", counted(size, "operation"), dag.count_of(size))));
        }
        Domain::Choose(arms) => {
            for arm in arms {
                lines.push(format!("{:indent$}{}: {}", "", arm.label, arm.count()));
                arm.holes.iter().for_each(|(_, domain)| describe(domain, indent + 2, lines));
            }
        }
    }
}

/// What a domain is made of: the counts of arms, and of expressions by size.
fn parts(domain: &Domain) -> Value {
    match domain {
        Domain::Values(values) => json!(values),
        Domain::Dag(dag) => {
            let of = |size: u32| json!({"operations": size, "count": dag.count_of(size).to_string()});
            dag.sizes().into_iter().map(of).collect()
        }
        Domain::Choose(arms) => {
            let holes = |arm: &crate::space::Arm| {
                arm.holes.iter().map(|(name, domain)| (name.clone(), parts(domain))).collect::<serde_json::Map<_, _>>()
            };
            arms.iter().map(|arm| json!({"arm": arm.label, "count": arm.count().to_string(), "holes": holes(arm)})).collect()
        }
    }
}

fn sample(space: &Space, draw: Draw, n: usize, seed: u64, json: bool) -> Result<(String, u8)> {
    let mut draws = stream(seed, "space/sample", 0);
    let mut text = String::new();
    for number in 0..n {
        let Some(architecture) = space.sample(draw, &mut draws) else {
            return Diagnostic::error(Code::USAGE, format!("`{}` has no member", space.name)).into();
        };
        if json {
            text += &line(space, &architecture);
        } else {
            // Each by itself: all of them may be more than a source can be.
            let source = to_source(space, &architecture, &format!("drawn_{number}"));
            text += if number > 0 { "\n" } else { "" };
            text += &format(&format!("/// {}\n{source}\n", hash(space, &architecture)))?;
        }
    }
    Ok((text, 0))
}

/// An architecture as a line of JSON.
fn line(space: &Space, architecture: &Architecture) -> String {
    format!("{}\n", json!({"hash": hash(space, architecture).to_string(), "fillings": space.compact(architecture)}))
}

fn membership(space: &Space, named: &[NamedArchitecture], json: bool) -> (String, u8) {
    let Some(one) = named.first() else { return (String::new(), 1) };
    let why = lies_in(space, &one.space, &one.architecture);
    let code = u8::from(why.is_err());
    let hash = hash(space, &one.architecture);
    let text = match (json, &why) {
        (true, Ok(())) => json!({"contains": true, "hash": hash.to_string()}).to_string(),
        (true, Err(why)) => json!({"contains": false, "why": why}).to_string(),
        (false, Ok(())) => format!("`{}` lies in `{}`: {hash}", one.name, space.name),
        (false, Err(why)) => format!("`{}` does not lie in `{}`: {why}", one.name, space.name),
    };
    (text + "\n", code)
}

fn apart(space: &Space, named: &[NamedArchitecture], json: bool) -> Result<(String, u8)> {
    let [a, b] = named else { return Ok((String::new(), 1)) };
    match distance(space, &a.architecture, &b.architecture) {
        Some(distance) if json => Ok((format!("{}\n", json!({"distance": distance})), 0)),
        Some(distance) => Ok((format!("{distance}\n"), 0)),
        None => {
            let message = format!("`{}` and `{}` do not fill the same holes of `{}` as often", a.name, b.name, space.name);
            Diagnostic::error(Code::NOT_A_MEMBER, message).help("compare as many layers of each: `bert.first(4)`").into()
        }
    }
}

/// All members, where they are no more than `limit`.
fn members(space: &Space, limit: usize) -> Result<Vec<Architecture>> {
    let count = space.count();
    space.enumerate(limit).ok_or_else(|| {
        let message = format!("`{}` has {}, and no more than {limit} are listed", space.name, counted(&count, "member"));
        let help = match count.to_usize() {
            Some(count) => format!("`--limit {count}`"),
            None => "`phyla space sample` draws some of them".to_owned(),
        };
        Box::new(Diagnostic::error(Code::USAGE, message).help(help))
    })
}

fn enumerate(space: &Space, limit: usize, json: bool) -> Result<(String, u8)> {
    let members = members(space, limit)?;
    if !json {
        err(&format!("{}\n", counted(members.len(), "member")));
    }
    let show = |architecture: &Architecture| match json {
        true => line(space, architecture),
        false => format!("{}  {}\n", hash(space, architecture), fillings(space, architecture).join("  ")),
    };
    Ok((members.iter().map(show).collect(), 0))
}

/// The members by what they compute: of each class the first, which is a smallest.
fn classes(space: &Space, limit: usize, json: bool) -> Result<(String, u8)> {
    let members = members(space, limit)?;
    let classes = functional_classes(space, &members);
    if !json {
        err(&format!("{}, computed by {}\n", counted(classes.len(), "function"), counted(members.len(), "member")));
    }
    let show = |(hash, class): &(Hash, Vec<&Architecture>)| {
        let first = class.first().map_or_else(Vec::new, |first| fillings(space, first));
        match json {
            true => format!("{}\n", json!({"function": hash.to_string(), "members": class.len(), "first": first})),
            false => format!("{hash}  {:>5}  {}\n", class.len(), first.join("  ")),
        }
    };
    Ok((classes.iter().map(show).collect(), 0))
}
