//! Tests, whose claims ask of what is declared.

use super::Author;

impl Author<'_> {
    pub(super) fn test(&mut self) {
        let mut claims = Vec::new();
        for _ in 0..self.dice.within(1, 4) {
            claims.extend(self.claim());
        }
        if !claims.is_empty() {
            self.items.push(format!("test \"it is so\" {{\n    {}\n}}", claims.join("\n    ")));
        }
    }

    /// A claim, true or false, about something that is there.
    fn claim(&mut self) -> Option<String> {
        let space = self.dice.pick(&self.own.spaces).name.clone();
        let architecture = self.one_of(&self.own.architectures.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>());
        let mix = self.some_mix();
        let order = self.dice.word(&["==", ">", "<=", "!="]);
        Some(match self.dice.below(12) {
            0 => format!("count({space}) {order} {}", self.dice.word(&["0", "1", "12", "1e21", "1_000"])),
            1 => format!("shape({mix}) == [n, d]"),
            2 => format!("size({mix}) {order} {}", self.dice.below(9)),
            3 => format!("depth({mix}) {order} {}", self.dice.below(9)),
            4 => format!("mixes({mix}, n)"),
            5 => format!("{mix} {} {}", self.dice.word(&["==", "!="]), self.some_mix()),
            6 => format!("contains({space}, {})", architecture?),
            7 => format!("params({}, {}) > 0", architecture?, self.some_record("model")),
            8 => {
                let one = architecture?;
                format!("distance({one}, {one}) == 0")
            }
            9 => format!("error({} {{ seed = 1 }}) == E0601", self.named_record("model")),
            10 => format!("{} == {}", self.some_record("train"), self.some_record("train")),
            _ => format!("{space} == {}", self.dice.pick(&self.own.spaces).name.clone()),
        })
    }
}
