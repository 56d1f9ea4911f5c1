//! Texts that are written for one request, each with its events.

use std::future::poll_fn;
use std::task::Poll;

use minigpt_text::TextEnd;
use tokio::sync::mpsc::UnboundedReceiver;

use super::held_back::HeldBack;
use super::probabilities::Chosen;
use crate::app::App;
use crate::counters::{Ended, TextSums};
use crate::engine::request::{WriteEvent, WriteRequest, Written};
use crate::error::ApiError;

/// Texts that are being written. Whoever drops them cancels those that are not done.
pub(super) struct Texts {
    app: App,
    /// The model's place.
    model: usize,
    texts: Vec<Text>,
    /// The text whose events are looked for first: the one after that of the last event, so that none waits for another.
    turn: usize,
}

struct Text {
    /// Nothing once it has ended.
    events: Option<UnboundedReceiver<WriteEvent>>,
    /// Tokens of its prompt.
    prompt: usize,
    /// Tokens that came so far.
    written: usize,
    /// Its tokens, where they are told beside the text.
    tokens: Option<HeldBack>,
}

/// What happens to a text.
#[derive(Debug)]
pub(super) enum Event {
    /// It grows: what is certain of it, and its tokens, where they are told.
    Piece(String, Vec<Chosen>),
    /// It has ended, with its last tokens.
    End(Vec<Chosen>, Written),
}

/// A text that has ended.
#[derive(Debug, Default)]
pub(super) struct Whole {
    pub(super) text: String,
    pub(super) tokens: Vec<Chosen>,
    /// Why it ended, in OpenAI's words.
    pub(super) finish_reason: &'static str,
}

impl Texts {
    /// Has all of `requests` to one model written.
    pub(super) fn begin(app: &App, requests: Vec<WriteRequest>) -> Result<Self, ApiError> {
        if app.is_stopping() {
            return Err(ApiError::stopping());
        }
        let model = requests.first().map_or(0, |request| request.model);
        let begin = |request: WriteRequest| {
            let prompt = request.prompt.len();
            let tokens = request.options.log_probabilities.then(HeldBack::default);
            let events = Some(app.engine().write(request).inspect_err(|_| {
                let id = &app.engine().cards()[model].id;
                app.counters().wrote(id, TextSums::one(Ended::Refused));
            })?);
            Ok(Text { events, prompt, written: 0, tokens })
        };
        let texts = requests.into_iter().map(begin).collect::<Result<_, ApiError>>()?;
        Ok(Self { app: app.clone(), model, texts, turn: 0 })
    }

    /// Whether all have ended.
    pub(super) fn have_ended(&self) -> bool {
        self.texts.iter().all(|text| text.events.is_none())
    }

    /// What happens next, and to which of them; nothing once all have ended.
    pub(super) async fn next(&mut self) -> Option<Result<(usize, Event), ApiError>> {
        let (number, event) = self.received().await?;
        let text = &mut self.texts[number];
        let card = &self.app.engine().cards()[self.model];
        let event = match event {
            Some(WriteEvent::Token { token, top }) => {
                text.written += 1;
                let tokens = text.tokens.as_mut();
                let told = tokens.map(|tokens| tokens.push(&card.tokenizer, &token, top));
                Event::Piece(token.text, told.unwrap_or_default())
            }
            Some(WriteEvent::Ended(written)) => {
                text.events = None;
                self.app.counters().wrote(&card.id, counted(text.prompt, &written));
                // What was held back began a stop string, which nobody is told.
                let is_cut = written.end == Some(TextEnd::Stop);
                let tokens = text.tokens.take().filter(|_| !is_cut);
                Event::End(tokens.map(|mut tokens| tokens.finish()).unwrap_or_default(), written)
            }
            Some(WriteEvent::Failed(failure)) => {
                text.events = None;
                self.app.counters().wrote(&card.id, text.given_up(Ended::Failed));
                return Some(Err(failure.into()));
            }
            // The engine is gone.
            None => return Some(Err(ApiError::stopping())),
        };
        Some(Ok((number, event)))
    }

    /// The next event of any text; nothing of one whose writer is gone.
    async fn received(&mut self) -> Option<(usize, Option<WriteEvent>)> {
        poll_fn(|cx| {
            let all = self.texts.len();
            for number in (0..all).map(|place| (place + self.turn) % all) {
                let Some(events) = &mut self.texts[number].events else { continue };
                if let Poll::Ready(event) = events.poll_recv(cx) {
                    self.turn = number + 1;
                    return Poll::Ready(Some((number, event)));
                }
            }
            if self.have_ended() { Poll::Ready(None) } else { Poll::Pending }
        })
        .await
    }

    /// All texts, once they have ended, and what each came to.
    pub(super) async fn whole(mut self) -> Result<Vec<(Whole, Written)>, ApiError> {
        let mut texts: Vec<Whole> = self.texts.iter().map(|_| Whole::default()).collect();
        let mut ends: Vec<Option<Written>> = self.texts.iter().map(|_| None).collect();
        while let Some(event) = self.next().await {
            let (number, event) = event?;
            let text = &mut texts[number];
            match event {
                Event::Piece(piece, tokens) => {
                    text.text += &piece;
                    text.tokens.extend(tokens);
                }
                Event::End(tokens, written) => {
                    text.text += &written.rest;
                    text.tokens.extend(tokens);
                    text.finish_reason = finish_reason(&written);
                    ends[number] = Some(written);
                }
            }
        }
        Ok(texts.into_iter().zip(ends.into_iter().flatten()).collect())
    }
}

impl Drop for Texts {
    /// Those that have not ended are cancelled, and what was written of them counts too.
    fn drop(&mut self) {
        let id = &self.app.engine().cards()[self.model].id;
        for text in self.texts.iter().filter(|text| text.events.is_some()) {
            self.app.counters().wrote(id, text.given_up(Ended::Cancelled));
        }
    }
}

impl Text {
    /// What is counted of a text that did not come to its end.
    fn given_up(&self, ended: Ended) -> TextSums {
        TextSums { read: self.prompt as u64, written: self.written as u64, ..TextSums::one(ended) }
    }
}

fn counted(prompt: usize, written: &Written) -> TextSums {
    TextSums {
        read: prompt as u64,
        cached: written.cached as u64,
        written: written.tokens as u64,
        first_token: written.first_token,
        writing: written.writing,
        ..TextSums::one(Ended::Complete)
    }
}

/// Why a text ended, in OpenAI's words; time that is over counts as length.
pub(super) fn finish_reason(written: &Written) -> &'static str {
    match written.end {
        Some(TextEnd::EndOfText | TextEnd::Stop) => "stop",
        Some(TextEnd::Length) | None => "length",
    }
}
