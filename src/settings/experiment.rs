//! The experiment itself, with its model and its corpus.

use super::evaluation::Evaluate;
use super::schema::{choice, record};
use super::search::Search;
use super::task::Suite;
use super::train::Train;

record! {
    /// A whole experiment.
    pub struct Experiment: "experiment" {
        /// The name it was declared under.
        name: String = Text, "\"\"";
        /// The seed that every draw comes from.
        seed: u64 = Int(Plain, 0), "42";
        /// Sizes of the model.
        model: Model = Record(Model::schema);
        /// The space that is searched; without a search it may be left out.
        space: String = Space, "\"\"";
        /// The text to pre-train on; left out where nothing is pre-trained.
        corpus: Option<Corpus> = Optional(&Record(Corpus::schema)), "null";
        /// How architectures are proposed; left out, nothing is searched, and `compare` alone is trained and scored.
        search: Option<Search> = Optional(&Record(Search::schema)), "null";
        /// How a candidate is judged during the search.
        evaluate: Option<Evaluate> = Optional(&Record(Evaluate::schema)), "null";
        /// Whether weight sharing ranks as training from scratch does: measured after the warm-up where this is given.
        agreement: Option<Agreement> = Optional(&Record(Agreement::schema)), "null";
        /// What is done at the end with the best found, and with `compare`.
        r#final: Final = Record(Final::schema);
        /// Known architectures that are trained and scored as the best found is.
        compare: Vec<String> = List(&Architecture), "[]";
        /// Random members of the initial population, other than the best and such as failed, that are trained and scored likewise.
        compare_random: usize = Int(Plain, 0), "0";
        /// What is sought; of several objectives the front that nothing beats, and its first member by the first of them as the best.
        objective: Vec<Objective> = List(&OneOf(Objective::variants)), r#"[{"maximize":{"of":"score"}}]"#;
        /// Candidates evaluated at the same time, one thread each; changes no result.
        workers: usize = Int(Plain, 1), "2";
        /// What training is computed on; its results differ by rounding alone, so a run may go on on another.
        device: Device = OneOf(Device::variants), r#""cpu""#;
    }
}

choice! {
    /// What training is computed on.
    pub enum Device {
        /// The processor.
        Cpu = "cpu";
        /// An NVIDIA GPU, in a build with the feature `cuda`.
        Cuda = "cuda" {
            /// Its number.
            index: usize = Int(Plain, 0), "0";
        };
    }
}

choice! {
    /// What a search seeks.
    pub enum Objective {
        /// The largest value of a measure.
        Maximize = "maximize" {
            /// The measure.
            of: Measure = OneOf(Measure::variants), r#""score""#;
        };
        /// The smallest value of a measure.
        Minimize = "minimize" {
            /// The measure.
            of: Measure = OneOf(Measure::variants), r#""loss""#;
        };
    }
}

choice! {
    /// What is measured of a candidate.
    pub enum Measure {
        /// The suite's average on the hold-out of its tasks; a search that does not ask for it fine-tunes nothing.
        Score = "score";
        /// The masked-LM loss in nats on the held-out text after adaptation.
        Loss = "loss";
        /// Parameters of the masked-LM model.
        Params = "params";
        /// Forward FLOPs of the masked-LM model for one sentence of full length.
        Flops = "flops";
    }
}

impl Objective {
    /// What it is about, and whether more of it is better.
    pub fn sought(&self) -> (&Measure, bool) {
        match self {
            Self::Maximize { of } => (of, true),
            Self::Minimize { of } => (of, false),
        }
    }

    /// What was measured as a value of which more is better, and back again.
    pub fn signed(&self, value: f64) -> f64 {
        if self.sought().1 { value } else { -value }
    }
}

impl Experiment {
    /// Its suites, each with the field that holds it.
    pub fn suites(&self) -> impl Iterator<Item = (&'static str, &Suite)> {
        let searched = self.evaluate.iter().map(|evaluate| ("evaluate", &evaluate.suite));
        searched.chain([("final", &self.r#final.suite)])
    }

    /// Its masked-LM trainings, each with the field that holds it.
    pub fn pretrainings(&self) -> impl Iterator<Item = (&'static str, &Train)> {
        let last = self.r#final.pretrain.iter().map(|train| ("final", train));
        last.chain(self.evaluate.iter().map(|evaluate| ("evaluate", &evaluate.pretrain)))
    }

    /// All its trainings.
    pub fn trainings(&self) -> impl Iterator<Item = &Train> {
        self.pretrainings().map(|(_, train)| train).chain(self.suites().map(|(_, suite)| &suite.train))
    }

    /// The paths of its corpus.
    pub fn texts(&self) -> &[String] {
        match self.corpus.as_ref().map(|corpus| &corpus.source) {
            Some(CorpusSource::Text { files, .. }) => files,
            None => &[],
        }
    }

    /// The key that text stands under where the corpus is JSON Lines.
    pub fn text_key(&self) -> &str {
        match self.corpus.as_ref().map(|corpus| &corpus.source) {
            Some(CorpusSource::Text { key: Some(key), .. }) => key,
            _ => "text",
        }
    }
}

record! {
    /// Sizes of a model.
    pub struct Model: "model" {
        /// Hidden width, `h`.
        hidden: usize = Int(Plain, 1);
        /// Attention heads, `a`; divides `hidden`.
        heads: usize = Int(Plain, 1);
        /// Feed-forward width, `f`.
        feed_forward: usize = Int(Plain, 1);
        /// Longest sentence in tokens, `m`.
        length: usize = Int(Plain, 4);
        /// Word pieces, `v`.
        vocabulary: usize = Int(Plain, 64);
        /// Dropout rate of fine-tuning and pre-training.
        dropout: f64 = Real(Share, 0.0, 0.99), "0.0";
    }
}

record! {
    /// Text to pre-train on.
    pub struct Corpus: "corpus" {
        /// Where it lies.
        source: CorpusSource = OneOf(CorpusSource::variants);
        /// Share of the text that is held out to report the loss on; 4 MiB at most.
        holdout: f64 = Real(Share, 0.0001, 0.5), "0.02";
        /// Whether letters are made small, as BERT's uncased models do.
        lowercase: bool = Bool, "true";
        /// `true` has the rows that are trained on begin and end with a sentence, as RoBERTa's FULL-SENTENCES; else they are full, cut at any word.
        whole_sentences: Option<bool> = Optional(&Bool), "null";
    }
}

choice! {
    /// Where a corpus lies.
    pub enum CorpusSource {
        /// Plain text, one paragraph a line, or JSON Lines (`.jsonl`), one document a line; also compressed (`.gz`, `.zst`). A folder stands
        /// for the `.txt` and `.jsonl` files in it, compressed or not.
        Text = "text" {
            /// The files or folders.
            files: Vec<String> = List(&DataPath);
            /// The key that the text stands under in JSON Lines; `text` where it is left out.
            key: Option<String> = Optional(&Text), "null";
        };
    }
}

record! {
    /// Models drawn by size, each judged with shared weights and trained from scratch.
    pub struct Agreement: "agreement" {
        /// How many.
        models: usize = Int(Plain, 3), "30";
        /// Masked-LM steps of a training from scratch.
        steps: u64 = Int(Steps, 1);
        /// Trainings from scratch of each model, on seeds of their own; two of them say what one more training would agree by.
        seeds: u64 = Int(Plain, 1), "2";
    }
}

record! {
    /// How the models of the last table are trained and scored.
    pub struct Final: "final" {
        /// Weights that every model starts from; left out, they are drawn.
        weights: Option<Weights> = Optional(&OneOf(Weights::variants)), "null";
        /// Masked-LM pre-training; left out, `weights` are fine-tuned as they are.
        pretrain: Option<Train> = Optional(&Record(Train::schema)), "null";
        /// The tasks, scored on dev.
        suite: Suite = Record(Suite::schema);
        /// Trainings of each model, on seeds of their own.
        seeds: u64 = Int(Plain, 1), "1";
    }
}

choice! {
    /// Weights that were trained elsewhere.
    pub enum Weights {
        /// A BERT in the layout of Hugging Face's libraries; its word pieces become the experiment's vocabulary.
        HuggingFace = "hugging_face" {
            /// The folder, with `config.json`, `model.safetensors`, and `tokenizer.json` or `vocab.txt`.
            folder: String = DataPath;
        };
    }
}
