//! An answer that comes as it is written: server-sent events, each a chunk of JSON, then `[DONE]`.

use std::collections::VecDeque;
use std::convert::Infallible;

use axum::response::sse::{self, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream::unfold;
use serde_json::{Value, json};

use super::generation::StreamOptions;
use super::probabilities::Chosen;
use super::texts::{Event, Texts, finish_reason};
use super::usage::Sums;

/// The form of an API's chunks.
pub(super) trait Chunks: Send + 'static {
    /// What comes before the first token.
    fn opening(&mut self) -> Vec<Value>;

    /// A text grows.
    fn piece(&mut self, number: usize, text: &str, tokens: &[Chosen]) -> Option<Value>;

    /// A text has ended: what is left to tell of it, for what reason.
    fn end(&mut self, number: usize, finish_reason: &'static str) -> Vec<Value>;

    /// A chunk of no text.
    fn empty(&self) -> Value;
}

/// The answer as a stream. Whoever goes away ends the texts.
pub(super) fn respond(
    texts: Texts,
    sums: Sums,
    how: StreamOptions,
    mut chunks: impl Chunks,
) -> Response {
    let queue: VecDeque<Value> = chunks.opening().into();
    let told = Told { texts, sums, how, chunks, queue, has_ended: false };
    let events = unfold(told, |mut told| async {
        let event = told.next().await?;
        Some((Ok::<_, Infallible>(sse::Event::default().data(event)), told))
    });
    Sse::new(events).keep_alive(KeepAlive::default()).into_response()
}

/// What is told, as far as it has come.
struct Told<C> {
    texts: Texts,
    sums: Sums,
    how: StreamOptions,
    chunks: C,
    queue: VecDeque<Value>,
    has_ended: bool,
}

impl<C: Chunks> Told<C> {
    async fn next(&mut self) -> Option<String> {
        loop {
            if let Some(mut chunk) = self.queue.pop_front() {
                if self.how.include_usage && chunk.get("usage").is_none() {
                    chunk["usage"] = Value::Null;
                }
                return Some(chunk.to_string());
            }
            if self.has_ended {
                return None;
            }
            match self.texts.next().await {
                Some(Ok((number, event))) => self.hear(number, event),
                Some(Err(error)) => {
                    self.has_ended = true;
                    return Some(error.body().to_string());
                }
                None => {
                    self.has_ended = true;
                    return Some("[DONE]".to_owned());
                }
            }
        }
    }

    fn hear(&mut self, number: usize, event: Event) {
        let (text, tokens, written) = match event {
            Event::Piece(text, tokens) => (text, tokens, None),
            Event::End(tokens, written) => (written.rest.clone(), tokens, Some(written)),
        };
        if !text.is_empty() || !tokens.is_empty() {
            self.queue.extend(self.chunks.piece(number, &text, &tokens));
        }
        let Some(written) = written else { return };
        self.sums.add(number, &written);
        self.queue.extend(self.chunks.end(number, finish_reason(&written)));
        if !self.texts.have_ended() {
            return;
        }
        if self.how.include_usage {
            let mut chunk = self.chunks.empty();
            chunk["usage"] = json!(self.sums.usage());
            self.queue.push_back(chunk);
        }
        // The last chunk tells how long it took.
        if let Some(last) = self.queue.back_mut() {
            last["timings"] = json!(self.sums.timings());
        }
    }
}
