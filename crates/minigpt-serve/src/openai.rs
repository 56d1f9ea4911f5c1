//! OpenAI's API, as far as it is about texts and embeddings; what cannot be done is refused by name.

mod chat;
mod completions;
mod context;
mod embeddings;
mod fields;
mod format;
mod generation;
mod held_back;
mod identity;
mod limited_grammar;
mod messages;
mod models;
mod passages;
mod probabilities;
mod stream;
mod texts;
mod usage;

use axum::Router;
use axum::http::header;
use axum::routing::{get, post};

use crate::app::App;

/// What the API is, in OpenAPI's words.
const DESCRIPTION: &str = include_str!("openai/openapi.json");

/// What tells something of models.
pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/v1/models", get(models::list))
        .route("/v1/models/{id}", get(models::one))
        .route("/v1/completions", post(completions::create))
        .route("/v1/chat/completions", post(chat::create))
        .route("/v1/embeddings", post(embeddings::create))
        .route("/api/models", get(models::for_pages))
}

/// What the API is, which is no secret.
pub(crate) fn description() -> Router<App> {
    let json = [(header::CONTENT_TYPE, "application/json")];
    Router::new().route("/openapi.json", get(async move || (json, DESCRIPTION)))
}

#[cfg(test)]
mod tests;
