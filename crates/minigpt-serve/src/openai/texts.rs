//! Texts that are written for one request, each with its events.

use std::future::poll_fn;
use std::task::Poll;

use minigpt_text::{TextEnd, TextToken};
use tokio::sync::mpsc::UnboundedReceiver;

use crate::app::App;
use crate::counters;
use crate::engine::request::{WriteEvent, WriteRequest, Written};
use crate::error::ApiError;

/// Texts that are being written. Whoever drops them cancels those that are not done.
pub(super) struct Texts {
    app: App,
    model: String,
    texts: Vec<Text>,
    /// Whose event is looked for first.
    turn: usize,
}

struct Text {
    /// Nothing once it has ended.
    events: Option<UnboundedReceiver<WriteEvent>>,
    /// Tokens of its prompt.
    prompt: usize,
}

/// What happens to a text.
pub(super) enum Event {
    /// One more token, with the most probable ones in its place.
    Token(TextToken, Vec<(u32, f64)>),
    /// The end.
    End(Written),
}

impl Texts {
    /// Has all of `requests` to a model written.
    pub(super) fn begin(
        app: &App,
        model: &str,
        requests: Vec<WriteRequest>,
    ) -> Result<Self, ApiError> {
        if app.is_stopping() {
            return Err(ApiError::stopping());
        }
        let begin = |request: WriteRequest| {
            let prompt = request.prompt.len();
            app.engine().write(request).map(|events| Text { events: Some(events), prompt })
        };
        let texts = requests.into_iter().map(begin).collect::<Result<_, _>>()?;
        Ok(Self { app: app.clone(), model: model.to_owned(), texts, turn: 0 })
    }

    /// How many they are.
    pub(super) fn len(&self) -> usize {
        self.texts.len()
    }

    /// What happens next, and to which of them; nothing once all have ended.
    pub(super) async fn next(&mut self) -> Option<Result<(usize, Event), ApiError>> {
        let (number, event) = poll_fn(|cx| {
            let all = self.texts.len();
            let mut goes_on = false;
            for number in (0..all).map(|place| (place + self.turn) % all) {
                let Some(events) = &mut self.texts[number].events else { continue };
                goes_on = true;
                if let Poll::Ready(event) = events.poll_recv(cx) {
                    self.turn = number + 1;
                    return Poll::Ready(Some((number, event)));
                }
            }
            if goes_on { Poll::Pending } else { Poll::Ready(None) }
        })
        .await?;
        Some(match event {
            Some(WriteEvent::Token { token, top }) => Ok((number, Event::Token(token, top))),
            Some(WriteEvent::Ended(written)) => {
                let text = &mut self.texts[number];
                text.events = None;
                self.app.counters().wrote(&self.model, counted(text.prompt, &written));
                Ok((number, Event::End(written)))
            }
            Some(WriteEvent::Failed(reason)) => Err(ApiError::broken(reason)),
            // The engine is gone.
            None => Err(ApiError::stopping()),
        })
    }
}

fn counted(prompt: usize, written: &Written) -> counters::Texts {
    counters::Texts {
        texts: 1,
        read: prompt as u64,
        cached: written.cached as u64,
        written: written.tokens as u64,
        first_token: written.first_token,
        writing: written.writing,
    }
}

/// Why a text ended, in OpenAI's words; time that is over counts as length.
pub(super) fn finish_reason(written: &Written) -> &'static str {
    match written.end {
        Some(TextEnd::EndOfText | TextEnd::Stop) => "stop",
        Some(TextEnd::Length) | None => "length",
    }
}
