//! Grammars of requests, of which only so many live at once.

use std::sync::Arc;

use minigpt_model::TokenFilter;
use minigpt_text::{Grammar, GrammarError, Grammars};
use tokio::sync::OwnedSemaphorePermit;

use crate::app::App;
use crate::error::ApiError;

/// A grammar that keeps its place among those that live, until the last of its clones is gone.
#[derive(Clone, Debug)]
pub(super) struct LimitedGrammar {
    grammar: Grammar,
    _place: Arc<OwnedSemaphorePermit>,
}

impl LimitedGrammar {
    /// The grammar that `make` makes for texts of a model; an error of it is about `field`.
    ///
    /// # Errors
    /// 429 where too many live, 400 where `make` refuses.
    pub(super) fn new(
        app: &App,
        model: usize,
        field: &str,
        make: impl FnOnce(&Grammars) -> Result<Grammar, GrammarError>,
    ) -> Result<Self, ApiError> {
        // Before it is made: that takes memory too.
        let place = Arc::new(app.place_for_grammar()?);
        let grammar = make(app.grammars(model)?);
        let grammar =
            grammar.map_err(|error| ApiError::bad_request(error.to_string()).at(field))?;
        Ok(Self { grammar, _place: place })
    }
}

impl TokenFilter for LimitedGrammar {
    fn restrict(&mut self, logits: &mut [f32]) -> Result<(), String> {
        self.grammar.restrict(logits)
    }

    fn push(&mut self, token: u32) -> Result<(), String> {
        self.grammar.push(token)
    }

    fn fork(&self) -> Box<dyn TokenFilter> {
        Box::new(self.clone())
    }
}

#[cfg(test)]
mod tests;
