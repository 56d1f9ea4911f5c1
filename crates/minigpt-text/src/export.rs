//! A model for other programs: a folder for transformers, a file for llama.cpp.

use std::path::{Path, PathBuf};

use minigpt_data::{Tokenizer, Vocabulary};
use minigpt_files::{Limit, NewFolder, read, write, write_at};
use minigpt_gguf::Value;
use minigpt_model::{CONFIG_FILE, Gpt, SpecialIds, WeightType};
use serde_json::json;

use crate::error::TextError;

/// Ours have a tenth of it.
const PICTURE: Limit = Limit::new(16 << 20, "a picture of a run");

/// What is exported.
#[derive(Debug)]
pub struct Export<'a> {
    /// The model's name.
    pub name: &'a str,
    /// The model.
    pub model: &'a Gpt,
    /// Its tokenizer.
    pub tokenizer: &'a Tokenizer,
    /// The model card, in Markdown.
    pub card: &'a str,
    /// Pictures that the card shows, which go into the folder's `plots`.
    pub plots: &'a [PathBuf],
}

impl Export<'_> {
    /// Writes the folder that transformers' `AutoModelForCausalLM` and `AutoTokenizer` load:
    /// `config.json`, `generation_config.json`, `model.safetensors`, `tokenizer.json`,
    /// `tokenizer_config.json` and the card as `README.md`.
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
        self.write_files(folder.path())?;
        Ok(folder.finish()?)
    }

    fn write_files(&self, folder: &Path) -> Result<(), TextError> {
        let put = |name: &str, text: &str| write(&folder.join(name), text);
        let end = self.tokenizer.end_of_text();
        let ids = SpecialIds { bos: Some(end), eos: vec![end] };
        put(CONFIG_FILE, &self.model.config().to_hugging_face(&ids))?;
        let generation = json!({ "bos_token_id": end, "eos_token_id": end, "pad_token_id": end });
        put("generation_config.json", &format!("{generation:#}"))?;
        put("tokenizer_config.json", &format!("{:#}", self.tokenizer_config()))?;
        self.tokenizer.save(&folder.join("tokenizer.json"))?;
        put("README.md", self.card)?;
        self.model.save_safetensors(&folder.join("model.safetensors"), WeightType::F32)?;
        if !self.plots.is_empty() {
            fs_err::create_dir(folder.join("plots"))?;
        }
        for plot in self.plots {
            let name = plot.file_name().unwrap_or(plot.as_os_str());
            write(&folder.join("plots").join(name), read(plot, PICTURE)?)?;
        }
        Ok(())
    }

    fn tokenizer_config(&self) -> serde_json::Value {
        let end = minigpt_data::END_OF_TEXT;
        json!({
            // As it stands in tokenizer.json, whatever transformers thinks of GPT-2's.
            "tokenizer_class": "PreTrainedTokenizerFast",
            "bos_token": end,
            "eos_token": end,
            "unk_token": end,
            "pad_token": end,
            "add_prefix_space": false,
            "clean_up_tokenization_spaces": false,
            "model_max_length": self.model.config().block_size,
        })
    }

    /// Writes a GGUF file that llama.cpp runs.
    ///
    /// # Errors
    /// [`TextError::NoGgufTokenizer`] where the tokenizer is one of characters, which llama.cpp has
    /// none of; [`TextError::Io`] or [`TextError::Weights`].
    pub fn write_gguf(&self, path: &Path) -> Result<(), TextError> {
        let Some(vocabulary) = self.tokenizer.vocabulary()? else {
            return Err(TextError::NoGgufTokenizer { path: path.to_owned() });
        };
        let metadata = self.gguf_metadata(vocabulary);
        let written = write_at(path, |file| self.model.save_gguf(&metadata, WeightType::F32, file));
        Ok(written?)
    }

    /// What llama.cpp must know besides the shape: the tokenizer's tables, with ids that only the
    /// model has filled up.
    fn gguf_metadata(&self, vocabulary: Vocabulary) -> Vec<(String, Value)> {
        let (end, vocab_size) = (self.tokenizer.end_of_text(), self.model.config().vocab_size);
        let Vocabulary { mut tokens, merges } = vocabulary;
        let known = tokens.len();
        tokens.extend((known..vocab_size).map(|id| format!("[PAD{id}]")));
        let kind = |id: usize| match id {
            id if id == end as usize => GGUF_CONTROL,
            id if id < known => GGUF_NORMAL,
            _ => GGUF_UNUSED,
        };
        let kinds: Vec<i32> = (0..tokens.len()).map(kind).collect();
        let text = |text: &str| Value::from(text);
        let entries = [
            ("general.name", text(self.name)),
            ("tokenizer.ggml.model", text("gpt2")),
            ("tokenizer.ggml.pre", text("gpt-2")),
            ("tokenizer.ggml.tokens", tokens.into()),
            ("tokenizer.ggml.token_type", kinds.into()),
            ("tokenizer.ggml.merges", merges.into()),
            ("tokenizer.ggml.bos_token_id", end.into()),
            ("tokenizer.ggml.eos_token_id", end.into()),
            ("tokenizer.ggml.add_bos_token", false.into()),
        ];
        entries.map(|(key, value)| (key.to_owned(), value)).into()
    }
}

// llama.cpp's numbers for kinds of tokens.
const GGUF_NORMAL: i32 = 1;
const GGUF_CONTROL: i32 = 3;
const GGUF_UNUSED: i32 = 5;
