//! Experiments without a search, from weights of a folder in Hugging Face's layout: what fits is fine-tuned, what does not is named before
//! anything is written, and a run that was killed ends as one that was not.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]
mod common;

use common::process::{count, finish, folder, reached};
use common::{Memory, experiment};
use phyla::check::NamedArchitecture;
use phyla::data::Vocabulary;
use phyla::exec::checkpoint::to_safetensors;
use phyla::exec::hugging_face::{fitted, names};
use phyla::exec::parameters::initialise;
use phyla::exec::{Array, Parameters};
use phyla::supernet::Models;
use phyla::train::without_head;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

/// Word pieces of the made-up model.
const PIECES: usize = 256;

/// An experiment of two models on three small tasks; `with` changes its `final`.
fn source(with: &str) -> String {
    format!(
        "experiment tuned {{
    model = std.models.micro {{ hidden = 32, feed_forward = 128, vocabulary = {PIECES}, dropout = 10% }}
    compare = [std.architectures.bert.first(2), bert_again]
    final = {{
        weights = hugging_face(\"hf\")
        suite = std.suites.mini {{ train.epochs = 3, rows = 40, seeds = 2 }}
        {with}
    }}
}}

architecture bert_again = std.architectures.bert.first(2)
"
    )
}

/// The models of the experiment, and what it compares first.
fn models() -> (Models, NamedArchitecture) {
    let known =
        Memory::new(&[("tuned.phyla", &source("")), ("hf/config.json", "{}"), ("hf/model.safetensors", ""), ("hf/tokenizer.json", "")]);
    let checked = experiment(&known, "tuned.phyla");
    let models =
        Models { masked_lm: checked.models.masked_lm, classifier: checked.models.classifier, model: checked.settings.model.clone() };
    (models, checked.compare.first().expect("BERT").clone())
}

/// Weights of a BERT under Hugging Face's names, drawn at random.
fn tensors() -> Parameters {
    let (models, bert) = models();
    let program = models.masked_lm(&bert.space, &bert.architecture).expect("lowered");
    let names = names(&program.graph).expect("a BERT");
    let drawn = initialise(program.parameters(), 7);
    Parameters(
        drawn
            .0
            .into_iter()
            .map(|(name, array)| {
                let (path, role) = name.rsplit_once('/').expect("path/role");
                (format!("{}.{role}", names.get(path).map_or(path, String::as_str)), array)
            })
            .collect(),
    )
}

/// Writes the folder of a model.
fn write(place: &Path, tensors: &Parameters, config: &str) {
    let hf = place.join("hf");
    fs::create_dir_all(&hf).expect("made");
    fs::write(hf.join("model.safetensors"), to_safetensors(tensors, &BTreeMap::new())).expect("written");
    fs::write(hf.join("config.json"), config).expect("written");
    let text = "the cat and a dog sat on many mats while rain fell over old stone houses by the sea";
    let vocabulary = Vocabulary::train([text], PIECES, true).expect("words");
    fs::write(hf.join("tokenizer.json"), vocabulary.to_json().expect("JSON")).expect("written");
}

fn config(hidden: usize) -> String {
    format!(
        r#"{{"model_type": "bert", "hidden_size": {hidden}, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 128,
        "max_position_embeddings": 64, "vocab_size": {PIECES}, "hidden_act": "gelu"}}"#
    )
}

fn command(place: &Path, with: &str) -> Command {
    fs::write(place.join("tuned.phyla"), source(with)).expect("written");
    let mut command = Command::new(env!("CARGO_BIN_EXE_phyla"));
    command.current_dir(place).args(["run", "tuned.phyla", "--out", "run"]);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// The table of a run to its end.
fn table(place: &Path, with: &str) -> String {
    let (code, _, told) = finish(&mut command(place, with));
    assert_eq!(code, Some(0), "{told}");
    fs::read_to_string(place.join("run/results.csv")).expect("a table")
}

#[test]
fn models_are_tuned_from_the_weights_of_a_folder() {
    let place = folder();
    write(place.path(), &tensors(), &config(32));
    let told = table(place.path(), "");
    let rows = |name: &str| -> Vec<String> {
        told.lines().filter_map(|line| line.strip_prefix(name)).map(|rest| rest.replace("bert_again", "")).collect()
    };
    let first = rows("bert.first(2),");
    assert!(!first.is_empty(), "{told}");
    assert_eq!(first, rows("bert_again,"), "the same model from the same weights");
    // The report speaks of no search.
    let report = fs::read_to_string(place.path().join("run/report.html")).expect("a report");
    for said in ["architectures in the space", "the search", "Operation priorities", "The unigram entropy"] {
        assert!(!report.contains(said), "{said}");
    }
    let (code, _, told) = finish(command(place.path(), "").args(["--until", "search", "--fresh"]));
    assert!(code == Some(1) && told.contains("leave `--until` out"), "{told}");
}

/// What another task has learnt is handed on without its head, also where both have as many classes.
#[test]
fn a_head_is_not_handed_on() {
    let (models, bert) = models();
    let classifier = |classes: usize| models.classifier(&bert.space, &bert.architecture, classes);
    let whole = initialise(classifier(2).expect("lowered").parameters(), 3);
    let left = without_head(&classifier, whole.clone()).expect("lowered");
    let gone: Vec<&[usize]> =
        whole.0.iter().filter(|(name, _)| !left.0.contains_key(*name)).map(|(_, array)| array.shape.as_slice()).collect();
    assert_eq!(gone, [&[2][..], &[2, 32]], "the head's bias and weight");
}

#[test]
fn weights_that_do_not_fit_are_named_and_nothing_is_written() {
    let sound = tensors();
    let without = |name: &str| {
        let mut tensors = sound.clone();
        assert!(tensors.0.remove(name).is_some(), "{name}");
        tensors
    };
    let with = |name: &str, array: Array| {
        let mut tensors = sound.clone();
        tensors.0.insert(name.to_owned(), array);
        tensors
    };
    let key = "bert.encoder.layer.1.attention.self.key.weight";
    let ones = |shape: &[usize]| Array { shape: shape.to_vec(), data: vec![1.0; shape.iter().product()] };
    let mut strange = ones(&[32, 32]);
    strange.data[5] = f32::NAN;
    let config = config(32);
    let saying = |field: &str| config.replace("\"hidden_act\": \"gelu\"", field);
    for (tensors, config, expected) in [
        (without(key), config.clone(), format!("`{key}` is missing")),
        (
            with("bert.encoder.layer.2.output.dense.bias", ones(&[32])),
            config.clone(),
            "`bert.encoder.layer.2.output.dense.bias` belongs".into(),
        ),
        (with(key, ones(&[32, 16])), config.clone(), format!("`{key}` has shape [32, 16], and [32, 32] is wanted")),
        (with(key, strange), config.clone(), format!("`{key}` is not finite in 1 of its 1024 values")),
        (
            with("cls.predictions.decoder.weight", ones(&[PIECES, 32])),
            config.clone(),
            "`cls.predictions.decoder.weight` differs from the word embedding".into(),
        ),
        (sound.clone(), saying("\"layer_norm_eps\": 1e-5"), "its `layer_norm_eps` is `1e-5`, and only `1e-12` is understood".into()),
        (sound.clone(), saying("\"is_decoder\": true"), "its `is_decoder` is `true`".into()),
        (sound.clone(), self::config(48), "its `hidden_size` is 48, and `model.hidden` is 32".into()),
        (sound.clone(), "[1".into(), "hf/config.json cannot be used".into()),
    ] {
        let place = folder();
        write(place.path(), &tensors, &config);
        let (code, _, told) = finish(&mut command(place.path(), ""));
        // Lines of a drawing are broken and framed.
        let plain = told.replace(['│', '\n'], " ").split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(code, Some(1), "{told}");
        assert!(plain.contains(&expected) && plain.contains("E0617") && plain.contains("tuned.phyla:"), "{told}");
        assert!(!place.path().join("run").exists(), "something was written");
    }
    let place = folder();
    write(place.path(), &sound, &config);
    // A vocabulary without [MASK], in either form.
    let json = fs::read_to_string(place.path().join("hf/tokenizer.json")).expect("there");
    fs::write(place.path().join("hf/tokenizer.json"), json.replace("[MASK]", "[MUSK]")).expect("written");
    let (code, _, told) = finish(&mut command(place.path(), ""));
    assert!(code == Some(1) && told.contains("`added_tokens` has `[MUSK]`") && told.contains("tuned.phyla:"), "{told}");
    fs::remove_file(place.path().join("hf/tokenizer.json")).expect("there");
    fs::write(place.path().join("hf/vocab.txt"), "[PAD]\n[UNK]\n[CLS]\n[SEP]\nthe\n").expect("written");
    let (code, _, told) = finish(&mut command(place.path(), ""));
    assert!(code == Some(1) && told.contains("none of its 5 pieces is [MASK]") && told.contains("tuned.phyla:"), "{told}");
    assert!(!place.path().join("run").exists(), "something was written");
    fs::remove_file(place.path().join("hf/vocab.txt")).expect("there");
    write(place.path(), &sound, &config);
    let file = place.path().join("hf/model.safetensors");
    let bytes = fs::read(&file).expect("there");
    fs::write(&file, &bytes[..bytes.len() / 2]).expect("written");
    let (code, _, told) = finish(&mut command(place.path(), ""));
    assert!(code == Some(1) && told.contains("it was cut off or changed"), "{told}");
    fs::remove_file(&file).expect("there");
    let (code, _, told) = finish(&mut command(place.path(), ""));
    assert!(code == Some(1) && told.contains("hf/model.safetensors` cannot be read"), "{told}");
    fs::write(place.path().join("hf/pytorch_model.bin"), "pickled").expect("written");
    let (code, _, told) = finish(&mut command(place.path(), ""));
    assert!(code == Some(1) && told.contains("safe_serialization=True"), "{told}");
    fs::write(place.path().join("hf/model.safetensors.index.json"), "{}").expect("written");
    let (code, _, told) = finish(&mut command(place.path(), ""));
    assert!(code == Some(1) && told.contains("in several parts"), "{told}");
}

/// Files of the transformers library hold the masked-LM head's bias under one of two names.
#[test]
fn the_bias_of_the_head_has_two_names() {
    let (models, bert) = models();
    let program = models.masked_lm(&bert.space, &bert.architecture).expect("lowered");
    let sound = tensors();
    let mut other = sound.clone();
    let bias = Array { shape: vec![PIECES], data: vec![0.5; PIECES] };
    other.0.remove("cls.predictions.bias");
    other.0.insert("cls.predictions.decoder.bias".into(), bias);
    // Its own copy of the table of words is that table.
    other.0.insert("cls.predictions.decoder.weight".into(), other.0["bert.embeddings.word_embeddings.weight"].clone());
    let found = fitted(&program, &other).expect("fits");
    assert_eq!(found.0.keys().collect::<Vec<_>>(), fitted(&program, &sound).expect("fits").0.keys().collect::<Vec<_>>());
    assert!(found.0.values().any(|array| array.data == vec![0.5; PIECES]));
}

/// Small letters or not is part of what an experiment means, and files that say both are refused.
#[test]
fn what_is_said_of_the_tokenizer_counts() {
    let files = |said: Option<&str>| {
        let source = source("");
        let mut files = vec![("tuned.phyla", source.as_str()), ("hf/config.json", ""), ("hf/model.safetensors", ""), ("hf/vocab.txt", "")];
        files.extend(said.map(|said| ("hf/tokenizer_config.json", said)));
        experiment(&Memory::new(&files), "tuned.phyla").fingerprint
    };
    let prints = [None, Some("{}"), Some("{\"do_lower_case\": false}")].map(files);
    assert!(prints[0] != prints[1] && prints[1] != prints[2] && prints[0] != prints[2]);
    for (said, expected) in [
        ("{\"do_lower_case\": false}", "its normaliser has true for what `do_lower_case` of tokenizer_config.json says otherwise"),
        ("{\"do_lower_case\"", "hf/tokenizer_config.json: this is not as JSON has it"),
    ] {
        let place = folder();
        write(place.path(), &tensors(), &config(32));
        fs::write(place.path().join("hf/tokenizer_config.json"), said).expect("written");
        let (code, _, told) = finish(&mut command(place.path(), ""));
        let plain = told.replace(['│', '\n'], " ").split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(code == Some(1) && plain.contains(expected), "{told}");
        assert!(!place.path().join("run").exists(), "something was written");
    }
}

/// Every way of tuning ends in a table, and in the same one after a kill between two fine-tunings.
#[test]
fn tunings_that_were_killed_end_as_those_that_were_not() {
    let tensors = tensors();
    for with in [
        "suite.train.order = by_length, suite.train.keep = best, suite.train.patience = 1 epochs, suite.train.lr = grid(1e-3, 3e-3)",
        "suite.intermediate = { task = \"kin\", before = [\"overlap\"] }",
    ] {
        let [whole, killed] = [folder(), folder()];
        for place in [&whole, &killed] {
            write(place.path(), &tensors, &config(32));
        }
        let expected = table(whole.path(), with);
        let (mut child, _lines, _) = reached(&mut command(killed.path(), with), "final training: ");
        let run = killed.path().join("run");
        while count(&run, "tuned") < 3 {
            assert!(child.try_wait().expect("a state").is_none(), "it ended before");
            std::thread::sleep(Duration::from_millis(2));
        }
        child.kill().expect("killed");
        child.wait().expect("ended");
        assert!(!run.join("results.csv").exists(), "killed too late");
        assert_eq!(table(killed.path(), with), expected, "{with}");
    }
}
