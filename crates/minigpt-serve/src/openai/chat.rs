//! `/v1/chat/completions`: the model's next message of a conversation, by its chat template.

mod answer;
mod calling;
mod request;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

use self::answer::ChatAnswer;
use self::request::ChatRequest;
use super::fields::Fields;
use super::stream;
use super::texts::Texts;
use super::usage::Sums;
use crate::app::App;
use crate::error::ApiError;
use crate::extract::Posted;

pub(super) async fn create(
    State(app): State<App>,
    Posted(fields): Posted<Map<String, Value>>,
) -> Result<Response, ApiError> {
    let asked = app.work(|app| ChatRequest::new(app, Fields::new(fields))).await?;
    let texts = Texts::begin(&app, asked.requests(&app))?;
    let mut sums = Sums::new(asked.prompt.len(), asked.generation.n);
    let how = asked.generation.stream;
    let answer = ChatAnswer::new(app.clone(), asked);
    if let Some(how) = how {
        return Ok(stream::respond(texts, sums, how, answer));
    }
    let mut choices = Vec::new();
    for (number, (whole, written)) in texts.whole().await?.into_iter().enumerate() {
        sums.add(number, &written);
        choices.push(answer.whole(number, &whole));
    }
    let mut body = answer.body(choices);
    body["usage"] = json!(sums.usage());
    body["timings"] = json!(sums.timings());
    Ok(Json(body).into_response())
}
