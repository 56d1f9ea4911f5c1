//! What is answered in a chat: whole, or as chunks.

use serde_json::{Value, json};

use crate::openai::identity::{identity, seconds};
use crate::openai::probabilities::{Chosen, of_chat};
use crate::openai::stream::Chunks;
use crate::openai::texts::Whole;
use super::asked::Asked;
use crate::app::App;

/// An answer as it grows.
pub(super) struct Answer {
    app: App,
    asked: Asked,
    id: String,
    created: u64,
}

impl Answer {
    pub(super) fn new(app: App, asked: Asked) -> Self {
        Self { app, asked, id: identity("chatcmpl"), created: seconds() }
    }

    /// A text that has ended, as a choice.
    pub(super) fn whole(&self, number: usize, whole: &Whole) -> Value {
        let log_probabilities = self.asked.top.map(|_| self.log_probabilities(&whole.tokens));
        json!({
            "index": number,
            "message": {"role": "assistant", "content": whole.text, "refusal": null},
            "logprobs": log_probabilities,
            "finish_reason": whole.finish_reason,
        })
    }

    /// The answer of texts that have ended.
    pub(super) fn body(&self, choices: Vec<Value>) -> Value {
        let mut body = self.object("chat.completion", choices);
        self.add_passages(&mut body);
        body
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
        let content = json!({"content": text});
        Some(self.chunk(delta(number, content, log_probabilities.into(), None)))
    }

    fn end(&mut self, number: usize, finish_reason: &'static str) -> Vec<Value> {
        vec![self.chunk(delta(number, json!({}), Value::Null, Some(finish_reason)))]
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
