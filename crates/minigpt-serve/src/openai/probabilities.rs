//! Log-probabilities of tokens, in the forms of both APIs.

use minigpt_data::Tokenizer;
use serde::Serialize;
use serde_json::{Map, Value};

/// A token, how probable it was, and the most probable ones in its place.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Chosen {
    pub(super) id: u32,
    /// Missing for the first token of a prompt, before which there is none.
    pub(super) log_probability: Option<f64>,
    /// Best first.
    pub(super) top: Vec<(u32, f64)>,
    /// Where it begins, in characters from the start of its text or prompt.
    pub(super) offset: usize,
}

/// A token as chats tell it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct ChatToken {
    token: String,
    logprob: f64,
    bytes: Vec<u8>,
    top_logprobs: Vec<TopToken>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
struct TopToken {
    token: String,
    logprob: f64,
    bytes: Vec<u8>,
}

/// Tokens as chats tell them, without a closing end of text, which is no part of the message.
pub(super) fn of_chat(tokenizer: &Tokenizer, tokens: &[Chosen]) -> Vec<ChatToken> {
    let top = |(id, logprob): &(u32, f64)| {
        let bytes = bytes(tokenizer, *id);
        let token = String::from_utf8_lossy(&bytes).into_owned();
        TopToken { token, logprob: finite(*logprob), bytes }
    };
    let token = |chosen: &Chosen| {
        let bytes = bytes(tokenizer, chosen.id);
        ChatToken {
            token: String::from_utf8_lossy(&bytes).into_owned(),
            logprob: finite(chosen.log_probability.unwrap_or_default()),
            bytes,
            top_logprobs: chosen.top.iter().map(top).collect(),
        }
    };
    let ends = tokenizer.ends_of_text();
    tokens.iter().filter(|chosen| !ends.contains(&chosen.id)).map(token).collect()
}

/// Tokens as completions tell them.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(super) struct CompletionTokens {
    tokens: Vec<String>,
    token_logprobs: Vec<Option<f64>>,
    top_logprobs: Vec<Option<Map<String, Value>>>,
    /// Where each begins, in characters from the prompt's start.
    text_offset: Vec<usize>,
}

/// Tokens as completions tell them: those of a prompt of so many characters that are echoed, then those after it.
pub(super) fn of_completion(
    tokenizer: &Tokenizer,
    echoed: &[Chosen],
    prompt: usize,
    written: &[Chosen],
) -> CompletionTokens {
    let mut told = CompletionTokens::default();
    let written = written.iter().map(|chosen| (prompt, chosen));
    for (before, chosen) in echoed.iter().map(|chosen| (0, chosen)).chain(written) {
        let top = chosen.top.iter();
        let top = top.map(|(id, logprob)| (name(tokenizer, *id), finite(*logprob).into()));
        told.top_logprobs.push(chosen.log_probability.map(|_| top.collect()));
        told.tokens.push(name(tokenizer, chosen.id));
        told.token_logprobs.push(chosen.log_probability.map(finite));
        told.text_offset.push(before + chosen.offset);
    }
    told
}

/// JSON has no infinity; OpenAI writes -9999 for a token that cannot come.
fn finite(log_probability: f64) -> f64 {
    log_probability.max(-9999.0)
}

/// A token's text, or of one that is only a part of a character `bytes:\xe2`, as OpenAI has it.
fn name(tokenizer: &Tokenizer, id: u32) -> String {
    let bytes = bytes(tokenizer, id);
    String::from_utf8(bytes).unwrap_or_else(|error| {
        let bytes = error.as_bytes().iter().map(|byte| format!("\\x{byte:02x}"));
        format!("bytes:{}", bytes.collect::<String>())
    })
}

/// A model may know more ids than its tokenizer has texts for.
fn bytes(tokenizer: &Tokenizer, id: u32) -> Vec<u8> {
    tokenizer.token_bytes(id).map(<[u8]>::to_vec).unwrap_or_default()
}

#[cfg(test)]
mod tests;
