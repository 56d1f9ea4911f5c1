//! Whether a prompt has room in its model's context.

use crate::engine::ModelCard;
use crate::error::ApiError;

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
