//! What predicts a text: a model, or several whose probabilities are averaged, each with a cache or weights that move if
//! the protocol says so.

use minigpt_model::{AnyGpt, Gpt, GptRef, TokenScore};
use rayon::prelude::*;

use crate::dynamic::DynamicModel;
use crate::error::EvalError;
use crate::neural_cache::NeuralCache;
use crate::protocol::{CacheConfig, Protocol};

/// Positions whose probabilities are in memory at once.
const POSITIONS: usize = 32;

/// A model that reads.
#[derive(Debug)]
pub enum Reader<'a> {
    /// With weights that stay.
    Fixed(GptRef<'a>),
    /// With weights that move.
    Dynamic(Box<DynamicModel>),
}

/// The models that predict a text together, at least one.
#[derive(Debug)]
pub struct Readers<'a>(Vec<Reader<'a>>);

impl<'a> Readers<'a> {
    /// One model or several, whose probabilities are averaged.
    ///
    /// # Errors
    /// [`EvalError::Ensemble`] where they do not know the same ids.
    ///
    /// # Panics
    /// Where there is none.
    pub fn new(readers: Vec<Reader<'a>>) -> Result<Self, EvalError> {
        let mut sizes = readers.iter().map(|reader| reader.model().tokenizer_size());
        let first = sizes.next().expect("at least one model");
        match sizes.find(|size| *size != first) {
            Some(other) => Err(EvalError::Ensemble { first, other }),
            None => Ok(Self(readers)),
        }
    }

    pub(crate) fn first(&self) -> GptRef<'_> {
        self.0[0].model()
    }

    /// The longest context that all of them have.
    pub(crate) fn block_size(&self) -> usize {
        self.0.iter().map(|reader| reader.model().block_size()).min().unwrap_or(0)
    }

    /// The protocol, with what these models make of it.
    pub(crate) fn protocol(&self, protocol: Protocol) -> Protocol {
        let dynamic = self.0.iter().find_map(|reader| match reader {
            Reader::Dynamic(model) => Some(model.config()),
            Reader::Fixed(_) => None,
        });
        Protocol { models: self.0.len(), dynamic, ..protocol }
    }
}

impl<'a> From<Reader<'a>> for Readers<'a> {
    fn from(reader: Reader<'a>) -> Self {
        Self(vec![reader])
    }
}

impl<'a> From<&'a AnyGpt> for Readers<'a> {
    fn from(model: &'a AnyGpt) -> Self {
        Reader::from(model).into()
    }
}

impl<'a> From<&'a Gpt> for Readers<'a> {
    fn from(model: &'a Gpt) -> Self {
        Reader::from(model).into()
    }
}

impl<'a> From<&'a AnyGpt> for Reader<'a> {
    fn from(model: &'a AnyGpt) -> Self {
        Self::Fixed(model.into())
    }
}

impl<'a> From<&'a Gpt> for Reader<'a> {
    fn from(model: &'a Gpt) -> Self {
        Self::Fixed(model.into())
    }
}

impl From<DynamicModel> for Reader<'_> {
    fn from(model: DynamicModel) -> Self {
        Self::Dynamic(Box::new(model))
    }
}

impl Reader<'_> {
    fn model(&self) -> GptRef<'_> {
        match self {
            Self::Fixed(model) => *model,
            Self::Dynamic(model) => model.model(),
        }
    }

    /// The input of the head at the last positions of some texts, `[texts, last, n_embd]`.
    fn last_hidden(&mut self, texts: &[&[u32]], last: usize) -> Vec<f32> {
        match self {
            Self::Fixed(model) => model.last_hidden(texts, last),
            Self::Dynamic(model) => model.last_hidden(texts, last),
        }
    }
}

/// Models on their way through a text.
pub(crate) struct Reading<'a> {
    readers: Vec<Reader<'a>>,
    /// One for each model, or none.
    caches: Vec<NeuralCache>,
    ids: usize,
}

impl<'a> Reading<'a> {
    pub(crate) fn new(readers: Readers<'a>, cache: Option<CacheConfig>) -> Self {
        let ids = readers.first().tokenizer_size();
        let Readers(readers) = readers;
        let caches = cache.map(|config| {
            let width = |reader: &Reader| reader.model().config().n_embd;
            readers.iter().map(|reader| NeuralCache::new(config, width(reader))).collect()
        });
        Self { readers, caches: caches.unwrap_or_default(), ids }
    }

    /// Texts that go through the models at once, of so many that are asked for.
    pub(crate) fn batch_size(&self, asked: usize) -> usize {
        let moves = self.readers.iter().any(|reader| matches!(reader, Reader::Dynamic(_)));
        if moves { 1 } else { asked }
    }

    /// Scores the last tokens of texts that are equally long, as [`GptRef::score`], and learns from them where weights
    /// move. Texts and tokens come in the order of the whole.
    pub(crate) fn score(&mut self, texts: &[&[u32]], targets: &[&[u32]]) -> Vec<TokenScore> {
        if let ([Reader::Fixed(model)], []) = (&self.readers[..], &self.caches[..]) {
            return model.score(texts, targets).concat();
        }
        let (last, targets) = (targets[0].len(), targets.concat());
        let hidden: Vec<Vec<f32>> =
            self.readers.iter_mut().map(|reader| reader.last_hidden(texts, last)).collect();
        for (cache, hidden) in self.caches.iter_mut().zip(&hidden) {
            cache.extend(hidden, &targets);
        }
        let mut scores = Vec::with_capacity(targets.len());
        for (part, targets) in targets.chunks(POSITIONS).enumerate() {
            let first = part * POSITIONS;
            let logits: Vec<Vec<f32>> = self
                .readers
                .iter()
                .zip(&hidden)
                .map(|(reader, hidden)| {
                    let model = reader.model();
                    let width = model.config().n_embd;
                    model.head(&hidden[first * width..(first + targets.len()) * width])
                })
                .collect();
            let (caches, ids) = (&self.caches, self.ids);
            let rows = targets.par_iter().enumerate();
            let rows = rows.map(|(row, target)| {
                let rows = logits.iter().map(|logits| {
                    let width = logits.len() / targets.len();
                    &logits[row * width..][..ids]
                });
                score(&mean(rows, caches, first + row), *target)
            });
            scores.par_extend(rows);
        }
        self.caches.iter_mut().for_each(NeuralCache::forget);
        for reader in &mut self.readers {
            if let Reader::Dynamic(model) = reader {
                model.learn(&targets);
            }
        }
        scores
    }
}

/// The mean of all models' probabilities of each id, from the logits of each at one position, with what their caches say;
/// `place` is the position's among the new ones of these.
fn mean<'a>(
    logits: impl ExactSizeIterator<Item = &'a [f32]>,
    caches: &[NeuralCache],
    place: usize,
) -> Vec<f64> {
    let share = 1.0 / logits.len() as f64;
    let each = logits.enumerate().map(|(model, logits)| {
        let mut probabilities = softmax(logits);
        if let Some(cache) = caches.get(model) {
            cache.mix(place, &mut probabilities);
        }
        probabilities.iter_mut().for_each(|p| *p *= share);
        probabilities
    });
    let add = |mut sum: Vec<f64>, next: Vec<f64>| {
        sum.iter_mut().zip(next).for_each(|(sum, p)| *sum += p);
        sum
    };
    each.reduce(add).unwrap_or_default()
}

fn softmax(logits: &[f32]) -> Vec<f64> {
    let largest = f64::from(logits.iter().copied().fold(f32::NEG_INFINITY, f32::max));
    let mut probabilities: Vec<f64> =
        logits.iter().map(|logit| (f64::from(*logit) - largest).exp()).collect();
    let sum: f64 = probabilities.iter().sum();
    probabilities.iter_mut().for_each(|p| *p /= sum);
    probabilities
}

fn score(probabilities: &[f64], target: u32) -> TokenScore {
    // Of equal ones the first, as where tokens are chosen.
    let more = |a: (usize, f64), b: (usize, f64)| if b.1 > a.1 { b } else { a };
    let all = probabilities.iter().copied().enumerate();
    let greedy = all.reduce(more).map_or(0, |(id, _)| id);
    let nats = -probabilities[target as usize].ln();
    TokenScore { nats: nats as f32, is_greedy: greedy == target as usize }
}

#[cfg(test)]
mod tests;
