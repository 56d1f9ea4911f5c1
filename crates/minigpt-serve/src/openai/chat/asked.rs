//! What is asked in a chat.

use minigpt_data::{ChatOptions, ChatTemplate, Message, Tokenizer};

use crate::openai::context::check_context;
use crate::openai::fields::{Fields, unsupported, wrong};
use crate::openai::manner::Manner;
use crate::openai::messages::Messages;
use crate::openai::passages::{self, Passage, ground};
use crate::app::App;
use crate::engine::ModelCard;
use crate::engine::request::WriteRequest;
use crate::error::ApiError;

/// The most probable tokens that are told beside each, at most: OpenAI's.
const TOP: usize = 20;

/// Tokens kept for an answer after passages where a request does not say how many, as `minigpt ask` keeps them; of
/// short contexts a quarter.
const ANSWER: usize = 256;

/// What is asked.
#[derive(Debug)]
pub(super) struct Asked {
    /// The model's place.
    pub(super) model: usize,
    pub(super) manner: Manner,
    /// Its tokens.
    pub(super) prompt: Vec<u32>,
    max_tokens: usize,
    /// The most probable tokens beside each, where tokens are told.
    pub(super) top: Option<usize>,
    /// Passages that the model reads, where they were asked for.
    pub(super) passages: Option<Vec<Passage>>,
}

impl Asked {
    pub(super) fn new(app: &App, mut fields: Fields) -> Result<Self, ApiError> {
        let (model, card) = app.model(&fields.model()?)?;
        let template = card.template.as_ref().ok_or_else(|| no_template(card))?;
        let messages = Messages::take(&mut fields)?;
        let manner = Manner::take(&mut fields, card)?;
        let max_tokens = max_tokens(&mut fields)?;
        let top = top(&mut fields)?;
        refuse_other_formats(&mut fields)?;
        let most = fields.count("passages", 0..=passages::MOST)?;
        fields.finish()?;

        let context = card.config.block_size;
        let prompt = |messages: &[Message]| prompt(&card.tokenizer, template, messages);
        let (messages, passages) = match most {
            None => (messages.to_list()?, None),
            Some(most) => {
                let answer = max_tokens.unwrap_or(ANSWER.min(context / 4));
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
        Ok(Self { model, manner, prompt, max_tokens, top, passages })
    }

    pub(super) fn requests(&self, app: &App) -> Vec<WriteRequest> {
        let request = |number: usize| WriteRequest {
            model: self.model,
            prompt: self.prompt.clone(),
            options: self.manner.options(number, self.max_tokens, self.top.is_some()),
            top: self.top.unwrap_or(0),
            time_limit: app.settings().time_limit,
        };
        (0..self.manner.n).map(request).collect()
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
fn refuse_other_formats(fields: &mut Fields) -> Result<(), ApiError> {
    if let Some(modalities) = fields.take("modalities") {
        if modalities != serde_json::json!(["text"]) {
            return Err(wrong("modalities", &modalities, "[\"text\"]"));
        }
    }
    if let Some(mut format) = fields.object("response_format")? {
        let kind = format.text("type")?;
        if kind.as_deref() != Some("text") {
            return Err(unsupported("response_format", "expected the type `text`"));
        }
        format.finish()?;
    }
    Ok(())
}

/// A conversation up to the model's next message, in tokens.
fn prompt(
    tokenizer: &Tokenizer,
    template: &ChatTemplate,
    messages: &[Message],
) -> Result<Vec<u32>, ApiError> {
    Ok(template.prompt_ids(tokenizer, messages, &ChatOptions::default())?)
}
