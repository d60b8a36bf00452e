//! Laws of trees and layouts over generated programs, written as untidily as the grammar allows.

use super::layouts::formatted;
use proptest::prelude::*;

/// Writes a valid program; every choice is the next byte of the tape, and 0 where the tape has ended, which is always
/// the choice that ends soonest.
struct Writer<'t> {
    tape: std::slice::Iter<'t, u8>,
    out: String,
    /// For each open bracket whether it is round.
    round: Vec<bool>,
}

impl Writer<'_> {
    fn choose(&mut self, of: u8) -> u8 {
        self.tape.next().copied().unwrap_or(0) % of
    }

    fn pick(&mut self, of: &[&str]) {
        let choice = self.choose(u8::try_from(of.len()).expect("few"));
        self.out.push_str(of[usize::from(choice)]);
    }

    /// Blanks within an item.
    fn blank(&mut self) {
        match (self.choose(12), self.round.last()) {
            (9, _) => self.out.push('\t'),
            (8, Some(true)) => self.out.push_str("\n\n  "),
            (7, Some(true)) => self.out.push_str("// in between ( \"\n"),
            (5 | 6, _) => self.out.push_str("  "),
            _ => self.out.push(' '),
        }
    }

    fn same(&mut self) {
        self.pick(&["", " ", "  "]);
    }

    /// Blanks that go over lines.
    fn gap(&mut self) {
        self.pick(&[" ", "", " ", "\n", "  // why\n", "\n\n// on its own\n\n", "\t", " ", "", " "]);
    }

    fn name(&mut self) {
        self.pick(&["x", "y", "graph", "test", "use", "softmax", "a_rather_long_name_of_something", "h", "steps", "Q1"]);
    }

    fn bracketed(&mut self, open: char, entry: fn(&mut Self, u8), depth: u8) {
        let round = open == '(';
        self.out.push(open);
        self.round.push(round);
        let count = self.choose(4);
        if round {
            self.blank()
        } else {
            self.gap()
        }
        for index in 0..count {
            if index > 0 {
                self.separator(round);
            }
            entry(self, depth);
        }
        if count > 0 && self.choose(4) == 1 {
            self.separator(round);
        }
        self.blank();
        self.round.pop();
        self.out.push(match open {
            '(' => ')',
            '[' => ']',
            _ => '}',
        });
    }

    fn separator(&mut self, round: bool) {
        self.blank();
        if round {
            self.out.push(',');
            self.blank();
        } else {
            self.pick(&["\n", ",", "// ends { it\n", "\n\n\n", "\r\n"]);
            self.gap();
        }
    }

    fn expression(&mut self, depth: u8) {
        self.operand(depth);
        while self.choose(4) == 1 {
            self.blank();
            self.pick(&["+", "-", "*", "@"]);
            self.gap();
            self.operand(depth);
        }
        // A pipe binds less tightly: a sum to the right of it would be no call.
        while self.choose(4) == 1 {
            self.gap();
            self.out.push_str("|>");
            self.gap();
            self.name();
            if depth > 0 && self.choose(2) == 1 {
                self.bracketed('(', Self::argument, depth - 1);
            }
        }
    }

    fn operand(&mut self, depth: u8) {
        for _ in 0..self.choose(8).saturating_sub(5) {
            self.out.push('-');
            self.blank();
        }
        match self.choose(if depth == 0 { 4 } else { 10 }) {
            0 | 1 => self.name(),
            2 => self.pick(&["1", "40_000", "1e-4", "15%", "300 steps", "12h", "1.5 GiB"]),
            3 => self.pick(&["\"text\"", "\"\\\"// {\"", "\"é\""]),
            4 => self.bracketed('[', Self::expression, depth - 1),
            5 => {
                self.out.push('(');
                self.round.push(true);
                self.blank();
                self.expression(depth - 1);
                self.blank();
                self.round.pop();
                self.out.push(')');
            }
            6 => {
                self.out.push('f');
                self.same();
                self.bracketed('(', Self::argument, depth - 1);
                self.pick(&["", ".first", "(2)"]);
            }
            7 => {
                self.pick(&["", "micro ", "std.models.micro"]);
                self.bracketed('{', Self::field, depth - 1);
            }
            8 => {
                self.out.push_str("graph(q, k)");
                self.same();
                self.body(depth - 1);
            }
            _ => {
                self.out.push_str("repeat (3, tie = 2)");
                self.body(depth - 1);
            }
        }
    }

    fn argument(&mut self, depth: u8) {
        if self.choose(3) == 1 {
            self.name();
            self.blank();
            self.out.push('=');
            self.gap();
        }
        self.expression(depth);
    }

    fn field(&mut self, depth: u8) {
        self.pick(&["a", "search.evaluations", "use", "mixer"]);
        self.blank();
        self.out.push('=');
        self.gap();
        self.expression(depth);
    }

    fn body(&mut self, depth: u8) {
        self.out.push('{');
        self.round.push(false);
        self.gap();
        for _ in 0..self.choose(3) {
            self.pick(&["a", "b"]);
            self.out.push('=');
            self.gap();
            self.expression(depth);
            self.separator(false);
        }
        self.expression(depth);
        self.blank();
        self.round.pop();
        self.out.push('}');
    }

    fn item(&mut self) {
        match self.choose(5) {
            0 => {
                self.pick(&["model", "search"]);
                self.out.push_str(" m ");
                self.bracketed('{', Self::field, 2);
            }
            1 => {
                self.pick(&["use std.a ", "use \"b.phyla\""]);
                self.bracketed('{', |writer, _| writer.pick(&["a", "b as c", "as as use"]), 0);
            }
            2 => {
                self.pick(&["graph g", "op  o(k: size = 3, m: graph([n, h]) -> [n, h])", "graph g(s)"]);
                self.bracketed(
                    '(',
                    |writer, _| writer.pick(&["x: [n, h]", "i:index [n]", "y : [n,2 * h]", "m: graph(q: [n, d]) ->[n, d]"]),
                    0,
                );
                self.pick(&["", " -> [n, h]", "->\n [n, h] "]);
                self.body(2);
            }
            3 => {
                self.pick(&["architecture", "ops", "graph"]);
                self.out.push_str(" a =");
                self.gap();
                self.expression(3);
            }
            _ => {
                self.out.push_str("test \"it holds\" ");
                self.bracketed('{', Self::expression, 2);
            }
        }
        self.pick(&["\n", "\n\n", " // same line\n", "\n\n/// Doc.\n", "\n// apart\n\n", "\n\n\n\n", "  \r\n"]);
    }
}

/// A valid program.
fn program() -> impl Strategy<Value = String> {
    prop::collection::vec(any::<u8>(), 0..800).prop_map(|tape| {
        let mut writer = Writer { tape: tape.iter(), out: String::new(), round: Vec::new() };
        writer.pick(&["", "//! File.\n", "\n\n", "\u{feff}"]);
        for _ in 0..=writer.choose(4) {
            writer.item();
        }
        writer.out
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_layout_is_stable_and_means_the_same(text in program()) {
        formatted(&text);
    }
}
