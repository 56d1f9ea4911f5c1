//! A file with a field of our own, which says at which ids a text ends.

use serde::Serialize;
use serde_json::{Value, json};
use tokenizers::models::bpe::BPE;
use tokenizers::{AddedVocabulary, NormalizerWrapper, PostProcessorWrapper, PreTokenizerWrapper};

use super::END_OF_TEXT_IDS;
use crate::DataError;
use crate::pipeline::Library;

/// The library's fields, in its order.
#[derive(Serialize)]
struct File<'l> {
    version: &'static str,
    truncation: (),
    padding: (),
    added_tokens: &'l AddedVocabulary,
    normalizer: Option<&'l NormalizerWrapper>,
    pre_tokenizer: Option<&'l PreTokenizerWrapper>,
    post_processor: Option<&'l PostProcessorWrapper>,
    decoder: Value,
    model: &'l BPE,
}

/// The text of a `tokenizer.json`, with `ends` in its decoder.
pub(crate) fn write(library: &Library, ends: &[u32], pretty: bool) -> Result<String, DataError> {
    write_file(library, ends, pretty).map_err(|error| DataError::Tokenizers(error.into()))
}

fn write_file(library: &Library, ends: &[u32], pretty: bool) -> serde_json::Result<String> {
    let mut decoder = match library.get_decoder() {
        Some(decoder) => serde_json::to_value(decoder)?,
        // Byte-level tokens are decoded like this whether a file says so or not.
        None => json!({
            "type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true
        }),
    };
    decoder[END_OF_TEXT_IDS] = json!(ends);
    // By name, as in every file before: a tokenizer is known by the hash of its text.
    decoder.sort_all_objects();
    let file = File {
        version: "1.0",
        truncation: (),
        padding: (),
        added_tokens: library.get_added_vocabulary(),
        normalizer: library.get_normalizer(),
        pre_tokenizer: library.get_pre_tokenizer(),
        post_processor: library.get_post_processor(),
        decoder,
        model: library.get_model(),
    };
    if pretty { serde_json::to_string_pretty(&file) } else { serde_json::to_string(&file) }
}
