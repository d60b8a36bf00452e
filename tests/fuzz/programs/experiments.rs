//! Experiments, and experiments that change others.

use super::Author;

impl Author<'_> {
    pub(super) fn experiment(&mut self) {
        let name = self.fresh("experiment");
        let space = self.dice.pick(&self.own.spaces).clone();
        let changed =
            if space.has_layers && self.dice.chance(30) { format!(" {{ layers = {} }}", self.dice.within(1, 3)) } else { String::new() };
        let text = self.dice.word(&["text(\"fuzz.txt\")", "text(\"data/austen.txt\")", "text(\"fuzz.txt\", \"data/wordnet_glosses.txt\")"]);
        let mut fields = vec![
            format!("model = {}", self.some_record("model")),
            format!("space = {}{changed}", space.name),
            format!("corpus = {text}"),
            format!("search = {}", self.some_record("search")),
            format!("evaluate = {}", self.evaluate()),
            format!("final = {}", self.last()),
        ];
        let compared: Vec<String> = self.own.architectures.iter().map(|(name, _)| name.clone()).collect();
        if !compared.is_empty() && self.dice.chance(60) {
            fields.push(format!("compare = [{}]", compared.join(", ")));
        } else if self.dice.chance(25) {
            fields.push(format!("compare = [std.architectures.bert.first({})]", self.dice.within(1, 3)));
        }
        let optional = [
            "seed = 7",
            "workers = 3",
            "compare_random = 2",
            "objective = minimize(loss)",
            "objective = [maximize(score), minimize(params)]",
        ];
        let optional = self.dice.word(&optional);
        fields.push(optional.to_owned());
        self.dice.shuffle(&mut fields);
        let fields = self.braces(&fields);
        self.items.push(format!("experiment {name} {fields}"));
        self.own.experiments.push(name);
    }

    /// What is done at the end.
    fn last(&mut self) -> String {
        let mut fields = vec![format!("pretrain = {}", self.some_record("train")), format!("suite = {}", self.some_record("suite"))];
        if self.dice.chance(40) {
            fields.push(format!("seeds = {}", self.dice.within(1, 4)));
        }
        self.braces(&fields)
    }

    pub(super) fn changed_experiment(&mut self) {
        let base = self.dice.pick(&self.own.experiments).clone();
        let name = self.fresh("experiment");
        let mut fields = self.changes_of_experiment(4);
        if self.dice.chance(30) {
            fields.push(format!("space = {}", self.dice.pick(&self.own.spaces).name.clone()));
        }
        let fields = self.braces(&fields);
        self.items.push(format!("experiment {name} = {base} {fields}"));
        self.own.experiments.push(name);
    }
}
