//! What a `tokenizer.json` may ask for: nothing in it is passed over.
//!
//! The library ignores fields that it does not know, and reads many that change the ids or the text of
//! ids. Each field is either one that we do as the library does, or it is refused by name.

use serde_json::{Map, Value, json};

use crate::quote::shortened;

type Checked = Result<(), String>;

/// Checks a whole file; the error names the field, what it has, and what is expected.
pub(crate) fn check(file: &Value) -> Checked {
    let file = object(file, "the file")?;
    for (name, value) in file {
        match name.as_str() {
            "version" => one_of(name, value, &[json!("1.0")])?,
            // What a caller asks for a batch: here texts are never cut nor filled up.
            "truncation" | "padding" | "normalizer" => one_of(name, value, &[Value::Null])?,
            "added_tokens" => check_added_tokens(value)?,
            "pre_tokenizer" => check_byte_level(name, value)?,
            "post_processor" => check_post_processor(name, value)?,
            "decoder" if value.is_null() => {}
            "decoder" => check_byte_level_type(name, value)?,
            "model" => check_model(value)?,
            _ => return Err(unknown(name)),
        }
    }
    let missing = ["pre_tokenizer", "model"].into_iter().find(|name| !file.contains_key(*name));
    missing.map_or(Ok(()), |name| Err(format!("it has no field {name:?}")))
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
                // A token that is not special is found in texts, before all others.
                "special" => one_of(&field, value, &[json!(true)])?,
                // How special tokens are found in texts, which here they never are.
                "single_word" | "lstrip" | "rstrip" | "normalized" if value.is_boolean() => {}
                "id" | "content" | "single_word" | "lstrip" | "rstrip" | "normalized" => {
                    return Err(format!("{field} is {}", shown(value)));
                }
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

/// GPT-2's pre-tokenizer.
fn check_byte_level(field: &str, value: &Value) -> Checked {
    check_byte_level_type(field, value)?;
    one_of(&format!("{field}.add_prefix_space"), &value["add_prefix_space"], &[json!(false)])?;
    one_of(&format!("{field}.use_regex"), &value["use_regex"], &[json!(true), Value::Null])
}

/// The type `ByteLevel`, of which as a post-processor or decoder the settings are without effect:
/// they are for offsets in the text.
fn check_byte_level_type(field: &str, value: &Value) -> Checked {
    one_of(&format!("{field}.type"), &value["type"], &[json!("ByteLevel")])?;
    for (name, value) in object(value, field)? {
        match name.as_str() {
            "type" => {}
            "add_prefix_space" | "trim_offsets" | "use_regex" if value.is_boolean() => {}
            "add_prefix_space" | "trim_offsets" | "use_regex" => {
                return Err(format!("{field}.{name} is {}: expected true or false", shown(value)));
            }
            _ => return Err(unknown(&format!("{field}.{name}"))),
        }
    }
    Ok(())
}

fn check_post_processor(field: &str, value: &Value) -> Checked {
    // The template of a text alone, which adds nothing to it; that of two is never used.
    let alone = json!([{ "Sequence": { "id": "A", "type_id": 0 } }]);
    match value["type"].as_str() {
        _ if value.is_null() => Ok(()),
        Some("TemplateProcessing") => {
            for name in object(value, field)?.keys() {
                if !["type", "single", "pair", "special_tokens"].contains(&name.as_str()) {
                    return Err(unknown(&format!("{field}.{name}")));
                }
            }
            one_of(&format!("{field}.single"), &value["single"], &[alone])
        }
        _ => check_byte_level_type(field, value),
    }
}

fn check_model(model: &Value) -> Checked {
    for (name, value) in object(model, "model")? {
        let field = format!("model.{name}");
        let nothing = [Value::Null, json!("")];
        match name.as_str() {
            "type" => one_of(&field, value, &[json!("BPE")])?,
            "dropout" if value.as_f64() == Some(0.0) => {}
            "dropout" | "unk_token" => one_of(&field, value, &[Value::Null])?,
            "continuing_subword_prefix" | "end_of_word_suffix" => {
                one_of(&field, value, &nothing)?;
            }
            "fuse_unk" | "byte_fallback" | "ignore_merges" => {
                one_of(&field, value, &[json!(false), Value::Null])?;
            }
            "vocab" if value.is_object() => {}
            "merges" if value.is_array() => {}
            "vocab" | "merges" => return Err(format!("{field} is {}", shown(value))),
            _ => return Err(unknown(&field)),
        }
    }
    Ok(())
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

#[cfg(test)]
mod tests;
