//! `/v1/completions`: texts that go on from prompts.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use minigpt_text::{Prompt, token_log_probabilities};
use serde_json::{Map, Value, json};

use super::context::{TRUNCATE, check_context, room};
use super::fields::{Fields, unsupported, wrong};
use super::generation::{GenerationParameters, TEXTS};
use super::held_back::Characters;
use super::identity::{identity, seconds};
use super::probabilities::{Chosen, of_completion};
use super::stream::{self, Chunks};
use super::texts::Texts;
use super::usage::Sums;
use crate::app::App;
use crate::engine::ModelCard;
use crate::engine::request::WriteRequest;
use crate::error::ApiError;
use crate::extract::Posted;

/// Tokens of a text where a request does not say how many: OpenAI's.
const MAX_TOKENS: usize = 16;

/// The most probable tokens that are told beside each, at most: OpenAI's.
const TOP: usize = 5;

pub(super) async fn create(
    State(app): State<App>,
    Posted(fields): Posted<Map<String, Value>>,
) -> Result<Response, ApiError> {
    let asked = app.work(|app| CompletionRequest::new(app, Fields::new(fields))).await?;
    let echoed = asked.read(&app).await?;
    let texts = Texts::begin(&app, asked.requests(&app))?;
    let prompt_tokens = asked.prompts.iter().map(|prompt| prompt.ids.len()).sum();
    let mut sums = Sums::new(prompt_tokens, asked.generation.n);
    let how = asked.generation.stream;
    let answer = CompletionAnswer::new(app.clone(), asked, echoed);
    if let Some(how) = how {
        return Ok(stream::respond(texts, sums, how, answer));
    }
    let mut choices = Vec::new();
    for (number, (whole, written)) in texts.whole().await?.into_iter().enumerate() {
        sums.add(number, &written);
        let text = answer.echoed(number) + &whole.text;
        let log_probabilities =
            answer.log_probabilities(number, answer.echoed_tokens(number), &whole.tokens);
        choices.push(choice(number, &text, log_probabilities, Some(whole.finish_reason)));
    }
    let mut body = answer.chunk(choices);
    answer.add_left_out(&mut body);
    body["usage"] = json!(sums.usage());
    body["timings"] = json!(sums.timings());
    Ok(Json(body).into_response())
}

/// What is asked.
#[derive(Debug)]
struct CompletionRequest {
    /// The model's place.
    model: usize,
    generation: GenerationParameters,
    prompts: Vec<Given>,
    max_tokens: usize,
    /// The most probable tokens beside each, where tokens are told.
    top: Option<usize>,
    /// Whether texts begin with their prompts.
    echo: bool,
    /// Tokens of all prompts that the model does not read, where a client lets them be left out.
    left_out: Option<usize>,
}

/// A prompt.
#[derive(Debug)]
struct Given {
    text: String,
    ids: Vec<u32>,
    /// First of the ids, which the tokenizer puts before texts and of which the text has nothing.
    before: usize,
}

impl CompletionRequest {
    fn new(app: &App, mut fields: Fields) -> Result<Self, ApiError> {
        let (model, card) = app.model(&fields.model()?)?;
        let generation = GenerationParameters::take(&mut fields, app, model)?;
        let max_tokens = fields.count("max_tokens", 0..=usize::MAX)?.unwrap_or(MAX_TOKENS);
        let max_tokens = max_tokens.min(app.settings().max_tokens);
        let top = fields.count("logprobs", 0..=TOP)?;
        let echo = fields.flag("echo")?;
        let may_be_cut = fields.flag(TRUNCATE)?;
        if fields.text("suffix")?.is_some_and(|suffix| !suffix.is_empty()) {
            return Err(unsupported("suffix", "the models here write forwards only"));
        }
        let mut prompts = prompts(&mut fields, card)?;
        if prompts.len() * generation.n > TEXTS {
            let found = format!("{} prompts with `n` {}", prompts.len(), generation.n);
            let message = format!("{found} are too many texts: expected {TEXTS} at most");
            return Err(ApiError::bad_request(message).at("n"));
        }
        fields.finish()?;
        let mut left_out = None;
        if may_be_cut {
            let room = room(card, max_tokens);
            let cut = prompts.iter_mut().map(|prompt| prompt.cut(card, room));
            left_out = Some(cut.sum::<Result<usize, ApiError>>()?);
        }
        for prompt in &prompts {
            check_context(card, prompt.ids.len(), 0).map_err(|error| error.at("prompt"))?;
        }
        Ok(Self { model, generation, prompts, max_tokens, top, echo, left_out })
    }

    /// The tokens of the prompts, where they are told: as clients score texts, with no token written.
    async fn read(&self, app: &App) -> Result<Vec<Vec<Chosen>>, ApiError> {
        let Some(top) = self.top.filter(|_| self.echo) else { return Ok(Vec::new()) };
        let tokenizer = &app.engine().cards()[self.model].tokenizer;
        let mut all = Vec::new();
        for Given { ids, before, .. } in &self.prompts {
            let read = ids.clone();
            // One at a time: between two of them, texts go on.
            let told = app
                .engine()
                .look(self.model, move |model| token_log_probabilities(model, &read, top));
            let mut told = told.await??.into_iter();
            let mut characters = Characters::default();
            let token = |(place, id): (usize, &u32)| {
                let known = (place > 0).then(|| told.next()).flatten();
                let offset = if place < *before { 0 } else { characters.push(tokenizer, *id) };
                let log_probability = known.as_ref().map(|known| known.log_probability);
                let top = known.map(|known| known.top).unwrap_or_default();
                Chosen { id: *id, log_probability, top, offset }
            };
            all.push(ids.iter().enumerate().map(token).collect());
        }
        Ok(all)
    }

    fn requests(&self, app: &App) -> Vec<WriteRequest> {
        let n = self.generation.n;
        let request = |number: usize| WriteRequest {
            model: self.model,
            prompt: self.prompts[number / n].ids.clone(),
            options: self.generation.options(number, self.max_tokens, self.top.is_some()),
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
    given.into_iter().collect::<Option<_>>().ok_or_else(expected)
}

/// One prompt; nothing where it is neither a string nor token ids.
fn prompt(value: &Value, card: &ModelCard) -> Result<Option<Given>, ApiError> {
    let tokenizer = &card.tokenizer;
    let bad = |error: &dyn std::fmt::Display| ApiError::bad_request(error.to_string()).at("prompt");
    match value {
        Value::String(text) => {
            let prompt = Prompt::of_text(tokenizer, text).map_err(|error| bad(&error))?;
            let (ids, text) = (prompt.ids().to_vec(), text.clone());
            // Of no text, what documents begin with.
            let before = if text.is_empty() { ids.len() } else { tokenizer.before_text().len() };
            Ok(Some(Given { text, ids, before }))
        }
        Value::Array(ids) if !ids.is_empty() => {
            let id = |id: &Value| id.as_u64().and_then(|id| u32::try_from(id).ok());
            let Some(ids) = ids.iter().map(id).collect::<Option<Vec<u32>>>() else {
                return Ok(None);
            };
            let text = tokenizer.decode(&ids).map_err(|error| bad(&error))?;
            Ok(Some(Given { text, ids, before: 0 }))
        }
        _ => Ok(None),
    }
}

impl Given {
    /// Leaves out tokens until it has no more than `room`; returns how many.
    fn cut(&mut self, card: &ModelCard, room: usize) -> Result<usize, ApiError> {
        let excess = self.ids.len().saturating_sub(room);
        if excess > 0 {
            let before = self.before.min(room.saturating_sub(1));
            self.ids.drain(before..before + excess);
            self.text = card.tokenizer.decode(&self.ids[before..])?;
        }
        Ok(excess)
    }
}

/// An answer as it grows.
struct CompletionAnswer {
    app: App,
    asked: CompletionRequest,
    id: String,
    created: u64,
    /// The tokens of each prompt, where they are told.
    echoed: Vec<Vec<Chosen>>,
}

impl CompletionAnswer {
    fn new(app: App, asked: CompletionRequest, echoed: Vec<Vec<Chosen>>) -> Self {
        Self { app, asked, id: identity("cmpl"), created: seconds(), echoed }
    }

    /// The texts of all prompts.
    fn texts(&self) -> usize {
        self.asked.prompts.len() * self.asked.generation.n
    }

    /// What stands before a text.
    fn echoed(&self, number: usize) -> String {
        let prompt = &self.asked.prompts[number / self.asked.generation.n].text;
        if self.asked.echo { prompt.clone() } else { String::new() }
    }

    /// The tokens of what stands before a text, where tokens are told.
    fn echoed_tokens(&self, number: usize) -> &[Chosen] {
        self.echoed.get(number / self.asked.generation.n).map_or(&[], Vec::as_slice)
    }

    fn log_probabilities(&self, number: usize, echoed: &[Chosen], written: &[Chosen]) -> Value {
        if self.asked.top.is_none() {
            return Value::Null;
        }
        let tokenizer = &self.app.engine().cards()[self.asked.model].tokenizer;
        let prompt = self.asked.prompts[number / self.asked.generation.n].text.chars().count();
        json!(of_completion(tokenizer, echoed, prompt, written))
    }

    fn add_left_out(&self, body: &mut Value) {
        if let Some(left_out) = self.asked.left_out {
            body["left_out"] = left_out.into();
        }
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

impl Chunks for CompletionAnswer {
    /// The prompts, where texts begin with them, and what was left out of them.
    fn opening(&mut self) -> Vec<Value> {
        if !self.asked.echo && self.asked.left_out.is_none() {
            return Vec::new();
        }
        let chunk = |number: usize| {
            let told = match self.echoed_tokens(number) {
                [] => Value::Null,
                echoed => self.log_probabilities(number, echoed, &[]),
            };
            self.chunk(vec![choice(number, &self.echoed(number), told, None)])
        };
        let mut chunks: Vec<Value> = (0..self.texts()).map(chunk).collect();
        if let Some(first) = chunks.first_mut() {
            self.add_left_out(first);
        }
        chunks
    }

    fn piece(&mut self, number: usize, text: &str, tokens: &[Chosen]) -> Option<Value> {
        let log_probabilities = match tokens {
            [] => Value::Null,
            tokens => self.log_probabilities(number, &[], tokens),
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
