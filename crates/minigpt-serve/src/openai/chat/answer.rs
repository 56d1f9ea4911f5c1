//! What is answered in a chat: whole, or as chunks.

use serde_json::{Value, json};

use super::asked::Asked;
use super::calling::Called;
use crate::app::App;
use crate::openai::identity::{identity, seconds};
use crate::openai::probabilities::{Chosen, of_chat};
use crate::openai::stream::Chunks;
use crate::openai::texts::Whole;

/// Why a text ended that calls something.
const CALLS: &str = "tool_calls";

/// An answer as it grows.
pub(super) struct Answer {
    app: App,
    asked: Asked,
    id: String,
    created: u64,
    /// Of each text what was said, where calls may be in it: they are told once it is whole.
    said: Vec<String>,
}

impl Answer {
    pub(super) fn new(app: App, asked: Asked) -> Self {
        let said = vec![String::new(); asked.manner.n];
        Self { app, asked, id: identity("chatcmpl"), created: seconds(), said }
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
                finish_reason = CALLS;
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
        self.add_passages(&mut body);
        body
    }

    /// What a whole text says and calls, where it may call something.
    fn called(&self, text: &str) -> Option<Called> {
        self.asked.calling.as_ref().map(|calling| calling.read(text))
    }

    fn add_passages(&self, body: &mut Value) {
        if let Some(passages) = &self.asked.passages {
            body["passages"] = json!(passages);
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

impl Chunks for Answer {
    /// Who speaks, and what was read for it.
    fn opening(&mut self) -> Vec<Value> {
        let role = json!({"role": "assistant", "content": ""});
        let choice = |number: usize| delta(number, role.clone(), Value::Null, None);
        let mut chunks: Vec<Value> =
            (0..self.asked.manner.n).map(|number| self.chunk(choice(number))).collect();
        if let Some(first) = chunks.first_mut() {
            self.add_passages(first);
        }
        chunks
    }

    fn piece(&mut self, number: usize, text: &str, chosen: Option<&Chosen>) -> Option<Value> {
        let told = chosen.map(std::slice::from_ref);
        let log_probabilities = told.map(|told| self.log_probabilities(told));
        let text = if self.asked.calling.is_some() {
            self.said[number] += text;
            ""
        } else {
            text
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
        if let Some(Called { content, calls }) = self.called(&self.said[number]) {
            if let Some(content) = content {
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
                reason = CALLS;
            }
        }
        chunks.push(self.chunk(delta(number, json!({}), Value::Null, Some(reason))));
        chunks
    }

    fn empty(&self) -> Value {
        self.object("chat.completion.chunk", Vec::new())
    }
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
