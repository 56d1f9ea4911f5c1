//! `/v1/completions`: texts that go on from prompts.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use minigpt_text::Prompt;
use serde_json::{Map, Value, json};

use super::context::check_context;
use super::fields::{Fields, unsupported, wrong};
use super::identity::{identity, seconds};
use super::manner::{Manner, TEXTS};
use super::probabilities::{Chosen, of_completion};
use super::stream::{self, Chunks};
use super::texts::Texts;
use super::usage::Sums;
use crate::app::App;
use crate::engine::ModelCard;
use crate::engine::request::WriteRequest;
use crate::error::ApiError;
use crate::posted::Posted;

/// Tokens of a text where a request does not say how many: OpenAI's.
const MAX_TOKENS: usize = 16;

/// The most probable tokens that are told beside each, at most: OpenAI's.
const TOP: usize = 5;

pub(super) async fn create(
    State(app): State<App>,
    Posted(fields): Posted<Map<String, Value>>,
) -> Result<Response, ApiError> {
    let asked = app.work(|app| Asked::new(app, Fields::new(fields))).await?;
    let texts = Texts::begin(&app, asked.requests(&app))?;
    let prompt_tokens = asked.prompts.iter().map(|prompt| prompt.ids.len()).sum();
    let mut sums = Sums::new(prompt_tokens, asked.manner.n);
    let how = asked.manner.stream;
    let mut answer = Answer::new(app.clone(), asked);
    if let Some(how) = how {
        return Ok(stream::respond(texts, sums, how, answer));
    }
    let mut choices = Vec::new();
    for (number, (whole, written)) in texts.whole().await?.into_iter().enumerate() {
        sums.add(number, &written);
        let text = answer.echoed(number) + &whole.text;
        let log_probabilities = answer.log_probabilities(number, &whole.tokens);
        choices.push(choice(number, &text, log_probabilities, Some(whole.finish_reason)));
    }
    let mut body = answer.chunk(choices);
    body["usage"] = json!(sums.usage());
    body["timings"] = json!(sums.timings());
    Ok(Json(body).into_response())
}

/// What is asked.
#[derive(Debug)]
struct Asked {
    /// The model's place.
    model: usize,
    manner: Manner,
    prompts: Vec<Given>,
    max_tokens: usize,
    /// The most probable tokens beside each, where tokens are told.
    top: Option<usize>,
    /// Whether texts begin with their prompts.
    echo: bool,
}

/// A prompt.
#[derive(Debug)]
struct Given {
    text: String,
    ids: Vec<u32>,
}

impl Asked {
    fn new(app: &App, mut fields: Fields) -> Result<Self, ApiError> {
        let (model, card) = app.model(&fields.model()?)?;
        let manner = Manner::take(&mut fields, app, model)?;
        let max_tokens = fields.count("max_tokens", 0..=usize::MAX)?.unwrap_or(MAX_TOKENS);
        let max_tokens = max_tokens.min(app.settings().max_tokens);
        let top = fields.count("logprobs", 0..=TOP)?;
        let echo = fields.flag("echo")?;
        if echo && top.is_some() {
            return Err(unsupported("echo", "with `logprobs` only what is written is told"));
        }
        if fields.text("suffix")?.is_some_and(|suffix| !suffix.is_empty()) {
            return Err(unsupported("suffix", "the models here write forwards only"));
        }
        let prompts = prompts(&mut fields, card)?;
        if prompts.len() * manner.n > TEXTS {
            let found = format!("{} prompts with `n` {}", prompts.len(), manner.n);
            let message = format!("{found} are too many texts: expected {TEXTS} at most");
            return Err(ApiError::bad_request(message).at("n"));
        }
        fields.finish()?;
        Ok(Self { model, manner, prompts, max_tokens, top, echo })
    }

    fn requests(&self, app: &App) -> Vec<WriteRequest> {
        let n = self.manner.n;
        let request = |number: usize| WriteRequest {
            model: self.model,
            prompt: self.prompts[number / n].ids.clone(),
            options: self.manner.options(number, self.max_tokens, self.top.is_some()),
            top: self.top.unwrap_or(0),
            time_limit: app.settings().time_limit,
        };
        (0..self.prompts.len() * n).map(request).collect()
    }
}

/// A string, token ids, or a list of either.
fn prompts(fields: &mut Fields, card: &ModelCard) -> Result<Vec<Given>, ApiError> {
    const NAME: &str = "prompt";
    let value = fields.take(NAME).unwrap_or_else(|| "".into());
    let expected = || wrong(NAME, &value, "a string, a list of token ids, or a list of these");
    let given = match &value {
        Value::Array(list) if list.is_empty() || list.len() > TEXTS && !list[0].is_number() => {
            return Err(ApiError::bad_request(format!("expected 1 to {TEXTS} prompts")).at(NAME));
        }
        Value::Array(list) if !list[0].is_number() => {
            list.iter().map(|one| prompt(one, card)).collect::<Result<Vec<_>, _>>()?
        }
        one => vec![prompt(one, card)?],
    };
    let given: Vec<Given> = given.into_iter().collect::<Option<_>>().ok_or_else(expected)?;
    for prompt in &given {
        check_context(card, prompt.ids.len(), 0).map_err(|error| error.at(NAME))?;
    }
    Ok(given)
}

/// One prompt; nothing where it is neither a string nor token ids.
fn prompt(value: &Value, card: &ModelCard) -> Result<Option<Given>, ApiError> {
    let tokenizer = &card.tokenizer;
    let bad = |error: &dyn std::fmt::Display| ApiError::bad_request(error.to_string()).at("prompt");
    match value {
        Value::String(text) => {
            let prompt = Prompt::of_text(tokenizer, text).map_err(|error| bad(&error))?;
            Ok(Some(Given { text: text.clone(), ids: prompt.ids().to_vec() }))
        }
        Value::Array(ids) if !ids.is_empty() => {
            let id = |id: &Value| id.as_u64().and_then(|id| u32::try_from(id).ok());
            let Some(ids) = ids.iter().map(id).collect::<Option<Vec<u32>>>() else {
                return Ok(None);
            };
            let text = tokenizer.decode(&ids).map_err(|error| bad(&error))?;
            Ok(Some(Given { text, ids }))
        }
        _ => Ok(None),
    }
}

/// An answer as it grows.
struct Answer {
    app: App,
    asked: Asked,
    id: String,
    created: u64,
    /// Of each text, where its next token begins, in characters.
    offsets: Vec<usize>,
}

impl Answer {
    fn new(app: App, asked: Asked) -> Self {
        let n = asked.manner.n;
        let characters = |number: usize| asked.prompts[number / n].text.chars().count();
        let offsets = (0..asked.prompts.len() * n).map(characters).collect();
        Self { app, asked, id: identity("cmpl"), created: seconds(), offsets }
    }

    /// What stands before a text.
    fn echoed(&self, number: usize) -> String {
        let prompt = &self.asked.prompts[number / self.asked.manner.n].text;
        if self.asked.echo { prompt.clone() } else { String::new() }
    }

    fn log_probabilities(&mut self, number: usize, tokens: &[Chosen]) -> Value {
        if self.asked.top.is_none() {
            return Value::Null;
        }
        let tokenizer = &self.app.engine().cards()[self.asked.model].tokenizer;
        json!(of_completion(tokenizer, tokens, &mut self.offsets[number]))
    }

    fn chunk(&self, choices: Vec<Value>) -> Value {
        let model = &self.app.engine().cards()[self.asked.model].id;
        json!({
            "id": self.id,
            "object": "text_completion",
            "created": self.created,
            "model": model,
            "choices": choices,
        })
    }
}

impl Chunks for Answer {
    fn opening(&mut self) -> Vec<Value> {
        let all = 0..self.offsets.len();
        let echoed = all.map(|number| (number, self.echoed(number)));
        let told = echoed.filter(|(_, text)| !text.is_empty());
        told.map(|(number, text)| self.chunk(vec![choice(number, &text, Value::Null, None)]))
            .collect()
    }

    fn piece(&mut self, number: usize, text: &str, chosen: Option<&Chosen>) -> Option<Value> {
        let told = chosen.map(std::slice::from_ref).unwrap_or_default();
        let log_probabilities = match told {
            [] => Value::Null,
            told => self.log_probabilities(number, told),
        };
        Some(self.chunk(vec![choice(number, text, log_probabilities, None)]))
    }

    fn end(&mut self, number: usize, finish_reason: &'static str) -> Vec<Value> {
        vec![self.chunk(vec![choice(number, "", Value::Null, Some(finish_reason))])]
    }

    fn empty(&self) -> Value {
        self.chunk(Vec::new())
    }
}

fn choice(
    number: usize,
    text: &str,
    log_probabilities: Value,
    finish_reason: Option<&str>,
) -> Value {
    json!({
        "index": number,
        "text": text,
        "logprobs": log_probabilities,
        "finish_reason": finish_reason,
    })
}
