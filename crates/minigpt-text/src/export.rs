//! A model for other programs: a folder for transformers, a file for llama.cpp.

mod ollama;

use std::path::{Path, PathBuf};

use minigpt_data::{ChatTemplate, DataError, GgufVocabulary, Tokenizer};
use minigpt_files::{Limit, NewFolder, read, write};
use minigpt_gguf::Value as GgufValue;
use minigpt_model::{CONFIG_FILE, Gpt, SpecialIds, WeightType};
use serde_json::{Map, Value, json};

pub use self::ollama::Modelfile;
use self::ollama::write_modelfile;
use crate::error::TextError;
use crate::generation::{GENERATION_FILE, GenerationDefaults};
use crate::pretrained::UNUSED;

/// Ours have a tenth of it.
const PICTURE: Limit = Limit::new(16 << 20, "a picture of a run");

/// What is exported to another program: weights, tokenizer, template and model card.
#[derive(Debug)]
pub struct Export<'a> {
    /// The model's name.
    pub name: &'a str,
    /// The model.
    pub model: &'a Gpt,
    /// Its tokenizer.
    pub tokenizer: &'a Tokenizer,
    /// How it reads conversations, if it was taught to.
    pub template: Option<&'a ChatTemplate>,
    /// How its texts are drawn where nobody says otherwise.
    pub generation: &'a GenerationDefaults,
    /// What the weights are written as.
    pub weights: WeightType,
    /// The model card, in Markdown.
    pub card: &'a str,
    /// Pictures that the card shows, which go into the folder's `plots`.
    pub plots: &'a [PathBuf],
}

impl Export<'_> {
    /// Writes the folder that transformers' `AutoModelForCausalLM` and `AutoTokenizer` load:
    /// `config.json`, `generation_config.json`, `model.safetensors`, `tokenizer.json`,
    /// `tokenizer_config.json`, `chat_template.jinja` where there is a template, and the card as `README.md`.
    ///
    /// The folder gets its name when all is in it.
    ///
    /// # Errors
    /// [`TextError::ExportExists`] where something is there already, [`TextError::Io`],
    /// [`TextError::Weights`] or [`TextError::Data`].
    pub fn write_folder(&self, path: &Path) -> Result<(), TextError> {
        if path.exists() {
            return Err(TextError::ExportExists { path: path.to_owned() });
        }
        let folder = NewFolder::begin(path)?;
        self.write_files(folder.path()).map_err(|error| folder.named(error))?;
        Ok(folder.finish()?)
    }

    fn write_files(&self, folder: &Path) -> Result<(), TextError> {
        let put = |name: &str, text: &str| write(&folder.join(name), text);
        put(CONFIG_FILE, &self.model.config().to_hugging_face(&self.special_ids()))?;
        put(GENERATION_FILE, &format!("{:#}", Value::Object(self.generation_config())))?;
        put("tokenizer_config.json", &format!("{:#}", self.tokenizer_config()?))?;
        if let Some(template) = self.template {
            put("chat_template.jinja", &self.jinja(template))?;
        }
        self.tokenizer.save(&folder.join("tokenizer.json"))?;
        put("README.md", self.card)?;
        self.model.save_safetensors(&folder.join("model.safetensors"), self.weights)?;
        if !self.plots.is_empty() {
            fs_err::create_dir(folder.join("plots"))?;
        }
        for plot in self.plots {
            let name = plot.file_name().unwrap_or(plot.as_os_str());
            write(&folder.join("plots").join(name), read(plot, PICTURE)?)?;
        }
        Ok(())
    }

    /// The token that texts begin with: what a model's own files called so, or what documents begin with.
    fn begin_of_text(&self) -> u32 {
        let named = self.template.and_then(|template| template.tokens().remove("bos_token"));
        let named = named.and_then(|name| self.tokenizer.token_id(&name));
        let before = self.tokenizer.before_text().first().copied();
        before.or(named).unwrap_or(self.tokenizer.separator())
    }

    /// The template for other programs, which put nothing before what it writes.
    fn jinja(&self, template: &ChatTemplate) -> String {
        let is_begun = template.named().is_some() && !self.tokenizer.before_text().is_empty();
        let begin = if is_begun { "{{ bos_token }}" } else { "" };
        format!("{begin}{}", template.to_jinja())
    }

    fn special_ids(&self) -> SpecialIds {
        let eos = self.tokenizer.ends_of_text().to_vec();
        SpecialIds { bos: Some(self.begin_of_text()), eos }
    }

    fn generation_config(&self) -> Map<String, Value> {
        let mut fields = Map::new();
        fields.insert("bos_token_id".to_owned(), self.begin_of_text().into());
        let ends = self.tokenizer.ends_of_text();
        let eos = if ends.len() == 1 { json!(ends[0]) } else { json!(ends) };
        fields.insert("eos_token_id".to_owned(), eos);
        fields.insert("pad_token_id".to_owned(), ends[0].into());
        fields.extend(self.generation.fields());
        fields
    }

    fn tokenizer_config(&self) -> Result<Value, TextError> {
        let end = self.tokenizer.decode(&[self.tokenizer.end_of_text()])?;
        let mut fields = json!({
            // As it stands in tokenizer.json, whatever transformers thinks of a model's kind.
            "tokenizer_class": "PreTrainedTokenizerFast",
            "bos_token": self.tokenizer.decode(&[self.begin_of_text()])?,
            "eos_token": end,
            "unk_token": end,
            "pad_token": end,
            "add_prefix_space": false,
            "clean_up_tokenization_spaces": false,
            "model_max_length": self.model.config().block_size,
        });
        for (name, token) in self.template.map(ChatTemplate::tokens).unwrap_or_default() {
            fields[name] = token.into();
        }
        Ok(fields)
    }

    /// Writes a GGUF file that llama.cpp runs, and beside it a `Modelfile` with which Ollama takes it, unless
    /// another is there.
    ///
    /// # Errors
    /// [`TextError::NoGgufTokenizer`] where llama.cpp has no such tokenizer, as one of characters;
    /// [`TextError::Io`] or [`TextError::Weights`].
    pub fn write_gguf(&self, path: &Path) -> Result<Modelfile, TextError> {
        let vocabulary = self.tokenizer.to_gguf().map_err(|error| match error {
            DataError::NotForGguf { reason } => {
                TextError::NoGgufTokenizer { path: path.to_owned(), reason }
            }
            other => other.into(),
        })?;
        let metadata = self.gguf_metadata(vocabulary);
        self.model.save_gguf(&metadata, self.weights, path)?;
        write_modelfile(self, path)
    }

    /// What llama.cpp must know besides the shape: the tokenizer's tables, with ids that only the
    /// model has filled up, and the template.
    fn gguf_metadata(&self, vocabulary: GgufVocabulary) -> Vec<(String, GgufValue)> {
        let vocab_size = self.model.config().vocab_size;
        let GgufVocabulary { model, pre, mut tokens, mut token_types, mut scores, merges, .. } =
            vocabulary;
        let GgufVocabulary { eos, eot, eom, unknown, add_bos, add_space_prefix, .. } = vocabulary;
        let known = tokens.len();
        tokens.extend((known..vocab_size).map(|id| format!("[PAD{id}]")));
        token_types.resize(tokens.len(), UNUSED);
        scores.resize(tokens.len(), f32::MIN);
        let (scores, merges) = match model.as_str() {
            "llama" => (Some(GgufValue::from(scores)), None),
            _ => (None, Some(GgufValue::from(merges))),
        };
        let of_tokenizer: [(&str, Option<GgufValue>); 13] = [
            ("model", Some(model.into())),
            ("pre", pre.map(GgufValue::from)),
            ("tokens", Some(tokens.into())),
            ("token_type", Some(token_types.into())),
            ("scores", scores),
            ("merges", merges),
            ("bos_token_id", Some(self.begin_of_text().into())),
            ("eos_token_id", eos.map(GgufValue::from)),
            ("eot_token_id", eot.map(GgufValue::from)),
            ("eom_token_id", eom.map(GgufValue::from)),
            ("unknown_token_id", unknown.map(GgufValue::from)),
            ("add_bos_token", add_bos.map(GgufValue::from)),
            ("add_space_prefix", add_space_prefix.map(GgufValue::from)),
        ];
        let of_tokenizer = of_tokenizer
            .into_iter()
            .filter_map(|(name, value)| Some((format!("tokenizer.ggml.{name}"), value?)));
        let template = self.template.map(|template| {
            ("tokenizer.chat_template".to_owned(), GgufValue::from(self.jinja(template)))
        });
        [("general.name".to_owned(), self.name.into())]
            .into_iter()
            .chain(of_tokenizer)
            .chain(template)
            .chain(self.generation.gguf_metadata())
            .collect()
    }
}
