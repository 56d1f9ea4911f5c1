//! Fields of a foreign configuration: each is honoured, harmless, or refused by name.

use minigpt_files::{Limit, excerpt};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// transformers writes 2 KB, and a line for each label of a classifier.
pub(crate) const CONFIG: Limit = Limit::new(1 << 20, "a model's configuration");

/// What sizes must be.
pub(crate) const SIZE: &str = "a whole number of 32 bits";

/// Fields of any `config.json` that change nothing of the probabilities of tokens.
pub(crate) const HARMLESS: &[&str] = &[
    // Where the model is from, and what it is made with.
    "_attn_implementation",
    "_attn_implementation_autoset",
    "_commit_hash",
    "_name_or_path",
    "attn_implementation",
    "finetuning_task",
    "initializer_range",
    "name_or_path",
    "tokenizer_class",
    "torch_dtype",
    "transformers.js_config",
    "transformers_version",
    "unsloth_fixed",
    "unsloth_version",
    // How it is computed: the same results in another order, memory or precision.
    "chunk_size_feed_forward",
    "cross_attention_hidden_size",
    "gradient_checkpointing",
    "is_decoder",
    "output_attentions",
    "output_hidden_states",
    "output_past",
    "pretraining_tp",
    "reorder_and_upcast_attn",
    "return_dict",
    "tf_legacy_loss",
    "tie_encoder_decoder",
    "torchscript",
    "use_bfloat16",
    "use_cache",
    "xla_device",
    // Heads for other tasks, and special tokens, of which the tokenizer knows.
    "_num_labels",
    "decoder_start_token_id",
    "eos_token_ids",
    "id2label",
    "label2id",
    "n_ctx",
    "n_special",
    "num_labels",
    "pad_token_id",
    "predict_special_tokens",
    "prefix",
    "problem_type",
    "sep_token_id",
    "summary_activation",
    "summary_first_dropout",
    "summary_proj_to_labels",
    "summary_type",
    "summary_use_proj",
    "task_specific_params",
    // How text is written with it.
    "bad_words_ids",
    "begin_suppress_tokens",
    "diversity_penalty",
    "do_sample",
    "early_stopping",
    "encoder_no_repeat_ngram_size",
    "exponential_decay_length_penalty",
    "forced_bos_token_id",
    "forced_eos_token_id",
    "length_penalty",
    "max_length",
    "min_length",
    "no_repeat_ngram_size",
    "num_beam_groups",
    "num_beams",
    "num_return_sequences",
    "output_scores",
    "remove_invalid_values",
    "repetition_penalty",
    "return_dict_in_generate",
    "suppress_tokens",
    "temperature",
    "top_k",
    "top_p",
    "typical_p",
];

/// The error names the first field that is neither `honoured` nor harmless and switches something on.
pub(crate) fn check_known(fields: &Map<String, Value>, honoured: &[&str]) -> Result<(), String> {
    let is_known = |name: &str| honoured.contains(&name) || HARMLESS.contains(&name);
    let mut others = fields.iter().filter(|(name, _)| !is_known(name));
    match others.find(|(_, value)| !is_off(value)) {
        None => Ok(()),
        Some((name, found)) => {
            let (name, found) = (excerpt(name), shown(found));
            Err(format!(
                "{name} {found}: expected null, false or nothing, for it may change what the model computes; remove the field where it does not"
            ))
        }
    }
}

/// The fields as a structure that has a place for each it knows. The error names a field of another type.
pub(crate) fn typed<T: DeserializeOwned>(fields: Map<String, Value>) -> Result<T, String> {
    let message = match serde_json::from_value(Value::Object(fields.clone())) {
        Ok(typed) => return Ok(typed),
        Err(error) => error.to_string(),
    };
    // This names its field itself; what is wrong with a field is said of it alone too.
    let is_missing = message.starts_with("missing field");
    let is_wrong = |(name, value): &(&String, &Value)| {
        let alone = Map::from_iter([((*name).clone(), (*value).clone())]);
        let read = serde_json::from_value::<T>(Value::Object(alone));
        read.is_err_and(|error| error.to_string() == message)
    };
    // Of several the first by its name: what order a map has depends on features of serde_json.
    let mut sorted: Vec<(&String, &Value)> = fields.iter().filter(|_| !is_missing).collect();
    sorted.sort_by_key(|(name, _)| *name);
    match sorted.into_iter().find(is_wrong) {
        Some((name, value)) => {
            let expected = message.rsplit_once(", expected ").map_or("another type", |(_, it)| it);
            Err(format!("{} {}: expected {}", excerpt(name), shown(value), in_words(expected)))
        }
        None => Err(excerpt(&message)),
    }
}

/// What serde calls a type, to who writes JSON.
fn in_words(expected: &str) -> &str {
    match expected {
        "a boolean" => "true or false",
        "a map" => "an object",
        "a sequence" => "a list",
        "f64" => "a number",
        "u32" => SIZE,
        "usize" => "a whole number",
        other => other,
    }
}

/// The error names the first class that is not a `class`, as `GPT2`, with its head for the next token or none.
/// transformers has them for PyTorch, and had them for TensorFlow and Flax.
pub(crate) fn check_classes(
    architectures: Option<&[String]>,
    class: &str,
    head: &str,
) -> Result<(), String> {
    let ours = [format!("{class}{head}"), format!("{class}Model")];
    let is_ours = |name: &String| ours.iter().any(|ours| name.ends_with(ours.as_str()));
    match architectures.unwrap_or_default().iter().find(|name| !is_ours(name)) {
        None => Ok(()),
        Some(other) => Err(format!("architectures \"{}\": expected {class}{head}", excerpt(other))),
    }
}

/// True where a field switches nothing on.
pub(crate) fn is_off(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(is_on) => !is_on,
        Value::Number(_) => false,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
    }
}

/// A value in a message.
pub(crate) fn shown(value: &Value) -> String {
    excerpt(&value.to_string())
}
