//! The steps before and after the model: normalizer, pre-tokenizer, post-processor, decoder.

use serde_json::{Value, json};

use super::{Checked, Family, ids, object, one_of, shown, unknown};
use crate::quote::shortened;

/// Bytes of a regular expression at most; those of tokenizers have a few hundred.
const PATTERN_BYTES: usize = 4096;

/// Steps in a sequence at most, and sequences within one another.
const STEPS: usize = 32;

/// Spaces that a decoder may take away.
const LEADING_SPACES: u64 = 8;

pub(super) fn check_normalizer(value: &Value, family: Family) -> Checked {
    for (field, step) in flat("normalizer", "normalizers", value)? {
        match step["type"].as_str() {
            Some("NFC" | "NFD" | "NFKC" | "NFKD") => only(&field, step, &["type"])?,
            Some("Prepend") if family == Family::Sentencepiece => {
                only(&field, step, &["type", "prepend"])?;
                one_of(&format!("{field}.prepend"), &step["prepend"], &[json!("\u{2581}")])?;
            }
            Some("Replace") if family == Family::Sentencepiece => {
                only(&field, step, &["type", "pattern", "content"])?;
                one_of(&format!("{field}.pattern"), &step["pattern"], &[json!({ "String": " " })])?;
                one_of(&format!("{field}.content"), &step["content"], &[json!("\u{2581}")])?;
            }
            _ => {
                return Err(other_type(
                    &field,
                    step,
                    "NFC, NFD, NFKC or NFKD, and with byte fallback Prepend and Replace of U+2581",
                ));
            }
        }
    }
    Ok(())
}

pub(super) fn check_pre_tokenizer(value: &Value, family: Family) -> Checked {
    let steps = flat("pre_tokenizer", "pretokenizers", value)?;
    let last = steps.len().saturating_sub(1);
    for (number, (field, step)) in steps.iter().enumerate() {
        match (step["type"].as_str(), family) {
            (Some("ByteLevel"), Family::ByteLevel) if number == last => {
                check_byte_level_type(field, step)?;
                let space = &step["add_prefix_space"];
                one_of(&format!("{field}.add_prefix_space"), space, &[json!(false)])?;
            }
            (Some("Digits"), _) => {
                only(field, step, &["type", "individual_digits"])?;
                boolean(field, step, "individual_digits")?;
            }
            (Some("Split"), _) => check_split(field, step)?,
            (Some("Metaspace"), Family::Sentencepiece) => check_metaspace(field, step)?,
            _ => {
                return Err(other_type(
                    field,
                    step,
                    "Split, Digits and, last, ByteLevel, or with byte fallback Metaspace",
                ));
            }
        }
    }
    let is_byte_level = steps.last().is_some_and(|(_, step)| step["type"] == "ByteLevel");
    if family == Family::ByteLevel && !is_byte_level {
        return Err(format!("pre_tokenizer is {}: expected ByteLevel last", shown(value)));
    }
    Ok(())
}

fn check_split(field: &str, step: &Value) -> Checked {
    only(field, step, &["type", "pattern", "behavior", "invert"])?;
    boolean(field, step, "invert")?;
    let behaviors = ["Isolated", "Removed", "MergedWithPrevious", "MergedWithNext", "Contiguous"];
    one_of(&format!("{field}.behavior"), &step["behavior"], &behaviors.map(Value::from))?;
    let pattern = object(&step["pattern"], &format!("{field}.pattern"))?;
    match pattern.iter().next() {
        Some((kind, Value::String(text)))
            if pattern.len() == 1 && ["Regex", "String"].contains(&kind.as_str()) =>
        {
            if text.len() > PATTERN_BYTES {
                let bytes = text.len();
                return Err(format!("{field}.pattern has {bytes} bytes: expected {PATTERN_BYTES}"));
            }
            Ok(())
        }
        _ => {
            Err(format!("{field}.pattern is {}: expected Regex or String", shown(&step["pattern"])))
        }
    }
}

fn check_metaspace(field: &str, step: &Value) -> Checked {
    let known = ["type", "replacement", "prepend_scheme", "split", "add_prefix_space", "str_rep"];
    only(field, step, &known)?;
    one_of(&format!("{field}.replacement"), &step["replacement"], &[json!("\u{2581}")])?;
    let schemes = [json!("first"), json!("never"), json!("always"), Value::Null];
    one_of(&format!("{field}.prepend_scheme"), &step["prepend_scheme"], &schemes)?;
    let either = [json!(true), json!(false), Value::Null];
    one_of(&format!("{field}.split"), &step["split"], &either)?;
    one_of(&format!("{field}.add_prefix_space"), &step["add_prefix_space"], &either)
}

/// That something writes spaces as the tokens have them.
pub(super) fn check_spaces(file: &Value) -> Checked {
    let has = |name: &str, list: &str, kind: &str| {
        let steps = flat(name, list, &file[name]).unwrap_or_default();
        steps.iter().any(|(_, step)| step["type"] == kind)
    };
    if has("normalizer", "normalizers", "Replace")
        || has("pre_tokenizer", "pretokenizers", "Metaspace")
    {
        return Ok(());
    }
    Err("normalizer: expected Replace of spaces by U+2581, or Metaspace as pre_tokenizer"
        .to_owned())
}

/// The ids that a post-processor puts before and after a text.
pub(super) fn around(field: &str, value: &Value) -> Result<[Vec<u32>; 2], String> {
    let mut around = None;
    for (field, step) in flat(field, "processors", value)? {
        match step["type"].as_str() {
            Some("TemplateProcessing") if around.is_none() => {
                around = Some(around_of_template(&field, step)?);
            }
            Some("ByteLevel") => check_byte_level_type(&field, step)?,
            _ => return Err(other_type(&field, step, "ByteLevel and one TemplateProcessing")),
        }
    }
    Ok(around.unwrap_or_default())
}

/// Of a text alone: the template of two texts is never used.
fn around_of_template(field: &str, step: &Value) -> Result<[Vec<u32>; 2], String> {
    only(field, step, &["type", "single", "pair", "special_tokens"])?;
    let bad = || {
        format!(
            "{field}.single is {}: expected a text between special tokens",
            shown(&step["single"])
        )
    };
    let (mut around, mut side) = ([Vec::new(), Vec::new()], 0);
    for part in step["single"].as_array().ok_or_else(bad)? {
        let part = part.as_object().filter(|part| part.len() == 1).ok_or_else(bad)?;
        match part.iter().next().map(|(kind, part)| (kind.as_str(), &part["id"])) {
            Some(("Sequence", id)) if id == "A" && side == 0 => side = 1,
            Some(("SpecialToken", Value::String(name))) => {
                let special = step["special_tokens"].get(name).and_then(|token| ids(&token["ids"]));
                let Some(special) = special else {
                    let name = shortened(name);
                    return Err(format!("{field}.special_tokens: no ids of {name:?}"));
                };
                around[side].extend(special);
            }
            _ => return Err(bad()),
        }
    }
    if side == 1 { Ok(around) } else { Err(bad()) }
}

/// How many spaces a text loses at its start when it is decoded.
pub(super) fn leading_spaces(value: &Value, family: Family) -> Result<usize, String> {
    if family == Family::ByteLevel {
        if !value.is_null() {
            check_byte_level_type("decoder", value)?;
        }
        return Ok(0);
    }
    let steps = flat("decoder", "decoders", value)?;
    let types: Vec<&str> = steps.iter().filter_map(|(_, step)| step["type"].as_str()).collect();
    let expected = ["Replace", "ByteFallback", "Fuse", "Strip"];
    if types != expected && types != expected[..3] {
        return Err(format!("decoder is {}: expected {}", shown(value), expected.join(", ")));
    }
    let [(replace_field, replace), (fallback_field, fallback), (fuse_field, fuse), ..] = &steps[..]
    else {
        return Err(format!("decoder is {}", shown(value)));
    };
    only(replace_field, replace, &["type", "pattern", "content"])?;
    one_of(
        &format!("{replace_field}.pattern"),
        &replace["pattern"],
        &[json!({ "String": "\u{2581}" })],
    )?;
    one_of(&format!("{replace_field}.content"), &replace["content"], &[json!(" ")])?;
    only(fallback_field, fallback, &["type"])?;
    only(fuse_field, fuse, &["type"])?;
    let Some((field, strip)) = steps.get(3) else { return Ok(0) };
    only(field, strip, &["type", "content", "start", "stop"])?;
    one_of(&format!("{field}.content"), &strip["content"], &[json!(" ")])?;
    one_of(&format!("{field}.stop"), &strip["stop"], &[json!(0)])?;
    match strip["start"].as_u64().filter(|start| *start <= LEADING_SPACES) {
        Some(start) => Ok(start as usize),
        None => Err(format!(
            "{field}.start is {}: expected 0 to {LEADING_SPACES}",
            shown(&strip["start"])
        )),
    }
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

/// The steps of a field, in their order and out of their sequences, each with its name for errors.
fn flat<'v>(field: &str, list: &str, value: &'v Value) -> Result<Vec<(String, &'v Value)>, String> {
    let mut steps = Vec::new();
    flatten(field, list, value, &mut steps)?;
    Ok(steps)
}

fn flatten<'v>(
    field: &str,
    list: &str,
    value: &'v Value,
    steps: &mut Vec<(String, &'v Value)>,
) -> Checked {
    if value.is_null() {
        return Ok(());
    }
    if steps.len() == STEPS {
        return Err(format!("{field}: more than {STEPS} steps"));
    }
    if value["type"] != "Sequence" {
        steps.push((field.to_owned(), value));
        return Ok(());
    }
    only(field, value, &["type", list])?;
    let inner = value[list].as_array().filter(|inner| inner.len() <= STEPS);
    let inner = inner.ok_or_else(|| format!("{field}.{list} is {}", shown(&value[list])))?;
    for (number, step) in inner.iter().enumerate() {
        if step["type"] == "Sequence" || step.is_null() {
            return Err(format!("{field}.{list}[{number}] is {}: expected one step", shown(step)));
        }
        flatten(&format!("{field}.{list}[{number}]"), list, step, steps)?;
    }
    Ok(())
}

fn only(field: &str, value: &Value, known: &[&str]) -> Checked {
    let other = object(value, field)?.keys().find(|name| !known.contains(&name.as_str()));
    other.map_or(Ok(()), |name| Err(unknown(&format!("{field}.{name}"))))
}

fn boolean(field: &str, value: &Value, name: &str) -> Checked {
    one_of(&format!("{field}.{name}"), &value[name], &[json!(true), json!(false)])
}

fn other_type(field: &str, step: &Value, expected: &str) -> String {
    format!("{field}.type is {}: expected {expected}", shown(&step["type"]))
}
