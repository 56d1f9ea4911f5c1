//! How a model's makers have its texts drawn, where nobody says otherwise.

use std::path::{Path, PathBuf};

use minigpt_files::{Limit, excerpt};
use minigpt_gguf::{Metadata, decimal};
use serde_json::{Map, Value};

use crate::error::TextError;

/// The file of a model folder that says how its texts are drawn.
pub(crate) const GENERATION_FILE: &str = "generation_config.json";

/// A kilobyte, mostly.
const CONFIG: Limit = Limit::new(1 << 20, "a generation configuration");

/// How a model's makers have its texts drawn, where nobody says otherwise: what `generation_config.json` or a
/// GGUF file's `general.sampling` says. What is missing is said by nobody: where `do_sample` is, tokens are drawn, and
/// transformers would always take the most probable one.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GenerationDefaults {
    /// The file that says it; empty where there is none.
    pub origin: PathBuf,
    /// Always the most probable token (`do_sample` is false).
    pub is_greedy: bool,
    /// What logits are divided by.
    pub temperature: Option<f64>,
    /// Tokens that are drawn from at most; 0 for all.
    pub top_k: Option<usize>,
    /// The probability that they reach together.
    pub top_p: Option<f64>,
    /// The least part of the most probable one's probability.
    pub min_p: Option<f64>,
    /// What makes tokens that were there less probable, above 1.
    pub repetition_penalty: Option<f64>,
    /// Length of a sequence that may not come twice.
    pub no_repeat_ngram: Option<usize>,
    /// What the file asks for besides that changes texts and is not done here.
    pub not_done: Vec<String>,
}

/// Fields of `generation_config.json` that are honoured: here, or where the tokenizer is read.
const HONOURED: [&str; 10] = [
    "bos_token_id",
    "do_sample",
    "eos_token_id",
    "min_p",
    "no_repeat_ngram_size",
    "pad_token_id",
    "repetition_penalty",
    "temperature",
    "top_k",
    "top_p",
];

/// Fields that do not say which tokens are probable: how long, how fast, by which program.
const HARMLESS: [&str; 13] = [
    "_from_model_config",
    "assistant_confidence_threshold",
    "cache_implementation",
    "max_length",
    "max_new_tokens",
    "num_assistant_tokens",
    "num_assistant_tokens_schedule",
    "output_attentions",
    "output_hidden_states",
    "return_dict_in_generate",
    "transformers_version",
    "trust_remote_code",
    "use_cache",
];

/// Fields that are not done, and the number by which each changes nothing, as
/// [transformers](https://huggingface.co/docs/transformers/main_classes/text_generation) has it. Of all others that
/// is null, false or nothing.
const NEUTRAL: [(&str, f64); 14] = [
    ("diversity_penalty", 0.0),
    ("encoder_no_repeat_ngram_size", 0.0),
    ("encoder_repetition_penalty", 1.0),
    ("epsilon_cutoff", 0.0),
    ("eta_cutoff", 0.0),
    ("length_penalty", 1.0),
    ("guidance_scale", 1.0),
    ("min_length", 0.0),
    ("min_new_tokens", 0.0),
    ("num_beam_groups", 1.0),
    ("num_beams", 1.0),
    ("num_return_sequences", 1.0),
    ("penalty_alpha", 0.0),
    ("typical_p", 1.0),
];

/// Whether a field that is not done here would change texts.
fn asks(name: &str, value: &Value) -> bool {
    let neutral = NEUTRAL.into_iter().find(|(known, _)| *known == name);
    match (value, neutral) {
        (Value::Null | Value::Bool(false), _) => false,
        (Value::Array(values), _) => !values.is_empty(),
        (Value::Object(fields), _) => !fields.is_empty(),
        (Value::String(text), _) => !text.is_empty(),
        (value, Some((_, neutral))) => value.as_f64() != Some(neutral),
        (_, None) => true,
    }
}

/// Keys of GGUF files that are honoured, after `general.sampling.`.
const OF_GGUF: [&str; 5] = ["min_p", "penalty_repeat", "temp", "top_k", "top_p"];
const SAMPLING: &str = "general.sampling.";

impl GenerationDefaults {
    /// What the folder's `generation_config.json` says, if it has one.
    ///
    /// # Errors
    /// [`TextError::GenerationConfig`] where it is damaged, or a field is of another kind or out of range.
    pub fn in_folder(folder: &Path) -> Result<Self, TextError> {
        let path = folder.join(GENERATION_FILE);
        if !path.exists() {
            return Ok(Self::default());
        }
        let json = minigpt_files::read(&path, CONFIG)?;
        let bad = |reason: String| TextError::GenerationConfig { path: path.clone(), reason };
        let fields: Map<String, Value> =
            serde_json::from_slice(&json).map_err(|error| bad(excerpt(&error.to_string())))?;
        let mut defaults = Self::of_fields(&fields).map_err(bad)?;
        defaults.origin = path;
        Ok(defaults)
    }

    /// The error is the reason alone.
    fn of_fields(fields: &Map<String, Value>) -> Result<Self, String> {
        let number = |name: &str, expected: &str, is_in_range: fn(f64) -> bool| {
            let Some(value) = fields.get(name).filter(|value| !value.is_null()) else {
                return Ok(None);
            };
            match value.as_f64().filter(|number| is_in_range(*number)) {
                Some(number) => Ok(Some(number)),
                None => {
                    Err(format!("{name} is {}: expected {expected}", excerpt(&value.to_string())))
                }
            }
        };
        let is_count = |number: f64| number >= 0.0 && number.fract() == 0.0 && number < 1e9;
        let count = |name: &str| {
            number(name, "a number of tokens", is_count).map(|found| found.map(|n| n as usize))
        };
        let is_part = |number: f64| number > 0.0 && number <= 1.0;
        let is_known = |name: &str| HONOURED.contains(&name) || HARMLESS.contains(&name);
        let others = fields.iter().filter(|(name, value)| !is_known(name) && asks(name, value));
        let mut not_done: Vec<String> = others.map(|(name, _)| excerpt(name)).collect();
        not_done.sort();
        Ok(Self {
            origin: PathBuf::new(),
            is_greedy: fields.get("do_sample") == Some(&Value::Bool(false)),
            temperature: number("temperature", "a number of at least 0", |number| number >= 0.0)?,
            top_k: count("top_k")?,
            top_p: number("top_p", "above 0, at most 1", is_part)?,
            min_p: number("min_p", "0 to 1", |number| (0.0..=1.0).contains(&number))?,
            repetition_penalty: number("repetition_penalty", "above 0", |number| number > 0.0)?,
            no_repeat_ngram: count("no_repeat_ngram_size")?.filter(|length| *length > 0),
            not_done,
        })
    }

    /// What a GGUF file says.
    ///
    /// # Errors
    /// [`TextError::GenerationConfig`] where a key's value is of another kind or out of range.
    pub(crate) fn of_gguf(path: &Path, metadata: &Metadata) -> Result<Self, TextError> {
        let names = ["temp", "top_k", "top_p", "min_p", "penalty_repeat"];
        let ours = ["temperature", "top_k", "top_p", "min_p", "repetition_penalty"];
        let mut fields = Map::new();
        for (name, ours) in names.into_iter().zip(ours) {
            let key = format!("{SAMPLING}{name}");
            let value = match name {
                // Below 1 llama.cpp takes all.
                "top_k" => metadata.find::<i64>(&key)?.map(|most| most.max(0).into()),
                // As the decimal number that it was.
                _ => metadata.find::<f32>(&key)?.map(|value| decimal(value).into()),
            };
            fields.extend(value.map(|value| (ours.to_owned(), value)));
        }
        let bad = |reason: String| TextError::GenerationConfig { path: path.to_owned(), reason };
        let mut defaults = Self::of_fields(&fields).map_err(bad)?;
        let sampling = metadata.iter().filter_map(|(key, _)| key.strip_prefix(SAMPLING));
        defaults.not_done = sampling.filter(|name| !OF_GGUF.contains(name)).map(excerpt).collect();
        defaults.origin = path.to_owned();
        Ok(defaults)
    }

    /// Writes `generation_config.json` into a folder, as [`in_folder`](Self::in_folder) reads it, where anything
    /// is said; but not what is not done here.
    ///
    /// # Errors
    /// [`TextError::Io`].
    pub fn write(&self, folder: &Path) -> Result<(), TextError> {
        let fields = self.fields();
        if fields.is_empty() {
            return Ok(());
        }
        let json = format!("{:#}", Value::Object(fields));
        Ok(minigpt_files::write(&folder.join(GENERATION_FILE), json)?)
    }

    /// The fields of `generation_config.json`.
    pub(crate) fn fields(&self) -> Map<String, Value> {
        let draws = [self.temperature, self.top_p, self.min_p].iter().any(Option::is_some)
            || self.top_k.is_some();
        let do_sample = match (self.is_greedy, draws) {
            (true, _) => Some(false),
            (false, draws) => draws.then_some(true),
        };
        let fields = [
            ("do_sample", do_sample.map(Value::from)),
            ("temperature", self.temperature.map(Value::from)),
            ("top_k", self.top_k.map(Value::from)),
            ("top_p", self.top_p.map(Value::from)),
            ("min_p", self.min_p.map(Value::from)),
            ("repetition_penalty", self.repetition_penalty.map(Value::from)),
            ("no_repeat_ngram_size", self.no_repeat_ngram.map(Value::from)),
        ];
        fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
    }

    /// The temperature for programs that know no other word for the most probable token: 0 where it is always
    /// taken.
    pub(crate) fn temperature_or_greedy(&self) -> Option<f64> {
        if self.is_greedy { Some(0.0) } else { self.temperature }
    }

    /// The keys of a GGUF file.
    pub(crate) fn gguf_metadata(&self) -> Vec<(String, minigpt_gguf::Value)> {
        let number = |value: Option<f64>| value.map(|value| (value as f32).into());
        let values: [(&str, Option<minigpt_gguf::Value>); 5] = [
            ("temp", number(self.temperature_or_greedy())),
            ("top_k", self.top_k.map(|most| (most as i32).into())),
            ("top_p", number(self.top_p)),
            ("min_p", number(self.min_p)),
            ("penalty_repeat", number(self.repetition_penalty)),
        ];
        let values = values.into_iter();
        values.filter_map(|(name, value)| Some((format!("{SAMPLING}{name}"), value?))).collect()
    }
}

#[cfg(test)]
mod tests;
