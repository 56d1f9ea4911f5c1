//! The ways in which byte-level tokenizers cut a text into words: what is known of each pattern, and the
//! names that GGUF files have for them.
//!
//! Names and patterns are those of llama.cpp's
//! [`llama-vocab.cpp`](https://github.com/ggml-org/llama.cpp/blob/master/src/llama-vocab.cpp); where it
//! rewrote a model's pattern for its own engine, the model's own stands here.

use serde_json::{Value, json};
use tokenizers::pre_tokenizers::split::SplitPattern;
use tokenizers::{PreTokenizerWrapper, SplitDelimiterBehavior};

use crate::pieces::Cuts;

/// GPT-2's pattern (`encoder.py`), which the library's `ByteLevel` has built in.
const GPT2: &str = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";

/// The same without its last part, which changes nothing where what is left over is a word too.
const GPT2_SHORT: &str = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)";

/// Llama 3's, and GPT-4's as Hugging Face's files have it.
const LLAMA3: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

/// GPT-4's (`cl100k_base`) as tiktoken has it.
const GPT4: &str = r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+";

/// Qwen's, up to Qwen 3.
const QWEN2: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

/// GPT-4o's (`o200k_base`).
const GPT4O: &str = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+";

/// Mistral's Tekken.
const TEKKEN: &str = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+";

const PUNCTUATION: &str = r"[\p{P}\$\+<=>\^~\|]+";
const DIGIT: &str = r"\p{N}";
const DIGITS: &str = r"\p{N}+";
const THREE_DIGITS: &str = r"[0-9][0-9][0-9]";
const UP_TO_THREE_DIGITS: &str = r"\p{N}{1,3}";

/// Patterns that never go on into white space after something else, nor into a number after white space.
const KNOWN: [(&str, Cuts); 12] = [
    (GPT2, Cuts::SpacesAndLines),
    (GPT2_SHORT, Cuts::SpacesAndLines),
    (PUNCTUATION, Cuts::SpacesAndLines),
    (DIGIT, Cuts::SpacesAndLines),
    (DIGITS, Cuts::SpacesAndLines),
    (THREE_DIGITS, Cuts::SpacesAndLines),
    (UP_TO_THREE_DIGITS, Cuts::SpacesAndLines),
    // These take the ends of lines after punctuation along.
    (LLAMA3, Cuts::Spaces),
    (GPT4, Cuts::Spaces),
    (QWEN2, Cuts::Spaces),
    (GPT4O, Cuts::Spaces),
    (TEKKEN, Cuts::Spaces),
];

/// Where a text can be cut before this pre-tokenizer has it.
pub(crate) fn cuts(pre_tokenizer: &PreTokenizerWrapper) -> Cuts {
    match pre_tokenizer {
        PreTokenizerWrapper::ByteLevel(_) | PreTokenizerWrapper::Digits(_) => Cuts::SpacesAndLines,
        PreTokenizerWrapper::Sequence(steps) => {
            steps.as_ref().iter().map(cuts).max().unwrap_or(Cuts::Nowhere)
        }
        PreTokenizerWrapper::Split(split) => match &split.pattern {
            SplitPattern::Regex(pattern)
                if split.behavior == SplitDelimiterBehavior::Isolated && !split.invert =>
            {
                let known = KNOWN.iter().find(|(known, _)| known == pattern);
                known.map_or(Cuts::Nowhere, |(_, cuts)| *cuts)
            }
            _ => Cuts::Nowhere,
        },
        _ => Cuts::Nowhere,
    }
}

/// A way of cutting texts that GGUF files name in `tokenizer.ggml.pre`.
pub(crate) struct Named {
    names: &'static [&'static str],
    patterns: &'static [&'static str],
    /// Whether a word that is a token is that token, whatever the merges say.
    pub(crate) ignores_merges: bool,
    /// Whether a text begins with the start token where the file does not say.
    pub(crate) adds_bos: bool,
    /// Whether the models' own tokenizers compose characters first, which llama.cpp leaves out.
    pub(crate) composes: bool,
}

const PLAIN: Named =
    Named { names: &[], patterns: &[], ignores_merges: false, adds_bos: false, composes: false };

const NAMED: [Named; 9] = [
    Named {
        names: &["gpt-2", "phi-2", "olmo", "jais", "mpt", "trillion", "granite-docling", "exaone4"],
        patterns: &[GPT2],
        ..PLAIN
    },
    Named {
        names: &["smollm", "starcoder", "refact", "command-r", "codeshell", "exaone", "minerva-7b"],
        patterns: &[DIGIT, GPT2],
        ..PLAIN
    },
    Named {
        names: &["llama-bpe", "llama3", "llama-v3", "falcon3"],
        patterns: &[LLAMA3],
        ignores_merges: true,
        adds_bos: true,
        ..PLAIN
    },
    Named { names: &["dbrx", "smaug-bpe", "glm4", "chatglm-bpe"], patterns: &[LLAMA3], ..PLAIN },
    Named { names: &["qwen2", "deepseek-r1-qwen"], patterns: &[QWEN2], composes: true, ..PLAIN },
    Named { names: &["stablelm2", "megrez", "hunyuan", "solar-open"], patterns: &[QWEN2], ..PLAIN },
    Named { names: &["gpt-4o", "llama4"], patterns: &[GPT4O], ..PLAIN },
    Named {
        names: &["tekken"],
        patterns: &[TEKKEN],
        ignores_merges: true,
        adds_bos: true,
        ..PLAIN
    },
    Named {
        names: &["default"],
        patterns: &[PUNCTUATION, GPT2_SHORT, DIGITS, THREE_DIGITS],
        ..PLAIN
    },
];

impl Named {
    /// The one of this name; the error lists those that there are.
    pub(crate) fn find(name: &str) -> Result<&'static Self, String> {
        NAMED.iter().find(|named| named.names.contains(&name)).ok_or_else(|| {
            let known: Vec<&str> = NAMED.iter().flat_map(|named| named.names).copied().collect();
            let name = crate::quote::shortened(name);
            format!("tokenizer.ggml.pre is {name:?}: expected one of {}", known.join(", "))
        })
    }

    /// The name by which GGUF files know how a tokenizer cuts its texts.
    pub(crate) fn name_of(
        pre_tokenizer: &Value,
        ignores_merges: bool,
        composes: bool,
    ) -> Option<&'static str> {
        let found = patterns_of(pre_tokenizer)?;
        let named = NAMED.iter().find(|named| {
            let alike = named.patterns.len() == found.len()
                && named.patterns.iter().zip(&found).all(|(known, found)| known == found);
            alike && (named.ignores_merges, named.composes) == (ignores_merges, composes)
        });
        named.and_then(|named| named.names.first().copied())
    }

    /// The steps as `tokenizer.json` has them.
    pub(crate) fn pre_tokenizer(&self) -> Value {
        let (built_in, splits) = match self.patterns.split_last() {
            Some((&GPT2, before)) => (true, before),
            _ => (false, self.patterns),
        };
        let byte_level = json!({
            "type": "ByteLevel",
            "add_prefix_space": false,
            "trim_offsets": true,
            "use_regex": built_in,
        });
        let split = |pattern: &&str| match *pattern {
            DIGIT => json!({ "type": "Digits", "individual_digits": true }),
            _ => json!({
                "type": "Split",
                "pattern": { "Regex": pattern },
                "behavior": "Isolated",
                "invert": false,
            }),
        };
        let mut steps: Vec<Value> = splits.iter().map(split).collect();
        if steps.is_empty() {
            return byte_level;
        }
        steps.push(byte_level);
        json!({ "type": "Sequence", "pretokenizers": steps })
    }
}

/// The patterns of a pre-tokenizer's steps, where all of them isolate what matches one.
fn patterns_of(pre_tokenizer: &Value) -> Option<Vec<&str>> {
    match pre_tokenizer["type"].as_str()? {
        "Sequence" => {
            let steps = pre_tokenizer["pretokenizers"].as_array()?;
            let patterns: Option<Vec<_>> = steps.iter().map(patterns_of).collect();
            Some(patterns?.concat())
        }
        "ByteLevel" if pre_tokenizer["use_regex"] == false => Some(Vec::new()),
        "ByteLevel" => Some(vec![GPT2]),
        "Digits" if pre_tokenizer["individual_digits"] == true => Some(vec![DIGIT]),
        "Digits" => Some(vec![DIGITS]),
        "Split" => {
            let isolates =
                pre_tokenizer["behavior"] == "Isolated" && pre_tokenizer["invert"] == false;
            pre_tokenizer["pattern"]["Regex"].as_str().filter(|_| isolates).map(|one| vec![one])
        }
        _ => None,
    }
}
