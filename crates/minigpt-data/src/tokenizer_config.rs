//! What stands beside a `tokenizer.json`: which tokens begin and end a text, and chat templates.

use std::collections::BTreeMap;
use std::path::Path;

use minigpt_files::Limit;
use serde_json::{Map, Value};

use crate::DataError;
use crate::quote::{one_line, shortened};

/// Llama 3's has 50 KB, most of it reserved tokens; a few have chat templates of 100 KB.
pub(crate) const CONFIGURATION: Limit = Limit::new(16 << 20, "a tokenizer's configuration");

const TOKENIZER_CONFIG: &str = "tokenizer_config.json";
const GENERATION_CONFIG: &str = "generation_config.json";
const MODEL_CONFIG: &str = "config.json";

/// The names of files that are read beside a `tokenizer.json`, where they are there.
pub(crate) const BESIDE: [&str; 3] = [TOKENIZER_CONFIG, GENERATION_CONFIG, MODEL_CONFIG];

/// `tokenizer_config.json`.
#[derive(Clone, Debug, Default)]
pub(crate) struct TokenizerConfig {
    fields: Map<String, Value>,
}

impl TokenizerConfig {
    /// The one in a folder, or an empty one.
    pub(crate) fn in_folder(folder: &Path) -> Result<Self, DataError> {
        Ok(Self { fields: read_object(&folder.join(TOKENIZER_CONFIG))?.unwrap_or_default() })
    }

    /// The special tokens that have a name of their own, such as `bos_token`, by it.
    pub(crate) fn tokens(&self) -> BTreeMap<String, String> {
        let named = self.fields.iter().filter(|(name, _)| name.ends_with("_token"));
        named.filter_map(|(name, value)| Some((name.clone(), content(value)?.to_owned()))).collect()
    }

    pub(crate) fn token(&self, name: &str) -> Option<&str> {
        content(self.fields.get(name)?)
    }

    pub(crate) fn is_true(&self, name: &str) -> bool {
        self.fields.get(name) == Some(&Value::Bool(true))
    }

    /// The field that has chat templates.
    pub(crate) fn chat_template(&self) -> Option<&Value> {
        self.fields.get("chat_template").filter(|value| !value.is_null())
    }

    /// Checks that the file adds nothing to the tokens that there are; the error is the reason alone.
    pub(crate) fn check(&self, token: impl Fn(u32) -> Option<String>) -> Result<(), String> {
        if self.is_true("split_special_tokens") {
            return Err("split_special_tokens is true: expected false".to_owned());
        }
        let Some(added) = self.fields.get("added_tokens_decoder") else { return Ok(()) };
        for (id, added) in added.as_object().into_iter().flatten() {
            let found = id.parse().ok().and_then(&token);
            if content(added) != found.as_deref() {
                let found = found.map_or("none".to_owned(), |found| shortened(&found));
                return Err(format!(
                    "added_tokens_decoder has {:?} for id {}: tokenizer.json has {found:?}",
                    shortened(content(added).unwrap_or_default()),
                    shortened(id),
                ));
            }
        }
        Ok(())
    }
}

/// The ids of `eos_token_id`, from `generation_config.json` or, where there is none, `config.json`.
pub(crate) fn end_ids(folder: &Path) -> Result<Vec<u32>, DataError> {
    for name in [GENERATION_CONFIG, MODEL_CONFIG] {
        let path = folder.join(name);
        if let Some(fields) = read_object(&path)? {
            return match fields.get("eos_token_id") {
                None | Some(Value::Null) => Ok(Vec::new()),
                Some(value) => ids_or_id(value).ok_or_else(|| {
                    let value = shortened(&value.to_string());
                    bad_config(&path, format!("eos_token_id is {value}: expected an id or some"))
                }),
            };
        }
    }
    Ok(Vec::new())
}

fn ids_or_id(value: &Value) -> Option<Vec<u32>> {
    let id = |value: &Value| value.as_u64().and_then(|id| u32::try_from(id).ok());
    match value {
        Value::Array(values) => values.iter().map(id).collect(),
        value => Some(vec![id(value)?]),
    }
}

/// A token's name, which stands alone or in an object with how it is found in texts.
fn content(value: &Value) -> Option<&str> {
    value.as_str().or_else(|| value["content"].as_str())
}

/// The object in a file, or `None` where there is no file.
fn read_object(path: &Path) -> Result<Option<Map<String, Value>>, DataError> {
    if !path.exists() {
        return Ok(None);
    }
    let json = minigpt_files::read(path, CONFIGURATION)?;
    let fields = serde_json::from_slice(&json);
    fields.map(Some).map_err(|error| bad_config(path, error.to_string()))
}

pub(crate) fn bad_config(path: &Path, reason: String) -> DataError {
    DataError::BadTokenizerConfig { path: path.to_owned(), reason: one_line(&reason) }
}

pub(crate) fn tokenizer_config_path(folder: &Path) -> std::path::PathBuf {
    folder.join(TOKENIZER_CONFIG)
}
