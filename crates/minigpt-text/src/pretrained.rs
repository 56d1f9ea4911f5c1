//! A model of a folder or of a GGUF file, with all that is needed to ask it.

mod vocabulary;

use std::collections::BTreeMap;
use std::path::Path;

use burn::tensor::Device;
use minigpt_data::{ChatTemplate, DataError, GgufVocabulary, Tokenizer};
use minigpt_files::Limit;
use minigpt_gguf::Metadata;
use minigpt_model::{
    CONFIG_FILE, FrozenType, Gpt, PackedGpt, PretrainedKind, SavedModel, WeightType,
};

pub(crate) use self::vocabulary::UNUSED;
use self::vocabulary::vocabulary;
use crate::error::TextError;
use crate::generation::GenerationDefaults;

/// As much as any program writes of a model or a run, whose configuration has the same name.
const CONFIG: Limit = Limit::new(1 << 20, "a configuration");

/// Ids of GPT-2's vocabulary in nanoGPT: as it is, and padded to a multiple of 64.
const NANO_GPT: [usize; 2] = [50_257, 50_304];

/// A model as others made it, and what belongs to it.
#[derive(Debug)]
pub struct Pretrained<M = Gpt> {
    /// The model.
    pub model: M,
    /// Its tokenizer.
    pub tokenizer: Tokenizer,
    /// How it was taught to read conversations, if it was.
    pub template: Option<ChatTemplate>,
    /// How its makers have its texts drawn.
    pub generation: GenerationDefaults,
}

impl Pretrained {
    /// True where `path` is a GGUF file or nanoGPT's `ckpt.pt` by its name, or a folder whose `config.json` is
    /// of Hugging Face's layout, be it of a model that can be loaded or not; the configuration of a run is
    /// another.
    #[must_use]
    pub fn is_at(path: &Path) -> bool {
        if !matches!(PretrainedKind::of(path), PretrainedKind::Folder) {
            return true;
        }
        let config = minigpt_files::read(&path.join(CONFIG_FILE), CONFIG).ok();
        let config: Option<serde_json::Value> =
            config.and_then(|json| serde_json::from_slice(&json).ok());
        config.is_some_and(|config| !config["model_type"].is_null())
    }

    /// Loads the model of a folder, of a GGUF file or of nanoGPT's `ckpt.pt`, as [`of_saved`](Self::of_saved) does.
    ///
    /// # Errors
    /// As [`of_saved`](Self::of_saved).
    pub fn load(path: &Path, device: &Device) -> Result<Self, TextError> {
        Self::of_saved(SavedModel::open(path)?, device)
    }

    /// Loads a model that was opened, onto `device`, and its tokenizer, which may have fewer ids: what the model's
    /// vocabulary is padded with is then never written, and has no weight in a loss. The tokenizer of a `ckpt.pt`
    /// is the one beside it, or by its vocabulary GPT-2's.
    ///
    /// # Errors
    /// [`TextError::Weights`], [`TextError::Data`], [`TextError::Gguf`] or [`TextError::GenerationConfig`]
    /// where a file is damaged or of a model that minigpt does not run, [`TextError::TokenizerTooLarge`]
    /// where the tokenizer is another model's.
    pub fn of_saved(saved: SavedModel, device: &Device) -> Result<Self, TextError> {
        let (tokenizer, template, generation) = belongings(&saved)?;
        let model = saved.load(device)?.with_tokenizer_size(tokenizer.vocab_size());
        Ok(Self { model, tokenizer, template, generation })
    }
}

impl Pretrained {
    /// As [`of_saved`](Self::of_saved), for an adapter, on the processor: matrices become no parameters.
    ///
    /// # Errors
    /// As [`of_saved`](Self::of_saved).
    pub fn frozen(
        saved: SavedModel,
        frozen: FrozenType,
        device: &Device,
    ) -> Result<Self, TextError> {
        let (tokenizer, template, generation) = belongings(&saved)?;
        let model = saved.load_frozen(frozen, device)?;
        let model = model.with_tokenizer_size(tokenizer.vocab_size());
        Ok(Self { model, tokenizer, template, generation })
    }
}

impl Pretrained<PackedGpt> {
    /// As [`of_saved`](Pretrained::of_saved), for the processor, with weights kept as `weight_type` or, without one, as
    /// they are stored.
    ///
    /// # Errors
    /// As [`of_saved`](Pretrained::of_saved).
    pub fn packed(saved: SavedModel, weight_type: Option<WeightType>) -> Result<Self, TextError> {
        let (tokenizer, template, generation) = belongings(&saved)?;
        let model = saved.load_packed(weight_type)?.with_tokenizer_size(tokenizer.vocab_size());
        Ok(Self { model, tokenizer, template, generation })
    }
}

type Belongings = (Tokenizer, Option<ChatTemplate>, GenerationDefaults);

/// What belongs to a model besides its weights. It is read first, since it fails sooner.
fn belongings(saved: &SavedModel) -> Result<Belongings, TextError> {
    let (tokenizer, template, generation) = match saved.metadata() {
        Some(metadata) => of_gguf(saved.path(), metadata)?,
        None if saved.kind() == PretrainedKind::Folder => of_folder(saved.path())?,
        None => (of_nano_gpt(saved)?, None, GenerationDefaults::default()),
    };
    let vocab_size = saved.config().vocab_size;
    if tokenizer.vocab_size() > vocab_size {
        return Err(TextError::TokenizerTooLarge {
            path: saved.path().to_owned(),
            ids: tokenizer.vocab_size(),
            vocab_size,
        });
    }
    Ok((tokenizer, template, generation))
}

fn of_folder(folder: &Path) -> Result<Belongings, TextError> {
    let tokenizer = Tokenizer::in_folder(folder)?;
    Ok((tokenizer, ChatTemplate::in_folder(folder)?, GenerationDefaults::in_folder(folder)?))
}

fn of_nano_gpt(saved: &SavedModel) -> Result<Tokenizer, TextError> {
    let is_gpt2 = NANO_GPT.contains(&saved.config().vocab_size);
    match Tokenizer::in_folder(saved.path().parent().unwrap_or(Path::new(""))) {
        Err(DataError::NoTokenizer { .. }) if is_gpt2 => Ok(Tokenizer::gpt2()?),
        beside => Ok(beside?),
    }
}

fn of_gguf(path: &Path, metadata: &Metadata) -> Result<Belongings, TextError> {
    let vocabulary = vocabulary(path, metadata)?;
    let template = template(path, metadata, &vocabulary)?;
    let tokenizer = Tokenizer::from_gguf(vocabulary, path)?;
    Ok((tokenizer, template, GenerationDefaults::of_gguf(path, metadata)?))
}

/// The file's chat template, with the tokens that it may name.
fn template(
    path: &Path,
    metadata: &Metadata,
    vocabulary: &GgufVocabulary,
) -> Result<Option<ChatTemplate>, TextError> {
    let Some(source) = metadata.find::<&str>("tokenizer.chat_template")? else { return Ok(None) };
    let padding: Option<u32> = metadata.find("tokenizer.ggml.padding_token_id")?;
    let ids = [
        ("bos_token", vocabulary.bos),
        ("eos_token", vocabulary.eos),
        ("pad_token", padding),
        ("unk_token", vocabulary.unknown),
    ];
    let token = |id: u32| vocabulary.tokens.get(id as usize).cloned();
    let tokens: BTreeMap<String, String> =
        ids.into_iter().filter_map(|(name, id)| Some((name.to_owned(), token(id?)?))).collect();
    Ok(Some(ChatTemplate::from_jinja(source, tokens, &path.display().to_string())?))
}

#[cfg(test)]
mod tests;
