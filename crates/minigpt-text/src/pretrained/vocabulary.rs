//! The tokenizer's keys of a GGUF file: each is honoured, harmless, or refused by name.

use std::path::Path;

use minigpt_data::GgufVocabulary;
use minigpt_files::excerpt;
use minigpt_gguf::{FromValue, Metadata, Value};

use crate::error::TextError;

/// What all the keys begin with.
const PREFIX: &str = "tokenizer.ggml.";

/// llama.cpp's number for a token that only a model has.
pub(crate) const UNUSED: i32 = 5;

/// Keys that are honoured.
const HONOURED: [&str; 13] = [
    "add_bos_token",
    "add_space_prefix",
    "bos_token_id",
    "eom_token_id",
    "eos_token_id",
    "eot_token_id",
    "merges",
    "model",
    "pre",
    "scores",
    "token_type",
    "tokens",
    "unknown_token_id",
];

/// Keys that change neither a text's ids nor its end: they name tokens that other programs put somewhere.
const HARMLESS: [&str; 14] = [
    "cls_token_id",
    "fim_mid_token_id",
    "fim_pad_token_id",
    "fim_pre_token_id",
    "fim_rep_token_id",
    "fim_sep_token_id",
    "fim_suf_token_id",
    "mask_token_id",
    "middle_token_id",
    "padding_token_id",
    "prefix_token_id",
    "separator_token_id",
    // As llama.cpp spells it.
    "seperator_token_id",
    "suffix_token_id",
];

/// The vocabulary that the metadata of the file `path` describes.
///
/// # Errors
/// [`TextError::TokenizerKey`] for a key that may change ids and is not done here, [`TextError::Gguf`] where one is
/// missing or of another kind.
pub(super) fn vocabulary(path: &Path, metadata: &Metadata) -> Result<GgufVocabulary, TextError> {
    check_known(path, metadata)?;
    let key = |name: &str| format!("{PREFIX}{name}");
    let id = |name: &str| metadata.find::<u32>(&key(name));
    let texts = |found: Option<&[String]>| found.map(<[String]>::to_vec).unwrap_or_default();
    let types: Option<Vec<i64>> = metadata.find(&key("token_type"))?;
    // A kind that nobody knows stays one.
    let types = types.unwrap_or_default().into_iter();
    let scores: Option<&[f32]> = metadata.find(&key("scores"))?;
    let mut vocabulary = GgufVocabulary {
        model: metadata.get::<&str>(&key("model"))?.to_owned(),
        pre: metadata.find::<&str>(&key("pre"))?.map(str::to_owned),
        tokens: metadata.get::<&[String]>(&key("tokens"))?.to_vec(),
        token_types: types.map(|kind| i32::try_from(kind).unwrap_or(i32::MAX)).collect(),
        scores: scores.map(<[f32]>::to_vec).unwrap_or_default(),
        merges: texts(metadata.find(&key("merges"))?),
        bos: id("bos_token_id")?,
        eos: id("eos_token_id")?,
        eot: id("eot_token_id")?,
        eom: id("eom_token_id")?,
        unknown: id("unknown_token_id")?,
        add_bos: metadata.find(&key("add_bos_token"))?,
        add_space_prefix: metadata.find(&key("add_space_prefix"))?,
    };
    without_padding(&mut vocabulary);
    Ok(vocabulary)
}

/// Takes away the tokens that fill a vocabulary up to the model's, as `[PAD50257]`.
fn without_padding(vocabulary: &mut GgufVocabulary) {
    let GgufVocabulary { tokens, token_types, scores, .. } = vocabulary;
    // Lists of other lengths are refused later, by name.
    if token_types.len() == tokens.len() {
        let known = token_types.iter().rposition(|kind| *kind != UNUSED).map_or(0, |last| last + 1);
        tokens.truncate(known);
        token_types.truncate(known);
        scores.truncate(known);
    }
}

fn check_known(path: &Path, metadata: &Metadata) -> Result<(), TextError> {
    let refused = metadata.iter().find(|(key, value)| {
        let name = key.strip_prefix(PREFIX);
        let is_known = |name: &str| HONOURED.contains(&name) || HARMLESS.contains(&name);
        name.is_some_and(|name| !is_known(name) && !is_off(value))
    });
    match refused {
        None => Ok(()),
        Some((key, value)) => Err(TextError::TokenizerKey {
            path: path.to_owned(),
            key: excerpt(key),
            found: value.to_string(),
        }),
    }
}

/// True for a value that switches nothing on.
fn is_off(value: &Value) -> bool {
    match value {
        Value::Bool(is_on) => !is_on,
        Value::String(text) => text.is_empty(),
        Value::Array(values) => values.is_empty(),
        Value::F32(number) => *number == 0.0,
        other => u64::from_value(other) == Some(0),
    }
}

#[cfg(test)]
mod tests;
