//! `/v1/embeddings`: texts as vectors, the mean of a model's last hidden states.

use axum::Json;
use axum::extract::State;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use minigpt_model::GptRef;
use minigpt_text::Prompt;
use serde_json::{Map, Value, json};

use super::context::check_context;
use super::fields::{Fields, wrong};
use crate::app::App;
use crate::engine::ModelCard;
use crate::error::ApiError;
use crate::extract::Posted;

/// Texts of a request at most.
const TEXTS: usize = 256;

const NAME: &str = "input";

/// Tokens that are read between two steps of the texts that are written.
const PART: usize = 128;

pub(super) async fn create(
    State(app): State<App>,
    Posted(fields): Posted<Map<String, Value>>,
) -> Result<Json<Value>, ApiError> {
    let asked = app.work(|app| EmbeddingRequest::new(app, Fields::new(fields))).await?;
    if app.is_stopping() {
        return Err(ApiError::stopping());
    }
    let tokens: usize = asked.inputs.iter().map(Vec::len).sum();
    let mut data = Vec::new();
    for (index, input) in asked.inputs.into_iter().enumerate() {
        let vector = embedding(&app, asked.model, input).await?;
        let embedding = if asked.in_base64 { in_base64(&vector) } else { json!(vector) };
        data.push(json!({"object": "embedding", "index": index, "embedding": embedding}));
    }
    Ok(Json(json!({
        "object": "list",
        "data": data,
        "model": app.engine().cards()[asked.model].id,
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
    })))
}

/// What is asked.
#[derive(Debug)]
struct EmbeddingRequest {
    /// The model's place.
    model: usize,
    inputs: Vec<Vec<u32>>,
    in_base64: bool,
}

impl EmbeddingRequest {
    fn new(app: &App, mut fields: Fields) -> Result<Self, ApiError> {
        let (model, card) = app.model(&fields.model()?)?;
        let in_base64 = match fields.text("encoding_format")?.as_deref() {
            None | Some("float") => false,
            Some("base64") => true,
            Some(other) => {
                return Err(wrong("encoding_format", &other.into(), "float or base64"));
            }
        };
        let width = card.config.n_embd;
        if let Some(dimensions) = fields.count("dimensions", 1..=usize::MAX)?
            && dimensions != width
        {
            let expected = format!("{width}, the width of {}", card.id);
            return Err(wrong("dimensions", &dimensions.into(), &expected));
        }
        let inputs = inputs(&mut fields, card)?;
        fields.finish()?;
        Ok(Self { model, inputs, in_base64 })
    }
}

/// A string, token ids, or a list of either.
fn inputs(fields: &mut Fields, card: &ModelCard) -> Result<Vec<Vec<u32>>, ApiError> {
    let value = fields.take(NAME).unwrap_or_default();
    let expected =
        "a string, a list of token ids, or a list of up to 256 of these, none of them empty";
    let inputs = match &value {
        Value::Array(list) if !list.first().is_some_and(Value::is_number) => {
            let few = Some(list).filter(|list| !list.is_empty() && list.len() <= TEXTS);
            let few = few.ok_or_else(|| wrong(NAME, &value, expected))?;
            few.iter().map(|one| input(one, card)).collect::<Result<Option<Vec<_>>, _>>()?
        }
        one => input(one, card)?.map(|one| vec![one]),
    };
    let inputs = inputs.ok_or_else(|| wrong(NAME, &value, expected))?;
    for input in &inputs {
        check_context(card, input.len(), 0).map_err(|error| error.at(NAME))?;
    }
    Ok(inputs)
}

/// The tokens of one text; nothing where it is neither a text nor tokens.
fn input(value: &Value, card: &ModelCard) -> Result<Option<Vec<u32>>, ApiError> {
    match value {
        Value::String(text) if !text.is_empty() => {
            Ok(Some(Prompt::of_text(&card.tokenizer, text)?.ids().to_vec()))
        }
        Value::Array(ids) if !ids.is_empty() => {
            let known = |id: &u64| (*id as usize) < card.tokenizer.vocab_size();
            let id = |id: &Value| id.as_u64().filter(known).map(|id| id as u32);
            Ok(ids.iter().map(id).collect())
        }
        _ => Ok(None),
    }
}

/// The mean of a text's last hidden states. A model whose weights are packed reads it in parts. Other texts go on between
/// two parts, and a client that goes away ends the reading.
async fn embedding(app: &App, model: usize, tokens: Vec<u32>) -> Result<Vec<f32>, ApiError> {
    let mut sums = vec![0.0f64; app.engine().cards()[model].config.n_embd];
    let (mut cache, mut read) = (None, 0);
    while read < tokens.len() {
        let unread = tokens[read..].to_vec();
        let hidden = move |model: GptRef<'_>| match model {
            GptRef::Packed(packed) => {
                let mut cache = cache.unwrap_or_else(|| packed.new_cache());
                let part = &unread[..unread.len().min(PART)];
                (packed.hidden_after(part, &mut cache), Some(cache))
            }
            GptRef::Tensors(_) => (model.hidden(&unread), None),
        };
        let rows;
        (rows, cache) = app.engine().look(model, hidden).await?;
        read += rows.len() / sums.len();
        add(&rows, &mut sums);
    }
    Ok(normalised(sums))
}

/// Adds rows to their sums.
fn add(rows: &[f32], sums: &mut [f64]) {
    for row in rows.chunks_exact(sums.len()) {
        sums.iter_mut().zip(row).for_each(|(sum, value)| *sum += f64::from(*value));
    }
}

/// Sums over tokens, scaled to length 1 as OpenAI's are, so that a product is a cosine.
fn normalised(sums: Vec<f64>) -> Vec<f32> {
    let length = sums.iter().map(|sum| sum * sum).sum::<f64>().sqrt();
    let scale = if length > 0.0 { length.recip() } else { 0.0 };
    sums.into_iter().map(|sum| (sum * scale) as f32).collect()
}

/// Floats of 32 bits, little end first, as OpenAI's clients ask for them.
fn in_base64(vector: &[f32]) -> Value {
    let bytes: Vec<u8> = vector.iter().flat_map(|value| value.to_le_bytes()).collect();
    STANDARD.encode(bytes).into()
}

#[cfg(test)]
mod tests;
