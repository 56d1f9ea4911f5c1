//! Templates that are known by name.

use std::collections::BTreeMap;

use super::ChatTemplate;
use crate::{DataError, Template, Tokenizer};

/// [ChatML](https://github.com/openai/openai-python/blob/release-v0.28.0/chatml.md), in which many models converse: SmolLM2
/// and Qwen, with an end of text that they call `<|im_end|>`.
const CHATML: &str = "{{ bos_token }}{% for message in messages %}\
{% if message['tool_calls'] is defined %}{{ raise_exception('this template has no calls of tools') }}{% endif %}\
{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + eos_token + '\\n' }}\
{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";

/// Llama 3's.
const LLAMA3: &str = "{{ bos_token }}{% for message in messages %}\
{% if message['tool_calls'] is defined %}{{ raise_exception('this template has no calls of tools') }}{% endif %}\
{{ '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n' + message['content'] | trim + eos_token }}\
{% endfor %}{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}{% endif %}";

impl ChatTemplate {
    /// The names that [`from_name`](Self::from_name) knows.
    pub const NAMES: [&'static str; 4] = ["instruct", "chatml", "llama3", "plain"];

    /// The template of this name, for a model with this tokenizer, whose end of text ends each message: `instruct` has the
    /// headings of [Alpaca](Template::instruct), `chatml` and `llama3` are those models', and `plain` adds nothing.
    ///
    /// # Errors
    /// [`DataError::UnknownTemplate`], and as [`Tokenizer::decode`].
    pub fn from_name(name: &str, tokenizer: &Tokenizer) -> Result<Self, DataError> {
        match name {
            "instruct" => Ok(Template::instruct().into()),
            "plain" => Ok(Template::plain().into()),
            "chatml" => Self::from_jinja(CHATML, Self::tokens_of(tokenizer)?, name),
            "llama3" => Self::from_jinja(LLAMA3, Self::tokens_of(tokenizer)?, name),
            _ => Err(DataError::UnknownTemplate {
                name: name.to_owned(),
                known: Self::NAMES.join(", "),
            }),
        }
    }

    /// The special tokens that templates name, as a tokenizer has them: `eos_token`, and `bos_token`, which is empty where
    /// nothing stands before texts.
    ///
    /// # Errors
    /// As [`Tokenizer::decode`].
    pub fn tokens_of(tokenizer: &Tokenizer) -> Result<BTreeMap<String, String>, DataError> {
        let named =
            |name: &str, ids: &[u32]| Ok::<_, DataError>((name.to_owned(), tokenizer.decode(ids)?));
        let tokens = [
            named("bos_token", tokenizer.before_text())?,
            named("eos_token", &[tokenizer.end_of_text()])?,
        ];
        Ok(tokens.into())
    }
}
