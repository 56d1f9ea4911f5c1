//! Tokenizers from files: `tokenizer.json` and what stands beside it, or `vocab.json` and `merges.txt`.

use std::path::Path;

use minigpt_files::caught;
use serde_json::{Value, json};

use crate::chars::Characters;
use crate::pipeline::Library;
use crate::tokenizer::{TABLES, bad_tokenizer};
use crate::tokenizer_config::{TokenizerConfig, bad_config, end_ids, tokenizer_config_path};
use crate::tokenizer_file::{self, Described};
use crate::vocabulary::bpe;
use crate::{DataError, Tokenizer};

/// The name that says that the files beside it are of the same model.
const TOKENIZER: &str = "tokenizer.json";

impl Tokenizer {
    /// Reads a `tokenizer.json`, written by [`Tokenizer::save`] or by Hugging Face's library: a byte-level
    /// BPE behind any pattern, or a BPE with byte fallback. What ends a text is what our own field of the
    /// file says, or `tokenizer_config.json`, `generation_config.json` and `config.json` in its folder
    /// (`eos_token`, `eos_token_id`), or [`END_OF_TEXT`](crate::END_OF_TEXT).
    ///
    /// # Errors
    /// [`DataError::Io`], [`DataError::BadTokenizerConfig`], and [`DataError::BadTokenizer`] for a file that
    /// is damaged, or that asks for anything that we do not do: the field is named. Splitting long texts
    /// without changing their ids, and decoding id by id, rely on it.
    pub fn load(path: &Path) -> Result<Self, DataError> {
        let bad = |reason: String| bad_tokenizer(path, reason);
        let json = minigpt_files::read(path, TABLES)?;
        let mut file: Value =
            serde_json::from_slice(&json).map_err(|error| bad(error.to_string()))?;
        drop(json);
        if let Some(characters) = Characters::from_value(&file) {
            return Ok(Self::from_characters(characters.map_err(bad)?));
        }
        let ends = tokenizer_file::take_ends(&mut file).map_err(bad)?;
        let mut described = tokenizer_file::check(&file).map_err(bad)?;
        described.ends = ends;
        let mut library = read_library(&mut file).map_err(bad)?;
        drop(file);
        let folder = path.parent().unwrap_or(Path::new(""));
        let has_files_beside = path.file_name().is_some_and(|name| name == TOKENIZER);
        if !has_files_beside || !described.ends.is_empty() {
            return Self::from_library(library, described, Vec::new()).map_err(bad);
        }
        let ends = beside(folder, &mut library, &mut described)?;
        Self::from_library(library, described, ends).map_err(bad)
    }

    /// The tokenizer in a model's folder: `tokenizer.json`, or `vocab.json` and `merges.txt`.
    ///
    /// # Errors
    /// [`DataError::NoTokenizer`] if neither is there, and as [`Tokenizer::load`].
    pub fn in_folder(folder: &Path) -> Result<Self, DataError> {
        let file = |name: &str| Some(folder.join(name)).filter(|path| path.exists());
        if let Some(json) = file(TOKENIZER) {
            return Self::load(&json);
        }
        match (file("vocab.json"), file("merges.txt")) {
            (Some(vocab), Some(merges)) => Self::from_vocab_and_merges(&vocab, &merges),
            _ => Err(DataError::NoTokenizer { path: folder.to_owned() }),
        }
    }

    /// A byte-level BPE from `vocab.json` and `merges.txt`, as GPT-2's own were published.
    ///
    /// # Errors
    /// [`DataError::Io`], and [`DataError::BadTokenizer`] where the files are damaged, do not
    /// belong together, or are no byte-level BPE.
    pub(crate) fn from_vocab_and_merges(vocab: &Path, merges: &Path) -> Result<Self, DataError> {
        let ids = serde_json::from_slice(&minigpt_files::read(vocab, TABLES)?)
            .map_err(|error| bad_tokenizer(vocab, error))?;
        let text = minigpt_files::read_text(merges, TABLES)?;
        let model = caught(|| bpe(ids, &text))
            .map_err(|reason| bad_tokenizer(merges, reason))?
            .map_err(|error| bad_tokenizer(merges, error))?;
        Self::from_model(model, vocab)
    }
}

/// The library's tokenizer of a file that was checked.
fn read_library(file: &mut Value) -> Result<Library, String> {
    let ids = tokenizer_file::added_ids(file);
    if let Some(fields) = file.as_object_mut() {
        // Neither changes anything here, and a file that we write should not change others' batches.
        fields.insert("truncation".to_owned(), Value::Null);
        fields.insert("padding".to_owned(), Value::Null);
    }
    // What was checked and no more: of a field that is there twice, the file has another value too.
    let json = serde_json::to_vec(file).map_err(|error| error.to_string())?;
    // The library has panicked on files that no one writes.
    let library = caught(|| Library::from_bytes(json))?.map_err(|error| error.to_string())?;
    let differs =
        |(content, id): &&(String, u64)| library.token_to_id(content).map(u64::from) != Some(*id);
    match ids.iter().find(differs) {
        Some((content, id)) => Err(format!("added_tokens: {content:?} cannot have the id {id}")),
        None => Ok(library),
    }
}

/// What the files beside a `tokenizer.json` say: the ids that end a text, and the one that begins it where
/// the tokenizer itself does not say.
fn beside(
    folder: &Path,
    library: &mut Library,
    described: &mut Described,
) -> Result<Vec<u32>, DataError> {
    let config = TokenizerConfig::in_folder(folder)?;
    let bad = |reason: String| bad_config(&tokenizer_config_path(folder), reason);
    config.check(|id| library.id_to_token(id)).map_err(bad)?;
    let mut ends = Vec::new();
    if let Some(end) = config.token("eos_token") {
        let id = library.token_to_id(end);
        ends.push(
            id.ok_or_else(|| bad(format!("eos_token {end:?} is no token of tokenizer.json")))?,
        );
    }
    if config.is_true("add_bos_token") && library.get_post_processor().is_none() {
        let bos = config.token("bos_token").unwrap_or_default();
        let id = library.token_to_id(bos);
        let id =
            id.ok_or_else(|| bad(format!("bos_token {bos:?} is no token of tokenizer.json")))?;
        put_before(library, described, bos, id)?;
    }
    ends.extend(end_ids(folder)?);
    Ok(ends)
}

/// Has a token before each text, here and for other programs that read what is saved.
pub(crate) fn put_before(
    library: &mut Library,
    described: &mut Described,
    token: &str,
    id: u32,
) -> Result<(), DataError> {
    let special = json!({ "SpecialToken": { "id": token, "type_id": 0 } });
    let text = |name: &str, kind: u8| json!({ "Sequence": { "id": name, "type_id": kind } });
    let mut special_tokens = serde_json::Map::new();
    special_tokens.insert(token.to_owned(), json!({ "id": token, "ids": [id], "tokens": [token] }));
    let template = json!({
        "type": "TemplateProcessing",
        "single": [special, text("A", 0)],
        "pair": [special, text("A", 0), text("B", 1)],
        "special_tokens": special_tokens,
    });
    let processor: tokenizers::PostProcessorWrapper =
        serde_json::from_value(template).map_err(tokenizers::Error::from)?;
    library.with_post_processor(Some(processor));
    described.around[0] = vec![id];
    Ok(())
}
