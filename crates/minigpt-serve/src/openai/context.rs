//! Whether a prompt has room in its model's context, and what of it where it may be cut: a field of ours,
//! `truncate_prompt`.

use crate::engine::ModelCard;
use crate::error::ApiError;

/// The field by which a client lets a prompt be cut that is too long.
pub(super) const TRUNCATE: &str = "truncate_prompt";

/// Tokens of a model's context for a prompt that may be cut: what an answer of so many tokens leaves of it, and at least
/// a half.
pub(super) fn room(card: &ModelCard, answer: usize) -> usize {
    let context = card.config.block_size;
    context - answer.min(context / 2)
}

/// Checks that a prompt of so many tokens fits a model's context, with so many to be written.
///
/// # Errors
/// 400 with OpenAI's code for it.
pub(super) fn check_context(
    card: &ModelCard,
    prompt: usize,
    answer: usize,
) -> Result<(), ApiError> {
    let context = card.config.block_size;
    if prompt + answer <= context {
        return Ok(());
    }
    let message = match answer {
        0 => format!("the prompt has {prompt} tokens and the context of {} is {context}", card.id),
        _ => format!(
            "the prompt has {prompt} tokens and leaves no room for an answer in the context of {}, which is {context}",
            card.id
        ),
    };
    let message = format!("{message}: shorten it");
    Err(ApiError::bad_request(message).with_code("context_length_exceeded"))
}
