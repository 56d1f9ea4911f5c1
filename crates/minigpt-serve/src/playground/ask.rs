//! Asking a model that a request names, and what goes wrong with it.

use minigpt_data::Windows;
use minigpt_model::GptRef;
use minigpt_text::{Prompt, TextError, embedded_windows};

use crate::app::App;
use crate::engine::ModelCard;
use crate::error::ApiError;

/// A served model.
pub(super) struct AskedModel {
    app: App,
    /// Its place among the engine's.
    pub(super) place: usize,
}

impl AskedModel {
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
    /// 503 where the engine has ended, and whatever `look` finds.
    pub(super) async fn look<R: Send + 'static>(
        &self,
        look: impl FnOnce(GptRef<'_>, &ModelCard) -> Result<R, TextError> + Send + 'static,
    ) -> Result<R, ApiError> {
        let (app, place) = (self.app.clone(), self.place);
        let found =
            self.app.engine().look(place, move |gpt| look(gpt, &app.engine().cards()[place]));
        Ok(found.await??)
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
        let prompt = self.work(move |card| Prompt::of_text(&card.tokenizer, &text)).await?;
        Ok(prompt.ids().to_vec())
    }

    /// Windows of the embedded corpus' validation text.
    ///
    /// # Errors
    /// Where it cannot be tokenized, which is not known to happen.
    pub(super) async fn windows(&self) -> Result<Windows, ApiError> {
        self.work(|card| embedded_windows(&card.tokenizer, card.config.block_size)).await
    }

    /// Tokenizes on a thread on which it may take a while: neither the engine's nor one that other requests need.
    async fn work<R: Send + 'static>(
        &self,
        tokenize: impl FnOnce(&ModelCard) -> Result<R, TextError> + Send + 'static,
    ) -> Result<R, ApiError> {
        let place = self.place;
        self.app.work(move |app| Ok(tokenize(&app.engine().cards()[place])?)).await
    }
}
