//! What the playground shows of a model: how much it expected each token of a text, what it holds possible next, where
//! each head looks, and what each layer would have said.

mod ask;
mod habits;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use axum::extract::State;
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use minigpt_text::{LensLayer, ReadToken, candidates, layer_attention, logit_lens, read_text};
use serde::{Deserialize, Serialize};

use self::ask::AskedModel;
use self::habits::{HabitCache, Habits};
use crate::app::App;
use crate::error::ApiError;
use crate::extract::{InQuery, Posted};

/// How many of the next tokens are listed by name, the most probable ones: more than anybody reads.
const NAMED: usize = 200;

/// Tokens of a text at most: it is read between two steps of the texts that are written.
const READ_TOKENS: usize = 512;

/// Tokens whose attention is told at most: of more, the weights would be too many for a page.
const ATTENTION_TOKENS: usize = 256;

/// Positions whose layers are told at most.
const LENS_POSITIONS: usize = 16;

/// Most probable tokens that are told of each layer.
const LENS_TOKENS: usize = 3;

/// The playground's part of the API.
pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/api/read", post(read))
        .route("/api/attention", post(attention))
        .route("/api/lens", post(lens))
        .route("/api/habits", get(habits))
        .layer(Extension(Arc::new(HabitCache::default())))
}

/// A text, or the tokens of one.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReadRequest {
    model: String,
    text: Option<String>,
    tokens: Option<Vec<u32>>,
}

#[derive(Serialize)]
struct ReadAnswer {
    /// Without what a tokenizer puts before texts.
    text: String,
    tokens: Vec<ReadToken>,
    /// Of the token after the last: 32-bit floats, little-endian, in base64.
    logits: String,
    /// The most probable of them, best first.
    labels: Vec<Named>,
    /// The longest text that the model reads, in tokens.
    context: usize,
}

/// A token that may come next.
#[derive(Serialize)]
struct Named {
    id: u32,
    label: String,
    logit: f32,
}

async fn read(
    State(app): State<App>,
    Posted(ReadRequest { model, text, tokens }): Posted<ReadRequest>,
) -> Result<Json<ReadAnswer>, ApiError> {
    let model = AskedModel::named(&app, &model)?;
    let tokens = model.tokens(text, tokens).await?;
    check_length(&tokens, READ_TOKENS)?;
    let answer = model.look(move |gpt, card| {
        let read = read_text(gpt, &card.tokenizer, &tokens)?;
        let bytes: Vec<u8> = read.logits.iter().flat_map(|logit| logit.to_le_bytes()).collect();
        let best = candidates(&read.logits, &card.tokenizer, NAMED)?.into_iter();
        let named = |id: u32, label| Named { id, label, logit: read.logits[id as usize] };
        let before = card.tokenizer.before_text();
        Ok(ReadAnswer {
            text: card.tokenizer.decode(tokens.strip_prefix(before).unwrap_or(&tokens))?,
            logits: STANDARD.encode(bytes),
            labels: best.map(|candidate| named(candidate.id, candidate.label)).collect(),
            context: gpt.block_size(),
            tokens: read.tokens,
        })
    });
    Ok(Json(answer.await?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AttentionRequest {
    model: String,
    tokens: Vec<u32>,
    layer: usize,
}

#[derive(Serialize)]
struct AttentionAnswer {
    /// Of each head a row for each token: its weights on the tokens up to itself, which sum to one.
    heads: Vec<Vec<Vec<f32>>>,
}

async fn attention(
    State(app): State<App>,
    Posted(AttentionRequest { model, tokens, layer }): Posted<AttentionRequest>,
) -> Result<Json<AttentionAnswer>, ApiError> {
    let model = AskedModel::named(&app, &model)?;
    let layers = model.card().config.n_layer;
    if layer >= layers {
        let message = format!("layer is {layer}: expected 0 to {}", layers - 1);
        return Err(ApiError::bad_request(message).at("layer"));
    }
    check_length(&tokens, ATTENTION_TOKENS)?;
    let maps = model.look(move |gpt, _card| layer_attention(gpt, &tokens, layer)).await?;
    let rows_of = |mut weights: Vec<Vec<f32>>| {
        // What is later has no weight.
        weights.iter_mut().enumerate().for_each(|(position, row)| row.truncate(position + 1));
        weights
    };
    let heads = maps.into_iter().map(|map| rows_of(map.weights)).collect();
    Ok(Json(AttentionAnswer { heads }))
}

/// Refuses a text that is too long to be looked into.
fn check_length(tokens: &[u32], most: usize) -> Result<(), ApiError> {
    if tokens.len() <= most {
        return Ok(());
    }
    let message = format!("{} tokens: expected at most {most}; shorten the text", tokens.len());
    Err(ApiError::bad_request(message).at("tokens"))
}

/// Of the positions from `from` on, to before `to`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LensRequest {
    model: String,
    tokens: Vec<u32>,
    from: usize,
    to: usize,
}

#[derive(Serialize)]
struct LensAnswer {
    /// The embedding, and each block.
    layers: Vec<LensLayer>,
}

async fn lens(
    State(app): State<App>,
    Posted(LensRequest { model, tokens, from, to }): Posted<LensRequest>,
) -> Result<Json<LensAnswer>, ApiError> {
    let model = AskedModel::named(&app, &model)?;
    if from >= to || to > tokens.len() || to - from > LENS_POSITIONS {
        let message = format!(
            "from {from} to {to} is not a range of {} tokens: expected from < to <= {} and at most {LENS_POSITIONS} positions",
            tokens.len(),
            tokens.len()
        );
        return Err(ApiError::bad_request(message).at("to"));
    }
    check_length(&tokens, READ_TOKENS)?;
    let layers = model
        .look(move |gpt, card| logit_lens(gpt, &card.tokenizer, &tokens, from..to, LENS_TOKENS));
    Ok(Json(LensAnswer { layers: layers.await? }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HabitsQuery {
    model: String,
}

async fn habits(
    State(app): State<App>,
    Extension(cache): Extension<Arc<HabitCache>>,
    InQuery(HabitsQuery { model }): InQuery<HabitsQuery>,
) -> Result<Json<Habits>, ApiError> {
    let model = AskedModel::named(&app, &model)?;
    Ok(Json(cache.of(&model).await?))
}
