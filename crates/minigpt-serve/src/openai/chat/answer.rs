//! What is answered in a chat: whole, or as chunks.

use serde_json::{Value, json};

use super::calling::Called;
use super::request::ChatRequest;
use crate::app::App;
use crate::openai::identity::{identity, seconds};
use crate::openai::probabilities::{Chosen, of_chat};
use crate::openai::stream::Chunks;
use crate::openai::texts::Whole;

/// Why a text ended that calls something.
const CALLS: &str = "tool_calls";

/// An answer as it grows.
pub(super) struct ChatAnswer {
    app: App,
    asked: ChatRequest,
    id: String,
    created: u64,
    /// Of each text what was written, where calls may be in it: they are told once it is whole.
    written: Vec<String>,
    /// How much of that was told, in bytes.
    told: Vec<usize>,
}

impl ChatAnswer {
    pub(super) fn new(app: App, asked: ChatRequest) -> Self {
        let (written, told) =
            (vec![String::new(); asked.generation.n], vec![0; asked.generation.n]);
        Self { app, asked, id: identity("chatcmpl"), created: seconds(), written, told }
    }

    /// A text that has ended, as a choice.
    pub(super) fn whole(&self, number: usize, whole: &Whole) -> Value {
        let log_probabilities = self.asked.top.map(|_| self.log_probabilities(&whole.tokens));
        let mut message = json!({"role": "assistant", "content": whole.text, "refusal": null});
        let mut finish_reason = whole.finish_reason;
        if let Some(Called { content, calls }) = self.called(&whole.text) {
            message["content"] = json!(content);
            if !calls.is_empty() {
                message["tool_calls"] = calls.into();
                finish_reason = of_calls(finish_reason);
            }
        }
        json!({
            "index": number,
            "message": message,
            "logprobs": log_probabilities,
            "finish_reason": finish_reason,
        })
    }

    /// The answer of texts that have ended.
    pub(super) fn body(&self, choices: Vec<Value>) -> Value {
        let mut body = self.object("chat.completion", choices);
        self.add_read(&mut body);
        body
    }

    /// What a whole text says and calls, where it may call something.
    fn called(&self, text: &str) -> Option<Called> {
        self.asked.calling.as_ref().map(|calling| calling.read(text))
    }

    /// Adds what the model read besides the conversation, and what of that it did not.
    fn add_read(&self, body: &mut Value) {
        if let Some(passages) = &self.asked.passages {
            body["passages"] = json!(passages);
        }
        if let Some(left_out) = self.asked.left_out {
            body["left_out"] = left_out.into();
        }
    }

    fn log_probabilities(&self, tokens: &[Chosen]) -> Value {
        let tokenizer = &self.app.engine().cards()[self.asked.model].tokenizer;
        json!({"content": of_chat(tokenizer, tokens), "refusal": null})
    }

    fn object(&self, kind: &str, choices: Vec<Value>) -> Value {
        let model = &self.app.engine().cards()[self.asked.model].id;
        json!({
            "id": self.id,
            "object": kind,
            "created": self.created,
            "model": model,
            "choices": choices,
        })
    }

    fn chunk(&self, choice: Value) -> Value {
        self.object("chat.completion.chunk", vec![choice])
    }
}

impl Chunks for ChatAnswer {
    /// Who speaks, and what was read for it.
    fn opening(&mut self) -> Vec<Value> {
        let role = json!({"role": "assistant", "content": ""});
        let choice = |number: usize| delta(number, role.clone(), Value::Null, None);
        let mut chunks: Vec<Value> =
            (0..self.asked.generation.n).map(|number| self.chunk(choice(number))).collect();
        if let Some(first) = chunks.first_mut() {
            self.add_read(first);
        }
        chunks
    }

    fn piece(&mut self, number: usize, text: &str, tokens: &[Chosen]) -> Option<Value> {
        let log_probabilities = (!tokens.is_empty()).then(|| self.log_probabilities(tokens));
        let text = match &self.asked.calling {
            None => text,
            Some(calling) => {
                let (written, told) = (&mut self.written[number], &mut self.told[number]);
                *written += text;
                let from = *told;
                *told = calling.said(written).len().max(from);
                &written[from..*told]
            }
        };
        if text.is_empty() && log_probabilities.is_none() {
            return None;
        }
        let content = json!({"content": text});
        Some(self.chunk(delta(number, content, log_probabilities.into(), None)))
    }

    fn end(&mut self, number: usize, finish_reason: &'static str) -> Vec<Value> {
        let mut chunks = Vec::new();
        let mut reason = finish_reason;
        let written = &self.written[number];
        if let Some(Called { content, calls }) = self.called(written) {
            let told = written[..self.told[number]].trim_start();
            let content = match calls.is_empty() {
                true => written[self.told[number]..].to_owned(),
                // It is told without white space around it.
                false => content
                    .as_deref()
                    .and_then(|all| all.strip_prefix(told))
                    .unwrap_or_default()
                    .to_owned(),
            };
            if !content.is_empty() {
                let content = json!({"content": content});
                chunks.push(self.chunk(delta(number, content, Value::Null, None)));
            }
            if !calls.is_empty() {
                let calls = calls.into_iter().enumerate().map(|(index, mut call)| {
                    call["index"] = index.into();
                    call
                });
                let calls = json!({"tool_calls": calls.collect::<Vec<_>>()});
                chunks.push(self.chunk(delta(number, calls, Value::Null, None)));
                reason = of_calls(finish_reason);
            }
        }
        chunks.push(self.chunk(delta(number, json!({}), Value::Null, Some(reason))));
        chunks
    }

    fn empty(&self) -> Value {
        self.object("chat.completion.chunk", Vec::new())
    }
}

/// Why a text ended that calls something; that it was cut off is told before that.
fn of_calls(finish_reason: &'static str) -> &'static str {
    if finish_reason == "stop" { CALLS } else { finish_reason }
}

fn delta(
    number: usize,
    delta: Value,
    log_probabilities: Value,
    finish_reason: Option<&str>,
) -> Value {
    json!({
        "index": number,
        "delta": delta,
        "logprobs": log_probabilities,
        "finish_reason": finish_reason,
    })
}
