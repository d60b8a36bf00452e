//! The house rules that no lint knows: who may use whom, who may touch the machine, how long a file may be.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// Floor, module, and what it may use. A module on the same floor is used only where it stands here.
const FLOORS: &[(u32, &str, &[&str])] = &[
    (0, "diagnostic", &[]),
    (0, "stream", &[]),
    (0, "batch", &[]),
    (1, "syntax", &["diagnostic"]),
    (1, "graph", &["diagnostic"]),
    (1, "settings", &["diagnostic"]),
    (1, "data", &["diagnostic", "stream", "batch", "settings"]),
    (2, "space", &["diagnostic", "stream", "graph", "settings"]),
    (2, "exec", &["diagnostic", "stream", "batch", "graph"]),
    (3, "check", &["diagnostic", "syntax", "graph", "settings", "space"]),
    (3, "train", &["diagnostic", "stream", "batch", "graph", "settings", "data", "exec"]),
    (3, "search", &["diagnostic", "stream", "graph", "settings", "space"]),
    (4, "supernet", &["diagnostic", "stream", "batch", "graph", "settings", "data", "space", "exec", "train"]),
    (5, "run", &["diagnostic", "stream", "syntax", "graph", "settings", "data", "space", "exec", "check", "train", "search", "supernet"]),
    (6, "report", &["diagnostic", "graph", "settings", "data", "space", "search", "run"]),
    (
        7,
        "cli",
        &[
            "diagnostic",
            "stream",
            "syntax",
            "graph",
            "settings",
            "data",
            "space",
            "exec",
            "check",
            "train",
            "search",
            "supernet",
            "run",
            "report",
        ],
    ),
];

/// The most lines a file may have.
const LINES: usize = 600;

/// What work that was left undone calls itself.
const UNDONE: &[&str] = &["TODO", "FIXME", "XXX", "todo!", "unimplemented!", "stub", "placeholder", "not implemented"];

/// What only floor 5 and above may name: files, clock, environment, processes, the terminal.
const MACHINE: &[&str] = &["std::fs", "std::env", "std::time", "std::process", "std::net", "std::io::std", "println!", "walkdir::"];

struct Source {
    /// Its path below `src/`.
    path: String,
    text: String,
}

impl Source {
    /// The module at the top that it belongs to; `None` for `lib.rs` and `main.rs`.
    fn module(&self) -> Option<&str> {
        let first = self.path.split(['/', '.']).next().expect("a name");
        (!matches!(first, "lib" | "main")).then_some(first)
    }

    /// Whether it is compiled for tests alone.
    fn is_test(&self) -> bool {
        self.path.contains("tests") || self.path == "data/official.rs"
    }

    /// The text without comments and without what follows `#[cfg(test)]`.
    fn code(&self) -> String {
        let code = self.text.split("#[cfg(test)]\nmod tests {").next().expect("a part");
        code.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
    }
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let files = walkdir::WalkDir::new(&root).sort_by_file_name().into_iter().map(|entry| entry.expect("a readable folder"));
    let files = files.filter(|entry| entry.path().extension().is_some_and(|extension| extension == "rs"));
    let read = |path: &Path| Source {
        path: path.strip_prefix(&root).expect("below src").to_string_lossy().replace('\\', "/"),
        text: fs::read_to_string(path).expect("a readable file"),
    };
    files.map(|entry| read(entry.path())).collect()
}

/// The modules that `crate::…` names in a text, braces after `crate::` included.
fn used(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (at, root) in text.match_indices("crate::") {
        // `$crate::` in a macro is the same crate.
        let rest = text.get(at + root.len()..).expect("a boundary");
        let name = |text: &str| text.chars().take_while(|letter| letter.is_ascii_alphanumeric() || *letter == '_').collect::<String>();
        match rest.strip_prefix('{') {
            None => drop(found.insert(name(rest))),
            Some(rest) => {
                let mut depth = 0;
                let end = rest.find(|letter| {
                    depth += i32::from(letter == '{') - i32::from(letter == '}');
                    depth < 0
                });
                let inside = rest.get(..end.expect("a closed brace")).expect("a boundary");
                let mut depth = 0;
                let parts = inside.split(|letter| {
                    depth += i32::from(letter == '{') - i32::from(letter == '}');
                    depth == 0 && letter == ','
                });
                found.extend(parts.map(|part| name(part.trim())).filter(|name| !name.is_empty()));
            }
        }
    }
    found
}

#[test]
fn the_reader_of_uses_reads_every_form() {
    let text = "use crate::a;\nuse crate::{b, c::{d, e}, f as g};\nfn x() -> crate::h::I { $crate::j!() }";
    assert_eq!(used(text).into_iter().collect::<Vec<_>>(), ["a", "b", "c", "f", "h", "j"]);
}

#[test]
fn every_module_has_a_floor() {
    let here: BTreeSet<String> = sources().iter().filter_map(Source::module).map(str::to_owned).collect();
    let table: BTreeSet<String> = FLOORS.iter().map(|(_, module, _)| (*module).to_owned()).collect();
    assert_eq!(here, table);
}

#[test]
fn the_table_of_floors_leads_downwards() {
    let floor: BTreeMap<&str, u32> = FLOORS.iter().map(|(floor, module, _)| (*module, *floor)).collect();
    for (own, module, uses) in FLOORS {
        for used in *uses {
            assert!(floor[used] <= *own, "{module} uses {used} above it");
            let neighbour = floor[used] == *own;
            assert!(!neighbour || (*module, *used) == ("data", "settings"), "{module} uses its neighbour {used}");
        }
    }
}

#[test]
fn a_module_uses_what_lies_below_it() {
    let mut wrong = Vec::new();
    for source in sources() {
        let Some(module) = source.module() else { continue };
        let allowed = FLOORS.iter().find(|(_, name, _)| *name == module).map_or(&[][..], |(.., uses)| uses);
        for used in used(&source.text) {
            // A name in capitals is an item of the crate's root, of which there is none.
            if used != module && !allowed.contains(&used.as_str()) {
                wrong.push(format!("src/{}: `{module}` may not use `{used}`", source.path));
            }
        }
        // `super` must not climb out of the module: such a use would escape the reader above.
        let depth = source.path.matches('/').count() + usize::from(!source.path.ends_with("mod.rs"));
        let tests = usize::from(source.text.contains("mod tests {"));
        let climb = "super::".repeat(depth + tests + 1);
        if source.text.contains(&climb) {
            wrong.push(format!("src/{}: `super` climbs to the crate's root", source.path));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn only_the_upper_floors_touch_the_machine() {
    let mut wrong = Vec::new();
    for source in sources().iter().filter(|source| !source.is_test()) {
        let lower = |(floor, module, _): &&(u32, &str, &[&str])| *floor < 5 && source.module() == Some(module);
        if FLOORS.iter().any(|row| lower(&row)) {
            let code = source.code();
            let named = MACHINE.iter().filter(|word| code.contains(**word));
            wrong.extend(named.map(|word| format!("src/{}: {word}", source.path)));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn only_the_executor_knows_candle() {
    let knows = |source: &&Source| source.code().contains("candle_core") || source.code().contains("candle_nn");
    let here: BTreeSet<String> = sources().iter().filter(knows).filter_map(Source::module).map(str::to_owned).collect();
    // The command line chooses the device.
    assert!(here.iter().all(|module| ["exec", "cli"].contains(&module.as_str())), "{here:?}");
}

#[test]
fn a_file_is_no_longer_than_it_may_be() {
    let long = |source: &Source| Some(source.text.lines().count()).filter(|lines| *lines > LINES);
    let wrong: Vec<String> = sources().iter().filter_map(|source| Some(format!("src/{}: {} lines", source.path, long(source)?))).collect();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn nothing_is_left_undone() {
    let mut wrong = Vec::new();
    for source in sources() {
        for (number, line) in source.text.lines().enumerate() {
            let words = UNDONE.iter().filter(|word| line.contains(**word));
            wrong.extend(words.map(|word| format!("src/{}:{}: {word}", source.path, number + 1)));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}
