//! What a `tokenizer.json` may ask for: nothing in it is passed over.
//!
//! The library ignores fields that it does not know, and reads many that change the ids or the text of
//! ids. Each field is either one that we do as the library does, or it is refused by name. Two families
//! are read: byte-level BPE (GPT-2, SmolLM, Llama 3, Qwen), whose tokens are written in characters that
//! stand for bytes, and BPE with byte fallback (Llama 2, Mistral), as SentencePiece has it.

mod steps;
#[cfg(test)]
mod tests;
mod written;

pub(crate) use self::written::write;

use serde_json::{Map, Value, json};

use crate::quote::shortened;

type Checked = Result<(), String>;

/// The one field of our own, of the decoder: the ids that end a text. Other programs pass over it there, and
/// nowhere else.
pub(crate) const END_OF_TEXT_IDS: &str = "end_of_text";

/// The kind of tokenizer that a file describes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    /// Tokens are written in characters that stand for bytes.
    ByteLevel,
    /// Tokens are text, with U+2581 for a space, or a byte such as `<0x0A>`.
    Sentencepiece,
}

/// What of a file the library is not asked to do.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Described {
    /// Ids before and after a text.
    pub(crate) around: [Vec<u32>; 2],
    /// Spaces that a decoded text loses at its start.
    pub(crate) leading_spaces: usize,
    /// The ids that end a text, where the file was written here.
    pub(crate) ends: Vec<u32>,
}

/// Checks a whole file; the error names the field, what it has, and what is expected.
pub(crate) fn check(file: &Value) -> Result<Described, String> {
    let fields = object(file, "the file")?;
    let missing = ["pre_tokenizer", "model"].into_iter().find(|name| !fields.contains_key(*name));
    if let Some(name) = missing {
        return Err(format!("it has no field {name:?}"));
    }
    let family = match file["model"]["byte_fallback"] {
        Value::Bool(true) => Family::Sentencepiece,
        _ => Family::ByteLevel,
    };
    let mut described = Described::default();
    for (name, value) in fields {
        match name.as_str() {
            "version" => one_of(name, value, &[json!("1.0")])?,
            // What a tuned model's batches were cut and filled up to. Here a text is never cut, and a
            // batch is filled up by whoever makes one.
            "truncation" | "padding" if value.is_null() || value.is_object() => {}
            "truncation" | "padding" => return Err(format!("{name} is {}", shown(value))),
            "added_tokens" => check_added_tokens(value)?,
            "normalizer" => steps::check_normalizer(value, family)?,
            "pre_tokenizer" => steps::check_pre_tokenizer(value, family)?,
            "post_processor" => described.around = steps::around(name, value)?,
            "decoder" => described.leading_spaces = steps::leading_spaces(value, family)?,
            "model" => check_model(value)?,
            _ => return Err(unknown(name)),
        }
    }
    if family == Family::Sentencepiece {
        steps::check_spaces(file)?;
    }
    Ok(described)
}

/// The contents and ids of the added tokens.
pub(crate) fn added_ids(file: &Value) -> Vec<(String, u64)> {
    let tokens = file["added_tokens"].as_array().map(Vec::as_slice).unwrap_or_default();
    let of_token =
        |token: &Value| Some((token["content"].as_str()?.to_owned(), token["id"].as_u64()?));
    tokens.iter().filter_map(of_token).collect()
}

fn check_added_tokens(tokens: &Value) -> Checked {
    let tokens = tokens.as_array().ok_or("added_tokens is not a list")?;
    for token in tokens {
        let token = object(token, "added_tokens")?;
        let content = token.get("content").and_then(Value::as_str).unwrap_or_default();
        for (name, value) in token {
            let field = format!("added_tokens: {name} of {:?}", shortened(content));
            match name.as_str() {
                "id" if value.is_u64() => {}
                "content" if value.is_string() => {}
                "special" | "single_word" | "lstrip" | "rstrip" | "normalized"
                    if value.is_boolean() => {}
                "id" | "content" | "special" | "single_word" | "lstrip" | "rstrip"
                | "normalized" => return Err(format!("{field} is {}", shown(value))),
                _ => return Err(unknown(&field)),
            }
        }
        for name in ["id", "content", "special"] {
            if !token.contains_key(name) {
                return Err(format!(
                    "added_tokens: {:?} has no field {name:?}",
                    shortened(content)
                ));
            }
        }
    }
    Ok(())
}

fn check_model(model: &Value) -> Checked {
    for (name, value) in object(model, "model")? {
        let field = format!("model.{name}");
        let nothing = [Value::Null, json!("")];
        match name.as_str() {
            "type" => one_of(&field, value, &[json!("BPE")])?,
            "dropout" if value.as_f64() == Some(0.0) => {}
            "dropout" => one_of(&field, value, &[Value::Null])?,
            "unk_token" if value.is_null() => {}
            "unk_token" if value.as_str().is_some_and(|token| is_token(token, model)) => {}
            "unk_token" => return Err(format!("{field} is {}: expected a token", shown(value))),
            "continuing_subword_prefix" | "end_of_word_suffix" => {
                one_of(&field, value, &nothing)?;
            }
            "fuse_unk" | "byte_fallback" | "ignore_merges" => {
                one_of(&field, value, &[json!(false), json!(true), Value::Null])?;
            }
            "vocab" if value.is_object() => {}
            "merges" if value.is_array() => {}
            "vocab" | "merges" => return Err(format!("{field} is {}", shown(value))),
            _ => return Err(unknown(&field)),
        }
    }
    Ok(())
}

fn is_token(token: &str, model: &Value) -> bool {
    model["vocab"].get(token).is_some()
}

/// Takes out what this program wrote of the ids that end a text; nothing where another did.
pub(crate) fn take_ends(file: &mut Value) -> Result<Vec<u32>, String> {
    let decoder = file.get_mut("decoder").and_then(Value::as_object_mut);
    match decoder.and_then(|decoder| decoder.remove(END_OF_TEXT_IDS)) {
        None => Ok(Vec::new()),
        Some(value) => ids(&value)
            .filter(|ends| !ends.is_empty())
            .ok_or_else(|| format!("decoder.{END_OF_TEXT_IDS}: expected a list of ids")),
    }
}

/// A list of ids, or `None` where it is none.
pub(crate) fn ids(value: &Value) -> Option<Vec<u32>> {
    let id = |value: &Value| value.as_u64().and_then(|id| u32::try_from(id).ok());
    value.as_array()?.iter().map(id).collect()
}

fn object<'v>(value: &'v Value, field: &str) -> Result<&'v Map<String, Value>, String> {
    value.as_object().ok_or_else(|| format!("{field} is {}: expected an object", shown(value)))
}

fn one_of(field: &str, value: &Value, expected: &[Value]) -> Checked {
    if expected.contains(value) {
        return Ok(());
    }
    let expected: Vec<String> = expected.iter().map(Value::to_string).collect();
    Err(format!("{field} is {}: expected {}", shown(value), expected.join(" or ")))
}

fn shown(value: &Value) -> String {
    shortened(&value.to_string())
}

fn unknown(field: &str) -> String {
    format!("{} is not known here", shortened(field))
}
