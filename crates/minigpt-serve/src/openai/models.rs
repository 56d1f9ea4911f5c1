//! What is served: `/v1/models`, and for the pages `/api/models`.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use serde_json::{Value, json};

use super::identity::since_1970;
use crate::app::App;
use crate::engine::ModelCard;
use crate::error::ApiError;
use crate::extract::InPath;

/// A model as OpenAI tells of it.
#[derive(Serialize)]
pub(super) struct ListedModel {
    id: String,
    object: &'static str,
    /// Seconds since 1970.
    created: u64,
    owned_by: &'static str,
}

impl ListedModel {
    fn of(card: &ModelCard) -> Self {
        let (id, created) = (card.id.clone(), since_1970(card.created));
        Self { id, object: "model", created, owned_by: "minigpt" }
    }
}

pub(super) async fn list(State(app): State<App>) -> Json<Value> {
    let models: Vec<ListedModel> = app.engine().cards().iter().map(ListedModel::of).collect();
    Json(json!({"object": "list", "data": models}))
}

pub(super) async fn one(
    State(app): State<App>,
    InPath(id): InPath<String>,
) -> Result<Json<ListedModel>, ApiError> {
    let (_, card) = app.model(&id)?;
    Ok(Json(ListedModel::of(card)))
}

/// What pages show of a model, and where their controls begin.
pub(super) async fn for_pages(State(app): State<App>) -> Json<Value> {
    let models: Vec<Value> = app.engine().cards().iter().map(page_card).collect();
    Json(json!({
        "models": models,
        "index": app.index().is_some(),
        "max_tokens": app.settings().max_tokens,
    }))
}

fn page_card(card: &ModelCard) -> Value {
    let ModelCard { id, tokenizer, template, generation, config, weights, base, .. } = card;
    let temperature = if generation.is_greedy { Some(0.0) } else { generation.temperature };
    json!({
        "id": id,
        "base": base,
        "parameters": config.parameter_counts().total(),
        "context": config.block_size,
        "vocabulary": tokenizer.vocab_size(),
        "layers": config.n_layer,
        "heads": config.n_head,
        "weights": weights,
        "has_template": template.is_some(),
        // Those of a request that says nothing.
        "defaults": {
            "temperature": temperature.unwrap_or(1.0),
            "top_k": generation.top_k.unwrap_or(0),
            "top_p": generation.top_p.unwrap_or(1.0),
            "min_p": generation.min_p.unwrap_or(0.0),
            "repetition_penalty": generation.repetition_penalty.unwrap_or(1.0),
        },
    })
}
