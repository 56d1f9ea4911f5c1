//! The loss of each token of a text, from which all figures of an evaluation are added up.

use minigpt_data::{CountedTokens, Window};

use crate::error::EvalError;
use crate::protocol::Protocol;
use crate::reader::{Readers, Reading};

/// What a model made of each predicted token of a text, in its order.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct TokenLosses {
    /// The token.
    pub(crate) ids: Vec<u32>,
    /// Its cross-entropy in nats.
    pub(crate) nats: Vec<f32>,
    /// Whether it was the most probable one.
    pub(crate) is_greedy: Vec<bool>,
    /// Tokens that the model read before it.
    pub(crate) seen: Vec<u32>,
}

impl TokenLosses {
    /// Reads a text as `protocol` says, `batch_size` windows at a time; `progress` hears of the
    /// tokens predicted so far.
    pub(crate) fn of(
        readers: Readers<'_>,
        text: &CountedTokens,
        protocol: Protocol,
        batch_size: usize,
        progress: &mut dyn FnMut(usize),
    ) -> Result<Self, EvalError> {
        let mut reading = Reading::new(readers, protocol.cache);
        let batch_size = reading.batch_size(batch_size);
        let windows = text.split().sliding_windows(protocol.context, protocol.stride)?;
        let mut losses =
            Self { ids: Vec::new(), nats: Vec::new(), is_greedy: Vec::new(), seen: Vec::new() };
        let mut batch: Vec<Window> = Vec::with_capacity(batch_size);
        for window in windows.iter() {
            // Windows of a batch have the same positions to score: the first and last are alone.
            let fits = batch.first().is_none_or(|first| first.fresh == window.fresh);
            if batch.len() == batch_size || !fits {
                losses.score(&mut reading, protocol, &batch)?;
                progress(losses.nats.len());
                batch.clear();
            }
            batch.push(window);
        }
        losses.score(&mut reading, protocol, &batch)?;
        progress(losses.nats.len());
        Ok(losses)
    }

    /// Adds what a batch of windows, all with as many fresh targets, has to tell.
    fn score(
        &mut self,
        reading: &mut Reading<'_>,
        protocol: Protocol,
        batch: &[Window],
    ) -> Result<(), EvalError> {
        let (context, fresh) = (batch[0].inputs.len(), batch[0].fresh);
        let inputs: Vec<&[u32]> = batch.iter().map(|window| &window.inputs[..]).collect();
        let targets = batch.iter().map(|window| &window.targets[context - fresh..]);
        let targets: Vec<&[u32]> = targets.collect();
        let scores = reading.score(&inputs, &targets);
        self.ids.extend(targets.concat());
        self.nats.extend(scores.iter().map(|score| score.nats));
        self.is_greedy.extend(scores.iter().map(|score| score.is_greedy));
        let seen = (context - fresh + 1) as u32..=context as u32;
        self.seen.extend(batch.iter().flat_map(|_| seen.clone()));
        match protocol.dynamic {
            Some(dynamic) if !scores.iter().all(|score| score.nats.is_finite()) => {
                Err(EvalError::Diverged { tokens: self.nats.len(), rate: dynamic.rate })
            }
            _ => Ok(()),
        }
    }
}
