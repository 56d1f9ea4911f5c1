//! One id per character, as nanoGPT's `shakespeare_char` has it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::Serialize;
use serde_json::{Value, json};

use crate::{DataError, END_OF_TEXT};

/// The characters of a text in the order of their code points, numbered from 0.
#[derive(Clone)]
pub(crate) struct Characters {
    id_of: HashMap<char, u32>,
    by_id: Vec<char>,
}

impl Characters {
    pub(crate) fn of(characters: BTreeSet<char>) -> Self {
        let by_id: Vec<char> = characters.into_iter().collect();
        Self { id_of: by_id.iter().copied().zip(0..).collect(), by_id }
    }

    /// The vocabulary without [`END_OF_TEXT`], whose id is the number after the last.
    pub(crate) fn by_id(&self) -> &[char] {
        &self.by_id
    }

    pub(crate) fn encode(&self, text: &str) -> Result<Vec<u32>, DataError> {
        let id_of = |character: char| {
            let unknown = DataError::UnknownCharacter { character, known: self.by_id.len() };
            self.id_of.get(&character).copied().ok_or(unknown)
        };
        text.chars().map(id_of).collect()
    }

    /// A `tokenizer.json` that Hugging Face's library loads to the same ids. A character that is
    /// not in the vocabulary is an error there too, since "<unk>" has no id.
    pub(crate) fn to_json(&self) -> Result<String, DataError> {
        serde_json::to_string_pretty(&self.file())
            .map_err(|error| DataError::Tokenizers(error.into()))
    }

    fn file(&self) -> TokenizerFile {
        let vocab: BTreeMap<char, u32> = self.by_id.iter().copied().zip(0..).collect();
        TokenizerFile {
            version: "1.0",
            truncation: (),
            padding: (),
            added_tokens: [end_of_text(self.by_id.len())],
            normalizer: (),
            pre_tokenizer: pre_tokenizer(),
            post_processor: (),
            decoder: json!({ "type": "Fuse" }),
            model: WordLevel { kind: "WordLevel", vocab, unk_token: "<unk>" },
        }
    }

    /// Reads what [`Characters::to_json`] writes, and nothing else; the error is the reason alone. `None`
    /// if it is another kind of tokenizer.
    pub(crate) fn from_value(file: &Value) -> Option<Result<Self, String>> {
        (file["model"]["type"] == "WordLevel").then(|| Self::of_word_level(file))
    }

    fn of_word_level(file: &Value) -> Result<Self, String> {
        if file["pre_tokenizer"] != pre_tokenizer() || !file["normalizer"].is_null() {
            return Err("it is of words, not of characters".to_owned());
        }
        let vocab = file["model"]["vocab"].as_object().ok_or("it has no vocabulary")?;
        let mut characters = BTreeMap::new();
        for (token, id) in vocab {
            let mut token = token.chars();
            let (Some(character), None) = (token.next(), token.next()) else {
                return Err("it has tokens of more than one character".to_owned());
            };
            characters.insert(id.as_u64(), character);
        }
        if !characters.keys().copied().eq((0..vocab.len() as u64).map(Some)) {
            return Err("its ids have gaps".to_owned());
        }
        if file["added_tokens"] != json!([end_of_text(vocab.len())]) {
            return Err(format!("its one special token is not {END_OF_TEXT} after the characters"));
        }
        let by_id: Vec<char> = characters.into_values().collect();
        let characters = Self { id_of: by_id.iter().copied().zip(0..).collect(), by_id };
        let written = serde_json::to_value(characters.file()).map_err(|error| error.to_string())?;
        same_fields(file, &written, "")?;
        Ok(characters)
    }
}

/// Whether a file has all fields as they are written, and no other; names the first that differs.
fn same_fields(found: &Value, written: &Value, path: &str) -> Result<(), String> {
    let (Value::Object(found), Value::Object(written)) = (found, written) else {
        let what = || format!("{path} is not what a tokenizer of characters has");
        return if found == written { Ok(()) } else { Err(what()) };
    };
    for name in found.keys().chain(written.keys()) {
        let value = |fields: &serde_json::Map<String, Value>| fields.get(name).cloned();
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        let (found, written) = (value(found), value(written));
        // What is not there is null.
        same_fields(&found.unwrap_or_default(), &written.unwrap_or_default(), &path)?;
    }
    Ok(())
}

// Fields by name, as in every file before: a tokenizer is known by the hash of its text.

fn pre_tokenizer() -> Value {
    json!({
        "behavior": "Isolated",
        "invert": false,
        "pattern": { "Regex": "[\\s\\S]" },
        "type": "Split"
    })
}

fn end_of_text(id: usize) -> Value {
    json!({
        "content": END_OF_TEXT,
        "id": id,
        "lstrip": false,
        "normalized": false,
        "rstrip": false,
        "single_word": false,
        "special": true
    })
}

/// The fields that Hugging Face's library writes, in its order.
#[derive(Serialize)]
struct TokenizerFile {
    version: &'static str,
    truncation: (),
    padding: (),
    added_tokens: [Value; 1],
    normalizer: (),
    pre_tokenizer: Value,
    post_processor: (),
    decoder: Value,
    model: WordLevel,
}

#[derive(Serialize)]
struct WordLevel {
    #[serde(rename = "type")]
    kind: &'static str,
    vocab: BTreeMap<char, u32>,
    unk_token: &'static str,
}
