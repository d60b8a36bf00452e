//! Weights that were trained elsewhere, read and found to fit before anything is spent or written.

use super::files::reason;
use super::session::models;
use super::texts::{placed, text, unreadable};
use crate::check::{Checked, NamedArchitecture};
use crate::data::{Normalisation, Vocabulary};
use crate::diagnostic::{Code, Diagnostic, Result};
use crate::exec::checkpoint::from_safetensors;
use crate::exec::hugging_face::{Config, fitted};
use crate::exec::{Parameters, Program};
use crate::settings::{Model, Weights};
use std::path::Path;

/// A model's tensors under the names of its file, and its vocabulary.
#[derive(Debug)]
pub(super) struct Pretrained {
    /// The vocabulary as a `tokenizer.json`.
    pub tokenizer: String,
    tensors: Parameters,
}

impl Pretrained {
    /// The tensors as the parameters of programs that share an encoder: what each of them owns and the file holds.
    ///
    /// # Errors
    /// Where a tensor is missing, over, of another shape or not finite.
    pub fn parameters(&self, programs: [&Program; 2]) -> Result<Parameters> {
        let mut all = Parameters::default();
        for program in programs {
            all.0.extend(fitted(program, &self.tensors)?.0);
        }
        Ok(all)
    }
}

/// The weights that an experiment's models start from, where it names any; each architecture that it compares is tried on them.
///
/// # Errors
/// Where the folder lacks a file, the sizes differ from the model's, or tensors do not fit an architecture.
pub(super) fn pretrained(checked: &Checked) -> Result<Option<Pretrained>> {
    let Some(Weights::HuggingFace { folder }) = &checked.settings.r#final.weights else { return Ok(None) };
    let config = format!("{folder}/config.json");
    let at = |path: &str, error: Box<Diagnostic>| placed(checked, path, *error);
    let facts = Config::read(&text(&config)?).map_err(|error| {
        let told = Diagnostic::error(error.code, format!("{config} cannot be used: {}", error.message));
        at(&config, Box::new(told.help("a BERT's, as `BertModel.save_pretrained` of the transformers library writes it")))
    })?;
    sizes(&facts, &checked.settings.model, &config).map_err(|error| at(&config, error))?;
    let tokenizer = tokenizer(checked, folder)?;
    let pieces = Vocabulary::from_json(&tokenizer)?.size();
    if pieces > facts.vocab_size {
        let message = format!("the vocabulary in {folder} has {pieces} pieces, and `vocab_size` of {config} is {}", facts.vocab_size);
        let error = Diagnostic::error(Code::WEIGHTS, message).help("the two files are not of one model: fetch both again");
        return Err(at(&config, Box::new(error)));
    }
    let file = format!("{folder}/model.safetensors");
    let bytes = std::fs::read(&file).map_err(|error| at(&file, unreadable(&file, &reason(&error))))?;
    let tensors = from_safetensors(&bytes).map_err(|error| {
        let told = Diagnostic::error(Code::WEIGHTS, format!("{file}: {}", error.message));
        at(&file, Box::new(Diagnostic { help: error.help, ..told }))
    })?;
    let pretrained = Pretrained { tokenizer, tensors };
    checked.compare.iter().try_for_each(|known| fits(checked, &pretrained, known))?;
    Ok(Some(pretrained))
}

/// Whether an architecture can start from the weights.
///
/// # Errors
/// Where it cannot; the message names the tensors.
pub(super) fn fits(checked: &Checked, pretrained: &Pretrained, known: &NamedArchitecture) -> Result<()> {
    let models = models(checked);
    let NamedArchitecture { space, architecture, .. } = known;
    let (first, second) = (models.masked_lm(space, architecture)?, models.classifier(space, architecture, 1)?);
    pretrained.parameters([&first, &second]).map(|_| ()).map_err(|error| {
        let Some(Weights::HuggingFace { folder }) = &checked.settings.r#final.weights else { return error };
        let file = format!("{folder}/model.safetensors");
        let told = Diagnostic::error(error.code, format!("the weights do not fit `{}`: {}", known.name, error.message));
        placed(checked, &file, told.help("they fit a BERT of as many layers: `std.architectures.bert.first(6)`"))
    })
}

/// Compares the sizes that `config.json` tells with the experiment's.
fn sizes(config: &Config, model: &Model, path: &str) -> Result<()> {
    let pairs = [
        ("hidden_size", config.hidden_size, "hidden", model.hidden),
        ("num_attention_heads", config.num_attention_heads, "heads", model.heads),
        ("intermediate_size", config.intermediate_size, "feed_forward", model.feed_forward),
        ("vocab_size", config.vocab_size, "vocabulary", model.vocabulary),
    ];
    let differ = pairs.iter().filter(|(_, theirs, _, ours)| theirs != ours);
    let mut wrong: Vec<String> =
        differ.map(|(field, theirs, own, ours)| format!("its `{field}` is {theirs}, and `model.{own}` is {ours}")).collect();
    // A shorter table of positions is the beginning of a longer one.
    if model.length > config.max_position_embeddings {
        wrong.push(format!("its `max_position_embeddings` is {}, and `model.length` is {}", config.max_position_embeddings, model.length));
    }
    if wrong.is_empty() {
        return Ok(());
    }
    let help = format!(
        "`model = {{ hidden = {}, heads = {}, feed_forward = {}, length = {}, vocabulary = {} }}`",
        config.hidden_size,
        config.num_attention_heads,
        config.intermediate_size,
        model.length.min(config.max_position_embeddings),
        config.vocab_size
    );
    Diagnostic::error(Code::WEIGHTS, format!("{path} describes another model: {}", wrong.join("; "))).help(help).into()
}

/// The vocabulary of a folder as a `tokenizer.json`. What a `tokenizer_config.json` says of the normalisation holds for a bare list of
/// pieces, and must not contradict a `tokenizer.json`: the libraries of the field do not agree which of them counts then.
fn tokenizer(checked: &Checked, folder: &str) -> Result<String> {
    let [whole, list, beside] = ["tokenizer.json", "vocab.txt", "tokenizer_config.json"].map(|name| format!("{folder}/{name}"));
    let said = if Path::new(&beside).exists() { Some(text(&beside)?) } else { None };
    let said =
        said.map_or(Ok(Normalisation::default()), |said| Normalisation::read(&said)).map_err(|error| named(checked, &beside, &error))?;
    let (path, vocabulary) = if Path::new(&whole).exists() || !Path::new(&list).exists() {
        let vocabulary = Vocabulary::from_json(&text(&whole)?).and_then(|vocabulary| vocabulary.says(&said).map(|()| vocabulary));
        (whole, vocabulary)
    } else {
        let pieces: Vec<String> = text(&list)?.lines().map(str::to_owned).collect();
        (list, Vocabulary::of_pieces(&pieces, &said))
    };
    vocabulary.and_then(|vocabulary| vocabulary.to_json()).map_err(|error| named(checked, &path, &error))
}

/// The mistake with the file that it lies in, at the place that names its folder.
fn named(checked: &Checked, path: &str, error: &Diagnostic) -> Box<Diagnostic> {
    let told = Diagnostic::error(error.code, format!("{path}: {}", error.message));
    placed(checked, path, Diagnostic { help: error.help.clone(), ..told })
}
