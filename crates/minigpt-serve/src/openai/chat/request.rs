//! What is asked in a chat.

use std::sync::Arc;

use minigpt_data::{ChatOptions, ChatTemplate, Message, TemplateValue, Tokenizer};
use minigpt_text::Prompt;
use serde_json::{Value, json};

use super::calling::Calling;

use crate::app::App;
use crate::engine::ModelCard;
use crate::engine::request::WriteRequest;
use crate::error::ApiError;
use crate::openai::context::{TRUNCATE, check_context, room};
use crate::openai::fields::{Fields, unsupported, wrong};
use crate::openai::generation::GenerationParameters;
use crate::openai::messages::Messages;
use crate::openai::passages::{self, Passage, ground};

/// The most probable tokens that are told beside each, at most: OpenAI's.
const TOP: usize = 20;

/// Tokens kept for an answer after passages, or after a conversation that may be cut, where a request does not say how many, as `minigpt ask` keeps them; of
/// short contexts a quarter.
const ANSWER: usize = 256;

/// What is asked.
#[derive(Debug)]
pub(super) struct ChatRequest {
    /// The model's place.
    pub(super) model: usize,
    pub(super) generation: GenerationParameters,
    /// Its tokens.
    pub(super) prompt: Vec<u32>,
    max_tokens: usize,
    /// The most probable tokens beside each, where tokens are told.
    pub(super) top: Option<usize>,
    /// Passages that the model reads, where they were asked for.
    pub(super) passages: Option<Vec<Passage>>,
    /// The oldest messages that the model does not read, where a client lets them be left out.
    pub(super) left_out: Option<usize>,
    /// What the model may call.
    pub(super) calling: Option<Calling>,
}

impl ChatRequest {
    pub(super) fn new(app: &App, mut fields: Fields) -> Result<Self, ApiError> {
        let (model, card) = app.model(&fields.model()?)?;
        let template = card.template.as_ref().ok_or_else(|| no_template(card))?;
        let mut messages = Messages::take(&mut fields)?;
        let mut generation = GenerationParameters::take(&mut fields, app, model)?;
        let max_tokens = max_tokens(&mut fields)?;
        let top = top(&mut fields)?;
        refuse_other_modalities(&mut fields)?;
        let calling = Calling::take(&mut fields, app, model, template)?;
        if let Some(grammar) = calling.as_ref().and_then(|calling| calling.grammar.clone()) {
            if generation.policy.filter.is_some() {
                return Err(unsupported("response_format", "leave it out, or the forced call"));
            }
            generation.policy.filter = Some(Arc::new(grammar));
        }
        let options = chat_options(&mut fields, calling.as_ref())?;
        let most = fields.count("passages", 0..=passages::MOST)?;
        let may_be_cut = fields.flag(TRUNCATE)?;
        fields.finish()?;

        let context = card.config.block_size;
        let opening = calling.as_ref().map_or("", Calling::opening);
        let prompt =
            |messages: &[Message]| prompt(&card.tokenizer, template, messages, &options, opening);
        let answer = max_tokens.unwrap_or(ANSWER.min(context / 4));
        let mut left_out = None;
        if may_be_cut {
            // Passages shall have room too.
            let room = if most.is_some() { room(card, answer) / 2 } else { room(card, answer) };
            let fits = |latest: &Messages| Ok(prompt(&latest.to_list()?)?.len() <= room);
            let (latest, before) = messages.latest(fits)?;
            (messages, left_out) = (latest, Some(before));
        }
        let (messages, passages) = match most {
            None => (messages.to_list()?, None),
            Some(most) => {
                let room = context.saturating_sub(answer);
                let fits = |messages: &[Message]| Ok(prompt(messages)?.len() <= room);
                let (messages, passages) = ground(app, &messages, most, &fits)?;
                (messages, Some(passages))
            }
        };
        let prompt = prompt(&messages)?;
        // A conversation is read whole, and its answer begun.
        check_context(card, prompt.len(), 1).map_err(|error| error.at("messages"))?;
        let max_tokens = max_tokens.unwrap_or(context - prompt.len());
        let max_tokens = max_tokens.min(app.settings().max_tokens);
        Ok(Self { model, generation, prompt, max_tokens, top, passages, left_out, calling })
    }

    pub(super) fn requests(&self, app: &App) -> Vec<WriteRequest> {
        let request = |number: usize| WriteRequest {
            model: self.model,
            prompt: self.prompt.clone(),
            options: self.generation.options(number, self.max_tokens, self.top.is_some()),
            top: self.top.unwrap_or(0),
            time_limit: app.settings().time_limit,
        };
        (0..self.generation.n).map(request).collect()
    }
}

fn no_template(card: &ModelCard) -> ApiError {
    ApiError::bad_request(format!(
        "{} has no chat template, since it was not tuned for conversations: have it continue a text by \
         /v1/completions, or ask a model that has one",
        card.id
    ))
    .at("model")
}

fn max_tokens(fields: &mut Fields) -> Result<Option<usize>, ApiError> {
    let older = fields.count("max_tokens", 1..=usize::MAX)?;
    Ok(fields.count("max_completion_tokens", 1..=usize::MAX)?.or(older))
}

fn top(fields: &mut Fields) -> Result<Option<usize>, ApiError> {
    let are_told = fields.flag("logprobs")?;
    let top = fields.count("top_logprobs", 0..=TOP)?;
    if top.is_some() && !are_told {
        let message = "`top_logprobs` without `logprobs`: set `logprobs` to true, or leave it out";
        return Err(ApiError::bad_request(message).at("top_logprobs"));
    }
    Ok(are_told.then(|| top.unwrap_or(0)))
}

/// What models here cannot write.
fn refuse_other_modalities(fields: &mut Fields) -> Result<(), ApiError> {
    match fields.take("modalities") {
        Some(other) if other != json!(["text"]) => Err(wrong("modalities", &other, "[\"text\"]")),
        _ => Ok(()),
    }
}

/// What the template is told besides the messages: tools, and variables of its own, in vLLM's field for them.
fn chat_options(fields: &mut Fields, calling: Option<&Calling>) -> Result<ChatOptions, ApiError> {
    const NAME: &str = "chat_template_kwargs";
    let mut options = ChatOptions::default();
    if let Some(calling) = calling {
        options.tools = Some(calling.tools.for_template()?);
    }
    match fields.take(NAME) {
        None => {}
        Some(Value::Object(variables)) => {
            for (name, value) in variables {
                options.variables.insert(name, TemplateValue::from_json(&value.to_string())?);
            }
        }
        Some(other) => return Err(wrong(NAME, &other, "an object")),
    }
    Ok(options)
}

/// A conversation up to the model's next message, which begins with `opening`, in tokens.
fn prompt(
    tokenizer: &Tokenizer,
    template: &ChatTemplate,
    messages: &[Message],
    options: &ChatOptions,
    opening: &str,
) -> Result<Vec<u32>, ApiError> {
    if opening.is_empty() {
        return Ok(template.prompt_ids(tokenizer, messages, options)?);
    }
    let text = template.prompt(messages, options)? + opening;
    Ok(Prompt::of_template(tokenizer, template, &text)?.ids().to_vec())
}
