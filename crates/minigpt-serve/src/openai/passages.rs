//! Passages of the index that a question may be answered from: a field of ours, `passages`.

use minigpt_data::Message;
use minigpt_retrieval::Found;
use serde::Serialize;

use super::messages::Messages;
use crate::app::App;
use crate::error::ApiError;

/// Passages at most.
pub(super) const MOST: usize = 100;

const NAME: &str = "passages";

/// A passage that the model reads, and where it stands.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Passage {
    path: String,
    first_line: usize,
    last_line: usize,
    /// What of it the model reads.
    text: String,
}

/// The messages with at most `most` passages before the last question, as many as `fits` allows, and these passages,
/// best first.
///
/// # Errors
/// 400 where there is no index or no question, 500 where the index is damaged, and those of `fits`.
pub(super) fn ground(
    app: &App,
    messages: &Messages,
    most: usize,
    fits: &dyn Fn(&[Message]) -> Result<bool, ApiError>,
) -> Result<(Vec<Message>, Vec<Passage>), ApiError> {
    let refused = |message: &str| ApiError::bad_request(message).at(NAME);
    let index = app.index().ok_or_else(|| {
        refused("no index of passages is served: start the server with --index INDEX")
    })?;
    let question = messages.question().ok_or_else(|| {
        refused("passages are found for a question: expected the user's message as the last one")
    })?;
    let mut list = messages.to_list()?;
    list.pop();
    let asked = |texts: &[String]| {
        // The best stands last, next to the question.
        let texts: Vec<&str> = texts.iter().rev().map(|text| text.trim()).collect();
        [&list[..], &[Message::user_about(question, &texts.join("\n\n"))]].concat()
    };
    let found = index.search(question, most)?;
    let read = index.excerpts(question, &found, &mut |texts| fits(&asked(texts)))?;
    let messages = asked(&read);
    let passage = |(Found { passage, .. }, text): (Found, String)| Passage {
        path: passage.source,
        first_line: passage.first_line,
        last_line: passage.last_line,
        text,
    };
    Ok((messages, found.into_iter().zip(read).map(passage).collect()))
}
