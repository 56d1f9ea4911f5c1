//! Asking a model that a request names, and what goes wrong with it.

use minigpt_model::GptRef;
use minigpt_text::{Prompt, TextError};

use crate::app::App;
use crate::engine::ModelCard;
use crate::error::ApiError;

/// A served model.
pub(super) struct Model {
    app: App,
    /// Its place among the engine's.
    pub(super) place: usize,
}

impl Model {
    /// The model of that name.
    ///
    /// # Errors
    /// 404.
    pub(super) fn named(app: &App, name: &str) -> Result<Self, ApiError> {
        let (place, _card) = app.model(name)?;
        Ok(Self { app: app.clone(), place })
    }

    pub(super) fn card(&self) -> &ModelCard {
        &self.app.engine().cards()[self.place]
    }

    /// Has something found out about the model, between two steps of the texts that it writes.
    ///
    /// # Errors
    /// 429 where too many wait, and whatever `look` finds.
    pub(super) async fn look<R: Send + 'static>(
        &self,
        look: impl FnOnce(GptRef<'_>, &ModelCard) -> Result<R, TextError> + Send + 'static,
    ) -> Result<R, ApiError> {
        let (app, place) = (self.app.clone(), self.place);
        let found = self.app.engine().look(place, move |gpt| look(gpt, &app.engine().cards()[place]));
        found.await?.map_err(refusal)
    }

    /// The tokens that a request gives, by themselves or as a text.
    ///
    /// # Errors
    /// 400 where it gives both or neither.
    pub(super) async fn tokens(
        &self,
        text: Option<String>,
        tokens: Option<Vec<u32>>,
    ) -> Result<Vec<u32>, ApiError> {
        let text = match (text, tokens) {
            (None, Some(tokens)) => return Ok(tokens),
            (Some(text), None) => text,
            _ => return Err(ApiError::bad_request("expected either text or tokens").at("text")),
        };
        let (app, place) = (self.app.clone(), self.place);
        // A long text takes a while, in which others' requests go on.
        let prompt = tokio::task::spawn_blocking(move || {
            Prompt::of_text(&app.engine().cards()[place].tokenizer, &text)
        });
        match prompt.await {
            Ok(prompt) => Ok(prompt.map_err(refusal)?.ids().to_vec()),
            Err(error) => Err(ApiError::broken(format!("the text was not tokenized: {error}"))),
        }
    }
}

/// A text that does not fit the model is its sender's matter, all else the server's.
fn refusal(error: TextError) -> ApiError {
    match error {
        TextError::Prompt(error) => ApiError::bad_request(error.to_string()).at("tokens"),
        error => ApiError::broken(error.to_string()),
    }
}
